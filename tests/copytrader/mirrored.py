"""A master, a user's exchange, and an engine between them that does with mirrors what their package says.

Everything that travels (fills, order events, requests, answers) waits in a queue of its own until it is let through, so
a test decides what arrives when. All prices are the same: what is traded is decided by the test, not by a market.
"""

from collections import deque
from decimal import Decimal
from fractions import Fraction

from krakenonce.copytrader import lines
from krakenonce.copytrader.circumstances import Usage
from krakenonce.copytrader.deciding import decide
from krakenonce.copytrader.masterbook import MasterBook
from krakenonce.copytrader.mirroring import Amend, Cancel, Place, answers, hearing, steering
from krakenonce.copytrader.mirroring.text import as_text, from_text
from krakenonce.copytrader.ordering import CopyOrder, GiveUp, next_order
from krakenonce.copytrader.policy import CopyMode, Sizing, UserPolicy
from krakenonce.copytrader.records import MasterOrderEvent, OrderStep
from tests.copytrader.made import FREE, SECOND, START, d, fill, line, moment, now

HALF = UserPolicy(sizing=Sizing(amount=d("0.5")), mode=CopyMode.ORDERS)
LOT = Decimal("1E-8")


class Theatre:
    def __init__(self, policy=HALF, rules=FREE, **circumstances):
        self.policy, self.rules, self.figures = policy, rules, circumstances
        self.position, self.open, self.names, self.execs = Decimal(0), {}, 0, 0
        self.fills, self.events, self.requests, self.answers = deque(), deque(), deque(), deque()
        self.book, self.line, self.mirrors = MasterBook(), line(), {}
        self.closed, self.journaled = {}, {}
        self.at_exchange, self.coins, self.refusing, self.placed = {}, Decimal(0), "", []
        self.state = moment().state
        self.taker_orders, self.volume_traded = 0, Decimal(0)

    # the master

    def opens(self, volume, side="buy", ordertype="limit", limit="49000", trigger=None):
        self.names += 1
        txid = f"O{self.names}"
        self.open[txid] = {
            "order_txid": txid, "pair": "XXBTZUSD", "side": side, "ordertype": ordertype, "volume": d(volume),
            "executed": Decimal(0), "limit": None if limit is None else d(limit),
            "trigger": None if trigger is None else d(trigger),
        }  # fmt: skip
        self._tell(txid, OrderStep.OPENED)
        return txid

    def amends(self, txid, **changes):
        order = self.open[txid]
        order.update({name: d(value) for name, value in changes.items()})
        order["volume"] = max(order["volume"], order["executed"] + LOT)
        self._tell(txid, OrderStep.AMENDED)

    def fills_part(self, txid, volume):
        order = self.open[txid]
        volume = min(d(volume), order["volume"] - order["executed"])
        if order["side"] == "sell":
            volume = min(volume, self.position)
        if not volume:
            return
        order["executed"] += volume
        self._trades(volume, order["side"], txid, order["volume"])
        if order["executed"] == order["volume"]:
            self._tell(txid, OrderStep.FILLED)
            del self.open[txid]

    def cancels(self, txid, step=OrderStep.CANCELED):
        self._tell(txid, step)
        del self.open[txid]

    def trades_at_market(self, volume, side="buy"):
        self.names += 1
        volume = min(d(volume), self.position) if side == "sell" else d(volume)
        if volume:
            self._trades(volume, side, f"O{self.names}", volume)

    def _trades(self, volume, side, txid, whole):
        self.execs += 1
        self.position += volume if side == "buy" else -volume
        self.fills.append(fill(volume, side, exec_id=f"T{self.execs}", order=txid, whole=whole, at=START + self.execs))

    def _tell(self, txid, step):
        self.events.append(
            MasterOrderEvent(master="MASTER", step=step, happened_ns=START, received_ns=START, **self.open[txid])
        )

    # the user's exchange

    def serves(self):
        """Carry out the oldest request, and put its answer on its way."""
        step = self.requests.popleft()
        if isinstance(step, Place):
            self._takes(step.order)
        elif isinstance(step, Amend):
            self._changes(step)
        elif step.cl_ord_id in self.at_exchange:
            self._closes(step.cl_ord_id)
        self._check()

    def executes(self, name, volume):
        """Fill part of an open order of the user's."""
        order = self.at_exchange.get(name)
        if order is None:
            return
        volume = min(d(volume), order.volume - order.executed)
        self._coins_move(order.side, volume)
        self.at_exchange[name] = order = order._replace(executed=order.executed + volume)
        self.answers.append(("progressed", name, order.executed))
        if order.executed == order.volume:
            self._closes(name)

    def loses(self, name):
        """Have an order cancelled by somebody else."""
        if name in self.at_exchange:
            self._closes(name)

    def is_switched_off(self, name):
        """Have an order cancelled by the account's cancel-after switch."""
        if name in self.at_exchange:
            self._closes(name, "switched off")

    def _takes(self, order):
        assert order.cl_ord_id not in self.placed, "no order is sent twice"
        self.placed.append(order.cl_ord_id)
        if self.refusing:
            self.answers.append(("refused", order.cl_ord_id, self.refusing == "passing"))
            return
        self.at_exchange[order.cl_ord_id] = order
        self.answers.append(("placed", order.cl_ord_id, None))

    def _changes(self, step):
        order = self.at_exchange.get(step.cl_ord_id)
        if order is None or self.refusing or step.volume <= order.executed:
            self.answers.append(("amend_refused", step.cl_ord_id, None))
            return
        changed = order._replace(volume=step.volume, limit=step.limit, trigger=step.trigger)
        self.at_exchange[step.cl_ord_id] = changed
        self.answers.append(("amended", step.cl_ord_id, None))

    def _closes(self, name, kind="ended"):
        order = self.closed[name] = self.at_exchange.pop(name)
        self.answers.append((kind, name, order.executed))

    def _coins_move(self, side, volume):
        self.coins += volume if side == "buy" else -volume
        assert self.coins >= 0, "coins were sold that were not copied"
        self.volume_traded += volume

    # the engine

    def learns_fill(self):
        one = self.fills.popleft()
        change = self.book.take(one)
        mirror = self.mirrors.get(one.order_txid)
        if mirror is None:
            decision = decide(one, self.line, change, self.policy, self.rules, self._now(one))
        else:
            surroundings = (self.line, change, self.policy, self.rules, self._now(one))
            decision = hearing.decided_fill(mirror, one, *surroundings)
            self.mirrors[one.order_txid] = hearing.moved(mirror, one, decision)
        self.line = lines.apply(self.line, decision)

    def learns_event(self):
        event = self.events.popleft()
        surroundings = (self.line, self.policy, self.rules, self._now())
        mirror = self.mirrors.get(event.order_txid)
        if mirror is not None:
            self.mirrors[event.order_txid] = hearing.heard(mirror, event, *surroundings)
        else:
            adopted = hearing.adopt(event, self.book.filled(event.order_txid), *surroundings)
            if adopted is not None:
                self.mirrors[event.order_txid] = adopted

    def learns_answer(self):
        kind, name, value = self.answers.popleft()
        for txid, mirror in self.mirrors.items():
            if mirror.order is None or mirror.order.cl_ord_id != name:
                continue
            if kind == "refused":
                after = answers.refused(mirror, name, "no", passing=value)
            elif kind == "switched off":
                after = answers.ended(mirror, name, value, again=True)
            elif kind in ("progressed", "ended"):
                after = getattr(answers, kind)(mirror, name, value)
            else:
                after = getattr(answers, kind)(mirror, name)
            self.line = lines.executed(self.line, mirror.side, after.executed - mirror.executed)
            self.mirrors[txid] = after

    def restarts(self, luck=0):
        """Forget everything but what the journal keeps; what was on its way is carried out or lost; look up what is."""
        while self.requests:
            self.serves() if luck % 2 else self.requests.popleft()
            luck //= 2
        self.answers.clear()
        for txid, mirror in self.mirrors.items():
            restored = from_text(as_text(mirror), mirror.order and self.journaled[mirror.order.cl_ord_id])
            after = self._found_out(restored) if mirror.is_live else restored
            self.line = lines.executed(self.line, after.side, after.executed - restored.executed)
            self.mirrors[txid] = after

    def _found_out(self, mirror):
        name = mirror.order.cl_ord_id
        if name in self.at_exchange:
            return answers.progressed(answers.placed(mirror, name), name, self.at_exchange[name].executed)
        if name in self.closed:
            return answers.ended(mirror, name, self.closed[name].executed)
        return answers.refused(mirror, name, "it never reached the exchange", passing=True)

    def acts(self):
        """Take every step there is to take now; returns whether there was one."""
        before = (self.mirrors, self.line)
        for txid, mirror in self.mirrors.items():
            step = steering.next_step(mirror, self._around(txid))
            if step is not None:
                self.mirrors = {**self.mirrors, txid: steering.taken(mirror, step)}
                self.requests.append(step)
                if isinstance(step, Place):
                    self.journaled[step.order.cl_ord_id] = step.order
        self._forgets()
        self._orders()
        return before != (self.mirrors, self.line)

    def _around(self, txid):
        others = [mirror for other, mirror in self.mirrors.items() if other != txid]
        position = self.book.holding("XXBTZUSD").position
        surroundings = (self.line, position, self.policy, self.rules, START)
        return steering.Surroundings(*surroundings, state=self.state, bound=steering.bound(others))

    def _forgets(self):
        self.mirrors = {txid: one for txid, one in self.mirrors.items() if not steering.is_settled(one)}

    def _orders(self):
        """The line's own orders are executed at once, in full."""
        mirrors = self.mirrors.values()
        while True:
            around = moment(coming=steering.coming(mirrors), bound=steering.bound(mirrors), state=self.state)
            order = next_order(self.line, self.policy, self.rules, around)
            if isinstance(order, GiveUp):
                self.line = lines.write_off(self.line, order.volume, around.coming)
                continue
            if not isinstance(order, CopyOrder):
                return
            self.taker_orders += 1
            self._coins_move(order.side, order.volume)
            self.line = lines.executed(self.line, order.side, order.volume)
            self._check()

    def _check(self):
        bound = sum((one.volume - one.executed for one in self.at_exchange.values() if one.side == "sell"), Decimal(0))
        assert bound <= self.coins, "an open order would sell coins that were not copied"

    def _now(self, one=None):
        usage = Usage(state=self.state)
        return now(now_ns=START + SECOND if one is None else one.filled_ns, user=usage, **self.figures)

    # all of it

    def settles(self):
        """Let everything through until nothing moves any more."""
        for _ in range(200):
            moved = self.acts()
            if not (moved or self.fills or self.events or self.requests or self.answers):
                return
            while self.events:
                self.learns_event()
            while self.fills:
                self.learns_fill()
            while self.requests:
                self.serves()
            while self.answers:
                self.learns_answer()
        raise AssertionError("it never comes to rest")

    def drift(self):
        """How far the user's coins are from his share of the master's position."""
        return abs(Fraction(self.coins) - Fraction(self.position) * Fraction(self.policy.sizing.amount))


__all__ = ["HALF", "Cancel", "Theatre"]
