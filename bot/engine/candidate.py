"""One signal on its way to an order: the data that the gates check, each part gathered when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, iso
from bot.domain.instrument import Instrument, Ticker
from bot.domain.money import ZERO, decimal, floor_to
from bot.domain.order import Purpose
from bot.engine.accounting import AccountSnapshot, base_of, exposures, slots_taken
from bot.engine.buying_power import best_funded_currency
from bot.engine.denials import Denials
from bot.engine.order_manager import OrderManager
from bot.engine.records import is_entry_on, is_harmless
from bot.engine.results import last_ended
from bot.engine.risk import Limits
from bot.strategy import gate_inputs, sizing
from bot.strategy.base import Costs, Evaluation
from bot.strategy.checks import room
from bot.strategy.exact import minimums, quantity
from bot.strategy.exits import tighter
from bot.strategy.gates import (
    CAPACITY,
    OFFER,
    ORDER,
    QUOTE,
    SIGNAL,
    STRATEGY,
    SYMBOL,
    Blocked,
    GateResult,
    P,
    Rows,
    first,
)
from bot.strategy.grid import towards
from bot.strategy.guarded import GuardedStrategy
from bot.strategy.params import RiskSettings
from bot.strategy.timing import to_news

#: How far above the ask (below the bid) an entry may fill: its limit price.
SLIPPAGE = Decimal("0.002")
#: The rise of the price (a factor) after which a position must still fit into one stop.
_MAY_RISE = 2
#: Money is rounded to this before it is converted to lots; a limit is never rounded up.
CENT = Decimal("1e-8")
#: How often one signal may be tried if the exchange certainly did nothing.
TRIES = 3
#: The name of the end of a trade that its owner ended, by a command or by hand at the exchange.
_BY_OWNER = frozenset({Purpose.FLATTEN, Purpose.OWNER})
#: Stands for a limit that the owner has not set.
NO_LIMIT = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What entries are checked against: the strategy and the owner's settings. Times in market ms."""

    strategy: GuardedStrategy
    risk_settings: RiskSettings
    limits: Limits
    timeframe_ms: int
    news: Sequence[int] = ()


class Answer(NamedTuple):
    """The strategy's requirements for the trade, at the close and at the price to be paid, and its size in percent of equity."""

    at_close: gate_inputs.Offer
    to_be_paid: gate_inputs.Offer
    pct: float


