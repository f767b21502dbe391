"""Entries: from signals at a candle's close to protected positions, through every gate, one line for each refusal.

One entry per symbol and candle, ever: the decision key in the database sees to it, whatever restarts in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE
from bot.domain.instrument import Instrument, Ticker
from bot.domain.log import Event
from bot.domain.money import ONE, ZERO, decimal, floor_to, shortened
from bot.domain.order import Decision, OrderRecord, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bot.engine import risk
from bot.engine.accounting import Standing, base_of, exposures, slots_taken
from bot.engine.book import AlreadyDecided
from bot.engine.close import Closing
from bot.engine.desk import Desk, is_harmless, is_refused_for_its_stop
from bot.engine.offer import objection, on_grid
from bot.engine.prices import Prices, Unfit
from bot.engine.protect import Protection, Verdict
from bot.engine.purse import fullest
from bot.strategy import sizing
from bot.strategy.base import Evaluation, Strategy, ranked
from bot.strategy.exact import minimums, price_of, quantity
from bot.strategy.params import Owner
from bot.strategy.timing import barred, blocked_by_news, excluded, still_valid

#: How far above the ask (below the bid) an entry may fill: its limit price.
SLIPPAGE = Decimal("0.002")
#: Money is rounded to this before it becomes lots; a limit is never rounded up.
CENT = Decimal("1e-8")
#: Which bound a size that does not fit was held against.
_SIZE_LIMITS = {sizing.Fit.OVER_EQUITY: "MAX_POSITION_PCT_SMALL of equity", sizing.Fit.OVER_CASH: "free cash"}
#: Times one signal may be tried when the venue surely did nothing.
TRIES = 3


@dataclass(slots=True)
class Entries:
    """Decides and enters, for one account."""

    desk: Desk
    protection: Protection
    closing: Closing
    strategy: Strategy
    prices: Prices
    limits: risk.Limits
    owner: Owner
    timeframe_ms: int
    exclusion_ms: int = 6_000
    news: Sequence[int] = ()
    signals: int = 0
    waits_until: int = 0
    """When signals that wait for the new candle's first seconds to pass may act (market ms); 0 when none waits, or when the
    market moves by itself and nobody need be told.
    """
    between: Callable[[], None] = lambda: None
    """Called between two symbols: a scan may take long, and what is held is not to wait for its end."""
    skipped: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, int] = field(default_factory=dict)
    _told: dict[tuple[str, str], int] = field(default_factory=dict)
    _sized_by: tuple[int, Decimal] = (0, ZERO)

    def scan(self, symbols: Sequence[str], standing: Standing, may_enter: str | None) -> int:
        """Evaluate `symbols` at the newest close and enter what passes; returns how many were entered.

        `may_enter` is why there must be no entries now, or None. Raises nothing: a symbol that fails is skipped with a line.
        """
        close = self.prices.newest_close()
        now = self.desk.clock.market_ms()
        self.waits_until = 0
        if not still_valid(now, close, self.timeframe_ms):
            return 0
        if excluded(now, close, self.exclusion_ms):
            still = self.desk.clock.pacer.stands_still
            if still and may_enter is None and any(self._awaits(symbol) for symbol in symbols):
                self.waits_until = close + self.exclusion_ms
            return 0
        found = {}
        for symbol in symbols:
            what = self._evaluate(symbol)
            if what is not None:
                found[symbol] = what
            self.between()
        entered = 0
        for symbol in ranked(found):
            entered += self._consider(symbol, found[symbol], standing, may_enter)
            self.between()
        return entered

    def _awaits(self, symbol: str) -> bool:
        """Whether a signal waits here, or may be there when its candle is."""
        try:
            return not self._is_held(symbol) and self._signal(symbol) is not None
        except (Unfit, BrokerError):
            return True

    def _evaluate(self, symbol: str) -> Evaluation | None:
        try:
            return self._signal(symbol)
        except Unfit as error:
            self._skip(symbol, "candles", str(error))
        except BrokerError as error:
            self.desk.markets.heed_error(error, symbol)
            self._skip(symbol, "candles", error.text)
        return None

    def _signal(self, symbol: str) -> Evaluation | None:
        """What the rule says of the newest close, if that is an entry; raises `Unfit` and `BrokerError`."""
        if self._seen.get(symbol) == self.prices.newest_close():
            return None
        evaluation = self.strategy.evaluate(self.prices.closed(symbol))
        if evaluation.side == 0 or (evaluation.side < 0 and not self.desk.instruments[symbol].shortable):
            self._seen[symbol] = evaluation.closed_at
            return None
        return on_grid(evaluation, self.desk.instruments[symbol])

    def _consider(self, symbol: str, evaluation: Evaluation, standing: Standing, may_enter: str | None) -> int:
        """One signal through all gates; 1 when an order was sent."""
        candle = evaluation.closed_at
        if (symbol, "signal") not in self._told or self._told[symbol, "signal"] != candle:
            self._told[symbol, "signal"] = candle
            self.signals += 1
        if self._is_held(symbol):
            return 0
        reason = self._barred(symbol, candle) or may_enter
        if reason is not None:
            self._skip(symbol, "barred", reason)
            return 0
        facts = self._facts(symbol, standing)
        limit = risk.stale("balances", self.desk.clock.steady_ms() - standing.at) or risk.full(facts, self.limits)
        if limit is not None:
            self._skip(symbol, "limit", str(limit))
            return 0
        try:
            ticker = self.desk.broker.tickers({symbol}).get(symbol)
        except BrokerError as error:
            self.desk.markets.heed_error(error, symbol)
            self._skip(symbol, "price", error.text)
            return 0
        if ticker is None:
            self._skip(symbol, "price", "no price")
            return 0
        qty = self._plan(symbol, evaluation, ticker, standing, facts)
        return 0 if qty is None else self._enter(symbol, evaluation, ticker, qty, standing)

    def _is_held(self, symbol: str) -> bool:
        """One position per base coin, whatever its quote."""
        base = self.desk.instruments[symbol].base
        return any(position.base == base for position in self.desk.book.positions())

    def _barred(self, symbol: str, candle: int) -> str | None:
        """Why this symbol takes no entry on this candle, whatever it costs."""
        book = self.desk.book
        base = self.desk.instruments[symbol].base
        if any(base_of(record.symbol) == base for record in book.unsettled()):
            return f"an order of {base} is not settled"
        closed = self.desk.markets.takes_entries(self.desk.instruments[symbol])
        if closed is not None:
            return closed
        stopped = book.fact(f"stopped:{symbol}")
        if barred(int(stopped) if stopped else None, candle, self.timeframe_ms):
            return "stopped out in this candle"
        results = book.results(symbol, self.limits.max_losses_in_a_row)
        cooling = risk.cooling(results, self.desk.clock.market_ms(), self.limits)
        if cooling is not None:
            return str(cooling)
        if blocked_by_news(self.news, self.desk.clock.market_ms()):
            return "within 5 minutes of an event in the calendar"
        return self._spent(symbol, candle)

    def _spent(self, symbol: str, candle: int) -> str | None:
        """Whether this candle's one entry was made; a refusal after which surely nothing happened leaves it open."""
        if self.desk.book.attempts(symbol, candle, Purpose.ENTRY) == 0:
            return None
        tried = [
            record
            for record in self.desk.book.orders_of(symbol, candle)
            if record.purpose is Purpose.ENTRY
            and record.decision is not None
            and record.decision.candle_close == candle
        ]
        if len(tried) < TRIES and tried and all(is_harmless(record) for record in tried):
            return None
        return "entered on this candle already"

    def _plan(
        self, symbol: str, evaluation: Evaluation, ticker: Ticker, standing: Standing, facts: risk.Facts
    ) -> Decimal | None:
        """The quantity to enter with, or None after saying why not. Limits count it at the worst price it may fill at."""
        instrument, fee = self.desk.instruments[symbol], self.desk.fees[symbol]
        close = decimal(repr(evaluation.close))
        insane = risk.insane(close, ticker.bid, ticker.ask, self.limits)
        if insane is not None:
            return self._no(symbol, "price", str(insane))
        poor = objection(self.strategy, evaluation, ticker, float(fee.taker))
        if poor is not None:
            return self._no(symbol, poor.gate, str(poor.refusal))
        worst = max(close, ticker.ask * (ONE + SLIPPAGE) + instrument.tick)
        ceiling = risk.ceiling(facts, self.limits)
        size = sizing.size(
            self.strategy.size_pct(evaluation),
            evaluation.close,
            evaluation.stop,
            self._purse(
                instrument, standing, self._equity(evaluation, standing), floor_to(ceiling.usd * close / worst, CENT)
            ),
            minimums(instrument),
            self.owner,
        )
        if size.lots == 0:
            limit = ceiling.limit if size.fit is sizing.Fit.OVER_CEILING else _SIZE_LIMITS[size.fit]
            refusal = risk.Refusal(limit, f"smallest order {size.smallest_value:.2f}", f"{size.allowed:.2f}")
            return self._no(symbol, "size", str(refusal))
        qty = self._capped(quantity(size.lots, instrument.lot), instrument)
        over = risk.refusal(qty * worst, facts, self.limits)
        return qty if over is None else self._no(symbol, "limit", str(over))

    def _facts(self, symbol: str, standing: Standing) -> risk.Facts:
        """Where the account stands now: `standing`, and what this scan has entered or left in doubt since."""
        book = self.desk.book
        positions, unsettled = book.positions(), book.unsettled()
        at_stake = exposures(positions, unsettled, standing.prices)
        return risk.Facts(
            equity=standing.equity,
            exposure=sum(at_stake.values(), ZERO),
            coin_exposure=at_stake.get(self.desk.instruments[symbol].base, ZERO),
            open_positions=slots_taken(positions, unsettled),
            orders_last_minute=book.orders_since(self.desk.clock.market_ms() - MINUTE),
        )

    def _purse(self, instrument: Instrument, standing: Standing, equity: Decimal, ceiling: Decimal) -> sizing.Purse:
        """What an entry may be paid from."""
        fee = self.desk.fees[instrument.symbol]
        return sizing.Purse(
            equity=float(equity),
            free=float(fullest(self.desk, instrument, standing).free),
            fee=float(fee.taker),
            slippage=float(SLIPPAGE),
            ceiling=float(ceiling),
            coin_fee=float(fee.taker) if fee.in_coin else 0.0,
        )

    def _equity(self, evaluation: Evaluation, standing: Standing) -> Decimal:
        """What sizes are a share of: the same for all signals of one close, whenever each may act."""
        if self._sized_by[0] != evaluation.closed_at:
            self._sized_by = (evaluation.closed_at, standing.equity)
        return self._sized_by[1]

    @staticmethod
    def _capped(qty: Decimal, instrument: Instrument) -> Decimal:
        return min(qty, instrument.max_qty) if instrument.max_qty is not None else qty

    def _enter(
        self,
        symbol: str,
        evaluation: Evaluation,
        ticker: Ticker,
        qty: Decimal,
        standing: Standing,
        *,
        attach: bool = True,
    ) -> int:
        """Send the entry, with its stop where the venue takes one; without, where it refuses the order for its stop."""
        desk, instrument = self.desk, self.desk.instruments[symbol]
        side = Side.BUY if evaluation.side > 0 else Side.SELL
        limit, stop = _limit(side, ticker, instrument), price_of(evaluation.stop)
        able = desk.broker.capabilities()
        attach = attach and able.attached_stop
        intent = desk.draft(
            Purpose.ENTRY,
            symbol,
            side,
            qty,
            OrderType.LIMIT,
            evaluation.closed_at,
            tif=TimeInForce.IOC,
            limit_price=limit,
            attached_stop=stop if attach else None,
            attached_target=self._last_target(side, limit, stop, instrument)
            if attach and able.attached_target
            else None,
            reason=f"score {evaluation.score} adx {evaluation.adx:.1f}",
            decision=_decision(evaluation, stop, self.desk.fees[symbol].taker),
            pay_in=fullest(desk, instrument, standing).currency if instrument.paid_in else None,
        )
        try:
            record = desk.settle(desk.submit(intent))
        except AlreadyDecided:
            return 0
        if attach and is_refused_for_its_stop(record):
            return self._enter(symbol, evaluation, ticker, qty, standing, attach=False)
        self._after(record, evaluation, ticker)
        return 1

    def _last_target(self, side: Side, limit: Decimal, stop: Decimal, instrument: Instrument) -> Decimal:
        """The last target of the worst price the entry may fill at: never nearer than the rule's own."""
        fee, tick = float(self.desk.fees[instrument.symbol].taker), float(instrument.tick)
        trade = self.strategy.opened(side.sign, float(limit), float(stop), fee, 1, 1, tick)
        price = price_of(self.strategy.targets(trade)[2])
        return instrument.price_up(price) if side is Side.BUY else instrument.price_down(price)

    def _after(self, record: OrderRecord, evaluation: Evaluation, ticker: Ticker) -> None:
        """Say what came of it and see that what was bought is protected."""
        desk, symbol = self.desk, record.symbol
        if record.status is not OrderStatus.REJECTED:
            self._seen[symbol] = evaluation.closed_at
        position = desk.book.position(symbol)
        if record.booked_qty == 0 or position is None:
            if record.settled:
                desk.log.info(
                    Event.SKIP, symbol=symbol, reason=record.reason or "nothing filled within the price limit"
                )
            return
        desk.log.info(
            Event.ENTRY,
            symbol=symbol,
            side=record.side,
            qty=position.qty,
            price=shortened(position.entry_price),
            stop=position.stop_price,
            score=evaluation.score,
            client_id=record.client_id,
        )
        self.protect(symbol, ticker.bid if position.side is Side.BUY else ticker.ask)

    def protect(self, symbol: str, price: Decimal) -> None:
        """See that a fresh position has its stop; one that is through it already is sold."""
        try:
            if self.protection.ensure(symbol, price, why="entry") is Verdict.THROUGH:
                self.closing.through(symbol, price)
        except BrokerError as error:
            self.desk.log.warning(Event.STOP, symbol=symbol, reason=error.text)

    def _no(self, symbol: str, kind: str, reason: str) -> Decimal | None:
        """Not entered, said why: no quantity."""
        self._skip(symbol, kind, reason)
        return None

    def _skip(self, symbol: str, kind: str, reason: str) -> None:
        """One line for each symbol, kind and candle."""
        close = self.prices.newest_close()
        if self._told.get((symbol, kind)) != close:
            self._told[symbol, kind] = close
            self.skipped[kind] += 1
            self.desk.log.info(Event.SKIP, symbol=symbol, gate=kind, reason=reason)


def _limit(side: Side, ticker: Ticker, instrument: Instrument) -> Decimal:
    if side is Side.BUY:
        return instrument.price_up(ticker.ask * (ONE + SLIPPAGE))
    return instrument.price_down(ticker.bid * (ONE - SLIPPAGE))


def _decision(evaluation: Evaluation, stop: Decimal, fee: Decimal) -> Decision:
    return Decision(
        candle_close=evaluation.closed_at,
        stop=stop,
        close=decimal(repr(evaluation.close)),
        atr=decimal(repr(evaluation.atr)),
        score=evaluation.score,
        adx=decimal(repr(evaluation.adx)),
        fee=fee,
        reason=evaluation.why.name.lower(),
    )
