"""The hunt: an order whose fate is unknown is looked for until it is found or its absence is proved. Silence proves nothing.

Proof that nothing was placed: the request carried a deadline, the deadline has passed with a margin, and a look that began
afterwards saw nothing in open orders, closed orders and fills. Where a venue knows no deadlines but makes one order an id,
the lost request is made harmless instead: an entry's id is burnt, a sale or stop that is still wanted is repeated under its
id, and either way the venue names the order that stands there. There is no limit in time.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.brokers.base import Absence, BrokerError
from bot.domain.backoff import Backoff
from bot.domain.clock import HOUR, MINUTE, SECOND, Pause
from bot.domain.log import Event
from bot.domain.order import Intent, OrderRecord, OrderStatus, Purpose
from bot.domain.outcome import ErrorClass, Meaning, NotPlaced, Placed, Unknown
from bot.engine.desk import Desk

#: Real ms after a request's deadline before an empty look counts as proof: clocks differ, engines dawdle.
PROOF_MARGIN = 2 * SECOND
#: Real ms after sending before the same request is sent again: a position may be without its stop until then.
REPEAT_AFTER = 3 * SECOND // 2
#: Real ms after sending before an id is burnt: what is only slow should have arrived by then.
BURN_AFTER = 5 * SECOND
#: Real ms after sending until which a sale or stop is repeated as it was: the market has moved on since.
REPEAT_UNTIL = MINUTE
#: The waits between two looks for the same order.
AGAIN = Backoff(250, 2, 30 * SECOND)
#: Market ms before an order's creation from which the venue's lists are searched.
SEARCH_MARGIN = MINUTE
#: Real ms after which an order that is still unknown is worth an alarm, and until the next one for it.
ALARM_AFTER, ALARM_AGAIN = MINUTE, HOUR


@dataclass(slots=True)
class _Chase:
    pause: Pause
    wait: int = 0
    alarm: Pause | None = None


class Hunt:
    """Finds lost orders, one look a turn each, with growing waits in between."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._chases: dict[str, _Chase] = {}

    def pursue(self) -> bool:
        """Look for every order in flight whose turn has come; True when a hunt ended, so that positions want a look."""
        wanted = {record.client_id: record for record in self._desk.in_flight() if record.client_id is not None}
        for client_id in self._chases.keys() - wanted.keys():
            self._end(client_id)
        ended = False
        for client_id, record in wanted.items():
            chase = self._chases.setdefault(client_id, _Chase(Pause(self._desk.clock)))
            if chase.pause.is_over():
                ended = self._look(record, client_id, chase) or ended
        return ended

    @property
    def pending(self) -> bool:
        """Whether anything is being hunted."""
        return bool(self._chases)

    def _end(self, client_id: str) -> None:
        """Whoever found out what became of an order: its hunt is over, and so is an alarm about it."""
        if self._chases.pop(client_id).alarm is not None:
            self._desk.log.info(Event.CERTAIN, client_id=client_id, reason="what became of it is known now")

    def _look(self, record: OrderRecord, client_id: str, chase: _Chase) -> bool:
        try:
            ended = self._ended(record, client_id)
        except BrokerError as error:
            self._desk.log.debug(Event.HUNT, client_id=client_id, reason=error.text)
            ended = False
        if not ended:
            self._again(record, client_id, chase)
        return ended

    def _ended(self, record: OrderRecord, client_id: str) -> bool:
        """Whether this look ended the hunt: the order was found, or its absence proved or brought about."""
        age = self._desk.age(record)
        if self._seen(record, client_id):
            return True
        if record.exchange_id is not None:
            return self._desk.forgotten(record).done
        if age < _turning_points(record)[0]:
            return False
        if self._desk.broker.capabilities().absence is Absence.SAME_ID:
            return self._use_id_again(record)
        if record.deadline is not None:
            self._give_up(record, client_id)
        return record.deadline is not None

    def _seen(self, record: OrderRecord, client_id: str) -> bool:
        """Whether the venue shows the order; what it shows is booked."""
        desk = self._desk
        order = None
        if record.exchange_id is not None:
            order = desk.broker.order(record.exchange_id, record.symbol)
        if order is None:
            order = desk.broker.find(client_id, record.symbol, record.created_at - SEARCH_MARGIN)
        if order is None:
            return False
        after = desk.sync(order)
        desk.log.info(
            Event.FOUND, symbol=record.symbol, client_id=client_id, exchange_id=order.exchange_id, status=order.status
        )
        return after is not None

    def _use_id_again(self, record: OrderRecord) -> bool:
        """Make the venue name the order under this id: by the same request where it is still wanted, else by burning it."""
        intent = record.intent()
        if intent is None:
            return False
        if self._is_wanted(record):
            return self._repeat(intent)
        return self._desk.age(record) >= BURN_AFTER and self._burn(intent)

    def _is_wanted(self, record: OrderRecord) -> bool:
        """Whether a lost sale or stop, made now, would do what it was meant to, and nothing else is on its way to do it."""
        position = self._desk.book.position(record.symbol)
        if record.purpose is Purpose.ENTRY or position is None:
            return False
        if self._desk.age(record) > REPEAT_UNTIL:
            return False
        if record.side is position.side or record.qty > position.qty:
            return False
        stop = record.purpose is Purpose.STOP
        return not any(
            other.symbol == record.symbol
            and other.client_id != record.client_id
            and other.side is record.side
            and (other.purpose is Purpose.STOP) is stop
            for other in self._desk.book.unsettled()
        )

    def _repeat(self, intent: Intent) -> bool:
        """Send the same request again. A refusal does not say that the first was not taken: then the id is burnt; at once where
        the market has passed its price, since until then nothing else can guard or sell these coins.
        """
        desk = self._desk
        match desk.broker.resend(intent):
            case Placed(exchange_id):
                placed = desk.book.mark(intent.client_id, OrderStatus.SUBMITTED, exchange_id=exchange_id)
                desk.log.info(Event.REPEATED, symbol=intent.symbol, client_id=intent.client_id, exchange_id=exchange_id)
                desk.refresh(placed)
                return True
            case NotPlaced(meaning, reason) if (
                meaning is Meaning.PRICE or meaning.error_class is not ErrorClass.PASSING
            ):
                desk.log.info(Event.HUNT, client_id=intent.client_id, reason=f"repeated, refused: {reason}")
                return self._burn(intent)
            case NotPlaced(_, reason) | Unknown(reason, unheard=False):
                desk.log.debug(Event.HUNT, client_id=intent.client_id, reason=f"not repeated: {reason}")
                return False
            case Unknown(reason):
                desk.log.info(Event.HUNT, client_id=intent.client_id, reason=f"repeated, answered: {reason}")
                return desk.ages.of(intent.client_id, intent.sent_at) >= BURN_AFTER and self._burn(intent)

    def _burn(self, intent: Intent) -> bool:
        order = self._desk.broker.burn(intent)
        if order is None:
            return False
        self._desk.sync(order)
        self._desk.log.info(
            Event.BURNT,
            symbol=intent.symbol,
            client_id=intent.client_id,
            exchange_id=order.exchange_id,
            status=order.status,
        )
        return True

    def _give_up(self, record: OrderRecord, client_id: str) -> None:
        reason = "not placed: its deadline has passed and the exchange shows neither order nor fill"
        self._desk.book.mark(client_id, OrderStatus.REJECTED, reason=reason)
        self._desk.log.info(Event.ABSENT, symbol=record.symbol, client_id=client_id, reason=reason)

    def _again(self, record: OrderRecord, client_id: str, chase: _Chase) -> None:
        age = self._desk.age(record)
        chase.wait = AGAIN.after(chase.wait)
        chase.pause.begin(min([chase.wait, *(at - age for at in _turning_points(record) if at > age)]))
        if record.status is not OrderStatus.UNKNOWN and record.exchange_id is None:
            self._desk.book.mark(client_id, OrderStatus.UNKNOWN, reason="not seen at the exchange yet")
        if age > ALARM_AFTER and (chase.alarm is None or chase.alarm.is_over()):
            chase.alarm = Pause(self._desk.clock, ALARM_AGAIN)
            self._desk.log.error(
                Event.UNKNOWN,
                symbol=record.symbol,
                client_id=client_id,
                reason="unknown for over a minute; the hunt goes on",
            )


def _turning_points(record: OrderRecord) -> tuple[int, ...]:
    """Ages (real ms) from which a look that shows nothing allows more than the look before, the first of them first."""
    if record.deadline is not None:
        return (record.deadline - record.sent_at + PROOF_MARGIN + 1,)
    return (REPEAT_AFTER, BURN_AFTER)
