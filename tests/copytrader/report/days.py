"""A day of copying for the report's tests: made by a seed, in a journal as the engine writes it."""

import random
from decimal import Decimal

from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.copytrader.journal import Changes, Standing, State
from krakenonce.copytrader.journal.records import FillRow
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.records import CopyOrder, Decision, Kind, LineKey, MasterFill, OrderPhase, Purpose

NOON = 1_795_435_200_000_000_000
SECOND = 1_000_000_000
MS = 1_000_000
ZERO = Decimal(0)


def fill(number, side="buy", volume="0.1", price="50000", at_ns=NOON, pair="XXBTZUSD", master="MASTER"):
    return MasterFill(
        master, f"T{number}", f"O{number}", pair, side, Decimal(volume), Decimal(price), at_ns, at_ns + 30 * MS,
        Decimal(volume),
    )  # fmt: skip


def decision(of, user="USER:alice", kind=Kind.ENTRY, delta="0.05", reason=""):
    line = LineKey(user, of.master, of.pair)
    delta = Decimal(delta) if kind is not Kind.SKIP else ZERO
    return Decision(line, of.exec_id, kind, delta, of.price, reason, of.received_ns + MS, of.side)


def order(of, user="USER:alice", volume="0.05", executed=None, price=None, fee="0", **others):
    executed = Decimal(volume) if executed is None else Decimal(executed)
    at = Decimal(price) if price is not None else of.price
    purpose = Purpose.ENTRY if of.side == "buy" else Purpose.EXIT
    told = {
        "phase": OrderPhase.DONE, "path": "ws", "txid": f"X{of.exec_id}{user}", "fee": Decimal(fee),
        "planned_ns": of.received_ns + MS, "sent_ns": of.received_ns + 2 * MS,
        "acknowledged_ns": of.received_ns + 40 * MS, "done_ns": of.received_ns + 45 * MS,
    }  # fmt: skip
    name = f"{user[5:]}{of.exec_id}".lower()[:18]
    return CopyOrder(
        name, LineKey(user, of.master, of.pair), of.exec_id, 0, purpose, of.side, Decimal(volume), at, of.received_ns,
        of.price, executed=executed, cost=executed * at, **(told | others),
    )  # fmt: skip


class Day:
    """Fills, decisions and orders, to be composed into a report or written into a journal."""

    def __init__(self):
        self.fills, self.decisions, self.orders, self.standings, self.facts = [], [], [], {}, {}
        self.lines = []

    def copy(self, of, user="USER:alice", **others):
        """Let *user* copy the fill *of*."""
        self._fill(of)
        made = order(of, user, **others)
        kind = Kind.ENTRY if of.side == "buy" else Kind.EXIT
        self.decisions.append((decision(of, user, kind, made.volume), made.cl_ord_id))
        self.orders.append(made)
        return made

    def skip(self, of, reason, user="USER:alice"):
        """Let *user* skip the fill *of*."""
        self._fill(of)
        self.decisions.append((decision(of, user, Kind.SKIP, reason=reason), ""))

    def wait(self, of, user="USER:alice", delta="0.00001"):
        """Let *user* carry the fill *of*: no order has taken it in."""
        self._fill(of)
        self.decisions.append((decision(of, user, delta=delta), ""))

    def _fill(self, of):
        if of not in self.fills:
            self.fills.append(of)

    async def write(self, journal):
        """Write all of it, as the engine does: decisions before the orders that take them in."""
        rows = tuple(FillRow(one, Change(ZERO, one.volume, Decimal(1), one.volume)) for one in self.fills)
        orders = {one.cl_ord_id: one for one in self.orders}
        for made, name in self.decisions:
            await journal.commit(Changes(decisions=(made,)))
            if name:
                planned = orders[name].__class__(*[getattr(orders[name], field) for field in _BEFORE])
                await journal.commit(Changes(orders=(planned,)))
        await journal.commit(
            Changes(fills=rows, orders=tuple(self.orders), standings=tuple(self.standings.values()), meta=self.facts)
        )


_BEFORE = (
    "cl_ord_id", "line", "exec_id", "attempt", "purpose", "side", "volume", "limit", "deadline_ns", "reference",
)  # fmt: skip


def busy_day(users=5, fills=120, seed=7):
    """Return a day with everything in it: copies, part fills, skips, refusals, gains, slippage."""
    rng, day = random.Random(seed), Day()
    price, held, coins = 50_000.0, 0, {}
    reasons = [
        say(Reason.TOO_OLD, "12.4 s old, at most 10 s"), say(Reason.PRICE_MOVED, "0.8 % above the master's price"),
        say(Reason.FUNDS, "12.10 USD available, 25.00 needed"), say(Reason.MAX_EXPOSURE, "1000 USD are held already"),
    ]  # fmt: skip
    for number in range(fills):
        price *= 1 + rng.gauss(0.0002, 0.003)
        side = "sell" if held > 4 or (held and rng.random() < 0.4) else "buy"
        held += 1 if side == "buy" else -1
        at = NOON + number * 300 * SECOND + rng.randrange(200 * SECOND)
        of = fill(number, side, "0.1", f"{price:.1f}", at)
        for place in range(users):
            user = f"USER:{('alice', 'bob', 'carol', 'dave', 'erin')[place % 5]}{place // 5 or ''}"
            if side == "buy" and rng.random() < 0.06:
                day.skip(of, rng.choice(reasons), user)
                continue
            if side == "sell" and not coins.get(user):
                day.skip(of, say(Reason.NOTHING_COPIED, "nothing copied to close"), user)
                continue
            worse = 1 + rng.gauss(0.0001, 0.0002) * (1 if side == "buy" else -1)
            sent = of.received_ns + int(rng.lognormvariate(1.2, 0.5) * MS)
            answered = sent + int(rng.lognormvariate(3.2, 0.4) * MS)
            part = str(coins[user]) if side == "sell" else "0.02" if rng.random() < 0.04 else "0.05"
            coins[user] = coins.get(user, ZERO) + (Decimal(part) if side == "buy" else -Decimal(part))
            cost = f"{price * worse:.1f}"
            day.copy(
                of, user, volume="0.05" if side == "buy" else part, executed=part, price=cost,
                fee=f"{0.05 * price * 0.0026:.4f}", sent_ns=sent,
                acknowledged_ns=answered, done_ns=answered + 5 * MS,
            )  # fmt: skip
    day.standings["USER:bob"] = Standing("USER:bob", State.PAUSED, "5 copies failed in a row", NOON)
    return day
