"""Every key a configuration may have: its name, how it is read, what it is if it is missing, and what it means.

docs/reference/config.md shows these tables; a test holds the one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from krakenonce.copytrader.config import values
from krakenonce.copytrader.config.settings import RunMode
from krakenonce.copytrader.config.values import Reader
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import BelowMinimum, CopyMode, Joining, Leaving, Rest, SizingMode, Stop
from krakenonce.kraken.limits import TIERS

_OFF = values.or_off
_AMOUNT = values.amount
_TIERS = " ".join(f"`{name}`" for name in TIERS)
_COUNT = values.whole(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Key:
    """One key. *kind* says what may be written, *standard* what counts without it; *keys* are those of a table."""

    name: str
    kind: str
    standard: str
    meaning: str
    read: Reader = values.text
    keys: tuple[Key, ...] = ()
    required: bool = False


def _words(kind: type[Enum]) -> str:
    return " ".join(f"`{member.value}`" for member in kind)


def _pick(name: str, kind: type[Enum], standard: str, meaning: str) -> Key:
    return Key(name, _words(kind), standard, meaning, values.choice(kind))


SIZING = (
    _pick("mode", SizingMode, "`multiplier`", "how the size of a copy is found"),
    Key(
        "amount",
        "amount",
        "1 for `multiplier`",
        "base units (`fixed_base`) or quote units (`fixed_quote`) per order "
        "of the master's; a factor (`multiplier`, `equity`, `balance`); per cent of the equity at risk (`risk`)",
        _AMOUNT,
    ),
    Key(
        "stop_percent", "amount", "5", "`risk` only: how far away, in per cent of the price, the loss is taken", _AMOUNT
    ),
)

GUARDS = (
    Key("pairs", "list of pairs", "all of the file", "what may be entered", values.many(values.pair)),
    Key("min_order", "amount or `false`", "none", "an entry worth less is skipped", _OFF(_AMOUNT)),
    Key("max_order", "amount or `false`", "none", "an entry worth more is cut", _OFF(_AMOUNT)),
    Key("max_exposure", "amount or `false`", "none", "the most that may be copied and held", _OFF(_AMOUNT)),
    Key("max_positions", "whole number or `false`", "none", "the most pairs held at a time", _OFF(_COUNT)),
    Key(
        "slippage",
        "fraction",
        "0.005",
        "how much worse than the master's an entry's price may be",
        values.fraction("0.2"),
    ),
    Key("exit_slippage", "fraction", "0.01", "the same for the first attempt of an exit", values.fraction("0.2")),
    Key("max_age_s", "seconds", "10", "an older fill is not entered any more", values.whole(1, 86_400)),
    Key("daily_loss", "amount or `false`", "none", "the loss since midnight UTC that stops", _OFF(_AMOUNT)),
    Key(
        "drawdown",
        "fraction or `false`",
        "none",
        "the loss from the highest equity that stops",
        _OFF(values.fraction("0.99")),
    ),
    _pick("stop", Stop, "`soft`", "`soft` stops entries, `hard` also closes what was copied"),
    Key(
        "orders_per_minute",
        "whole number or `false`",
        "none",
        "entries above that wait, and are dropped when too old",
        _OFF(_COUNT),
    ),
    Key("max_failures", "whole number", "5", "so many failed copies in a row pause the user", _COUNT),
)

TOGETHER = (
    Key("min_order", "amount or `false`", "none", "any user's entry worth less is skipped", _OFF(_AMOUNT)),
    Key("max_order", "amount or `false`", "none", "any user's entry worth more is cut", _OFF(_AMOUNT)),
    Key(
        "max_exposure",
        "amount or `false`",
        "none",
        "the most that all users may hold by copying, summed",
        _OFF(_AMOUNT),
    ),
    Key("max_positions", "whole number or `false`", "none", "the most pairs held at a time, by whomever", _OFF(_COUNT)),
    Key("daily_loss", "amount or `false`", "none", "what all have lost since midnight UTC, summed", _OFF(_AMOUNT)),
    Key(
        "drawdown",
        "fraction or `false`",
        "none",
        "how far all are below their highest equities, as a part of the sum of those",
        _OFF(values.fraction("0.99")),
    ),
    _pick("stop", Stop, "`soft`", "at such a loss: `soft` stops entries, `hard` also closes what was copied"),
    Key(
        "orders_per_minute",
        "whole number or `false`",
        "none",
        "entries of all users; those above wait, and are dropped when too old",
        _OFF(_COUNT),
    ),
    Key(
        "max_failures",
        "whole number or `false`",
        "none",
        "so many failed copies in a row, whoever's, pause everybody",
        _OFF(_COUNT),
    ),
)

POLICY = (
    Key("masters", "list of names", "the only one", "whom the user follows", values.many(values.text)),
    Key("sizing", "table", "", "how much: see below", keys=SIZING),
    Key("guards", "table", "", "how far: see below", keys=GUARDS),
    Key(
        "mapping",
        "table",
        "none",
        'the pair to trade for the master\'s: `"BTC/USD" = "BTC/EUR"`; what is not in it, or `false`, is skipped',
        values.raw,
    ),
    _pick("below_minimum", BelowMinimum, "`accumulate`", "what becomes of an entry below the pair's minimum"),
    Key("round_up_cap", "number", "2", "the most that `round_up` may make of an entry, as a multiple of it", _AMOUNT),
    _pick("rest", Rest, "`skip`", "what becomes of the part of an entry that found no counterpart"),
    _pick("exit_rest", Rest, "`market`", "the same for exits; one that did not get out is sent again in any case"),
    _pick("mode", CopyMode, "`fills`", "copy the master's fills, or follow his resting orders"),
    _pick("joining", Joining, "`new_only`", "what a user who joins does with positions the master holds"),
    _pick("leaving", Leaving, "`keep`", "what becomes of copied positions of a user who leaves"),
    Key("valid_s", "seconds", "5", "how long the exchange may accept an order: 3 to 55", values.whole(3, 55)),
)

ACCOUNT = (
    Key("key", "reference", "", "where the API key is kept; never the key itself", values.reference, required=True),
    Key("tier", _TIERS, "`starter`", "Kraken's verification level, for its rate limits", values.one_of(tuple(TIERS))),
    Key("allow_withdraw", "`true` `false`", "`false`", "whether a key that can withdraw is taken", values.yes_or_no),
)

SWITCH = Key(
    "cancel_after_s",
    "seconds or `false`",
    "none",
    "Kraken's own switch: if this program is silent for so long, Kraken cancels ALL open orders of the account",
    _OFF(values.whole(10, 86_400)),
)
BALANCES = Key(
    "balances",
    "table",
    "none",
    "`shadow` only: what the simulated account begins with, by currency",
    values.raw,
)

USER = (*ACCOUNT, BALANCES, SWITCH, *POLICY)

DEFAULTS = (BALANCES, SWITCH, *POLICY)


WEBHOOK = (
    Key(
        "url",
        "address",
        "",
        "where the notices go: https, or `env:NAME`",
        values.address("https", "http"),
        required=True,
    ),
    Key("events", "list of " + _words(Event), "all", "which notices", values.many(values.choice(Event))),
)

ROOT = (
    _pick("run", RunMode, "`dry`", "everything real; no order sent; or users that exist here only"),
    Key("url", "address", "https://api.kraken.com", "the exchange", values.address("https", "http", path=False)),
    Key("store", "address", "`KRAKENONCE_STORE`, else memory://", "where nonces are kept", values.text),
    Key(
        "journal",
        "path or address",
        "a file beside this one",
        "where fills, decisions and orders are kept",
        values.text,
    ),
    Key(
        "lease_s",
        "seconds, 2 to 60",
        "6",
        "how soon a dead worker's users are free, if several share a journal in PostgreSQL",
        values.whole(2, 60),
    ),
    Key("currency", "currency", "USD", "what money is counted in", values.asset),
    Key("pairs", "list of pairs", "all", "what may be entered at all", values.many(values.pair)),
    Key(
        "fee_rate",
        "fraction",
        "0.004",
        "the taker's fee: set aside for each entry, and charged in a dry run",
        values.fraction("0.05"),
    ),
    Key("master", "table", "", "the master, if there is one", keys=ACCOUNT),
    Key("masters", "tables by name", "", "the masters, if there are several", values.raw),
    Key("defaults", "table", "", "what counts for every user who says nothing else", keys=DEFAULTS),
    Key("users", "tables by name", "", "who copies", values.raw, required=True),
    Key("guards", "table", "none", "limits of all users together", keys=TOGETHER),
    Key("webhooks", "list of tables", "none", "who is told of what", values.raw),
)
