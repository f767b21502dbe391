"""One account traded in this process at a sandbox process: real broker, real sockets, real database.

A `Rig` works step by step, so that a test decides what happens between two steps. `crash` loses everything that is not
on disk. Its strategy enters when a test sets a side. The true state comes from the sandbox's control API.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from bot.brokers.base import BaseBroker, BrokerError
from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.kraken.config import Tier
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.domain.candles import Candles
from bot.domain.clock import HOUR, Clock, ScaledClock, SystemClock, parse_iso
from bot.domain.ids import ClientIds, new_tag
from bot.domain.money import decimal
from bot.domain.order import OrderRecord, Purpose
from bot.domain.position import Position
from bot.engine import risk
from bot.engine.account_engine import AccountEngine, TradingPlan
from bot.engine.adoption import TAGS_HERE
from bot.engine.order_manager import OrderManager
from bot.engine.universe import MarketCriteria
from bot.marketdata.polled import CandleRequest
from bot.store.database import Store, address
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.report import document
from bot.strategy.base import Evaluation, Strategy
from bot.strategy.exits import FLAT
from bot.strategy.params import DEFAULT_RISK_SETTINGS, RiskSettings
from tests.feeding import ByHand
from tests.notes import Notes
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

START_CASH = Decimal(1000)
PATIENCE = 30.0
#: Order types of resting protection in the sandbox's ledger, by venue: a stop, or a bracket of stop and target.
STOPS = ("stop", "stop-limit", "bracket")
_LIMITS = risk.Limits(
    max_open_positions=5,
    max_exposure_pct=Decimal(90),
    max_order_usd=None,
    max_daily_loss_pct=Decimal(90),
    max_drawdown_pct=Decimal(90),
    max_orders_per_minute=1000,
    max_coin_exposure_pct=Decimal(50),
    price_sanity_pct=Decimal(40),
    max_spread_pct=Decimal(1),
    max_losses_in_a_row=100,
    cooldown_ms=HOUR,
)


class OnDemand(Strategy):
    """Enters when a test sets `side`, with the stop at `stop` times the close; its exits are NIJA's."""

    required = 1
    widest_r = math.inf  # the market may run away from the close while a test waits

    def __init__(self) -> None:
        super().__init__(RiskSettings(min_position_pct=20.0, max_position_pct=20.0))
        self.side = FLAT
        self.stop = 0.96

    def evaluate(self, candles: Candles) -> Evaluation:
        close = float(candles.close[-1])
        return Evaluation(self.side, candles.closed_at, close, close * self.stop)


