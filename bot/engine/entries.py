"""Entries: from signals at a candle's close, through all gates, to protected positions. Each gate that blocks logs one line.

There is never more than one entry per symbol and candle: the decision key in the database ensures it, across restarts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles
from bot.domain.events import Unfit
from bot.domain.instrument import Instrument, Ticker
from bot.domain.log import Event
from bot.domain.money import ONE, ZERO, decimal
from bot.domain.order import Decision, OrderRecord, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bot.engine import risk
from bot.engine.accounting import AccountSnapshot
from bot.engine.book import AlreadyDecided
from bot.engine.buying_power import best_funded_currency
from bot.engine.candidate import SLIPPAGE, Bounds, Candidate, on_grid
from bot.engine.candle_cache import CandleCache
from bot.engine.entry_rests import EntryRests
from bot.engine.exits import Exits
from bot.engine.judgements import Judgements
from bot.engine.order_manager import OrderManager
from bot.engine.protect import Protection, Verdict
from bot.engine.records import is_refused_for_its_stop
from bot.engine.results import last_ended
from bot.marketdata.port import NOT_THERE
from bot.strategy import exits
from bot.strategy.base import Evaluation, ranked
from bot.strategy.exact import price_of
from bot.strategy.gate_inputs import Answer, Signal, Strategy
from bot.strategy.gate_words import explained
from bot.strategy.gates import ANSWER, QUIET, SIGNAL, STRATEGY, Blocked, Gate, first
from bot.strategy.guarded import GuardedStrategy
from bot.strategy.params import RiskSettings
from bot.strategy.timing import excluded, still_valid

#: The farthest price for an attached target that the exchange wants with a stop, as a multiple of the price.
FAR = Decimal("1.4")


@dataclass(slots=True)
class Entries:
    """Decides and enters, for one account."""

    oms: OrderManager
    protection: Protection
    exits: Exits
    strategy: GuardedStrategy
    candle_cache: CandleCache
    limits: risk.Limits
    risk_settings: RiskSettings
    timeframe_ms: int
    exclusion_ms: int = 6_000
    news: Sequence[int] = ()
    signals: int = 0
    waits_until: int = 0
    """When signals that wait out the first seconds of a candle may act (market ms), for a market in lock-step; 0 if none waits,
    or in real time.
    """
    between: Callable[[], None] = lambda: None
    """Called between two markets: a strategy's decision or an entry may take long, and open positions must not wait for it."""
    skipped: Counter[str] = field(default_factory=Counter)
    """The number of signals that each gate has blocked, by the gate's word."""
    judgements: Judgements = field(init=False)
    rests: EntryRests = field(init=False)
    _seen: dict[str, int] = field(default_factory=dict)
    _counted: dict[str, int] = field(default_factory=dict)
    _logged: dict[tuple[str, Gate], int] = field(default_factory=dict)
    _sized_by: tuple[int, Decimal] = (0, ZERO)

    def __post_init__(self) -> None:
        self.judgements = Judgements(self.timeframe_ms)
        self.rests = EntryRests(self.oms, self.strategy.rule.resends_for_ms)

    def scan(self, symbols: Sequence[str], snapshot: AccountSnapshot, blocked_by: Blocked | None) -> int:
        """Evaluate `symbols` at the newest close and enter what passes; returns how many were entered.

        `blocked_by` is the gate that blocks the whole account now, or None. Raises nothing: a symbol that fails is skipped and
        logged.
        """
        close = self.candle_cache.newest()
        now = self.oms.clock.market_ms()
        self.waits_until = 0
        if not still_valid(now, close, self.timeframe_ms):
            return 0
        if excluded(now, close, self.exclusion_ms):
            still = self.oms.clock.pacer.stands_still
            if still and blocked_by is None and any(self._awaits(symbol) for symbol in symbols):
                self.waits_until = close + self.exclusion_ms
            self.judgements.hand_over()
            return 0
        found = {}
        for symbol in symbols:
            match self._signal(symbol):
                case Unfit(reason):
                    blocked = first(SIGNAL, Signal(unfit=reason or "no answer"))
                    self._skip(symbol, blocked)
                    self.judgements.note(symbol, close, None, blocked)
                case Evaluation() as signal:
                    found[symbol] = signal
            self.between()
        entered = 0
        for symbol in ranked(found, in_order=self.strategy.rule.universe is not None):
            entered += self._consider(symbol, found[symbol], snapshot, blocked_by)
            self.between()
        self.judgements.hand_over()
        return entered

    def send_rests(self, snapshot: AccountSnapshot, blocked_by: Blocked | None) -> int:
        """Send again what the orders of entries left unfilled, if the strategy wants that; returns how many orders were sent."""
        sent = 0
        for symbol, evaluation, left in self.rests.due():
            one = self.candidate(symbol, evaluation, snapshot)
            blocked = one.rest_blocked_by(blocked_by)
            self._skip(symbol, blocked)
            if blocked is None and min(one.qty, left) >= one.smallest:
                sent += self._enter(symbol, evaluation, one.ticker, min(one.qty, left), snapshot)
        return sent

    def _awaits(self, symbol: str) -> bool:
        """Whether a signal waits for this symbol, or may come with its candle."""
        signal = self._signal(symbol)
        if signal is None or not self._is_held(symbol):
            return signal is not None
        if isinstance(signal, Evaluation):
            held = first(SIGNAL, Signal(side=signal.side, shortable=True, held=True))
            self.judgements.note(symbol, signal.closed_at, signal, held)
        return False

    def _signal(self, symbol: str) -> Evaluation | Unfit | None:
        """The strategy's signal at the newest close, or why it could not decide; None if there is no signal."""
        if self._seen.get(symbol) == self.candle_cache.newest():
            return None
        candles, instrument = self.candle_cache.of(symbol) or NOT_THERE, self.oms.instruments[symbol]
        if isinstance(candles, Unfit):
            return candles
        evaluation = self.strategy.evaluate(symbol, candles)
        blocked = self._unwanted(symbol, candles, evaluation)
        if evaluation is None or evaluation.side == 0 or blocked is not None:
            self._seen[symbol] = candles.closed_at
            self.judgements.note(symbol, candles.closed_at, evaluation, blocked)
            return None
        return on_grid(evaluation, instrument)

    def _unwanted(self, symbol: str, candles: Candles, evaluation: Evaluation | None) -> Blocked | None:
        """The gate that makes a decision no signal for this market."""
        if evaluation is None:
            return first(STRATEGY, Strategy(answered=False))
        if evaluation.side == 0:
            return None
        signal = Signal(side=evaluation.side, shortable=self.oms.instruments[symbol].shortable)
        return first(SIGNAL, signal) or first(SIGNAL, signal._replace(returns=self._returns(symbol, candles)))

    def _returns(self, symbol: str, candles: Candles) -> bool:
        """Whether the strategy trades the symbol again after its last trade, if there was one."""
        last = None if self._is_held(symbol) else last_ended(self.oms, symbol)
        return last is None or bool(self.strategy.may_return(symbol, candles, last))

    def _consider(
        self, symbol: str, evaluation: Evaluation, snapshot: AccountSnapshot, blocked_by: Blocked | None
    ) -> int:
        """Take one signal through all gates; returns 1 if an order was sent, else 0."""
        if self._counted.get(symbol) != evaluation.closed_at:
            self._counted[symbol] = evaluation.closed_at
            self.signals += 1
        one = self.candidate(symbol, evaluation, snapshot)
        blocked = one.blocked_by(blocked_by)
        self._skip(symbol, blocked)
        self.judgements.note(symbol, evaluation.closed_at, evaluation, blocked, one.asked)
        return 0 if blocked is not None else self._enter(symbol, evaluation, one.ticker, one.qty, snapshot)

    def candidate(self, symbol: str, evaluation: Evaluation, snapshot: AccountSnapshot) -> Candidate:
        """A signal with the data that the gates check."""
        bounds = Bounds(self.strategy, self.risk_settings, self.limits, self.timeframe_ms, self.news)
        return Candidate(self.oms, bounds, evaluation, symbol, snapshot, lambda: self._equity(evaluation, snapshot))

    def _is_held(self, symbol: str) -> bool:
        """Whether the base coin is held; there is one position per coin, whatever its quote."""
        base = self.oms.instruments[symbol].base
        return any(position.base == base for position in self.oms.book.positions())

    def _equity(self, evaluation: Evaluation, snapshot: AccountSnapshot) -> Decimal:
        """The equity that sizes are a share of: the same for all signals of one close, whenever they act."""
        if self._sized_by[0] != evaluation.closed_at:
            self._sized_by = (evaluation.closed_at, snapshot.equity)
        return self._sized_by[1]

    def _enter(
        self,
        symbol: str,
        evaluation: Evaluation,
        ticker: Ticker,
        qty: Decimal,
        snapshot: AccountSnapshot,
        *,
        attach: bool = True,
    ) -> int:
        """Send the entry with an attached stop if the exchange supports it, and without if it refuses the order because of its
        stop.
        """
        oms, instrument = self.oms, self.oms.instruments[symbol]
        side = Side.BUY if evaluation.side > 0 else Side.SELL
        limit, stop = _limit(side, ticker, instrument), price_of(evaluation.stop)
        able = oms.broker.capabilities()
        attach = attach and able.attached_stop
        intent = oms.draft(
            Purpose.ENTRY,
            symbol,
            side,
            qty,
            OrderType.LIMIT,
            evaluation.closed_at,
            tif=TimeInForce.IOC,
            limit_price=limit,
            attached_stop=stop if attach else None,
            attached_target=self._last_target(evaluation, limit, instrument)
            if attach and able.attached_target
            else None,
            reason=evaluation.why,
            decision=_decision(evaluation, stop, self.oms.fees[symbol].taker),
            pay_in=best_funded_currency(oms, instrument, snapshot).currency if instrument.paid_in else None,
        )
        try:
            record = oms.settle(oms.submit(intent))
        except AlreadyDecided:
            return 0
        if attach and is_refused_for_its_stop(record):
            return self._enter(symbol, evaluation, ticker, qty, snapshot, attach=False)
        self._after(record, evaluation, ticker)
        return 1

    def _last_target(self, evaluation: Evaluation, limit: Decimal, instrument: Instrument) -> Decimal:
        """The price of the last target, seen from the worst price at which the entry may fill, so never nearer than the
        strategy's own. `FAR` is the maximum, and the value for a strategy whose targets do not sell everything.
        """
        side, legs = evaluation.side, self.strategy.legs
        price = limit * FAR if side > 0 else limit / FAR
        if legs and exits.sold_by(len(legs), legs) >= 1.0:
            fee, tick = float(self.oms.fees[instrument.symbol].taker), float(instrument.tick)
            trade = exits.opened(side, float(limit), evaluation.stop, evaluation.out_at, fee, 1, 1, tick)
            last = price_of(exits.target(trade, len(legs), legs))
            price = min(last, price) if side > 0 else max(last, price)
        return instrument.price_up(price) if side > 0 else instrument.price_down(price)

    def _after(self, record: OrderRecord, evaluation: Evaluation, ticker: Ticker) -> None:
        """Log the outcome of an entry and make sure that what was bought is protected."""
        oms, symbol = self.oms, record.symbol
        if record.status is not OrderStatus.REJECTED:
            self._seen[symbol] = evaluation.closed_at
        self.rests.note(record, evaluation)
        position = oms.book.position(symbol)
        if record.booked_qty == 0 or position is None:
            if record.settled and position is None:
                blocked = first(ANSWER, _answer(record))
                self._skip(symbol, blocked)
                self.judgements.came_to_nothing(symbol, evaluation.closed_at, blocked)
            return
        oms.log.info(
            Event.ENTRY,
            symbol=symbol,
            side=record.side,
            qty=position.qty,
            price=position.entry_price,
            stop=position.stop_price,
            score=evaluation.score,
            client_id=record.client_id,
        )
        self.protect(symbol, ticker.bid if position.side is Side.BUY else ticker.ask)

    def protect(self, symbol: str, price: Decimal) -> None:
        """Make sure that a new position has its stop; if the price is already beyond it, sell the position."""
        try:
            if self.protection.ensure(symbol, price, why="entry") is Verdict.BEYOND_STOP:
                self.exits.exit_beyond_stop(symbol, price)
        except BrokerError as error:
            self.oms.log.warning(Event.STOP, symbol=symbol, reason=error.text)

    def _skip(self, symbol: str, blocked: Blocked | None) -> None:
        """Log the gate that blocks an entry, if any, once per symbol, gate and candle. No other line reports it."""
        close = self.candle_cache.newest()
        if blocked is None or blocked.gate in QUIET or self._logged.get((symbol, blocked.gate)) == close:
            return
        self._logged[symbol, blocked.gate] = close
        self.skipped[blocked.gate.word] += 1
        value, limit, reason = explained(blocked)
        self.oms.log.info(Event.SKIP, symbol=symbol, gate=blocked.gate.word, value=value, limit=limit, reason=reason)


def _limit(side: Side, ticker: Ticker, instrument: Instrument) -> Decimal:
    if side is Side.BUY:
        return instrument.price_up(ticker.ask * (ONE + SLIPPAGE))
    return instrument.price_down(ticker.bid * (ONE - SLIPPAGE))


def _answer(record: OrderRecord) -> Answer:
    refused = record.reason or "no reason given" if record.status is OrderStatus.REJECTED else ""
    return Answer(refused, record.booked_qty, record.qty, record.limit_price or ZERO)


def _decision(evaluation: Evaluation, stop: Decimal, fee: Decimal) -> Decision:
    own = evaluation.out_at != evaluation.stop
    return Decision(
        candle_close=evaluation.closed_at,
        stop=stop,
        close=decimal(repr(evaluation.close)),
        fee=fee,
        reason=evaluation.why,
        risk_price=price_of(evaluation.out_at) if own else None,
        kept=evaluation.kept,
        facts=evaluation.facts,
    )
