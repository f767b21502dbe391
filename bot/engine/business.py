"""The business of one account: the parts of the engine joined, and the order in which they do their work.

`start` is the one way in, after a first start, a restart or a crash; `on` takes everything that happens to the account from then
on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from decimal import Decimal

from bot.brokers.base import BrokerError, ShapeProof
from bot.domain.events import AccountEvent, CandleClosed, Command, Fed, Lasts, Moved, Timer, Unfit
from bot.domain.order import VenueOrder
from bot.engine import risk
from bot.engine.accounting import Accounting, Standing
from bot.engine.close import Closing
from bot.engine.closes import Closes
from bot.engine.denials import Denials
from bot.engine.desk import Desk
from bot.engine.diary import Diary
from bot.engine.entries import Entries
from bot.engine.flatten import Flattening
from bot.engine.halts import Halts
from bot.engine.history import AT_ONCE
from bot.engine.hunt import Hunt
from bot.engine.protect import Protection
from bot.engine.proving import Proving
from bot.engine.ranking import Ranking
from bot.engine.reconcile import Reconciliation
from bot.engine.results import Results
from bot.engine.round import Round
from bot.engine.selection import Selection
from bot.engine.troubles import Troubles
from bot.engine.universe import Wishes
from bot.engine.vigil import Vigil
from bot.engine.watch import Watch
from bot.marketdata.port import MarketData
from bot.strategy.base import Strategy
from bot.strategy.gates import ACCOUNT, Blocked, first
from bot.strategy.guarded import Guarded
from bot.strategy.params import Owner
from bot.strategy.snapshot import Account


@dataclass(frozen=True, slots=True)
class Plan:
    """How an account is traded: the owner's settings in the engine's words. Times in market ms, money in dollars."""

    strategy: Strategy
    owner: Owner
    limits: risk.Limits
    wishes: Wishes
    timeframe_ms: int
    cycle_ms: int
    position_ms: int
    exclusion_ms: int
    min_balance: Decimal
    recommended_balance: Decimal
    news: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Operator:
    """The owner's word, as whoever runs the engine has it: the gate that blocks all entries now, what takes an order, and what
    looks for more of them.
    """

    blocked_by: Callable[[], Blocked | None] = lambda: None
    obey: Callable[[Command], object] = lambda _: None
    attend: Callable[[], object] = lambda: None


@dataclass(slots=True)
class Business:
    """One account's engine. Raises `BrokerError` when its exchange does not answer; what was done until then is kept."""

    desk: Desk
    plan: Plan
    closes: Closes
    hunt: Hunt
    reconciliation: Reconciliation
    protection: Protection
    closing: Closing
    watch: Watch
    entries: Entries
    round: Round
    accounting: Accounting
    halts: Halts
    flattening: Flattening
    diary: Diary
    vigil: Vigil
    proving: Proving
    selection: Selection
    operator: Operator = field(default_factory=Operator)
    _put_off: bool = False
    _called: bool = False

    @classmethod
    def of(cls, desk: Desk, plan: Plan, market: Callable[[int], MarketData]) -> Business:
        """Everything wired for one account; `market` tells so many closed candles of each symbol."""
        protection = Protection(desk)
        closing = Closing(desk, protection)
        strategy = Guarded(plan.strategy, Troubles(desk, plan.timeframe_ms).tell)
        closes = Closes(market(strategy.window(plan.timeframe_ms)), desk.clock, plan.timeframe_ms)
        accounting = Accounting(desk, plan.wishes)
        entries = Entries(
            desk,
            protection,
            closing,
            strategy,
            closes,
            plan.limits,
            plan.owner,
            plan.timeframe_ms,
            plan.exclusion_ms,
            plan.news,
        )
        ranking = Ranking(desk, strategy)
        desk.on_fill = Results(desk).on_fill
        made = cls(
            desk=desk,
            plan=plan,
            closes=closes,
            hunt=Hunt(desk),
            reconciliation=Reconciliation(desk),
            protection=protection,
            closing=closing,
            watch=Watch(desk, protection, closing, strategy, closes, plan.timeframe_ms),
            entries=entries,
            round=Round(desk, closes, accounting, entries, plan.timeframe_ms),
            accounting=accounting,
            halts=Halts(desk, plan.limits),
            flattening=Flattening(desk, closing),
            diary=Diary(desk),
            vigil=Vigil(desk, protection.refused),
            proving=Proving(desk),
            selection=Selection(desk, plan.wishes, ranking),
        )
        made.entries.between = ranking.between = made.selection.between = made.look_between
        return made

    def on(self, event: AccountEvent) -> None:
        """Everything that happens to this account, one after the other."""
        match event:
            case Timer.HUNT:
                self._pursue()
            case Timer.WATCH:
                self._look_again()
            case Timer.CYCLE:
                self.cycle()
            case Timer.ATTEND:
                self.vigil.look()
                self.operator.attend()
            case CandleClosed():
                self._closed(event)
            case Fed():
                self.closes.market.heard(event)
            case Command():
                self.operator.obey(event)
            case Moved():
                pass

    def calls_for_look(self) -> bool:
        """Whether something has come to light since this was last asked that wants a look at the positions."""
        called, self._called = self._called, False
        return called

    def start(self) -> Standing:
        """Bring the book up to date and protect what is held before anything else; then choose markets. What closed meanwhile is
        walked when it is told.
        """
        self.desk.learn_rules()
        self.reconciliation.start()
        self.hunt.pursue()
        self.watch.resume()
        self._look()
        self._want()
        self.read_rules()
        if self.reconciliation.read_on(AT_ONCE):
            self.watch.resume()
        standing = self.accounting.measure()
        self.diary.write(standing)
        return standing

    def prove(self) -> Sequence[ShapeProof]:
        """Show the exchange our exact orders, once the care for what is held is done."""
        return self.proving.prove(self.selection.symbols)

    def cycle(self) -> Standing:
        """One round: reconcile, look at the positions, measure, exits, then the entries of the newest close, if it is known of all
        markets: else they are judged when it is.
        """
        if not self._was_just_put_off():
            self._look(self.reconciliation.compare())
        self._put_off = True
        with self._patience():
            if self.selection.is_due():
                self.read_rules()
            balances = self.desk.broker.balances()
            self.reconciliation.count(balances)
            standing = self.accounting.measure(balances)
        self._put_off = False
        self.diary.write(standing)
        self._want()
        self.desk.valuation.follow(self.closes)
        self.round.begin(self.selection.symbols, standing)
        self._walk()
        self.watch.say_unfit()
        self.watch.keep()
        self.proving.prove_again(self.selection.symbols)
        self.round.judge(self._gate)
        return self.round.measured()

    def _was_just_put_off(self) -> bool:
        """Whether the last cycle went no further than its look, which is not due again yet: tried again and again with each try
        of a cycle, looks would use up the room that the rest of it waits for.
        """
        return self._put_off and self.desk.clock.market_ms() - self.watch.at < self.plan.position_ms

    # -- between the cycles -------------------------------------------------------------------------------------------
    def _pursue(self) -> None:
        """Look for lost orders, then read on in the history; what either brings to light wants a look at the positions. Entries
        that have waited long enough for a close are judged without it.
        """
        self.closes.market.tend()
        if self.hunt.pursue():
            self._called = True
        if self.reconciliation.read_on():
            self.watch.resume()
            self._called = True
        self.round.judge(self._gate)

    def _look_again(self) -> None:
        if self.reconciliation.adoption.is_due():
            self.start()
        self._look()

    def _look(self, seen: Sequence[VenueOrder] | None = None) -> None:
        with self.desk.broker.urgently():
            self.watch.look(seen)

    # -- at a close ---------------------------------------------------------------------------------------------------
    def _want(self) -> None:
        """Candles of what is held first, then of what may be entered."""
        self.closes.want([*(one.symbol for one in self.desk.book.positions()), *self.selection.symbols])

    def _closed(self, told: CandleClosed) -> None:
        """Exits act as soon as their candle is there, entries when those of their round are."""
        self.closes.take(told)
        if isinstance(told.found, Unfit):
            if told.found.meaning is not None:
                self.desk.markets.heed_answer(told.found.meaning, told.found.reason, told.symbol)
        elif self.desk.book.position(told.symbol) is not None:
            if self.watch.at < told.close:  # what was reached before the close comes before what is decided at it
                self._look()
            self._walk()
        self.round.hear(told.symbol, told.close)
        self.round.judge(self._gate)

    def _walk(self) -> None:
        """What closed, through the exit rules; a stop that they have moved is moved at once, and what they free, entries may use."""
        before = self.desk.book.positions()
        self.watch.walk()
        after = self.desk.book.positions()
        if [one.stop_price for one in after] != [one.stop_price for one in before]:
            self._look()
        if [(one.symbol, one.qty) for one in after] != [(one.symbol, one.qty) for one in before]:
            self.round.standing = None

    def _gate(self, standing: Standing) -> Blocked | None:
        """What blocks every entry of the account now."""
        return self.operator.blocked_by() or self.blocked_by(standing)

    def look_between(self) -> None:
        """Look at what is held when that is due, in the middle of longer work; a look without an answer is made up for later."""
        due = self.desk.clock.market_ms() - self.watch.at >= self.plan.position_ms
        if due and self.desk.book.positions():
            with suppress(BrokerError):
                self._look()

    def _patience(self) -> AbstractContextManager[None]:
        """Where something is held, no question keeps it waiting for a look."""
        return self.desk.broker.briefly() if self.desk.book.positions() else nullcontext()

    def blocked_by(self, standing: Standing) -> Blocked | None:
        """The gate that blocks this account's entries now, by what it can do, its money and its losses."""
        able = self.desk.broker.capabilities()
        account = Account(
            stop_orders=able.attached_stop or able.resting_stop,
            funds=standing.useful,
            min_funds=self.plan.min_balance,
            reading=self.reconciliation.history.blocks(),
        )
        return first(ACCOUNT, account) or self.halts.look(standing.losses)

    def resume(self) -> None:
        """The owner's word after a drawdown: entries again, and it is measured from here on."""
        self.accounting.forget_peak()
        self.halts.lift()
        self.desk.markets.reopen()
        self.selection.at = 0

    def deny(self, name: str, lasts: Lasts) -> None:
        """No entries in a symbol or a base coin from now on; its place among the markets goes to the next."""
        Denials(self.desk.book).deny(name, lasts)
        self.selection.at = 0

    def allow(self, name: str) -> bool:
        """Entries again, as far as nothing else denies them; whether the name was denied."""
        self.selection.at = 0
        return Denials(self.desk.book).allow(name)

    def read_rules(self) -> None:
        """Markets, their rules of the moment, our fees, and which of them are looked at; raises `BrokerError`."""
        self.selection.make()
        self._want()
