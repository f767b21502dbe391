"""Protection: every position has a stop resting at the exchange, of exactly its size, at the strategy's price.

`ensure` establishes this and may be called at any time. `free_quantity` frees coins for a sale. Every period in which less is
protected than held is recorded with its cause. This module never sells; `exits` does. `stops` carries out each step at the
exchange and decides what a refusal allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.instrument import Instrument
from bot.domain.log import Event
from bot.domain.money import ZERO
from bot.domain.order import STOPS, WORKING, OrderRecord, Purpose, Side, VenueOrder
from bot.domain.position import Position
from bot.engine.markets import TAKES_STOPS, Cover
from bot.engine.order_manager import OrderManager
from bot.engine.refusals import Refusals
from bot.engine.stop_plan import Cancel, Place, plan_stops, protected_qty
from bot.engine.stops import Stops


class Verdict(Enum):
    """The state of a position after an attempt to protect it."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    """Not (fully) protected yet: try again at the next check."""
    BEYOND_STOP = "beyond stop"
    """The market is already beyond the stop: exit now."""
    REFUSED = "refused"
    """The exchange has repeatedly refused its stop for good: exit now rather than stay unprotected."""


#: How long before an entry's creation (market ms) the search of the exchange's lists for its stop begins, because clocks differ.
SEARCH_MARGIN = MINUTE
#: Real ms after sending an entry for which its attached stop is awaited while the entry is not settled.
COMING = 5 * SECOND
#: The cause of a naked period in a market that takes no stops now.
_CLOSED = "the exchange has closed the market, so its stop cannot be placed"


def stop_price(position: Position, instrument: Instrument) -> Decimal:
    """The stop's trigger on the exchange's price grid, rounded to the side that does not loosen it."""
    price = position.stop_price
    return instrument.price_up(price) if position.side is Side.BUY else instrument.price_down(price)


def is_beyond_stop(position: Position, price: Decimal) -> bool:
    """Whether the price is at or beyond the stop."""
    return price <= position.stop_price if position.side is Side.BUY else price >= position.stop_price


def wanted(exposed: Decimal, stops: Sequence[VenueOrder], instrument: Instrument) -> Decimal:
    """The quantity that stops should protect, out of the exposed quantity. Below the exchange's minimum no stop can be placed,
    but one that was placed before the minimum rose is kept.
    """
    if exposed >= instrument.min_qty:
        return exposed
    return min(protected_qty(stops), max(exposed, ZERO))


class Protection:
    """Keeps the stops of one account in line with its positions."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._stops = Stops(oms)

    @property
    def refused(self) -> Refusals:
        """The refused stops of each position."""
        return self._stops.refused

    def begin(self) -> None:
        """Begin a check of the positions."""
        self._oms.limit_calls()
        self._stops.begin({position.entry_id for position in self._oms.book.positions()})

    def is_urgent(self) -> bool:
        """Whether a naked period began within the last minute; longer ones are handled at normal priority."""
        ages, naked = self._oms.ages, self._oms.book.unprotected()
        return any(ages.of(f"naked {symbol} {since}", since) < MINUTE for symbol, (since, _) in naked.items())

    def stops_of(self, position: Position, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
        """Our working stops of this position among `orders`; stops that the exchange spawned enter the book here."""
        stops = [
            order
            for order in orders
            if order.side is not position.side
            and order.type in STOPS
            and order.status in WORKING
            and self._is_of(order, position.symbol)
            and self._oms.is_mine(order)
        ]
        for order in stops:
            if self._oms.sync(order) is None:
                self._oms.adopt(order, Purpose.STOP)
        return stops

    def _is_of(self, order: VenueOrder, symbol: str) -> bool:
        """Whether an order belongs to this market. An exchange that renames a market shows its resting orders under the new name,
        which the book recognises by their ids.
        """
        if order.symbol == symbol:
            return True
        record = self._oms.book.by_exchange_id(order.exchange_id)
        return record is not None and record.symbol == symbol

    def cover(self, position: Position, orders: Sequence[VenueOrder]) -> Cover | None:
        """How far the stops among the open `orders` cover a position whose market does not take all orders; None while that is not
        certain. Sends nothing: if the market takes no stops, a naked period begins or ends here.
        """
        oms, symbol = self._oms, position.symbol
        stops = self.stops_of(position, orders)
        naked = symbol in oms.book.unprotected()
        if not naked and self._may_have_sold(position, stops, orders):
            return None
        instrument, covered = oms.instruments[symbol], protected_qty(stops)
        want = wanted(self._exposed(position, stops), stops, instrument)
        if covered >= want and naked:
            self._protected(position, stop_price(position, instrument), covered, changed=False)
        elif covered < want and instrument.trading not in TAKES_STOPS:
            oms.mark_unprotected(symbol, _CLOSED)
        if covered < want and (self._is_coming(position) or oms.stop_in_doubt(symbol)):
            return None
        if covered <= 0:
            return Cover.NONE
        return Cover.FULL if covered >= want else Cover.PART

    def ensure(
        self, symbol: str, price: Decimal | None, orders: Sequence[VenueOrder] | None = None, why: str = "unprotected"
    ) -> Verdict:
        """Bring the stops of a symbol's position to its size and price. `price` is the market price, None if unknown; `orders`
        is a fresh list of open orders, if available.
        """
        oms = self._oms
        position = oms.book.position(symbol)
        if position is None:
            return Verdict.PROTECTED
        if price is not None and is_beyond_stop(position, price):
            return Verdict.BEYOND_STOP
        instrument = oms.instruments[symbol]
        orders = orders if orders is not None else oms.broker.open_orders()
        stops = self.stops_of(position, orders)
        # A stop that fires leaves the open orders before its fill is booked, so a new stop now could sell the same coins again.
        if self._has_sold(position, stops, orders):
            return Verdict.UNPROTECTED
        exposed = self._exposed(position, stops)
        want = wanted(exposed, stops, instrument)
        trigger = stop_price(position, instrument)
        steps = plan_stops(stops, want, trigger, instrument, amend=oms.broker.capabilities().amend)
        takes_stops = oms.markets.takes_stops(instrument)
        # Recorded before the first request is sent, so that the gap is known even if the request gets lost.
        if protected_qty(stops) < want or (takes_stops and any(isinstance(step, Cancel) for step in steps)):
            oms.mark_unprotected(symbol, why)
        if any(isinstance(step, Place) for step in steps):
            self._stops.record_failed(position)
            if self._is_coming(position) or self._pauses(position):
                return Verdict.UNPROTECTED
        # A stop with an unknown outcome may rest unseen or come to rest later, and two stops could both fire.
        if oms.stop_in_doubt(symbol) or (steps and not takes_stops):
            return Verdict.UNPROTECTED
        if not self._stops.take(position, steps):
            return self._why_unprotected(position)
        if exposed > want or (exposed <= 0 and oms.closing_in_doubt(symbol) == 0):
            return Verdict.UNPROTECTED  # too small for any stop: the caller books it as dust
        self._protected(position, trigger, want, changed=bool(steps) or why == "entry")
        return Verdict.PROTECTED

    def _exposed(self, position: Position, stops: Sequence[VenueOrder]) -> Decimal:
        """The quantity that stops should protect, in whole lots. Coins that a sale of ours may be taking right now get no stop: it
        would fire on coins that are gone.
        """
        guarded = self._oms.coins.to_guard(position, protected_qty(stops))
        in_doubt = self._oms.closing_in_doubt(position.symbol, stops)
        return self._oms.instruments[position.symbol].size(guarded - in_doubt)

    def _pauses(self, position: Position) -> bool:
        return self.refused.pauses(position.entry_id, self._oms.clock.steady_ms())

    def _is_coming(self, position: Position) -> bool:
        """Whether the entry's attached stop may exist but not be shown yet, like the rest of its fills. A second stop could then
        sell the same coins again. After a short time, a stop that has not appeared is placed.
        """
        return any(
            record.symbol == position.symbol
            and record.purpose is Purpose.ENTRY
            and record.attached_stop is not None
            and self._oms.age(record) < COMING
            for record in self._oms.book.unsettled()
        )

    def _why_unprotected(self, position: Position) -> Verdict:
        """The verdict after a stop could not be placed. Often the price has moved beyond it, so check the price at once: the
        coins may have no stop.
        """
        symbol = position.symbol
        try:
            ticker = self._oms.prices.tickers({symbol}).get(symbol)
        except BrokerError as error:
            self._oms.log.warning(Event.STOP, symbol=symbol, reason=error.text)
            return Verdict.UNPROTECTED
        if ticker is not None and is_beyond_stop(position, ticker.last):
            return Verdict.BEYOND_STOP
        final = self.refused.is_final(position.entry_id, self._oms.clock.steady_ms())
        return Verdict.REFUSED if final else Verdict.UNPROTECTED

    def is_protected(self, position: Position) -> bool:
        """Whether resting stops protect all of the position that can be sold; raises `BrokerError`."""
        exposed = self._oms.instruments[position.symbol].size(position.qty)
        return 0 < exposed <= protected_qty(self.stops_of(position, self._oms.broker.open_orders()))

    def free_quantity(self, position: Position, keep: Decimal, why: str) -> bool:
        """Free all but `keep` of the position from its stops, for a sale; False if the stops did not end as expected.

        Afterwards no stop can sell the freed coins a second time.
        """
        oms = self._oms
        instrument = oms.instruments[position.symbol]
        orders = oms.broker.open_orders()
        stops = self.stops_of(position, orders)
        oms.learn_ended(orders, position.symbol)
        self._learn_fired(position, stops)
        in_doubt = oms.closing_in_doubt(position.symbol) > 0 or oms.stop_in_doubt(position.symbol)
        if in_doubt or any(stop.triggered for stop in stops):
            return False
        want = instrument.size(keep) if instrument.size(keep) >= instrument.min_qty else ZERO
        if protected_qty(stops) <= want:
            return True
        reductions = plan_stops(
            stops, want, stop_price(position, instrument), instrument, amend=oms.broker.capabilities().amend
        )
        self._stops.mark_unprotected(position.symbol, reductions, why)
        if not self._stops.take(position, reductions):
            if self.is_protected(position):  # a refused cancel left its stop as it was
                oms.mark_protected(position.symbol)
            return False
        cancelled = any(isinstance(step, Cancel) for step in reductions)
        return not cancelled or self._stops.await_release(position, position.qty - want)

    def _has_sold(self, position: Position, stops: Sequence[VenueOrder], orders: Iterable[VenueOrder]) -> bool:
        """Whether coins without a stop may have been sold by one that just fired: another stop would sell coins that are not
        ours.
        """
        if protected_qty(stops) >= self._oms.instruments[position.symbol].size(position.qty):
            return False
        self._oms.learn_ended(orders, position.symbol)
        self._learn_fired(position, stops)
        held = self._oms.book.position(position.symbol)
        return held is None or held.qty != position.qty

    def _may_have_sold(self, position: Position, stops: Sequence[VenueOrder], orders: Iterable[VenueOrder]) -> bool:
        """The same in a closed market, where it only decides what is reported: an exchange that refuses to look for an order there
        does not say that it sold.
        """
        try:
            return self._has_sold(position, stops, orders)
        except BrokerError as error:
            if not error.meaning.concerns_market:
                raise
            return False

    def _learn_fired(self, position: Position, stops: Sequence[VenueOrder]) -> None:
        """Search the ended orders for an attached stop that fired and sold before the book ever saw it.

        Only needed if coins have no stop and the entry has filled more than its known stops cover: an exchange that spawns one
        stop per fill may have shown only some.
        """
        oms = self._oms
        if protected_qty(stops) >= oms.instruments[position.symbol].size(position.qty):
            return
        records = oms.book.orders_of(position.symbol, position.candle_close)
        unseen = {
            record.exchange_id: record.created_at
            for record in records
            if record.attached_stop is not None and record.filled_qty > _made_for(record, records)
        }
        ended = oms.broker.recent_orders(min(unseen.values()) - SEARCH_MARGIN) if unseen else ()
        for order in ended:
            if order.parent_id in unseen and oms.book.by_exchange_id(order.exchange_id) is None:
                oms.log.info(Event.ADOPTED, symbol=order.symbol, purpose=Purpose.STOP, exchange_id=order.exchange_id)
                oms.adopt(order, Purpose.STOP)

    def release(self, orders: Iterable[VenueOrder], symbol: str, side: Side) -> bool:
        """Cancel stops that no longer protect anything because their position is closed."""
        idle = [
            order
            for order in orders
            if order.symbol == symbol
            and order.side is side.opposite
            and order.type in STOPS
            and order.status in WORKING
            and self._oms.is_mine(order)
        ]
        ended = [self._stops.cancel(Cancel(order)) for order in idle]
        return all(ended)

    def _protected(self, position: Position, trigger: Decimal, qty: Decimal, *, changed: bool) -> None:
        self.refused.forget(position.entry_id)
        naked = self._oms.mark_protected(position.symbol)
        if changed or naked:
            self._oms.log.info(Event.STOP, symbol=position.symbol, qty=qty, trigger=trigger, naked_ms=naked)


def _made_for(entry: OrderRecord, records: Iterable[OrderRecord]) -> Decimal:
    """The quantity covered by an entry's attached stops, as far as they are known."""
    return sum((one.qty for one in records if one.parent_id == entry.exchange_id), ZERO)
