"""Protection: every position has its stop resting at the exchange, of exactly its size, at the rule's price.

`ensure` brings that about and may be called at any time; `loosen` frees coins for a sale. A stretch in which less is
covered than held is recorded with its cause. It never sells: that is `close`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.instrument import Instrument
from bot.domain.money import ZERO
from bot.domain.order import STOPS, WORKING, OrderType, Purpose, Side, VenueOrder
from bot.domain.outcome import Meaning, NotPlaced, Outcome, Placed, Unknown
from bot.domain.position import Position
from bot.engine.book import AlreadyDecided
from bot.engine.cover import Amend, Cancel, Place, Step, arrange, covered
from bot.engine.desk import Desk, is_refused_for_good

#: Waits (wall seconds) between looks at a stop whose cancel was taken but may still be queued.
_CANCEL_PATIENCE = (0.0, 0.02, 0.05, 0.1)


class Verdict(Enum):
    """How a position stands after an attempt to protect it."""

    COVERED = "covered"
    EXPOSED = "exposed"
    """Not (wholly) covered yet: try again at the next look."""
    THROUGH = "through"
    """The market is already beyond the stop: exit now."""
    REFUSED = "refused"
    """The exchange has refused its stop time after time: exit now, rather than stand unprotected."""


#: Refusals of a stop in a row, for reasons that do not pass, after which its position is not kept any longer.
REFUSALS = 3
#: Market ms before an entry's creation from which the venue's lists are searched for its stop: clocks differ.
SEARCH_MARGIN = MINUTE
#: Real ms after sending an entry within which its own stop is waited for while the entry is not settled.
COMING = 5 * SECOND


def stop_price(position: Position, instrument: Instrument) -> Decimal:
    """The trigger on the venue's grid, rounded to the side that does not loosen it."""
    price = position.stop_price
    return instrument.price_up(price) if position.side is Side.BUY else instrument.price_down(price)


def is_through(position: Position, price: Decimal) -> bool:
    """Whether the market stands at or beyond the stop."""
    return price <= position.stop_price if position.side is Side.BUY else price >= position.stop_price


def wanted(exposed: Decimal, stops: Sequence[VenueOrder], instrument: Instrument) -> Decimal:
    """What stops are to cover of what is exposed. Below the venue's minimum no stop can be placed; but one that rests there
    since before the minimum rose is worth keeping.
    """
    if exposed >= instrument.min_qty:
        return exposed
    return min(covered(stops), max(exposed, ZERO))


