"""The order manager: used by every part of the engine, and the only sender of orders.

`OrderManager.submit` is the only place where an order leaves NIJA: first the intent is stored, then the request is sent, then
its outcome is stored. `OrderManager.sync` is the only place where the exchange's reports on an order enter the book.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.brokers.base import AbsenceProof, BaseBroker, BrokerError
from bot.domain.clock import Ages, Clock
from bot.domain.fill import Fill
from bot.domain.ids import ClientIds, decision_key, is_ours, tag_of
from bot.domain.instrument import FeeRate, Instrument
from bot.domain.log import Event, Log
from bot.domain.order import (
    IN_FLIGHT,
    WORKING,
    Decision,
    Intent,
    OrderRecord,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
    VenueOrder,
)
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from bot.engine.book import Book, Booking
from bot.engine.coins import Coins
from bot.engine.doubts import HIDDEN, Doubts
from bot.engine.markets import CLOSED, Markets
from bot.engine.records import at_stake, coins_of, markets_of, symbol_of
from bot.engine.valuation import Valuation
from bot.marketdata.port import Prices

#: Waits (wall seconds) between checks of an order that should end at once; after the last one the order is left to later checks.
PATIENCE = (0.0, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2)

#: The longest that any call may take (wall seconds) while coins have no stop.
NAKED_CALL = 2.0


@dataclass(slots=True)
class OrderManager:
    """Broker, book, clock and current market rules of one account. Owned by one thread."""

    broker: BaseBroker
    book: Book
    clock: Clock
    log: Log
    ids: ClientIds
    instruments: dict[str, Instrument] = field(default_factory=dict)
    fees: dict[str, FeeRate] = field(default_factory=dict)
    on_fill: Callable[[Booking], None] | None = None
    pause: Callable[[float], object] = time.sleep
    markets: Markets = field(init=False)
    doubts: Doubts = field(init=False, default_factory=Doubts)
    ages: Ages = field(init=False)
    let_go: set[str] = field(init=False, default_factory=set)
    coins: Coins = field(init=False)
    valuation: Valuation = field(init=False)

    def __post_init__(self) -> None:
        self.coins = Coins(self)
        self.valuation = Valuation(self)
        self.markets = Markets(self.broker, self.clock, self.log)
        self.ages = Ages(self.clock)
        self.broker.keep_readable(lambda asset: asset in coins_of(self.book))
        self.broker.keep_symbols(lambda name: symbol_of(self.book, name))

    @property
    def prices(self) -> Prices:
        """The source of prices: the broker, unless a faster one is set."""
        return self.broker

    def learn_rules(self) -> None:
        """Read the markets and their current rules; raises `BrokerError`."""
        self.broker.keep_listed(markets_of(self.book))
        held = [position.symbol for position in self.book.positions()]
        self.instruments = self.markets.read(self.instruments, held, self.book)

    def fee(self, symbol: str) -> FeeRate:
        """The fee of this account at a market; raises `BrokerError` if it has to be requested and that fails."""
        if symbol not in self.fees:
            self.fees.update(self.broker.fees({symbol}))
        return self.fees.get(symbol, FeeRate(Decimal(0), Decimal(0)))

    def doubt_rules(self) -> None:
        """Read the rules early if a refusal or a closed market requires it; raises `BrokerError`."""
        if self.markets.is_due(self.instruments[one.symbol] for one in self.book.positions()):
            self.learn_rules()

    def draft(
        self,
        purpose: Purpose,
        symbol: str,
        side: Side,
        qty: Decimal,
        kind: OrderType,
        candle_close: int,
        *,
        tif: TimeInForce = TimeInForce.GTC,
        limit_price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        attached_stop: Decimal | None = None,
        attached_target: Decimal | None = None,
        reduce_only: bool = False,
        reason: str = "",
        decision: Decision | None = None,
        deadline_ms: int | None = None,
        pay_in: str | None = None,
        decision_price: Decimal | None = None,
    ) -> Intent:
        """Create an intent with its ids, its decision key and its deadline, at most `deadline_ms` from now. A position is sold
        for the currency that paid for it.
        """
        attempt = self.book.attempts(symbol, candle_close, purpose)
        now = self.clock.wall_ms()
        able = self.broker.capabilities()
        return Intent(
            client_id=self.ids.next(),
            key=decision_key(self.book.account, symbol, candle_close, purpose, attempt),
            purpose=purpose,
            symbol=symbol,
            side=side,
            qty=qty,
            type=kind,
            created_at=self.clock.market_ms(),
            sent_at=now,
            tif=tif,
            limit_price=limit_price,
            trigger_price=trigger_price,
            attached_stop=attached_stop,
            attached_target=attached_target,
            deadline=now + min(able.deadline_ms, deadline_ms or able.deadline_ms)
            if able.absence is AbsenceProof.DEADLINE
            else None,
            reduce_only=reduce_only,
            reason=reason,
            decision=decision,
            pay_in=pay_in or self.paid_in(symbol),
            decision_price=decision_price,
        )

    def paid_in(self, symbol: str) -> str | None:
        """The currency that paid for the position in a symbol; None for its quote, and if there is no position."""
        position = self.book.position(symbol)
        if position is None:
            return None
        entry = self.book.by_client_id(position.entry_id) or self.book.by_exchange_id(position.entry_id)
        return entry.pay_in if entry is not None else None

    def submit(self, intent: Intent) -> OrderRecord:
        """Store the intent, send it once and store the outcome. Raises `AlreadyDecided` before anything is sent."""
        self.book.record(intent)
        self.ages.of(intent.client_id)  # start its age now, so that setting the clock does not change it
        outcome = self.broker.place(intent)
        self.markets.record_outcome(intent.symbol, outcome, stop=intent.purpose is Purpose.STOP)
        match outcome:
            case Placed(exchange_id):
                return self.book.mark(intent.client_id, OrderStatus.SUBMITTED, exchange_id=exchange_id)
            case NotPlaced(meaning, reason):
                self.log.warning(
                    Event.REJECTED,
                    symbol=intent.symbol,
                    purpose=intent.purpose,
                    client_id=intent.client_id,
                    reason=reason,
                )
                return self.book.mark(intent.client_id, OrderStatus.REJECTED, reason=f"{meaning}: {reason}")
            case Unknown(reason, unheard):
                self.log.warning(
                    Event.UNKNOWN,
                    symbol=intent.symbol,
                    purpose=intent.purpose,
                    client_id=intent.client_id,
                    reason=reason,
                )
                words = f"{ErrorMeaning.UNKNOWN}: {reason}" if unheard else reason
                return self.book.mark(intent.client_id, OrderStatus.UNKNOWN, reason=words)

    # -- coins without a stop -------------------------------------------------------------------------------------
    def mark_unprotected(self, symbol: str, why: str) -> None:
        """Begin a naked period: stops do not cover the whole position. Until it ends, no call may take long, unless the market is
        closed: that may last for days.
        """
        self.book.mark_unprotected(symbol, self.clock.wall_ms(), why)
        self.limit_calls()

    def mark_protected(self, symbol: str) -> int:
        """End a naked period: the position is protected again or being sold. Returns its length (wall ms)."""
        naked = self.book.mark_protected(symbol, self.clock.wall_ms())
        self.limit_calls()
        return naked

    def limit_calls(self) -> None:
        """Use short time-outs while any coins have no stop in a market that takes orders, and the usual ones otherwise."""
        naked = (self.instruments.get(symbol) for symbol in self.book.unprotected())
        urgent = any(one is None or one.trading not in CLOSED for one in naked)
        self.broker.limit_calls(NAKED_CALL if urgent else None)

    def settle(self, record: OrderRecord) -> OrderRecord:
        """Follow an order that should end at once until it is finished and all of its fills are booked, or `PATIENCE` is used
        up.
        """
        for wait in PATIENCE:
            if record.settled or record.status is OrderStatus.UNKNOWN:
                return record
            self.pause(wait)
            try:
                record = self.refresh(record)
            except BrokerError as error:
                self.log.warning(Event.UNSETTLED, symbol=record.symbol, client_id=record.client_id, reason=error.text)
                return record
        return record

    def refresh(self, record: OrderRecord) -> OrderRecord:
        """Request one order of ours from the exchange and book its report; raises `BrokerError`."""
        if record.exchange_id is None:
            return record
        order = self.broker.order(record.exchange_id, record.symbol)
        return (self.sync(order) or record) if order is not None else self.forgotten(record)

    def learn_ended(self, open_orders: Iterable[VenueOrder], stops_of: str | None = None) -> None:
        """Request how orders of ours that are no longer open ended, so that their fills are booked now; of all orders, or of the
        stops of one symbol. An exchange may refuse to look for an order in a market that it has closed: then only the latter
        raises `BrokerError`, because the other orders do not depend on it.
        """
        alive = {order.exchange_id for order in open_orders if order.status in WORKING}
        for record in self.book.unsettled():
            if record.exchange_id is None or record.exchange_id in alive | self.let_go:
                continue
            if stops_of is None or (record.symbol == stops_of and record.purpose is Purpose.STOP):
                self._refresh_if_possible(record, always=stops_of is not None)

    def _refresh_if_possible(self, record: OrderRecord, *, always: bool = False) -> OrderRecord:
        """The order as the exchange shows it, unchanged if it does not look into that market; then raises only if `always`."""
        try:
            return self.refresh(record)
        except BrokerError as error:
            if always or not error.meaning.concerns_market:
                raise
            return record

    def forgotten(self, record: OrderRecord) -> OrderRecord:
        """Mark an order that is no longer shown as ended unfilled, once it is older than the exchange keeps such orders."""
        memory = self.broker.capabilities().forgets_after_ms
        too_old = memory is not None and self.clock.market_ms() - record.created_at > memory
        if not too_old or record.done or record.client_id is None:
            return record
        self.log.info(Event.FORGOTTEN, symbol=record.symbol, client_id=record.client_id, reason="no trace, no fill")
        reason = "the exchange shows neither the order nor a fill any more"
        return self.book.mark(record.client_id, OrderStatus.CANCELED, reason=reason)

    def sync(self, order: VenueOrder) -> OrderRecord | None:
        """Apply the exchange's report on a known order and book its fills; None for an unknown order.

        The orders that a fired stop became enter the book before the stop is marked as finished, so that its coins are never
        lost track of. Closing fills are booked after all opening fills of the position.
        """
        if order.exchange_id in self.let_go:
            return None
        if order.children and self.book.by_exchange_id(order.exchange_id) is not None:
            self._adopt_children(order)
        record = self.book.update(order)
        if record is not None:
            record = self._corrected(record, order)
        if record is None or record.booked_qty >= order.filled_qty:
            return record
        if record.purpose is not Purpose.ENTRY and not self.bought_in_full(record.symbol):
            return record
        for fill in self.broker.fills_of(order):
            self.record_fill(fill)
        return self.book.by_exchange_id(order.exchange_id)

    def _corrected(self, record: OrderRecord, order: VenueOrder) -> OrderRecord:
        """The record, corrected if the exchange has taken back fills that it reported earlier."""
        if not self.doubts.taken_back(record, order, self.clock.steady_ms()):
            return record
        self.log.warning(
            Event.CORRECTED,
            symbol=record.symbol,
            exchange_id=order.exchange_id,
            filled=order.filled_qty,
            was=record.filled_qty,
            reason="the exchange no longer reports this quantity as filled, and no such fill arrived",
        )
        return self.book.correct(order)

    def bought_in_full(self, symbol: str) -> bool:
        """Whether everything that the entries of a symbol bought is booked. False while an entry has not ended as far as the
        exchange shows, or while fills that it reports are missing: a hidden fill may also be missing from the order's own
        figures, and an exchange may not look into a market that it has closed.

        A sale booked before a late fill of its entry would close the position, and the late fill would then open one without
        coins. An entry whose reports have contradicted each other for long is no longer waited for.
        """
        entries = [one for one in self.book.unsettled() if one.symbol == symbol and one.purpose is Purpose.ENTRY]
        refreshed = [self._refresh_if_possible(entry) for entry in entries]
        return all(entry.settled or self.age(entry) > HIDDEN for entry in refreshed)

    def _adopt_children(self, order: VenueOrder) -> None:
        """Adopt the orders that a fired stop became. Raises `BrokerError` while the exchange does not show them."""
        for child_id in order.children:
            if self.book.by_exchange_id(child_id) is not None:
                continue
            child = self.broker.order(child_id, order.symbol)
            if child is None:
                raise BrokerError(
                    self.broker.name, ErrorMeaning.BUSY, f"order {child_id} of a fired stop is not shown yet"
                )
            self.adopt(child, Purpose.STOP)

    def adopt(self, order: VenueOrder, purpose: Purpose, decision: Decision | None = None) -> OrderRecord:
        """Add an order of ours that the book lacks, with its fills and its children. A fired stop is added as if it still rested; it
        is marked as finished only once its children are in the book. What another order spawned is in that order's market, whatever
        the exchange calls it by now.
        """
        symbol = symbol_of(self.book, order.parent_id or "") or order.symbol
        status = OrderStatus.OPEN if order.children else order.status
        record = self.book.adopt(replace(order, symbol=symbol, status=status), purpose, decision)
        return self.sync(order) or record

    def record_fill(self, fill: Fill) -> Booking | None:
        """Book one fill of a known order; None if it was booked before."""
        booking = self.book.record_fill(self.valuation.in_dollars(fill))
        if booking is None:
            return None
        self.log.info(
            Event.FILL,
            symbol=fill.symbol,
            side=fill.side,
            qty=fill.qty,
            price=fill.price,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            purpose=booking.order.purpose,
            fill_id=fill.fill_id,
        )
        if booking.oversold > 0:
            self.log.error(Event.OVERSOLD, symbol=fill.symbol, qty=booking.oversold, fill_id=fill.fill_id)
        if self.on_fill is not None:
            self.on_fill(booking)
        return booking

    def age(self, record: OrderRecord) -> int:
        """Real ms since an order of ours was sent."""
        return self.ages.of(record.client_id or record.exchange_id or "", record.sent_at or record.created_at)

    def is_mine(self, order: VenueOrder) -> bool:
        """Whether an order belongs to this book: it is in it, was spawned by an order in it, or carries our tag. Orders of
        another NIJA do not.
        """
        known = [order.exchange_id] if order.parent_id is None else [order.exchange_id, order.parent_id]
        if not self.let_go.isdisjoint(known):
            return False
        found = (self.book.by_exchange_id(exchange_id) for exchange_id in known)
        if any(record is not None and record.purpose is not Purpose.OWNER for record in found):
            return True
        return order.client_id is not None and is_ours(order.client_id) and tag_of(order.client_id) == self.ids.tag

    def in_flight(self, symbol: str | None = None) -> list[OrderRecord]:
        """Our orders whose outcome the exchange has not reported yet."""
        return [
            record
            for record in self.book.unsettled()
            if record.status in IN_FLIGHT and (symbol is None or record.symbol == symbol)
        ]

    def closing_in_doubt(self, symbol: str, shown: Iterable[VenueOrder] = ()) -> Decimal:
        """How much of a position unsettled orders may be selling right now.

        A resting stop is not selling. What it has sold but is not booked yet counts, but no more than it is `shown` to have
        sold. Beyond that, either it has not sold or its remaining size is smaller by as much; in both cases it must be left as
        it is.
        """
        position = self.book.position(symbol)
        if position is None:
            return Decimal(0)
        sold = {order.exchange_id: order.filled_qty for order in shown}
        doubt = Decimal(0)
        for record in self.book.unsettled():
            if record.symbol != symbol or record.side is position.side:
                continue
            stake = at_stake(record)
            if record.exchange_id in sold:
                stake = min(stake, max(sold[record.exchange_id] - record.booked_qty, Decimal(0)))
            doubt += stake
        return doubt

    def stop_in_doubt(self, symbol: str) -> bool:
        """Whether a stop of ours has an unknown outcome: it may rest unseen, or come to rest later."""
        return any(record.purpose is Purpose.STOP for record in self.in_flight(symbol))
