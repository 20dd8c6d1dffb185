"""Kraken's rate limits, kept before they are met: a model of its counters, and a queue before each.

Every private call is counted before its turn. One that does not fit waits, cancellations before exits before entries
before reads; one that would wait too long, or that Kraken is known to refuse now, is not sent.
"""

from krakenonce.rates.allowance import NO_LIMITS, Limits
from krakenonce.rates.holding import NotSent, Reason
from krakenonce.rates.key import KeyRates
from krakenonce.rates.permits import Permit
from krakenonce.rates.registry import RateRegistry, rates_of

__all__ = [
    "NO_LIMITS", "KeyRates", "Limits", "NotSent", "Permit", "RateRegistry", "Reason", "rates_of",
]  # fmt: skip
