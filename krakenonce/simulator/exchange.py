"""The exchange as a state machine: no sockets, no waiting, one thread. REST and WebSocket are two faces of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from krakenonce.clock import NS_PER_MS, NS_PER_US, Clock, ManualClock, SystemClock
from krakenonce.kraken.limits import TIERS
from krakenonce.kraken.pairs import ASSETS, PAIRS, PAIRS_BY_NAME, Pair, find_asset
from krakenonce.simulator.accounts import Account, ApiKey, account_name, make_key
from krakenonce.simulator.agenda import Agenda
from krakenonce.simulator.desk import OrderDesk
from krakenonce.simulator.engine import Engine
from krakenonce.simulator.events import Events, MarketChanged
from krakenonce.simulator.evidence import Evidence
from krakenonce.simulator.faults import Faults
from krakenonce.simulator.flow import OutsideFlow
from krakenonce.simulator.identifiers import Mint
from krakenonce.simulator.margin import Margin
from krakenonce.simulator.market import Market
from krakenonce.simulator.nonces import NonceRecord
from krakenonce.simulator.prices import EUR_IN_USD, START_USD, PricePath, SeededWalk
from krakenonce.simulator.settings import MARKET_STATES, Settings
from krakenonce.simulator.settlement import Settlement
from krakenonce.simulator.tokens import Tokens
from krakenonce.simulator.wallets import Vault

_COINS_WORTH = Decimal(100_000)
_MOST_STEPS = 1000


class Exchange:
    """Accounts, markets, money and rules, driven by calls and by its clock. Not thread-safe: give it one thread.

    Parameters:
        settings: every switch.
        clock: where time comes from; the exchange's own time starts at its wall clock and follows its boot clock,
            so it never steps. With ``settings.virtual_step_ms`` a clock of its own is used that moves per request.
        paths: price paths by pair key; pairs without one follow a seeded walk.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, paths: Mapping[str, PricePath] | None = None
    ) -> None:
        self.settings = settings
        self.clock: Clock = ManualClock() if settings.virtual_step_ms else clock or SystemClock()
        self._wall_origin, self._boot_origin = _whole_us(self.clock.wall_ns()), self.clock.boot_ns()
        self.opened_ns = self.now = self._target = self._wall_origin
        self.market_state = settings.market
        self.tier = TIERS.get(settings.tier)
        self.mint = Mint(settings.seed)
        self.agenda, self.events, self.vault, self.evidence = Agenda(), Events(), Vault(), Evidence()
        self.tokens = Tokens(self.mint, int(settings.token_s * 1000) * NS_PER_MS)
        self.settlement = Settlement(self)
        self.markets = {pair.key: self._open_market(pair, paths or {}) for pair in PAIRS}
        self.margin = Margin(self)
        self.engine = Engine(self)
        self.desk = OrderDesk(self)
        self.flow = OutsideFlow(self)
        self.faults = Faults(settings.seed, settings.faults)
        self.clock_error_ns = int(settings.clock_error_ms * NS_PER_MS)
        self.accounts: list[Account] = []
        self._names: dict[str, Account] = {}
        self.keys: dict[str, ApiKey] = {}
        for _ in range(settings.accounts):
            self.open_account()
        self._schedule_step()

    @property
    def shown_ns(self) -> int:
        """What the exchange's own clock shows, which may be wrong."""
        return self.now + self.clock_error_ns

    def advance(self) -> int:
        """Catch up with the clock: everything that is due happens in its order. Returns the exchange's time."""
        self._target = self._wall_origin + _whole_us(self.clock.boot_ns() - self._boot_origin)
        while (appointment := self.agenda.pop_due(self._target)) is not None:
            self.now = max(self.now, appointment.due_ns)
            if appointment.action is not None:
                appointment.action()
        self.now = max(self.now, self._target)
        return self.now

    def tick(self) -> None:
        """Let a request's share of virtual time pass; without virtual time, do nothing."""
        if self.settings.virtual_step_ms and isinstance(self.clock, ManualClock):
            self.clock.advance(self.settings.virtual_step_ms * NS_PER_MS)

    def pass_time(self, ns: int) -> None:
        """Let virtual time pass.

        Raises:
            TypeError: time is real here.
        """
        if not self.settings.virtual_step_ms or not isinstance(self.clock, ManualClock):
            raise TypeError("time is real on this exchange; start it with virtual_step_ms")
        self.clock.advance(ns)
        self.advance()

    def market(self, pair: Pair) -> Market:
        """Return the market of *pair*."""
        return self.markets[pair.key]

    def usd_price(self, asset: str) -> Decimal:
        """Return the last price of the asset with this key in US dollars."""
        symbol = find_asset(asset).symbol
        if symbol in ("USD", "EUR"):
            return Decimal(1) if symbol == "USD" else EUR_IN_USD
        return self.market(PAIRS_BY_NAME[f"{symbol}/USD"]).last

    def account(self, name: str) -> Account:
        """Return the account called *name*, or raise KeyError."""
        return self._names[name]

    def open_account(self) -> Account:
        """Open and fund the next account: MASTER first, then USER:1 and so on."""
        name = account_name(len(self.accounts))
        account = Account(name, self.vault.open(name))
        self.accounts.append(account)
        self._names[name] = account
        self.add_key(account)
        self._fund(account)
        return account

    def add_key(self, account: Account) -> ApiKey:
        """Give *account* another API key and return it."""
        settings = self.settings
        nonces = NonceRecord(settings.nonce_window, repeats=settings.repeat_in_window)
        key = make_key(account, settings.seed, nonces, self.now)
        self.keys[key.key] = key
        return key

    def set_market_state(self, state: str) -> None:
        """Go to another market state: online, post_only, cancel_only, limit_only or maintenance."""
        if state not in MARKET_STATES:
            raise KeyError(state)
        self.market_state = state
        self.events.tell(MarketChanged(state))

    def _open_market(self, pair: Pair, paths: Mapping[str, PricePath]) -> Market:
        walk = SeededWalk(pair, self.settings.seed, self.settings.volatility)
        return Market(pair, paths.get(pair.key, walk), self.settings, self._wall_origin)

    def _fund(self, account: Account) -> None:
        for asset in ASSETS:
            amount = self.settings.funding_usd
            if asset.symbol in START_USD:
                amount = (_COINS_WORTH / Decimal(START_USD[asset.symbol])).quantize(Decimal("0.00000001"))
            self.settlement.fund(account, asset.name, amount, self.now)

    def _schedule_step(self) -> None:
        # After a long pause the steps become longer, so that catching up takes a second and not an hour.
        step_ns = max(self.settings.step_ms * NS_PER_MS, (self._target - self.now) // _MOST_STEPS)
        self.agenda.at(self.now + step_ns, self._step)

    def _step(self) -> None:
        self.flow.step()
        self._schedule_step()


def _whole_us(ns: int) -> int:
    # REST shows times as floats, which hold microseconds of this century exactly and no more. With whole microseconds
    # inside, a time that a client has read and sends back (as `start`, say) means the same moment.
    return ns - ns % NS_PER_US
