"""How a journal is kept from growing for ever: what was settled long ago is forgotten when it is opened.

"Long ago" is counted back from the newest intent, not from a clock: a clock that is wrong by years prunes nothing. What
is open is never forgotten. With an intent its name is forgotten: an order placed again under it would be sent.
"""

from __future__ import annotations

from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import ConfigError

KEPT_DAYS = 365
"""How long names are kept unless the URL says ``keep_days=``."""

MOST_AT_ONCE = 10_000
"""How many intents are forgotten on one opening: as many as some milliseconds allow."""

_DAY_NS = 86_400 * NS_PER_SECOND

PRUNE = f"""DELETE FROM krakenonce_intents WHERE (account, name) IN (
    SELECT account, name FROM krakenonce_intents
    WHERE state <> 'sent' AND written_ns < (SELECT max(written_ns) FROM krakenonce_intents) - ?
    LIMIT {MOST_AT_ONCE})"""  # noqa: S608 - constants only


def span_ns(days: int) -> int:
    """Return what `PRUNE` takes: how much older than the newest a settled intent must be."""
    return days * _DAY_NS


def kept_days(text: str) -> int:
    """Return the days that ``keep_days=`` names.

    Raises:
        ConfigError: it names none.
    """
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 5 and int(text) >= 1):
        raise ConfigError("journal", f"keep_days {text[:20]!r}", "Use a whole number of days, 1 to 99999.")
    return int(text)
