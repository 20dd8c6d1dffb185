"""A reconciliation as rows of text, and one without a copier that runs: the journal against the accounts themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from krakenonce.broker import KrakenBroker, PairRules
from krakenonce.broker.streaming import StreamingAccount
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Dialer
from krakenonce.client.websocket.dialing import websocket_url
from krakenonce.clock import Clock
from krakenonce.copytrader.config import CopySettings, RunMode, UserSettings
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.drift import take_away
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.engine.members import Member, Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.reconciliation import Stock, take_stock
from krakenonce.copytrader.engine.recovery import Recollection
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.journal import CopyJournal, open_copy_journal
from krakenonce.copytrader.live import LiveAccount
from krakenonce.copytrader.paper import PaperMarket, wallet_after
from krakenonce.copytrader.service.accounts import Load, World, make_broker, open_account
from krakenonce.copytrader.service.memory import check_run, paper_orders
from krakenonce.copytrader.service.offline import is_unwritten
from krakenonce.copytrader.service.resolving import Resolved, resolve
from krakenonce.errors import KrakenonceError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.orders import open_journal

Row = dict[str, Any]


def stock_row(stock: Stock, pair: str) -> Row:
    """Return *stock* as a row: amounts as text, in full; *pair* is what people call its pair."""
    there = None if stock.there is None else f"{stock.there:f}"
    return {
        "user": stock.line.user,
        "master": stock.line.master,
        "pair": pair,
        "wanted": f"{stock.wanted:f}",
        "target": f"{stock.target:f}",
        "journal": f"{stock.held:f}",
        "exchange": there,
        "drift": None if there is None else f"{stock.drift:f}",
        "on_the_way": f"{stock.on_the_way:f}",
        "adrift": stock.is_adrift,
        "step": stock.step,
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What a reconciliation has found: *rows* as `stock_row` makes them, and why accounts were *absent*, by user."""

    rows: list[Row]
    absent: Mapping[str, str]


async def stocktaking(settings: CopySettings, users: Collection[str], load: Load, clock: Clock, *, mend: bool) -> Found:
    """Compare what the journal holds for *users* with their accounts. No copier runs; no order is sent.

    Parameters:
        users: whose positions (``USER:<name>``).
        load: how to come by credentials; clock: ours.
        mend: True to take copied coins that are gone off the books. What is to be bought or sold is left to the next
            start of a copier, which does it by each user's policy.

    Raises:
        ConfigError, BadConfig: as `CopyService`.
        KrakenonceError: the exchange does not answer, or the journal is not to be had.
    """
    if is_unwritten(settings):
        return Found([], {})
    async with AsyncExitStack() as stack:
        journal = open_copy_journal(settings.journal, clock=clock, is_sole=mend)
        stack.push_async_callback(journal.close)
        return await _Stocktaking(settings, journal, load, clock, stack, mend=mend).found(users)


class _Stocktaking:
    def __init__(
        self,
        settings: CopySettings,
        journal: CopyJournal,
        load: Load,
        clock: Clock,
        stack: AsyncExitStack,
        *,
        mend: bool,
    ) -> None:
        self._settings, self._journal, self._load, self._clock = settings, journal, load, clock
        self._stack, self._mend = stack, mend
        self._absent: dict[str, str] = {}

    async def found(self, users: Collection[str]) -> Found:
        """Return what there is of *users*."""
        settings, snapshot = self._settings, await self._journal.load()
        check_run(settings.run, snapshot.meta, is_used=bool(snapshot.lines))
        lines = [row.line for row in snapshot.lines]
        holders = {line.key.user for line in lines if line.held or line.wanted}
        wanted = [settings.users[name] for name in users if name in holders]
        manager = GlobalKrakenNonceManager(settings.store)
        self._stack.callback(manager.store.close)
        reader = make_broker(next(iter(settings.masters.values())), settings, manager, self._load, self._clock)
        self._stack.push_async_callback(reader.close)
        rules = await reader.pairs()
        resolved = resolve(settings, rules)
        world = await self._world(manager, rules, reader)
        board = await self._board(reader, rules, resolved)
        memory = Recollection(snapshot)
        memory.resume(board)
        seats = await asyncio.gather(*(self._seat(world, user, resolved) for user in wanted))
        members = [memory.member(board, seat) for seat in seats if seat is not None]
        stocks = await self._stocks(board, members)
        return Found(
            [stock_row(stock, world.symbols.symbol(stock.line.pair) or stock.line.pair) for stock in stocks],
            self._absent,
        )

    async def _world(
        self, manager: GlobalKrakenNonceManager, rules: Mapping[str, PairRules], reader: KrakenBroker
    ) -> World:
        settings, clock = self._settings, self._clock
        dialer = await self._stack.enter_async_context(Dialer(websocket_url(settings.url), clock))
        orders = open_journal("memory://")
        self._stack.push_async_callback(orders.close)
        market, symbols = PaperMarket(reader.depth, clock), Symbols(rules.values())
        return World(settings, manager, dialer, symbols, rules, orders, market, self._load, clock, asyncio.sleep)

    async def _board(self, reader: KrakenBroker, rules: Mapping[str, PairRules], resolved: Resolved) -> Board:
        quotes = QuoteBoard(rules, resolved.currency)
        quotes.take(await reader.prices(), self._clock.wall_ns())
        setting = Setting(
            clock=self._clock,
            exchange_ns=reader.now_ns,
            rules=rules,
            quotes=quotes,
            guards=resolved.guards,
            fee_rate=self._settings.fee_rate,
        )
        return Board(setting, self._journal)

    async def _seat(self, world: World, user: UserSettings, resolved: Resolved) -> Seat | None:
        try:
            if world.settings.run is not RunMode.LIVE:
                wallet = wallet_after((await paper_orders(self._journal)).get(user.name, []), world.rules)
                opened = await open_account(world, user, resolved.balances[user.name], wallet)
                self._stack.push_async_callback(opened.close)
                return Seat(opened.account, resolved.policies[user.name])
            broker = make_broker(user.account, world.settings, world.manager, self._load, self._clock, world.orders)
            self._stack.push_async_callback(broker.close)
            await broker.connect()
        except KrakenonceError as error:
            self._absent[user.name] = str(error)
            return None
        # Never started: it has no connection of its own, and sends nothing.
        account = LiveAccount(StreamingAccount(broker, world.dialing, world.symbols))
        return Seat(account, resolved.policies[user.name])

    async def _stocks(self, board: Board, members: list[Member]) -> list[Stock]:
        figures, draft = Figures(board, {}), Draft()
        seen = {}
        for member in members:
            board.roster.members[member.name] = member
            seen[member.name] = await self._look(member)
            for asset in {
                board.setting.rules[key.pair].base for key in member.tracks if key.pair in board.setting.rules
            }:
                if self._mend:
                    take_away(board, member, asset, draft)
        if self._mend:
            await board.write(draft)
        return [stock for one in members for stock in take_stock(board, figures, one, is_seen=seen[one.name])]

    async def _look(self, member: Member) -> bool:
        look = member.purse.look()
        try:
            member.purse.take(look, await member.account.balances())
        except KrakenonceError as error:
            self._absent[member.name] = str(error)
            return False
        return True
