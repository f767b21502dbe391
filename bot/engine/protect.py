"""Protection: every position has its stop resting at the exchange, of exactly its size, at the rule's price.

`ensure` brings that about and may be called at any time; `loosen` frees coins for a sale. A stretch in which less is
covered than held is recorded with its cause. It never sells: that is `close`. What a refusal allows is decided by its class
alone, whichever venue it comes from (`_place`, `_amend`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.instrument import Instrument
from bot.domain.money import ZERO
from bot.domain.order import STOPS, WORKING, OrderRecord, OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.domain.outcome import ErrorClass, Meaning, NotPlaced, Outcome, Placed, Unknown
from bot.domain.position import Position
from bot.engine.book import AlreadyDecided
from bot.engine.cover import Amend, Cancel, Place, Step, arrange, covered
from bot.engine.desk import Desk, refusal
from bot.engine.refusals import Refusals, RefusedAmends

#: Questions between a cancel and the sale of what it freed: how each order ended (of so many at most), what the wallet shows.
_MOST_ASKED, _ASKED_TO_SELL = 4, 2
#: Waits (wall seconds) between looks at a stop whose cancel was taken but may still be queued.
_CANCEL_PATIENCE = (0.0, 0.02, 0.05, 0.1)
#: Waits (wall seconds) between looks at the wallet for coins that a cancelled stop held: a venue may confirm a cancel before
#: it has let them go.
_RELEASE_PATIENCE = (0.0, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6)
#: Wall ms that the request for a stop of unprotected coins stays valid: the sooner it is certainly dead, the sooner the next.
STOP_DEADLINE = 2 * SECOND
#: Why a stretch is naked for which the venue is answerable, and nobody could do anything.
_VENUE_HOLDS = "the exchange still holds the coins of a cancelled order"


class Verdict(Enum):
    """How a position stands after an attempt to protect it."""

    COVERED = "covered"
    EXPOSED = "exposed"
    """Not (wholly) covered yet: try again at the next look."""
    THROUGH = "through"
    """The market is already beyond the stop: exit now."""
    REFUSED = "refused"
    """The exchange has refused its stop for good, time after time: exit now, rather than stand unprotected."""


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
        self.refused = Refusals()
        self._replaced: set[str] = set()
        self._amends = RefusedAmends()

    def begin(self) -> None:
        """A look at the positions begins: each stop that cannot be amended may be replaced once in it."""
        self._replaced.clear()
        self._desk.limit_calls()
        self.refused.keep({position.entry_id for position in self._desk.book.positions()})

    def is_urgent(self) -> bool:
        """Whether coins have come to lie without a stop within the last minute; what lasts longer is looked at in calm."""
        ages, naked = self._desk.ages, self._desk.book.uncovered()
        return any(ages.of(f"naked {symbol} {since}", since) < MINUTE for symbol, (since, _) in naked.items())

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
        self, symbol: str, price: Decimal | None, orders: Sequence[VenueOrder] | None = None, why: str = "unprotected"
    ) -> Verdict:
        """Bring the stops of a symbol's position to its size and price. `price` is the market's, None when that is not known;
        `orders` is a fresh list of what is open, if at hand.
        """
        desk = self._desk
        position = desk.book.position(symbol)
        if position is None:
            return Verdict.COVERED
        if price is not None and is_through(position, price):
            return Verdict.THROUGH
        instrument = desk.instruments[symbol]
        orders = orders if orders is not None else desk.broker.open_orders()
        stops = self.stops_of(position, orders)
        if self._has_sold(position, stops, orders):
            return Verdict.EXPOSED
        guarded = desk.coins.to_guard(position, covered(stops))
        exposed = instrument.size(guarded - desk.closing_in_doubt(symbol, stops))
        want = wanted(exposed, stops, instrument)
        trigger = stop_price(position, instrument)
        steps = arrange(stops, want, trigger, instrument, amend=desk.broker.capabilities().amend)
        if covered(stops) < want or any(isinstance(step, Cancel) for step in steps):
            desk.expose(symbol, why)
        if any(isinstance(step, Place) for step in steps):
            self._note_failed(position)
            if self._is_coming(position) or self._pauses(position):
                return Verdict.EXPOSED
        if desk.stop_in_doubt(symbol) or (steps and not desk.markets.takes_stops(instrument)):
            return Verdict.EXPOSED
        if not self._take(position, steps):
            return self._unprotected(position)
        if exposed > want or (exposed <= 0 and desk.closing_in_doubt(symbol) == 0):
            return Verdict.EXPOSED  # too small for any stop: the caller books it as dust
        self._covered(position, trigger, want, tell=bool(steps) or why == "entry")
        return Verdict.COVERED

    def _pauses(self, position: Position) -> bool:
        return self.refused.pauses(position.entry_id, self._desk.clock.steady_ms())

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
        final = self.refused.is_final(position.entry_id, self._desk.clock.steady_ms())
        return Verdict.REFUSED if final else Verdict.EXPOSED

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
        self._bare(position.symbol, reductions, why)
        if not self._take(position, reductions):
            return False
        cancelled = any(isinstance(step, Cancel) for step in reductions)
        return not cancelled or self.await_release(position, position.qty - want)

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

        Only where coins lie without a stop and the entry has filled for more than its stops that have been seen: a venue that
        spawns one for each fill may have shown some.
        """
        desk = self._desk
        if covered(stops) >= desk.instruments[position.symbol].size(position.qty):
            return
        records = desk.book.orders_of(position.symbol, position.candle_close)
        unseen = {
            record.exchange_id: record.created_at
            for record in records
            if record.attached_stop is not None and record.filled_qty > _made_for(record, records)
        }
        ended = desk.broker.recent_orders(min(unseen.values()) - SEARCH_MARGIN) if unseen else ()
        for order in ended:
            if order.parent_id in unseen and desk.book.by_exchange_id(order.exchange_id) is None:
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

    def _covered(self, position: Position, trigger: Decimal, qty: Decimal, *, tell: bool) -> None:
        self.refused.forget(position.entry_id)
        naked = self._desk.guard(position.symbol)
        if tell or naked:
            self._desk.log.info("STOP", symbol=position.symbol, qty=qty, trigger=trigger, naked_ms=naked)

    def _take(self, position: Position, steps: Sequence[Step]) -> bool:
        """One step after the other, as long as each comes out as planned."""
        freed = False
        for step in steps:
            match step:
                case Cancel():
                    good = self._reduce(step)
                    freed = True
                case Amend():
                    good = self._amend(position, step)
                case Place():
                    if freed or self.refused.reason(position.entry_id) is not None:
                        self.await_release(position, step.qty)
                    good = self._place(position, step)
            if not good:
                return False
        return True

    # -- amending -------------------------------------------------------------------------------------------------
    def _amend(self, position: Position, step: Amend) -> bool:
        """Change a resting stop. A request without a clear answer, or of words nobody wrote down, leaves the old stop alive:
        that order alone is asked about. What cannot be changed this way is cancelled and placed at its new values.
        """
        outcome = self._desk.broker.amend(step.stop, qty=step.qty, trigger_price=step.trigger)
        self._note(step.stop, outcome)
        self._desk.markets.heed(step.stop.symbol, outcome, stop=True)
        if isinstance(outcome, Placed):
            self._desk.book.update(replace(step.stop, qty=step.qty, trigger_price=step.trigger))
            return True
        if isinstance(outcome, Unknown) or outcome.meaning is Meaning.GONE:
            now = self._shown(step.stop)
            if now is None or now.status not in WORKING:
                return False
            if now.qty == step.qty and now.trigger_price == step.trigger:
                return True
        return self._amends.are_not_the_way(step.stop.exchange_id, outcome) and self._replace(position, step)

    def _shown(self, stop: VenueOrder) -> VenueOrder | None:
        """What the venue shows of a stop now, taken into the book; None when it does not say: then the next look asks."""
        try:
            now = self._desk.broker.order(stop.exchange_id, stop.symbol)
        except BrokerError as error:
            self._desk.log.warning("STOP", symbol=stop.symbol, exchange_id=stop.exchange_id, reason=error.text)
            return None
        if now is not None:
            self._desk.sync(now)
        return now

    def _replace(self, position: Position, step: Amend) -> bool:
        """Cancel a stop that cannot be amended and place it at its new values; once a look."""
        symbol, stop = position.symbol, step.stop
        if symbol in self._replaced:
            return False
        self._replaced.add(symbol)
        self._desk.log.warning(
            "STOP",
            symbol=symbol,
            exchange_id=stop.exchange_id,
            reason="it cannot be amended: cancelled and placed anew",
        )
        steps: list[Step] = [Cancel(stop), Place(step.qty - stop.filled_qty, step.trigger)]
        self._bare(symbol, steps, "replaced")
        return self._take(position, steps)

    def _bare(self, symbol: str, steps: Sequence[Step], why: str) -> None:
        """Coins lie without their stop from now on. A venue that cannot be asked how the cancels ended would only get the stop
        placed again, look after look: so there must be room for that before the first; raises `NoRoom`.
        """
        cancels = sum(isinstance(step, Cancel) for step in steps)
        if cancels:
            self._desk.broker.make_room(min(cancels, _MOST_ASKED) + _ASKED_TO_SELL)
        self._desk.expose(symbol, why)

    # -- taking away ----------------------------------------------------------------------------------------------
    def _reduce(self, step: Cancel) -> bool:
        """Take a stop away for certain: a cancel is believed only after the venue shows the order ended unfilled."""
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

    def await_release(self, position: Position, qty: Decimal) -> bool:
        """Wait a moment for coins that a cancelled order held, until the wallet shows them free; False while they are still held.

        Coins that it does not show at all are not waited for: only an order that is refused proves that they are gone. Such a time
        is the venue's, and is recorded as a stretch of its own.
        """
        desk = self._desk
        if desk.instruments[position.symbol].shortable:
            return True
        _, why = desk.book.uncovered().get(position.symbol, (0, ""))
        free = short = False
        for wait in _RELEASE_PATIENCE:
            desk.pause(wait)
            try:
                balance = desk.broker.balances().get(position.base)
            except BrokerError as error:
                desk.log.warning("STOP", symbol=position.symbol, reason=error.text)
                break
            free = balance is not None and balance.free >= qty
            short = balance is None or balance.total < qty
            if free or short:
                break
            if why and why != _VENUE_HOLDS:
                desk.guard(position.symbol)
                desk.expose(position.symbol, _VENUE_HOLDS)
        if why and free and desk.book.uncovered()[position.symbol][1] != why:
            desk.guard(position.symbol)
            desk.expose(position.symbol, why)
        return free or short

    # -- placing --------------------------------------------------------------------------------------------------
    def _place(self, position: Position, step: Place) -> bool:
        """Rest a new stop. What this venue is said not to take is tried all the same: a real answer is the better proof."""
        desk = self._desk
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
            deadline_ms=STOP_DEADLINE,
        )
        try:
            record = desk.submit(intent)
        except AlreadyDecided:
            return False
        desk.coins.sent(record, position)
        if self.refused.reason(position.entry_id) is not None:
            record = self._looked_at(record)
        rests = not record.done and record.exchange_id is not None
        if rests:
            self.refused.forget(position.entry_id)
        else:
            self._refuse(position, step.qty, record)
        return rests

    def _looked_at(self, record: OrderRecord) -> OrderRecord:
        """A stop that was taken after others were refused: a venue may take one and refuse it a moment later."""
        for wait in _CANCEL_PATIENCE:
            if record.done or record.exchange_id is None:
                break
            self._desk.pause(wait)
            try:
                record = self._desk.refresh(record)
            except BrokerError as error:
                self._desk.log.warning("STOP", symbol=record.symbol, reason=error.text)
        return record

    def _note_failed(self, position: Position) -> None:
        """A stop that the venue took and then refused by itself counts as refused, though not for good."""
        records = self._desk.book.orders_of(position.symbol, position.candle_close)
        stops = [one for one in records if one.purpose is Purpose.STOP]
        last = max(stops, key=lambda one: one.created_at, default=None)
        if last is not None and _was_failed(last) and self.refused.reason(position.entry_id) is None:
            now = self._desk.clock.steady_ms()
            self.refused.note(position.entry_id, last.reason, now, counts=False)

    def _refuse(self, position: Position, qty: Decimal, record: OrderRecord) -> None:
        """Remember a refusal. It counts when its words are final and the coins were free; a request that was only not answered
        is no refusal: it is searched for at once.
        """
        meaning, ended = refusal(record), record.status is OrderStatus.REJECTED
        if meaning is None and not _was_failed(record):
            return
        final = ended and meaning is not None and meaning.error_class in (ErrorClass.FINAL, ErrorClass.SHAPE)
        counts = final and self._is_free(position, qty)
        self.refused.note(position.entry_id, record.reason, self._desk.clock.steady_ms(), counts=counts)

    def _is_free(self, position: Position, qty: Decimal) -> bool:
        """Whether the wallet shows the coins of a stop free (contracts have none); False when it does not answer."""
        if self._desk.instruments[position.symbol].shortable:
            return True
        try:
            balance = self._desk.broker.balances().get(position.base)
        except BrokerError:
            return False
        return balance is not None and balance.free >= qty

    def _note(self, stop: VenueOrder, outcome: Outcome) -> None:
        if isinstance(outcome, NotPlaced | Unknown):
            self._desk.log.warning(
                "STOP",
                symbol=stop.symbol,
                exchange_id=stop.exchange_id,
                reason=outcome.reason,
                outcome=type(outcome).__name__,
            )


def _was_failed(stop: OrderRecord) -> bool:
    """Whether the venue took a stop and refused it afterwards."""
    return stop.status is OrderStatus.REJECTED and stop.exchange_id is not None


def _made_for(entry: OrderRecord, records: Iterable[OrderRecord]) -> Decimal:
    """How much the stops guard that came with an entry, as far as they have been seen."""
    return sum((one.qty for one in records if one.parent_id == entry.exchange_id), ZERO)
