"""Amends, replaces, cancels and places single stops at the exchange, and handles the outcomes.

What a refusal allows depends only on its class, whatever the exchange (`_amend`, `_place`). `protect` decides which stops there
should be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.log import Event
from bot.domain.order import WORKING, OrderRecord, OrderStatus, OrderType, Purpose, VenueOrder
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed, Unknown
from bot.domain.position import Position
from bot.engine.book import AlreadyDecided
from bot.engine.order_manager import OrderManager
from bot.engine.records import refusal
from bot.engine.refusals import Refusals, RefusedAmends
from bot.engine.stop_plan import Amend, Cancel, Place, Step

#: Requests between a cancel and the sale of the freed coins: how each order ended (at most this many), and what the wallet
#: shows.
_MOST_ASKED, _ASKED_TO_SELL = 4, 2
#: Waits (wall seconds) between checks of a stop whose cancel was accepted but may still be queued; and further ones as long as the
#: exchange does not show that stop at all.
_CANCEL_PATIENCE = (0.0, 0.02, 0.05, 0.1)
_UNSEEN_PATIENCE = (0.25, 0.5, 1.0, 2.0)
#: Waits (wall seconds) between checks of the wallet for coins that a cancelled stop held: an exchange may confirm a cancel
#: before it has released them.
_RELEASE_PATIENCE = (0.0, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6)
#: Wall ms for which the request for a stop of unprotected coins stays valid. It is short, because the next attempt must wait
#: until this one has certainly expired.
STOP_DEADLINE = 2 * SECOND
#: Market ms within which a stop would have traded whose cancel was accepted all the same.
_TRADED_WITHIN = 10 * MINUTE
#: The cause of a naked period that is due to the exchange, when NIJA can do nothing.
_VENUE_HOLDS = "the exchange still holds the coins of a cancelled order"


class Stops:
    """Carries out the steps that `protect` plans for the stops of one account."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self.refused = Refusals()
        self._replaced: set[str] = set()
        self._amends = RefusedAmends()

    def begin(self, entries: Collection[str]) -> None:
        """Begin a check of the positions of these entries. A stop that cannot be amended is replaced once per check at most."""
        self._replaced.clear()
        self.refused.keep(entries)
        self._amends.keep(entries)

    def take(self, position: Position, steps: Sequence[Step]) -> bool:
        """Carry out the steps in order until one does not end as planned; returns whether all did."""
        freed = False
        for step in steps:
            match step:
                case Cancel():
                    good = self.cancel(step)
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
        """Change a resting stop. After an unclear or unknown answer, and after an accepted amend that had no effect before, the
        old stop is assumed to rest, and only that order is queried. A stop that cannot be amended is cancelled and placed with its
        new values.
        """
        outcome = self._oms.broker.amend(step.stop, qty=step.qty, trigger_price=step.trigger)
        self._log_outcome(step.stop, outcome)
        self._oms.markets.record_outcome(step.stop.symbol, outcome, stop=True)
        if isinstance(outcome, Placed) and self._amends.accepted(position.entry_id, step):
            self._oms.book.update(replace(step.stop, qty=step.qty, trigger_price=step.trigger))
            return True
        if not isinstance(outcome, NotPlaced) or outcome.meaning is ErrorMeaning.GONE:
            now = self._shown(step.stop)
            if now is None or now.status not in WORKING:
                return False
            if now.qty == step.qty and now.trigger_price == step.trigger:
                return True
        lost = isinstance(outcome, Placed) or self._amends.are_not_the_way(step.stop.exchange_id, outcome)
        return lost and self._replace(position, step)

    def _shown(self, stop: VenueOrder) -> VenueOrder | None:
        """The exchange's current report on a stop, applied to the book; None if there is no answer, so that the next check asks
        again.
        """
        try:
            now = self._oms.broker.order(stop.exchange_id, stop.symbol)
        except BrokerError as error:
            self._oms.log.warning(Event.STOP, symbol=stop.symbol, exchange_id=stop.exchange_id, reason=error.text)
            return None
        if now is not None:
            self._oms.sync(now)
        return now

    def _replace(self, position: Position, step: Amend) -> bool:
        """Cancel a stop that cannot be amended and place it with its new values, once per check."""
        symbol, stop = position.symbol, step.stop
        if symbol in self._replaced:
            return False
        self._replaced.add(symbol)
        self._oms.log.warning(
            Event.STOP,
            symbol=symbol,
            exchange_id=stop.exchange_id,
            reason="it cannot be amended: cancelled and replaced",
        )
        steps: list[Step] = [Cancel(stop), Place(step.qty - stop.filled_qty, step.trigger)]
        self.mark_unprotected(symbol, steps, "replaced")
        return self.take(position, steps)

    def mark_unprotected(self, symbol: str, steps: Sequence[Step], why: str) -> None:
        """Begin a naked period before `steps`. The rate limit must first have room for querying how the cancels ended; otherwise
        the stop would be placed again and cancelled again at each check. Raises `NoRoom`.
        """
        cancels = sum(isinstance(step, Cancel) for step in steps)
        if cancels:
            self._oms.broker.make_room(min(cancels, _MOST_ASKED) + _ASKED_TO_SELL)
        self._oms.mark_unprotected(symbol, why)

    # -- cancelling ------------------------------------------------------------------------------------------------
    def cancel(self, step: Cancel) -> bool:
        """Cancel a stop and confirm it: the cancel is believed only once the exchange shows that the order ended unfilled."""
        outcome = self._oms.broker.cancel(step.stop)
        self._log_outcome(step.stop, outcome)
        if isinstance(outcome, NotPlaced) and outcome.meaning is not ErrorMeaning.GONE:
            return False
        now = self._ended(step.stop)
        if now is None:
            return isinstance(outcome, Placed) and self._is_gone(step.stop)
        self._oms.sync(now)
        return now.status not in WORKING and now.filled_qty == step.stop.filled_qty and not now.children

    def _ended(self, stop: VenueOrder) -> VenueOrder | None:
        """The exchange's report on a stop after a cancel. Some exchanges only queue a cancel, and some show an order that has
        just ended nowhere, so it is checked several times.
        """
        now = self._asked(stop, _CANCEL_PATIENCE, frozenset(OrderStatus) - WORKING)
        return now or self._asked(stop, _UNSEEN_PATIENCE, frozenset(OrderStatus))

    def _asked(self, stop: VenueOrder, waits: Sequence[float], enough: Collection[OrderStatus]) -> VenueOrder | None:
        """The exchange's last report on a stop, asked for after each of these waits until its status is `enough`."""
        now = None
        for wait in waits:
            self._oms.pause(wait)
            now = self._oms.broker.order(stop.exchange_id, stop.symbol)
            if now is not None and now.status in enough:
                break
        return now

    def _is_gone(self, stop: VenueOrder) -> bool:
        """Whether a stop whose cancel the exchange accepted, and which it shows nowhere since, has ended unfilled: it is not open,
        and nothing was traded against the position that is not booked. Otherwise the position could never be sold.
        """
        oms = self._oms
        if any(order.exchange_id == stop.exchange_id for order in oms.broker.open_orders()):
            return False
        fills = oms.broker.fills(oms.clock.market_ms() - _TRADED_WITHIN)
        sold = [one for one in fills if one.symbol == stop.symbol and one.side is stop.side]
        if any(not oms.book.is_booked(one.fill_id) for one in sold):
            return False
        oms.log.warning(
            Event.STOP,
            symbol=stop.symbol,
            exchange_id=stop.exchange_id,
            reason="its cancel was accepted, and the exchange shows it nowhere since: it counts as cancelled",
        )
        oms.sync(replace(stop, status=OrderStatus.CANCELED))
        return True

    def await_release(self, position: Position, qty: Decimal) -> bool:
        """Wait briefly until the wallet shows the coins of a cancelled order as free; False if they are still held.

        Coins that the wallet does not show at all are not waited for: only a refused order proves that they are gone. The wait
        is due to the exchange and is recorded as a separate naked period.
        """
        oms = self._oms
        if oms.instruments[position.symbol].shortable:
            return True
        _, why = oms.book.unprotected().get(position.symbol, (0, ""))
        free = short = False
        for wait in _RELEASE_PATIENCE:
            oms.pause(wait)
            try:
                balance = oms.broker.balances().get(position.base)
            except BrokerError as error:
                oms.log.warning(Event.STOP, symbol=position.symbol, reason=error.text)
                break
            free = balance is not None and balance.free >= qty
            short = balance is None or balance.total < qty
            if free or short:
                break
            if why and why != _VENUE_HOLDS:
                oms.mark_protected(position.symbol)
                oms.mark_unprotected(position.symbol, _VENUE_HOLDS)
        if why and free and oms.book.unprotected()[position.symbol][1] != why:
            oms.mark_protected(position.symbol)
            oms.mark_unprotected(position.symbol, why)
        return free or short

    # -- placing --------------------------------------------------------------------------------------------------
    def _place(self, position: Position, step: Place) -> bool:
        """Place a new stop, even if the exchange is believed not to accept it: a real answer is better proof."""
        oms = self._oms
        intent = oms.draft(
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
            record = oms.submit(intent)
        except AlreadyDecided:
            return False
        oms.coins.sent(record, position)
        if self.refused.reason(position.entry_id) is not None:
            record = self._looked_at(record)
        rests = not record.done and record.exchange_id is not None
        if rests:
            self.refused.forget(position.entry_id)
        else:
            self._refuse(position, step.qty, record)
        return rests

    def _looked_at(self, record: OrderRecord) -> OrderRecord:
        """Check a stop that was accepted after others were refused: an exchange may accept one and refuse it a moment later."""
        for wait in _CANCEL_PATIENCE:
            if record.done or record.exchange_id is None:
                break
            self._oms.pause(wait)
            try:
                record = self._oms.refresh(record)
            except BrokerError as error:
                self._oms.log.warning(Event.STOP, symbol=record.symbol, reason=error.text)
        return record

    def record_failed(self, position: Position) -> None:
        """Record a stop that the exchange accepted and later rejected as refused, though not as final."""
        records = self._oms.book.orders_of(position.symbol, position.candle_close)
        stops = [one for one in records if one.purpose is Purpose.STOP]
        last = max(stops, key=lambda one: one.created_at, default=None)
        if last is not None and _was_failed(last) and self.refused.reason(position.entry_id) is None:
            now = self._oms.clock.steady_ms()
            self.refused.record(position.entry_id, last.reason, now, counts=False)

    def _refuse(self, position: Position, qty: Decimal, record: OrderRecord) -> None:
        """Record a refusal. It counts if it is final and the coins were free. An unanswered request is not a refusal; it is
        searched for at once.
        """
        meaning, ended = refusal(record), record.status is OrderStatus.REJECTED
        if meaning is None and not _was_failed(record):
            return
        final = ended and meaning is not None and meaning.error_class in (ErrorClass.FINAL, ErrorClass.SHAPE)
        counts = final and self._is_free(position, qty)
        self.refused.record(position.entry_id, record.reason, self._oms.clock.steady_ms(), counts=counts)

    def _is_free(self, position: Position, qty: Decimal) -> bool:
        """Whether the wallet shows the coins of a stop as free (contracts need none); False if there is no answer."""
        if self._oms.instruments[position.symbol].shortable:
            return True
        try:
            balance = self._oms.broker.balances().get(position.base)
        except BrokerError:
            return False
        return balance is not None and balance.free >= qty

    def _log_outcome(self, stop: VenueOrder, outcome: Outcome) -> None:
        if isinstance(outcome, NotPlaced | Unknown):
            self._oms.log.warning(
                Event.STOP,
                symbol=stop.symbol,
                exchange_id=stop.exchange_id,
                reason=outcome.reason,
                outcome=type(outcome).__name__,
            )


def _was_failed(stop: OrderRecord) -> bool:
    """Whether the exchange accepted a stop and refused it afterwards."""
    return stop.status is OrderStatus.REJECTED and stop.exchange_id is not None
