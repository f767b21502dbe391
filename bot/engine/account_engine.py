"""The engine of one account: its parts, and the order in which they work.

`start` is the only way to begin, whether after a first start, a restart or a crash. From then on, `on` handles everything that
happens to the account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from decimal import Decimal

from bot.brokers.base import BrokerError, OrderProbe
from bot.domain.events import AccountEvent, CandleClosed, Command, Fed, Lasts, Moved, Timer, Unfit
from bot.domain.order import VenueOrder
from bot.engine import risk
from bot.engine.accounting import Accounting, AccountSnapshot
from bot.engine.candle_cache import CandleCache
from bot.engine.daily_summary import DailySummary
from bot.engine.denials import Denials
from bot.engine.entries import Entries
from bot.engine.entry_round import EntryRound
from bot.engine.exits import Exits
from bot.engine.flatten import Flattening
from bot.engine.halts import Halts
from bot.engine.history import AT_ONCE
from bot.engine.lost_orders import LostOrders
from bot.engine.naked_watchdog import NakedWatchdog
from bot.engine.order_manager import OrderManager
from bot.engine.order_probes import OrderProbes
from bot.engine.position_monitor import PositionMonitor
from bot.engine.protect import Protection
from bot.engine.ranking import Ranking
from bot.engine.reconcile import Reconciliation
from bot.engine.results import Results
from bot.engine.selection import Selection
from bot.engine.strategy_errors import StrategyErrors
from bot.engine.universe import MarketCriteria, unlisted
from bot.marketdata.port import MarketData
from bot.strategy.base import Strategy
from bot.strategy.gate_inputs import Account
from bot.strategy.gates import ACCOUNT, Blocked, first
from bot.strategy.guarded import GuardedStrategy
from bot.strategy.params import RiskSettings


@dataclass(frozen=True, slots=True)
class TradingPlan:
    """How an account is traded: the owner's settings in the engine's terms. Times in market ms, money in dollars."""

    strategy: Strategy
    risk_settings: RiskSettings
    limits: risk.Limits
    criteria: MarketCriteria
    timeframe_ms: int
    cycle_ms: int
    position_ms: int
    exclusion_ms: int
    min_balance: Decimal
    recommended_balance: Decimal
    news: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Operator:
    """The owner's commands, as the engine's caller provides them: the gate that blocks all entries now, a function that executes
    a command, and one that polls for new commands.
    """

    blocked_by: Callable[[], Blocked | None] = lambda: None
    execute: Callable[[Command], object] = lambda _: None
    poll: Callable[[], object] = lambda: None


@dataclass(slots=True)
class AccountEngine:
    """The engine of one account. Raises `BrokerError` if its exchange does not answer; work done until then is kept."""

    oms: OrderManager
    plan: TradingPlan
    candle_cache: CandleCache
    lost_orders: LostOrders
    reconciliation: Reconciliation
    protection: Protection
    exits: Exits
    monitor: PositionMonitor
    entries: Entries
    entry_round: EntryRound
    accounting: Accounting
    halts: Halts
    flattening: Flattening
    daily_summary: DailySummary
    naked_watchdog: NakedWatchdog
    order_probes: OrderProbes
    selection: Selection
    operator: Operator = field(default_factory=Operator)
    _put_off: bool = False
    _called: bool = False

    @classmethod
    def of(cls, oms: OrderManager, plan: TradingPlan, market: Callable[[int], MarketData]) -> AccountEngine:
        """Wire up the engine of one account. `market` creates market data with the given number of closed candles per symbol."""
        protection = Protection(oms)
        exits = Exits(oms, protection)
        errors = StrategyErrors(oms, plan.timeframe_ms)
        strategy = GuardedStrategy(plan.strategy, errors.report, errors.report_slow)
        candle_cache = CandleCache(market(strategy.window(plan.timeframe_ms)), oms.clock, plan.timeframe_ms)
        accounting = Accounting(oms, plan.criteria)
        entries = Entries(
            oms,
            protection,
            exits,
            strategy,
            candle_cache,
            plan.limits,
            plan.risk_settings,
            plan.timeframe_ms,
            plan.exclusion_ms,
            plan.news,
        )
        ranking = Ranking(oms, strategy)
        oms.on_fill = Results(oms).on_fill
        made = cls(
            oms=oms,
            plan=plan,
            candle_cache=candle_cache,
            lost_orders=LostOrders(oms),
            reconciliation=Reconciliation(oms),
            protection=protection,
            exits=exits,
            monitor=PositionMonitor(oms, protection, exits, strategy, candle_cache, plan.timeframe_ms),
            entries=entries,
            entry_round=EntryRound(oms, candle_cache, accounting, entries, plan.timeframe_ms),
            accounting=accounting,
            halts=Halts(oms, plan.limits),
            flattening=Flattening(oms, exits),
            daily_summary=DailySummary(oms),
            naked_watchdog=NakedWatchdog(oms, protection.refused),
            order_probes=OrderProbes(oms),
            selection=Selection(oms, plan.criteria, ranking),
        )
        made.entries.between = ranking.between = made.selection.between = made.look_between
        return made

    def on(self, event: AccountEvent) -> None:
        """Handle the next event of this account."""
        match event:
            case Timer.SEARCH:
                self._search_lost_orders()
            case Timer.MONITOR:
                self._look_again()
            case Timer.CYCLE:
                self.cycle()
            case Timer.POLL:
                self.naked_watchdog.check()
                self.operator.poll()
            case CandleClosed():
                self._closed(event)
            case Fed():
                self.candle_cache.market.heard(event)
            case Command():
                self.operator.execute(event)
            case Moved():
                pass

    def calls_for_look(self) -> bool:
        """Whether something found since the last call requires a check of the positions."""
        called, self._called = self._called, False
        return called

    def start(self) -> AccountSnapshot:
        """Bring the book up to date and protect all positions first, then choose markets. Candles that closed during the
        downtime are evaluated as they arrive.
        """
        self.oms.learn_rules()
        self.reconciliation.start()
        self.lost_orders.search()
        self.monitor.resume()
        self._look()
        self._request_candles()
        self.read_rules()
        if self.reconciliation.read_on(AT_ONCE):
            self.monitor.resume()
        snapshot = self.accounting.measure()
        self.daily_summary.write(snapshot)
        return snapshot

    def probe(self) -> Sequence[OrderProbe]:
        """Have the exchange validate our exact orders, once all positions are taken care of."""
        return self.order_probes.probe(self.selection.symbols)

    def cycle(self) -> AccountSnapshot:
        """One round: reconcile, check the positions, measure the account, run exits, then entries at the newest close. Entries
        wait until the candles of all markets have arrived.
        """
        if not self._was_just_put_off():
            self._look(self.reconciliation.compare())
        self._put_off = True
        with self._patience():
            if self.selection.is_due():
                self.read_rules()
            balances = self.oms.broker.balances()
            self.reconciliation.count(balances)
            snapshot = self.accounting.measure(balances)
        self._put_off = False
        self.daily_summary.write(snapshot)
        self._request_candles()
        self.oms.valuation.follow(self.candle_cache)
        self.entry_round.begin(self.selection.symbols, snapshot)
        self._walk()
        self.monitor.say_unfit()
        self.monitor.keep()
        self.order_probes.probe_again(self.selection.symbols)
        self.entry_round.judge(self._gate)
        return self.entry_round.measured()

    def _was_just_put_off(self) -> bool:
        """Whether the last cycle got no further than checking the positions, and the next check is not due yet. Repeating the
        check with every attempt at a cycle would use up the rate limit that the rest of the cycle waits for.
        """
        return self._put_off and self.oms.clock.market_ms() - self.monitor.at < self.plan.position_ms

    # -- between the cycles -------------------------------------------------------------------------------------------
    def _search_lost_orders(self) -> None:
        """Search for lost orders, then continue reading the history; what either finds requires a check of the positions.
        Entries that have waited long enough for the remaining candles are evaluated without them.
        """
        self.candle_cache.market.tend()
        if self.lost_orders.search():
            self._called = True
        if self.reconciliation.read_on():
            self.monitor.resume()
            self._called = True
        self.entry_round.judge(self._gate)

    def _look_again(self) -> None:
        if self.reconciliation.adoption.is_due():
            self.start()
        self._look()

    def _look(self, seen: Sequence[VenueOrder] | None = None) -> None:
        with self.oms.broker.urgently():
            self.monitor.look(seen)

    # -- at a close ---------------------------------------------------------------------------------------------------
    def _request_candles(self) -> None:
        """Request candles of open positions first, then of markets that may be entered."""
        self.candle_cache.want([*(one.symbol for one in self.oms.book.positions()), *self.selection.symbols])

    def _closed(self, closed: CandleClosed) -> None:
        """Exits act as soon as their candle arrives; entries wait for the candles of their round."""
        self.candle_cache.take(closed)
        if isinstance(closed.found, Unfit):
            if closed.found.meaning is not None:
                self.oms.markets.record_failure(closed.found.meaning, closed.found.reason, closed.symbol)
        elif self.oms.book.position(closed.symbol) is not None:
            if self.monitor.at < closed.close:  # targets and stops reached before the close come before decisions at it
                self._look()
            self._walk()
        self.entry_round.hear(closed.symbol, closed.close)
        self.entry_round.judge(self._gate)

    def _walk(self) -> None:
        """Run the exit rules on closed candles. A moved stop is updated at the exchange at once, and entries may use the money
        that exits free.
        """
        before = self.oms.book.positions()
        self.monitor.walk()
        after = self.oms.book.positions()
        if [one.stop_price for one in after] != [one.stop_price for one in before]:
            self._look()
        if [(one.symbol, one.qty) for one in after] != [(one.symbol, one.qty) for one in before]:
            self.entry_round.snapshot = None

    def _gate(self, snapshot: AccountSnapshot) -> Blocked | None:
        """The gate that blocks all entries of the account now, if any."""
        return self.operator.blocked_by() or self.blocked_by(snapshot)

    def look_between(self) -> None:
        """Check the positions during longer work if a check is due; if the exchange does not answer, a later check makes up for
        it.
        """
        due = self.oms.clock.market_ms() - self.monitor.at >= self.plan.position_ms
        if due and self.oms.book.positions():
            with suppress(BrokerError):
                self._look()

    def _patience(self) -> AbstractContextManager[None]:
        """While positions are open, no request may delay their next check for long."""
        return self.oms.broker.briefly() if self.oms.book.positions() else nullcontext()

    def blocked_by(self, snapshot: AccountSnapshot) -> Blocked | None:
        """The gate that blocks entries now because of the account's capabilities, money or losses."""
        able = self.oms.broker.capabilities()
        account = Account(
            stop_orders=able.attached_stop or able.resting_stop,
            funds=snapshot.useful,
            min_funds=self.plan.min_balance,
            reading=self.reconciliation.history.blocks(),
        )
        return first(ACCOUNT, account) or self.halts.look(snapshot.losses)

    def resume(self) -> None:
        """The owner resumes after a drawdown: entries are allowed again, and drawdown is measured from now on."""
        self.accounting.forget_peak()
        self.halts.lift()
        self.oms.markets.reopen()
        self.selection.at = 0

    def deny(self, name: str, lasts: Lasts) -> bool:
        """Block entries in a symbol or a base coin from now on; the next-ranked market takes its place. Returns whether a market
        has the name, as far as markets are known."""
        Denials(self.oms.book).deny(name, lasts)
        self.selection.at = 0
        return not self.oms.instruments or not unlisted(self.oms.instruments, (name,))

    def allow(self, name: str) -> bool:
        """Allow entries again, unless something else denies them; returns whether the name was denied."""
        self.selection.at = 0
        return Denials(self.oms.book).allow(name)

    def read_rules(self) -> None:
        """Read the markets, their current rules and our fees, and choose the markets to trade; raises `BrokerError`."""
        self.selection.make()
        self._request_candles()