class Protection:
    """Keeps stops and positions together on one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refused: Counter[str] = Counter()

    def stops_of(self, position: Position, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
        """Our working stops of this position among `orders`; those the venue spawned enter the book here."""
        stops = [
            order
            for order in orders
            if order.symbol == position.symbol
            and order.side is not position.side
            and order.type in STOPS
            and order.status in WORKING
            and self._desk.is_mine(order)
        ]
        for order in stops:
            if self._desk.sync(order) is None:
                self._desk.adopt(order, Purpose.STOP)
        return stops

    def ensure(
        self, symbol: str, price: Decimal, orders: Sequence[VenueOrder] | None = None, why: str = "unprotected"
    ) -> Verdict:
        """Bring the stops of a symbol's position to its size and price. `orders` is a fresh list of what is open, if at hand."""
        desk = self._desk
        position = desk.book.position(symbol)
        if position is None:
            return Verdict.COVERED
        if is_through(position, price):
            return Verdict.THROUGH
        instrument = desk.instruments[symbol]
        orders = orders if orders is not None else desk.broker.open_orders()
        stops = self.stops_of(position, orders)
        if self._has_sold(position, stops, orders):
            return Verdict.EXPOSED
        exposed = instrument.size(position.qty - desk.closing_in_doubt(symbol, stops))
        want = wanted(exposed, stops, instrument)
        trigger = stop_price(position, instrument)
        steps = arrange(stops, want, trigger, instrument, amend=desk.broker.capabilities().amend)
        if covered(stops) < want or any(isinstance(step, Cancel) for step in steps):
            desk.book.uncover(symbol, desk.clock.wall_ms(), why)
        if any(isinstance(step, Place) for step in steps) and self._is_coming(position):
            return Verdict.EXPOSED
        if desk.stop_in_doubt(symbol) or (steps and not desk.markets.takes_stops(instrument)):
            return Verdict.EXPOSED
        if not self._take(position, steps):
            return self._unprotected(position)
        if exposed > want or (exposed <= 0 and desk.closing_in_doubt(symbol) == 0):
            return Verdict.EXPOSED  # too small for any stop: the caller books it as dust
        self._covered(symbol, trigger, want, tell=bool(steps) or why == "entry")
        return Verdict.COVERED

    def _is_coming(self, position: Position) -> bool:
        """Whether the stop that came with the entry may only not be shown yet, as the rest of its fills: one of ours beside it
        could sell the same coins again. Not for long: what has not come by then is placed."""
        return any(
            record.symbol == position.symbol
            and record.purpose is Purpose.ENTRY
            and record.attached_stop is not None
            and self._desk.age(record) < COMING
            for record in self._desk.book.unsettled()
        )

    def _unprotected(self, position: Position) -> Verdict:
        """Why a stop did not come about. Often the market went beyond it meanwhile: ask at once, since the coins may have no
        stop while we wonder."""
        symbol = position.symbol
        try:
            ticker = self._desk.broker.tickers({symbol}).get(symbol)
        except BrokerError as error:
            self._desk.log.warning("STOP", symbol=symbol, reason=error.text)
            return Verdict.EXPOSED
        if ticker is not None and is_through(position, ticker.last):
            return Verdict.THROUGH
        return Verdict.REFUSED if self._refused[symbol] >= REFUSALS else Verdict.EXPOSED

    def guards(self, position: Position) -> bool:
        """Whether a stop rests that covers all of the position that can be sold; raises `BrokerError`."""
        exposed = self._desk.instruments[position.symbol].size(position.qty)
        return 0 < exposed <= covered(self.stops_of(position, self._desk.broker.open_orders()))

    def loosen(self, position: Position, keep: Decimal, why: str) -> bool:
        """Free all but `keep` of the position from its stops, for a sale; False when the stops turned out otherwise.

        Afterwards nothing of what is to be sold can be sold a second time by a stop.
        """
        desk = self._desk
        instrument = desk.instruments[position.symbol]
        orders = desk.broker.open_orders()
        stops = self.stops_of(position, orders)
        desk.learn_ended(orders, position.symbol)
        self._learn_fired(position, stops)
        in_doubt = desk.closing_in_doubt(position.symbol) > 0 or desk.stop_in_doubt(position.symbol)
        if in_doubt or any(stop.triggered for stop in stops):
            return False
        want = instrument.size(keep) if instrument.size(keep) >= instrument.min_qty else ZERO
        if covered(stops) <= want:
            return True
        reductions = arrange(
            stops, want, stop_price(position, instrument), instrument, amend=desk.broker.capabilities().amend
        )
        desk.book.uncover(position.symbol, desk.clock.wall_ms(), why)
        return self._take(position, reductions)

    def _has_sold(self, position: Position, stops: Sequence[VenueOrder], orders: Iterable[VenueOrder]) -> bool:
        """Whether coins that lie without a stop are gone with one that fired a moment ago: another would sell what is not ours."""
        if covered(stops) >= self._desk.instruments[position.symbol].size(position.qty):
            return False
        self._desk.learn_ended(orders, position.symbol)
        self._learn_fired(position, stops)
        held = self._desk.book.position(position.symbol)
        return held is None or held.qty != position.qty

    def _learn_fired(self, position: Position, stops: Sequence[VenueOrder]) -> None:
        """A stop that came with the entry may have fired, and sold, before the book ever saw it: look among what ended.

        Only where coins lie without a stop and none of the entry's has been seen.
        """
        desk = self._desk
        if covered(stops) >= desk.instruments[position.symbol].size(position.qty):
            return
        records = desk.book.orders_of(position.symbol, position.candle_close)
        seen = {record.parent_id for record in records}
        unseen = {
            record.exchange_id: record.created_at
            for record in records
            if record.attached_stop is not None and record.filled_qty > 0 and record.exchange_id not in seen
        }
        ended = desk.broker.recent_orders(min(unseen.values()) - SEARCH_MARGIN) if unseen else ()
        for order in ended:
            if order.parent_id in unseen:
                desk.log.info("ADOPTED", symbol=order.symbol, purpose=Purpose.STOP, exchange_id=order.exchange_id)
                desk.adopt(order, Purpose.STOP)

    def release(self, orders: Iterable[VenueOrder], symbol: str, side: Side) -> bool:
        """Cancel stops that guard nothing any more (their position is gone)."""
        idle = [
            order
            for order in orders
            if order.symbol == symbol
            and order.side is side.opposite
            and order.type in STOPS
            and order.status in WORKING
            and self._desk.is_mine(order)
        ]
        ended = [self._reduce(Cancel(order)) for order in idle]
        return all(ended)

    def _covered(self, symbol: str, trigger: Decimal, qty: Decimal, *, tell: bool) -> None:
        naked = self._desk.book.cover(symbol, self._desk.clock.wall_ms())
        if tell or naked:
            self._desk.log.info("STOP", symbol=symbol, qty=qty, trigger=trigger, naked_ms=naked)

    def _take(self, position: Position, steps: Sequence[Step]) -> bool:
        for step in steps:
            match step:
                case Cancel():
                    good = self._reduce(step)
                case Amend():
                    good = self._amend(step)
                case Place():
                    good = self._place(position, step)
            if not good:
                return False
        return True

    def _amend(self, step: Amend) -> bool:
        outcome = self._desk.broker.amend(step.stop, qty=step.qty, trigger_price=step.trigger)
        self._note(step.stop, outcome)
        self._desk.markets.heed(step.stop.symbol, outcome)
        if isinstance(outcome, Placed):
            self._desk.book.update(replace(step.stop, qty=step.qty, trigger_price=step.trigger))
            return True
        if isinstance(outcome, Unknown) or outcome.meaning is Meaning.GONE:
            return self._stands(step)
        return False

    def _reduce(self, step: Cancel | Amend) -> bool:
        """Take coverage away for certain: a cancel is believed only after the venue shows the order ended unfilled."""
        if isinstance(step, Amend):
            return self._amend(step)
        outcome = self._desk.broker.cancel(step.stop)
        self._note(step.stop, outcome)
        if isinstance(outcome, NotPlaced) and outcome.meaning is not Meaning.GONE:
            return False
        now = self._ended(step.stop)
        if now is None:
            return False
        self._desk.sync(now)
        return now.status not in WORKING and now.filled_qty == step.stop.filled_qty and not now.children

    def _ended(self, stop: VenueOrder) -> VenueOrder | None:
        """What the venue shows of a stop after a cancel; some only queue it, so it is asked again for a moment."""
        now = None
        for wait in _CANCEL_PATIENCE:
            self._desk.pause(wait)
            now = self._desk.broker.order(stop.exchange_id, stop.symbol)
            if now is not None and now.status not in WORKING:
                break
        return now

    def _place(self, position: Position, step: Place) -> bool:
        desk = self._desk
        if not desk.broker.capabilities().resting_stop:
            return False
        intent = desk.draft(
            Purpose.STOP,
            position.symbol,
            position.side.opposite,
            step.qty,
            OrderType.STOP,
            position.candle_close,
            trigger_price=step.trigger,
            reduce_only=True,
            reason="protects the position",
        )
        try:
            record = desk.submit(intent)
        except AlreadyDecided:
            return False
        rests = not record.done and record.exchange_id is not None
        self._refused[position.symbol] = 0 if rests else self._refused[position.symbol] + is_refused_for_good(record)
        return rests

    def _stands(self, wanted: Amend) -> bool:
        """Whether a stop is as a request without an answer was to make it; when the venue does not say, the next look asks."""
        stop = wanted.stop
        try:
            now = self._desk.broker.order(stop.exchange_id, stop.symbol)
        except BrokerError as error:
            self._desk.log.warning("STOP", symbol=stop.symbol, exchange_id=stop.exchange_id, reason=error.text)
            return False
        if now is None:
            return False
        self._desk.sync(now)
        return now.status in WORKING and now.qty == wanted.qty and now.trigger_price == wanted.trigger

    def _note(self, stop: VenueOrder, outcome: Outcome) -> None:
        if isinstance(outcome, NotPlaced | Unknown):
            self._desk.log.warning(
                "STOP",
                symbol=stop.symbol,
                exchange_id=stop.exchange_id,
                reason=outcome.reason,
                outcome=type(outcome).__name__,
            )