class Leaping:
    """A clock that a test can advance (`ahead` real time, `market_ahead` the market), so that no test waits for a grace
    period, a second look or another day. `set_by` is a change of the system clock, during which no time passes. Time does
    not run backwards: lowering `ahead` counts as setting the clock back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pacer = clock.pacer
        self.set_by = 0
        self.market_ahead = 0
        self._passed = 0

    @property
    def ahead(self) -> int:
        return self._passed + self.set_by

    @ahead.setter
    def ahead(self, ms: int) -> None:
        self._passed += max(ms - self.ahead, 0)
        self.set_by += min(ms - self.ahead, 0)

    def market_ms(self) -> int:
        return self._clock.market_ms() + self.market_ahead

    def wall_ms(self) -> int:
        return self._clock.wall_ms() + self.ahead

    def steady_ms(self) -> int:
        return self._clock.steady_ms() + self._passed


class Rig:
    """A separate account at a venue of a sandbox, and the engine that trades `symbols` on it (the first by default)."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, *symbols: str, deadline_ms: int = 1_500, venue: str = "kraken"
    ) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.venue = venue
        self.symbols = symbols
        self.symbol = symbols[0]
        self.base, self.quote = self.symbol.split("-")[:2]
        self.swaps = self.symbol.endswith("-SWAP")
        self.limits = _LIMITS
        if venue == "kraken":
            sandbox.control("POST", "switches", venue=venue, name="tier", value=Tier.PRO.name.lower())
        self.keys = sandbox.control("POST", "accounts", venue=venue)
        self.account = str(self.keys["account"])
        self.notes = Notes()
        self.rule = OnDemand()
        self.tags: set[str] = set()
        self.began = sandbox_clock(sandbox).wall_ms()
        self._deadline_ms = deadline_ms
        self._cash(START_CASH)
        self.clock = Leaping(sandbox_clock(sandbox))
        self._before: dict[str, int] = sandbox.ledger(venue)["requests"]
        self.broker_clock = Leaping(sandbox_clock(sandbox))
        self._broker: BaseBroker | None = None
        self._store: Store | None = None

    def _cash(self, wanted: Decimal) -> None:
        have = Decimal(self.balances().get(self.quote, {}).get("free", "0"))
        self.deposit(self.quote, wanted - have)

    # -- start and crash -----------------------------------------------------------------------------------------------------
    def open(self) -> AccountEngine:
        """Connect, open the book and start, as the actor does."""
        self._broker = self._built(self.broker_clock)
        account = self._broker.connect().account
        self._store = Store.open(address(self.folder / "data", self.venue))
        self.book = Ledger(self._store, account, self.clock)
        rng = Random()
        tag = self.book.get_state("tag") or new_tag(rng)
        self.book.set_state("tag", tag)
        for symbol in self.symbols:
            self.book.set_state(f"old:{symbol}", "yes")
        oms = OrderManager(self._broker, self.book, self.clock, self.notes, ClientIds(tag, self.clock.wall_ms, rng))
        self.tags.add(tag)
        self.book.set_state(TAGS_HERE, " ".join(self.tags))
        plan = self._plan()
        self.engine = AccountEngine.of(oms, plan, self._fed)
        self.engine.start()
        self.engine.probe()
        return self.engine

    def _built(self, clock: Clock) -> BaseBroker:
        """The venue's broker with the keys of this account and short time-outs."""
        key, secret, state = self.keys["api_key"], self.keys["api_secret"], self.folder / "state"
        where = self.sandbox.ready[self.venue]
        if self.venue == "okx":
            okx = OkxConfig(
                key,
                secret,
                self.keys["passphrase"],
                state,
                api_url=where["rest"],
                mode="sandbox",
                read_seconds=8.0,
                order_seconds=2.0,
                deadline_ms=self._deadline_ms,
                swaps=self.swaps,
            )
            return OKXBroker(okx, clock, self.notes)
        if self.venue == "coinbase":
            coinbase = CoinbaseConfig(
                key,
                secret,
                state,
                api_url=where["rest"],
                mode="sandbox",
                ca_file=where["ca_file"],
                read_seconds=8.0,
                order_seconds=2.0,
            )
            return CoinbaseBroker(coinbase, clock, self.notes)
        kraken = KrakenConfig(
            key,
            secret,
            state,
            api_url=where["rest"],
            mode="sandbox",
            read_seconds=8.0,
            order_seconds=2.0,
            deadline_ms=self._deadline_ms,
            tier=Tier.PRO,
        )
        return KrakenBroker(kraken, clock, self.notes)

    def _plan(self) -> TradingPlan:
        return TradingPlan(
            strategy=self.rule,
            risk_settings=self.rule.risk_settings,
            limits=self.limits,
            criteria=MarketCriteria(most=3, allow=frozenset(self.symbols), swaps=self.swaps),
            timeframe_ms=300_000,
            cycle_ms=150_000,
            position_ms=15_000,
            exclusion_ms=0,
            min_balance=Decimal(2),
            recommended_balance=Decimal(25),
        )

    def crash(self) -> None:
        """Ends between two instructions: nothing is finished or logged."""
        if self._broker is not None:
            self._broker.close()
        if self._store is not None:
            self._store.close()
        self._broker = self._store = None

    def restart(self) -> AccountEngine:
        self.crash()
        return self.open()

    def lose_book(self) -> None:
        """Crashes and deletes the data folder's contents."""
        self.crash()
        for file in (self.folder / "data").iterdir():
            file.unlink()

    # -- steps ----------------------------------------------------------------------------------------------------
    def enter(self, *symbols: str, side: int = 1, far: float = 0.04) -> list[OrderRecord]:
        """One scan with a signal (in `symbols`, by default the rig's own), with the stop at a distance of `far`; returns the
        entries that the book now has for the rig's symbol.
        """
        self.rule.side, self.rule.stop = side, 1 - side * far
        ordered, close = self.book.orders_since(0), 0
        while close != self.engine.candle_cache.newest() and self.book.orders_since(0) == ordered:
            # If the next candle closes before the scan, that scan finds no candle.
            self._await_candle()
            close = self.engine.candle_cache.newest()
            self.engine.entries.scan(symbols or [self.symbol], self.engine.accounting.measure(), None)
        self.rule.side = FLAT
        return self.orders(Purpose.ENTRY)

    def _fed(self, window: int) -> ByHand:
        assert self._broker is not None
        request = CandleRequest(300_000, window, fills_gaps=self.rule.fills_gaps)
        self.feed = ByHand(self._broker.candle_reader(), self.clock, request)
        return self.feed

    def hear(self) -> None:
        """Delivers what the feed has."""
        self.feed.deliver(self.engine.on)

    def _await_candle(self, symbol: str | None = None) -> None:
        """Waits for the newest candle, which a venue shows shortly after its close; also for a market that is not selected."""
        self.engine.candle_cache.want([*self.symbols, *self.engine.selection.symbols])
        for _ in range(20):
            self.hear()
            if isinstance(self.engine.candle_cache.of(symbol or self.symbol), Candles):
                return
            time.sleep(0.1)

    def candles(self, symbol: str | None = None) -> Candles:
        """The candles up to the newest close."""
        self._await_candle(symbol)
        found = self.engine.candle_cache.of(symbol or self.symbol)
        assert isinstance(found, Candles), found
        return found

    def steady(self) -> None:
        """Moves the markets back to their newest close if an earlier test has moved them."""
        for symbol in self.symbols:
            close = decimal(repr(float(self.candles(symbol).close[-1])))
            last = self.engine.oms.broker.tickers({symbol})[symbol].last
            if abs(last / close - 1) > Decimal("0.005"):
                self.move(close, symbol)

    def bought(self) -> Position:
        """Enters without faults."""
        self.enter()
        position = self.position
        assert position is not None, self.notes.lines[-5:]
        return position

    def turn(self) -> None:
        """One turn of the actor: searches lost orders and monitors positions. An exchange that does not answer is asked later."""
        for work in (self.engine.lost_orders.search, self.engine.monitor.look):
            with suppress(BrokerError):
                work()

    def cycle(self) -> None:
        """A cycle without a signal."""
        with suppress(BrokerError):
            self.hear()
            self.engine.cycle()

    def reconcile(self, since: int | None = None) -> None:
        """Reconciles the book with the exchange, balances included; fills from market time `since` on."""
        self.engine.reconciliation.compare(since)
        self.engine.reconciliation.count(self.engine.oms.broker.balances())

    def until(self, done: Callable[[], bool], why: str = "") -> None:
        """Turns and reconciles until `done`."""
        end = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > end:
                raise AssertionError(f"{why or 'it'} never came about: {self.notes.lines[-12:]}")
            self.turn()
            with suppress(BrokerError):
                self.reconcile()
            time.sleep(0.2)

    def quiet(self) -> None:
        """Waits until no order is in doubt and the book matches the exchange."""
        try:
            self.until(lambda: not self.engine.oms.in_flight() and self.agreed(), "agreement")
        except AssertionError as error:
            raise AssertionError(f"{self.differences()} {error}") from None

    def jump(self, factor: str) -> None:
        """Makes the market jump to `factor` times its last price."""
        self.move(self.engine.oms.broker.tickers({self.symbol})[self.symbol].last * Decimal(factor))

    def move(self, price: Decimal, symbol: str | None = None) -> None:
        """Makes the market (by default of the rig's own symbol) jump to the tick nearest to that price."""
        symbol = symbol or self.symbol
        price = self.engine.oms.instruments[symbol].price(price)
        self.sandbox.control("POST", "price", venue=self.venue, symbol=symbol, price=str(price))

    # -- faults ------------------------------------------------------------------------------------------
    def arm(self, kind: str, path: str | None = None, **words: Any) -> None:
        where = {} if path is None else {"path": path}
        self.sandbox.control("POST", "faults", venue=self.venue, kind=kind, **where, **words)

    def disarm(self) -> None:
        self.sandbox.control("DELETE", "faults")

    def manual(self, side: str, qty: Decimal, price: Decimal | None = None) -> str:
        """The owner trades by hand, with a `price` by a limit order; returns the order's id."""
        order = {"symbol": self.symbol, "side": side, "qty": str(qty)} | (
            {} if price is None else {"price": str(price)}
        )
        made = self.sandbox.control("POST", "manual", venue=self.venue, account=self.account, **order)
        return str(made["id"])

    def deposit(self, asset: str, amount: Decimal, pocket: str = "") -> None:
        account = self.account + pocket
        self.sandbox.control("POST", "deposit", venue=self.venue, asset=asset, amount=str(amount), account=account)

    @contextmanager
    def switched(self, name: str, value: object) -> Iterator[None]:
        before = self.sandbox.control("GET", "switches")[self.venue][name]
        self.sandbox.control("POST", "switches", venue=self.venue, name=name, value=value)
        try:
            yield
        finally:
            self.sandbox.control("POST", "switches", venue=self.venue, name=name, value=before)

    # -- state ----------------------------------------------------------------------------------------------------
    @property
    def position(self) -> Position | None:
        return self.book.position(self.symbol)

    def orders(self, purpose: Purpose) -> list[OrderRecord]:
        return [record for record in self.book.orders_of(self.symbol, 0) if record.purpose is purpose]

    def truth(self) -> dict[str, Any]:
        """The sandbox's ledger of this account."""
        found = self.sandbox.ledger(self.venue)
        mine = {name: [row for row in found[name] if row["account"] == self.account] for name in ("orders", "fills")}
        return {**found, **mine, "balances": found["accounts"][self.account]}

    def sent(self, **wanted: str) -> list[dict[str, Any]]:
        """Orders that the exchange accepted, with these values."""
        return [row for row in self.truth()["orders"] if all(row[name] == value for name, value in wanted.items())]

    def balances(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = self.sandbox.ledger(self.venue)["accounts"].get(self.account, {})
        return found

    def coins(self) -> Decimal:
        """Coins in the account, free and held."""
        held = self.balances().get(self.base, {"free": "0", "held": "0"})
        return Decimal(held["free"]) + Decimal(held["held"])

    def asked(self, path: str) -> int:
        """How often such a path has been requested since the rig was created."""
        return self._requests(path) - sum(count for name, count in self._before.items() if re.search(path, name))

    def _requests(self, path: str) -> int:
        counts: dict[str, int] = self.sandbox.ledger(self.venue)["requests"]
        return sum(count for name, count in counts.items() if re.search(path, name))

    def resting(self) -> Decimal:
        """The quantity that this account's stops would sell, or buy back for a short."""
        return sum(
            (
                Decimal(row["qty"]) - Decimal(row["filled"])
                for row in self.truth()["orders"]
                if row["status"] in ("open", "partially_filled") and row["type"] in STOPS
            ),
            Decimal(0),
        )

    def sales(self) -> list[OrderRecord]:
        """The book's sell orders other than stops."""
        records = self.book.orders_of(self.symbol, 0)
        return [record for record in records if record.purpose not in (Purpose.ENTRY, Purpose.STOP)]

    @property
    def lot(self) -> Decimal:
        return self.engine.oms.instruments[self.symbol].lot

    def protected(self) -> bool:
        """Whether the position is all that the account holds, and its stops match its size to the lot."""
        held = self.position
        if held is None:
            return False
        return held.qty == self.coins() and self.resting() == self.engine.oms.instruments[self.symbol].size(held.qty)

    def differences(self) -> list[str]:
        """Differences between the book and the exchange, one per line."""
        book = document(Books(self.folder / "data"))["brokers"][self.venue]
        return differences(book, self.truth())

    def agreed(self) -> bool:
        return not self.differences()

    def naked_seconds(self) -> list[tuple[Decimal, str]]:
        """Ended naked periods of this symbol since the rig was created, as measured by the sandbox."""
        found = self.sandbox.control("GET", f"exposure?venue={self.venue}").get(self.symbol, {"naked_events": []})
        return [
            (Decimal(parse_iso(event["end"]) - parse_iso(event["start"])) / 1000, event["why"])
            for event in found["naked_events"]
            if event["end"] is not None and parse_iso(event["start"]) >= self.began
        ]


def sandbox_clock(sandbox: Sandbox) -> Clock:
    """The market clock of a running sandbox."""
    if sandbox.ready["speed"] == 1:
        return SystemClock()
    now = sandbox.control("GET", "clock")
    return ScaledClock(parse_iso(now["market_time"]), parse_iso(now["wall_time"]), float(now["speed"]))


class Eager(OnDemand):
    """Enters at every close, with a near stop: much activity in little time. For `STRATEGY=tests.rig:Eager`."""

    def __init__(self, risk_settings: RiskSettings = DEFAULT_RISK_SETTINGS) -> None:
        super().__init__()
        self.side = 1
        self.stop = 0.985
