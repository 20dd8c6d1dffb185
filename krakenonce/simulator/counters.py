"""Rate limits: counters that grow with every call and fade with time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.kraken.limits import Tier


@dataclass(slots=True)
class FadingCounter:
    """A number that falls by *decay* per second, down to 0.."""

    decay: float
    _level: float = 0.0
    _at_ns: int = 0

    def level(self, now_ns: int) -> float:
        """Return what is left at *now_ns*."""
        return max(0.0, self._level - self.decay * (now_ns - self._at_ns) / NS_PER_SECOND)

    def add(self, cost: float, now_ns: int) -> float:
        """Add *cost* and return the new level."""
        self._level, self._at_ns = self.level(now_ns) + cost, now_ns
        return self._level


class RestCounters:
    """The REST counter of every key. A call over the limit is refused and still counts nothing more.

    https://docs.kraken.com/exchange/guides/rest/ratelimits.md
    """

    def __init__(self, tier: Tier | None) -> None:
        self._tier = tier
        self._counters: dict[str, FadingCounter] = {}

    def charge(self, key: str, cost: int, now_ns: int) -> None:
        """Count one call of *key*.

        Raises:
            Refusal: ``EAPI:Rate limit exceeded``.
        """
        if self._tier is None or not cost:
            return
        counter = self._counters.setdefault(key, FadingCounter(float(self._tier.rest_decay)))
        if counter.level(now_ns) + cost > self._tier.rest_max:
            raise Refusal("EAPI:Rate limit exceeded")
        counter.add(cost, now_ns)


class EngineCounters:
    """The engine's counter of every account and pair, shared by REST and WebSocket.

    https://docs.kraken.com/api/docs/guides/spot-ratelimits
    """

    def __init__(self, tier: Tier | None) -> None:
        self._tier = tier
        self._counters: dict[tuple[str, str], FadingCounter] = {}

    def charge(self, account: str, pair: str, cost: float, now_ns: int, *, must_fit: bool = True) -> None:
        """Count one transaction; with *must_fit* false it passes even if it overshoots, as batch cancels do.

        Raises:
            Refusal: ``EOrder:Rate limit exceeded``.
        """
        if self._tier is None:
            return
        counter = self._counter(account, pair)
        if must_fit and counter.level(now_ns) + cost > self._tier.engine_max:
            raise Refusal("EOrder:Rate limit exceeded")
        counter.add(cost, now_ns)

    def level(self, account: str, pair: str, now_ns: int) -> float:
        """Return where the counter stands."""
        return self._counter(account, pair).level(now_ns) if self._tier is not None else 0.0

    def _counter(self, account: str, pair: str) -> FadingCounter:
        decay = float(self._tier.engine_decay) if self._tier is not None else 0.0
        return self._counters.setdefault((account, pair), FadingCounter(decay))
