"""The order manager: what every part of the engine works with, and the only sender of orders.

`OrderManager.submit` is the only place where an order leaves NIJA: intent on disk first, then the request, then its outcome.
`OrderManager.sync` is the only place where the venue's word on an order enters the book.
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
from bot.engine.markets import Markets
from bot.engine.records import at_stake
from bot.engine.valuation import Valuation
from bot.marketdata.port import Prices

#: Waits (wall seconds) between looks at an order that should end at once; what has not ended by then is searched for.
PATIENCE = (0.0, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2)

#: The longest that any call may take (wall seconds) while coins lie without a stop.
NAKED_CALL = 2.0


@dataclass(slots=True)
class OrderManager:
    """One account's broker, book, clock and rules of the moment. Owned by one thread."""

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

    @property
    def prices(self) -> Prices:
        """Who says them: the broker, until something quicker does."""
        return self.broker

    def learn_rules(self) -> None:
        """The markets and their rules of this moment; raises `BrokerError`."""
        held = [position.symbol for position in self.book.positions()]
        self.broker.keep_listed({*held, *(record.symbol for record in self.book.unsettled())})
        self.instruments = self.markets.read(self.instruments, held)

    def fee(self, symbol: str) -> FeeRate:
        """What this account pays at a market; raises `BrokerError` where that has to be asked."""
        if symbol not in self.fees:
            self.fees.update(self.broker.fees({symbol}))
        return self.fees.get(symbol, FeeRate(Decimal(0), Decimal(0)))

    def doubt_rules(self) -> None:
        """Read the rules before their time, if a refusal or a closed market asks for it; raises `BrokerError`."""
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
    ) -> Intent:
        """An intent with its ids, its decision key and its deadline, `deadline_ms` from now at the latest. What is held is sold
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
        )

    def paid_in(self, symbol: str) -> str | None:
        """The currency that paid for what is held of a symbol; None for its quote, and when nothing is held."""
        position = self.book.position(symbol)
        if position is None:
            return None
        entry = self.book.by_client_id(position.entry_id) or self.book.by_exchange_id(position.entry_id)
        return entry.pay_in if entry is not None else None

    def submit(self, intent: Intent) -> OrderRecord:
        """Commit the intent, send it once, commit how that ended. Raises `AlreadyDecided` before anything is sent."""
        self.book.record(intent)
        self.ages.of(intent.client_id)  # from now on, whatever is done to the clock meanwhile
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
        """A position is not wholly under stops from now on; meanwhile no call may take long."""
        self.book.mark_unprotected(symbol, self.clock.wall_ms(), why)
        self.broker.limit_calls(NAKED_CALL)

    def mark_protected(self, symbol: str) -> int:
        """It is under stops again, or being sold; returns for how long it was not (wall ms)."""
        naked = self.book.mark_protected(symbol, self.clock.wall_ms())
        self.limit_calls()
        return naked

    def limit_calls(self) -> None:
        """Short calls as long as any coins lie without a stop, the usual ones else."""
        self.broker.limit_calls(NAKED_CALL if self.book.unprotected() else None)

    def settle(self, record: OrderRecord) -> OrderRecord:
        """Follow an order that ends at once until it is over and all of its fills are booked, as far as patience goes."""
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
        """Ask the venue for one order of ours and book what it says; raises `BrokerError`."""
        if record.exchange_id is None:
            return record
        order = self.broker.order(record.exchange_id, record.symbol)
        return (self.sync(order) or record) if order is not None else self.forgotten(record)

    def learn_ended(self, open_orders: Iterable[VenueOrder], stops_of: str | None = None) -> None:
        """Orders of ours that are no longer open: ask how they ended, so that their fills are booked now; all of them, or the
        stops of one symbol.
        """
        alive = {order.exchange_id for order in open_orders if order.status in WORKING}
        for record in self.book.unsettled():
            if record.exchange_id is None or record.exchange_id in alive | self.let_go:
                continue
            if stops_of is None or (record.symbol == stops_of and record.purpose is Purpose.STOP):
                self.refresh(record)

    def forgotten(self, record: OrderRecord) -> OrderRecord:
        """An order that the venue no longer shows: ended unfilled, once it is older than the venue's memory of such."""
        memory = self.broker.capabilities().forgets_after_ms
        too_old = memory is not None and self.clock.market_ms() - record.created_at > memory
        if not too_old or record.done or record.client_id is None:
            return record
        self.log.info(Event.FORGOTTEN, symbol=record.symbol, client_id=record.client_id, reason="no trace, no fill")
        return self.book.mark(
            record.client_id, OrderStatus.CANCELED, reason="the exchange shows neither the order nor a fill any more"
        )

    def sync(self, order: VenueOrder) -> OrderRecord | None:
        """Take the venue's word on an order we know, and book the fills it speaks of; None for an order we do not know.

        What a fired stop became is taken into the book before the stop is over there, so that its coins are never forgotten;
        what closed a position is booked after all that opened it.
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
        """The order as the venue shows it, where it has taken back what it once said was filled."""
        if not self.doubts.taken_back(record, order, self.clock.steady_ms()):
            return record
        self.log.warning(
            Event.CORRECTED,
            symbol=record.symbol,
            exchange_id=order.exchange_id,
            filled=order.filled_qty,
            was=record.filled_qty,
            reason="the exchange no longer shows what it said was filled, and no such fill came",
        )
        return self.book.correct(order)

    def bought_in_full(self, symbol: str) -> bool:
        """Whether all that the entries of a symbol bought is booked; False while one has not ended for all that the venue shows,
        or not all fills are shown that it speaks of: a hidden fill may be missing from the order's own figures, too.

        A sale booked before a late fill of its entry would close the position, and the late fill would open one without coins.
        An entry that has told two stories for long is not waited for any more.
        """
        entries = [one for one in self.book.unsettled() if one.symbol == symbol and one.purpose is Purpose.ENTRY]
        refreshed = [self.refresh(entry) for entry in entries]
        return all(entry.settled or self.age(entry) > HIDDEN for entry in refreshed)

    def _adopt_children(self, order: VenueOrder) -> None:
        """Raises `BrokerError` while the venue does not show the orders that it says a stop became."""
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
        """Enter an order of ours that the book does not have, with its fills and with what it became.

        A stop that has fired is entered as if it still rested: it is over here only when its children stand beside it.
        """
        first = replace(order, status=OrderStatus.OPEN) if order.children else order
        record = self.book.adopt(first, purpose, decision)
        return self.sync(order) or record

    def record_fill(self, fill: Fill) -> Booking | None:
        """Book one fill of an order we know; None when it stood there already."""
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
        """Whether an order is of this book: in it, spawned by one that is, or under our tag. Another NIJA's is not."""
        known = [order.exchange_id] if order.parent_id is None else [order.exchange_id, order.parent_id]
        if not self.let_go.isdisjoint(known):
            return False
        found = (self.book.by_exchange_id(exchange_id) for exchange_id in known)
        if any(record is not None and record.purpose is not Purpose.OWNER for record in found):
            return True
        return order.client_id is not None and is_ours(order.client_id) and tag_of(order.client_id) == self.ids.tag

    def in_flight(self, symbol: str | None = None) -> list[OrderRecord]:
        """Orders of ours whose fate the venue has not told us yet."""
        return [
            record
            for record in self.book.unsettled()
            if record.status in IN_FLIGHT and (symbol is None or record.symbol == symbol)
        ]

    def closing_in_doubt(self, symbol: str, shown: Iterable[VenueOrder] = ()) -> Decimal:
        """How much of a position may be being sold right now by orders that are not settled yet.

        A resting stop is not selling; what one has sold without the fill being booked counts, but no more than it is `shown` to
        have sold: either it has not, or it guards by so much less, and it is to be left as it is in both cases.
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
        """Whether a stop of ours was sent whose fate is unknown: it may rest unseen, or come to rest later."""
        return any(record.purpose is Purpose.STOP for record in self.in_flight(symbol))