@dataclass(frozen=True)
class Candidate:
    """A signal of one symbol. `equity` returns the dollars that its size is a share of. Requests one ticker, once."""

    oms: OrderManager
    bounds: Bounds
    evaluation: Evaluation
    symbol: str
    snapshot: AccountSnapshot
    equity: Callable[[], Decimal]
    asked: list[GateResult] = field(default_factory=list)
    """The gates that were checked, with their results."""

    def blocked_by(self, account: Blocked | None) -> Blocked | None:
        """The first gate that blocks it; `account` is the one that blocks the whole account, if any does."""
        return (
            self._first(SIGNAL, self.signal)
            or account
            or self._first(SYMBOL, self.known)
            or self._first(CAPACITY, self.capacity)
            or self._first(QUOTE, self.quote)
            or self._first(STRATEGY, gate_inputs.Strategy(answered=self._answer is not None))
            or self._first(OFFER, self.answer.at_close)
            or self._first(OFFER, self.answer.to_be_paid)
            or self._first(ORDER, self.order)
        )

    def rest_blocked_by(self, account: Blocked | None) -> Blocked | None:
        """The first gate that blocks what the order of this entry left unfilled; its own position takes no second slot."""
        held = self.oms.book.position(self.symbol) is not None
        return (
            account
            or self._first(SYMBOL, self.known._replace(entries=0, unsettled=0))
            or (None if held else self._first(CAPACITY, self.capacity))
            or self._first(QUOTE, self.quote)
            or self._first(STRATEGY, gate_inputs.Strategy(answered=self._answer is not None))
            or self._first(OFFER, self.answer.to_be_paid)
            or self._first(ORDER, self.order)
        )

    def _first(self, rows: Rows[P], part: P) -> Blocked | None:
        return first(rows, part, self.asked)

    # -- the parts of the snapshot --------------------------------------------------------------------------------
    @property
    def signal(self) -> gate_inputs.Signal:
        """One position per base coin, whatever its quote."""
        held = any(position.base == self.instrument.base for position in self.oms.book.positions())
        return gate_inputs.Signal(side=self.evaluation.side, shortable=self.instrument.shortable, held=held)

    @property
    def known(self) -> gate_inputs.Symbol:
        oms, limits, base = self.oms, self.bounds.limits, self.instrument.base
        now = oms.clock.market_ms()
        lost, cooled_at = _losses(oms.book.results(self.symbol, limits.max_losses_in_a_row), limits)
        entries, most = self._tried()
        return gate_inputs.Symbol(
            base=base,
            candle=self.evaluation.closed_at,
            timeframe=self.bounds.timeframe_ms,
            unsettled=sum(base_of(record.symbol) == base for record in oms.book.unsettled()),
            market=oms.markets.blocked_by(self.instrument),
            stopped_at=self._stopped_at(),
            lost_in_a_row=lost,
            max_lost_in_a_row=limits.max_losses_in_a_row,
            wait_min=-((now - cooled_at) // MINUTE),
            to_news=to_news(self.bounds.news, now),
            entries=entries,
            max_entries=most,
            denied=Denials(oms.book).reason(self.instrument) or self._sold_by_owner() or self._others_contracts,
        )

    @cached_property
    def capacity(self) -> gate_inputs.Capacity:
        return capacity(self.oms, self.bounds.limits, self.instrument.base, self.snapshot)

    @property
    def quote(self) -> gate_inputs.Quote:
        missing, ticker, limits = self._missing, self._ticker, self.bounds.limits
        bid, ask = (ZERO, ZERO) if ticker is None else (ticker.bid, ticker.ask)
        return gate_inputs.Quote(missing, self.close, bid, ask, limits.price_sanity_pct, limits.max_spread_pct)

    @cached_property
    def order(self) -> gate_inputs.Order:
        """Limits count it at the worst price it may fill at."""
        size, now = self._size, self.capacity
        left = room(now)
        return gate_inputs.Order(
            lots=size.lots,
            fit=size.fit,
            smallest=size.smallest_value,
            allowed=size.allowed,
            value=self._qty(size.lots or size.smallest) * self._worst,
            max_order=now.max_order,
            coin_room=left.coin,
            room=left.total,
            tightest=left.tightest,
        )

    @cached_property
    def _size(self) -> sizing.Size:
        rule, risk_settings = self.bounds.strategy.rule, self.bounds.risk_settings
        paid = self.ticker.ask if self.evaluation.side > 0 else self.ticker.bid
        sized_at = paid if rule.sizes_at_price else self.close
        return sizing.size(
            self.answer.pct,
            float(sized_at),
            self.evaluation.stop,
            self._buying_power(floor_to(room(self.capacity).least * sized_at / self._worst, CENT)),
            minimums(self.instrument),
            risk_settings if rule.raises_small else risk_settings._replace(max_position_pct_small=0.0),
            rule.least_part,
        )

    @property
    def _worst(self) -> Decimal:
        return sizing.worst_price(self.close, self.ticker.ask, SLIPPAGE, self.instrument.tick)

    # -- data for the snapshot and for the entry -------------------------------------------------------------------
    @property
    def instrument(self) -> Instrument:
        return self.oms.instruments[self.symbol]

    @property
    def close(self) -> Decimal:
        return decimal(repr(self.evaluation.close))

    @property
    def ticker(self) -> Ticker:
        """Bid and ask. Valid only after the price gates have passed."""
        if self._ticker is None:
            raise LookupError(self._missing)
        return self._ticker

    @property
    def answer(self) -> Answer:
        """The strategy's answer. Valid only after its gate has passed."""
        if self._answer is None:
            raise LookupError(self.symbol)
        return self._answer

    @property
    def qty(self) -> Decimal:
        """The quantity of the order; 0 if none fits."""
        return self._qty(self.order.lots)

    @property
    def smallest(self) -> Decimal:
        """The smallest quantity that could be sold again after a loss."""
        return self._qty(self._size.smallest)

    @cached_property
    def _asked(self) -> tuple[Ticker | None, str]:
        """The current ticker, or why there is none."""
        try:
            ticker = self.oms.prices.tickers({self.symbol}).get(self.symbol)
        except BrokerError as error:
            self.oms.markets.record_error(error, self.symbol)
            return None, error.text or "no answer"
        return ticker, "" if ticker is not None else "the exchange quotes none"

    @property
    def _ticker(self) -> Ticker | None:
        return self._asked[0]

    @property
    def _missing(self) -> str:
        return self._asked[1]

    @cached_property
    def _answer(self) -> Answer | None:
        """The strategy's requirements at the close and at the ask (shorts: the bid); None if it could not answer."""
        ticker, now, strategy = self.ticker, self.evaluation, self.bounds.strategy
        costs = Costs(float(self.oms.fees[self.symbol].taker), float(ticker.ask - ticker.bid))
        where, paid = ("ask", ticker.ask) if now.side > 0 else ("bid", ticker.bid)
        at_close = offer(strategy, self.symbol, now, "close", now.close, costs)
        to_be_paid = offer(strategy, self.symbol, now, where, float(paid), costs)
        pct = strategy.size_pct(self.symbol, now)
        if at_close is None or to_be_paid is None or pct is None:
            return None
        return Answer(at_close, to_be_paid, pct)

    def _stopped_at(self) -> int:
        """The last stop-out (market ms) if the strategy skips the candle of a stop-out; 0 for none."""
        sits_out = self.bounds.strategy.rule.sits_out_stops
        return int(self.oms.book.get_state(f"stopped:{self.symbol}") or 0) if sits_out else 0

    def _sold_by_owner(self) -> str:
        """The reason if the owner had a position here sold in this candle, which a signal would buy back at once; else ""."""
        last = last_ended(self.oms, self.symbol)
        since = self.evaluation.closed_at - self.bounds.timeframe_ms
        if last is None or last.exit not in _BY_OWNER or last.at < since:
            return ""
        return f"sold by you in this candle, at {iso(last.at)}: no entry until the next candle"

    @cached_property
    def _others_contracts(self) -> str:
        """Why not to enter a contract of which the account holds some that are not ours, "" if it holds none: at an exchange that
        nets them, an order of ours would add to them or close them.
        """
        if not self.instrument.shortable:
            return ""
        try:
            held = self.oms.broker.contracts()
        except BrokerError as error:
            return f"it is not known whose contracts are held here: {error.text}"
        position = self.oms.book.position(self.symbol)
        ours = {} if position is None else {position.side: position.qty}
        others = any(name == self.symbol and qty > ours.get(side, 0) for (name, side), qty in held.items())
        return "contracts are held here that are not NIJA's" if others else ""

    def _tried(self) -> tuple[int, int]:
        """How often this candle was tried, and how often it may be: again if the earlier attempt certainly placed nothing."""
        book, candle = self.oms.book, self.evaluation.closed_at
        attempts = book.attempts(self.symbol, candle, Purpose.ENTRY)
        if attempts == 0:
            return 0, 1
        tried = [record for record in book.orders_of(self.symbol, candle) if is_entry_on(record, candle)]
        return (len(tried), TRIES) if tried and all(map(is_harmless, tried)) else (attempts, 1)

    def _buying_power(self, ceiling: Decimal) -> sizing.BuyingPower:
        """The cash that an entry may use."""
        fee = self.oms.fees[self.symbol]
        return sizing.BuyingPower(
            equity=float(self.equity()),
            free=float(best_funded_currency(self.oms, self.instrument, self.snapshot).free),
            fee=float(fee.taker),
            slippage=float(SLIPPAGE),
            ceiling=float(ceiling),
            coin_fee=float(fee.taker) if fee.in_coin else 0.0,
        )

    def _qty(self, lots: int) -> Decimal:
        return self.instrument.at_most(quantity(lots, self.instrument.lot), self._worst * _MAY_RISE)


def capacity(oms: OrderManager, limits: Limits, base: str, snapshot: AccountSnapshot) -> gate_inputs.Capacity:
    """The account's remaining capacity: `snapshot`, less what this scan has entered or left in doubt since."""
    positions, unsettled = oms.book.positions(), oms.book.unsettled()
    at_stake = exposures(positions, unsettled, snapshot.prices)
    return gate_inputs.Capacity(
        balances_age=oms.clock.steady_ms() - snapshot.at,
        open_positions=slots_taken(positions, unsettled),
        max_open_positions=limits.max_open_positions,
        orders_last_minute=oms.book.orders_since(oms.clock.market_ms() - MINUTE),
        max_orders_per_minute=limits.max_orders_per_minute,
        equity=snapshot.equity,
        exposure=sum(at_stake.values(), ZERO),
        max_exposure_pct=limits.max_exposure_pct,
        coin_exposure=at_stake.get(base, ZERO),
        max_coin_exposure_pct=limits.max_coin_exposure_pct,
        max_order=NO_LIMIT if limits.max_order_usd is None else limits.max_order_usd,
    )


def offer(
    strategy: GuardedStrategy, symbol: str, evaluation: Evaluation, where: str, price: float, costs: Costs
) -> gate_inputs.Offer | None:
    """The trade at a price, with the strategy's requirements there and its stop no further than the one that is to rest; None if
    the strategy could not answer.
    """
    terms = strategy.terms(symbol, evaluation, price, costs)
    if terms is None:
        return None
    stop = tighter(evaluation.side, evaluation.stop, terms.stop)
    return gate_inputs.Offer(where, evaluation.side, price, *terms._replace(stop=stop))


def on_grid(evaluation: Evaluation, instrument: Instrument) -> Evaluation:
    """The decision with its stop on the exchange's price grid; everything later is measured from that stop."""
    return evaluation._replace(stop=towards(evaluation.side, evaluation.stop, float(instrument.tick)))


def _losses(results: Sequence[tuple[int, Decimal]], limits: Limits) -> tuple[int, int]:
    """How many of the last closed positions lost in a row, and until when (market ms) that blocks entries.

    `results` has the newest first. Once the limit is reached, every further loss restarts the cooldown; a gain ends the row.
    """
    gains = (at for at, (_, earned) in enumerate(results) if earned >= ZERO)
    return next(gains, len(results)), results[0][0] + limits.cooldown_ms if results else 0
