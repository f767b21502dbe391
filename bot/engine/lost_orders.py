"""Lost orders: an order with an unknown outcome is searched for until it is found or its absence is proved. No answer proves
nothing.

Proof of absence: the request carried a deadline, the deadline has passed with a margin, and a check begun afterwards saw nothing
in open orders, closed orders and fills.

Some exchanges have no deadlines, or none for stops, but accept each client id only once. There the lost request is made harmless
instead: a sale or stop that is still wanted is repeated under its id, and any other id is burnt where that is possible. Either way
the exchange then names the order under that id.

The search has no time limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.brokers.base import AbsenceProof, BrokerError
from bot.domain.backoff import Backoff
from bot.domain.clock import HOUR, MINUTE, SECOND, Pause
from bot.domain.log import Event
from bot.domain.order import Intent, OrderRecord, OrderStatus, Purpose
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Placed, Unknown
from bot.engine.order_manager import OrderManager

#: Real ms after a request's deadline before an empty check counts as proof: clocks differ and matching engines may be slow.
PROOF_MARGIN = 2 * SECOND
#: Real ms after sending before the same request is repeated. It is short because a position may have no stop until then.
REPEAT_AFTER = 3 * SECOND // 2
#: Real ms after sending before an id is burnt: a request that is merely slow should have arrived by then.
BURN_AFTER = 5 * SECOND
#: Real ms after sending during which a sale or stop may be repeated unchanged; later the market has moved too far.
REPEAT_UNTIL = MINUTE
#: The waits between two checks for the same order.
AGAIN = Backoff(250, 2, 30 * SECOND)
#: How long before an order's creation (market ms) the search of the exchange's lists begins.
SEARCH_MARGIN = MINUTE
#: Real ms after which an order with an unknown outcome raises an alarm, and until its next alarm.
ALARM_AFTER, ALARM_AGAIN = MINUTE, HOUR


@dataclass(slots=True)
class _Search:
    pause: Pause
    wait: int = 0
    alarm: Pause | None = None


class LostOrders:
    """Finds lost orders, with one check per order and turn, and growing waits in between."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._searches: dict[str, _Search] = {}

    def search(self) -> bool:
        """Check for every order in flight that is due; True if a search ended, which requires a check of the positions."""
        wanted = {record.client_id: record for record in self._oms.in_flight() if record.client_id is not None}
        for client_id in self._searches.keys() - wanted.keys():
            self._end(client_id)
        ended = False
        for client_id, record in wanted.items():
            search = self._searches.setdefault(client_id, _Search(Pause(self._oms.clock)))
            if search.pause.is_over():
                ended = self._look(record, client_id, search) or ended
        return ended

    @property
    def pending(self) -> bool:
        """Whether anything is being searched for."""
        return bool(self._searches)

    def _end(self, client_id: str) -> None:
        """The outcome of an order is known: end its search, and its alarm if it raised one."""
        if self._searches.pop(client_id).alarm is not None:
            self._oms.log.info(Event.CERTAIN, client_id=client_id, reason="its outcome is known now")

    def _look(self, record: OrderRecord, client_id: str, search: _Search) -> bool:
        try:
            ended = self._ended(record, client_id)
        except BrokerError as error:
            self._oms.log.debug(Event.HUNT, client_id=client_id, reason=error.text)
            ended = False
        if not ended:
            self._again(record, client_id, search)
        return ended

    def _ended(self, record: OrderRecord, client_id: str) -> bool:
        """Whether this check ended the search: the order was found, or its absence was proved or made certain."""
        age = self._oms.age(record)
        if self._seen(record, client_id):
            return True
        if record.exchange_id is not None:
            return self._oms.forgotten(record).done
        points = self._turning_points(record)
        if age < points[0]:
            return False
        if self._oms.broker.capabilities().absence is AbsenceProof.SAME_ID:
            return self._use_id_again(record)
        intent = record.intent()
        if self._repeats(record) and intent is not None and self._is_wanted(record):
            return self._repeat(intent)
        if record.deadline is None or age < points[-1]:
            return False
        self._reject_absent(record, client_id)
        return True

    def _repeats(self, record: OrderRecord) -> bool:
        """Whether no deadline kept this request from arriving late, but its id keeps it from being accepted twice."""
        return record.purpose is Purpose.STOP and self._oms.broker.capabilities().repeats_stops

    def _turning_points(self, record: OrderRecord) -> tuple[int, ...]:
        """Ages (real ms) at which an empty check allows a further step, in ascending order."""
        if record.deadline is None:
            return (REPEAT_AFTER, BURN_AFTER)
        passed = record.deadline - record.sent_at + PROOF_MARGIN + 1
        return (min(REPEAT_AFTER, passed), passed) if self._repeats(record) else (passed,)

    def _seen(self, record: OrderRecord, client_id: str) -> bool:
        """Whether the exchange shows the order; if so, its report is booked."""
        oms = self._oms
        order = None
        if record.exchange_id is not None:
            order = oms.broker.order(record.exchange_id, record.symbol)
        if order is None:
            order = oms.broker.find(client_id, record.symbol, record.created_at - SEARCH_MARGIN)
        if order is None:
            return False
        after = oms.sync(order)
        oms.log.info(
            Event.FOUND, symbol=record.symbol, client_id=client_id, exchange_id=order.exchange_id, status=order.status
        )
        return after is not None

    def _use_id_again(self, record: OrderRecord) -> bool:
        """Make the exchange name the order under this id: by repeating the request if it is still wanted, else by burning the
        id.
        """
        intent = record.intent()
        if intent is None:
            return False
        if self._is_wanted(record):
            return self._repeat(intent)
        return self._oms.age(record) >= BURN_AFTER and self._burn(intent)

    def _is_wanted(self, record: OrderRecord) -> bool:
        """Whether a lost sale or stop would still serve its purpose now, and no other order is on its way to do so."""
        position = self._oms.book.position(record.symbol)
        if record.purpose is Purpose.ENTRY or position is None:
            return False
        if self._oms.age(record) > REPEAT_UNTIL:
            return False
        if record.side is position.side or record.qty > position.qty:
            return False
        stop = record.purpose is Purpose.STOP
        return not any(
            other.symbol == record.symbol
            and other.client_id != record.client_id
            and other.side is record.side
            and (other.purpose is Purpose.STOP) is stop
            for other in self._oms.book.unsettled()
        )

    def _repeat(self, intent: Intent) -> bool:
        """Repeat the same request. A refusal does not prove that the first was refused, so the id is burnt then. It is burnt at
        once if the market has passed its price, because until then nothing else can protect or sell these coins. Where no id can
        be burnt, the refusal is believed: what refuses this request refuses the first one too, should it still arrive.
        """
        oms = self._oms
        match oms.broker.resend(intent):
            case Placed(exchange_id):
                placed = oms.book.mark(intent.client_id, OrderStatus.SUBMITTED, exchange_id=exchange_id)
                oms.log.info(Event.REPEATED, symbol=intent.symbol, client_id=intent.client_id, exchange_id=exchange_id)
                oms.refresh(placed)
                return True
            case NotPlaced(meaning, reason) if (
                meaning is ErrorMeaning.PRICE or meaning.error_class is not ErrorClass.PASSING
            ):
                oms.log.info(Event.HUNT, client_id=intent.client_id, reason=f"repeated, refused: {reason}")
                if oms.broker.capabilities().absence is AbsenceProof.SAME_ID:
                    return self._burn(intent)
                oms.book.mark(intent.client_id, OrderStatus.REJECTED, reason=f"{meaning}: {reason}")
                return True
            case NotPlaced(_, reason) | Unknown(reason, unheard=False):
                oms.log.debug(Event.HUNT, client_id=intent.client_id, reason=f"not repeated: {reason}")
                return False
            case Unknown(reason):
                oms.log.info(Event.HUNT, client_id=intent.client_id, reason=f"repeated, answered: {reason}")
                return oms.ages.of(intent.client_id, intent.sent_at) >= BURN_AFTER and self._burn(intent)

    def _burn(self, intent: Intent) -> bool:
        order = self._oms.broker.burn(intent)
        if order is None:
            return False
        self._oms.sync(order)
        self._oms.log.info(
            Event.BURNT,
            symbol=intent.symbol,
            client_id=intent.client_id,
            exchange_id=order.exchange_id,
            status=order.status,
        )
        return True

    def _reject_absent(self, record: OrderRecord, client_id: str) -> None:
        reason = "not placed: its deadline has passed and the exchange shows neither order nor fill"
        self._oms.book.mark(client_id, OrderStatus.REJECTED, reason=reason)
        self._oms.log.info(Event.ABSENT, symbol=record.symbol, client_id=client_id, reason=reason)

    def _again(self, record: OrderRecord, client_id: str, search: _Search) -> None:
        age = self._oms.age(record)
        search.wait = AGAIN.after(search.wait)
        search.pause.begin(min([search.wait, *(at - age for at in self._turning_points(record) if at > age)]))
        if record.status is not OrderStatus.UNKNOWN and record.exchange_id is None:
            self._oms.book.mark(client_id, OrderStatus.UNKNOWN, reason="not seen at the exchange yet")
        if age > ALARM_AFTER and (search.alarm is None or search.alarm.is_over()):
            search.alarm = Pause(self._oms.clock, ALARM_AGAIN)
            self._oms.log.error(
                Event.UNKNOWN,
                symbol=record.symbol,
                client_id=client_id,
                reason="unknown for over a minute; the search goes on",
            )
