"""What the record of an order of ours says beyond its fields. Pure."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.order import STOPS, OrderRecord, OrderStatus, Purpose
from bot.domain.outcome import ErrorMeaning

#: Refusals after which the very same order may be tried again: it is certain that nothing happened.
TRANSIENT = frozenset(
    {
        ErrorMeaning.BUSY,
        ErrorMeaning.RATE_LIMITED,
        ErrorMeaning.NONCE,
        ErrorMeaning.CLOCK,
        ErrorMeaning.LOCKED_OUT,
        ErrorMeaning.NO_WAY,
    }
)
#: Refusals of an entry for the stop or target it carries.
_FOR_ITS_STOP = frozenset({ErrorMeaning.ATTACHMENT, ErrorMeaning.ATTACHED_PRICE})


def at_stake(record: OrderRecord) -> Decimal:
    """What an unsettled order may have traded beyond what is booked: a resting stop and an order that is over trade no more."""
    resting = record.purpose is Purpose.STOP and record.type in STOPS
    return (record.filled_qty if resting or record.done else record.qty) - record.booked_qty


def is_harmless(record: OrderRecord) -> bool:
    """Refused, and for a passing reason, or for the stop it carried (the next goes without): nothing happened, and the order
    may be tried again.
    """
    return record.status is OrderStatus.REJECTED and refusal(record) in TRANSIENT | _FOR_ITS_STOP


def is_refused_for_its_stop(record: OrderRecord) -> bool:
    """An entry that was refused for the stop attached to it: without one it may be taken."""
    return record.status is OrderStatus.REJECTED and refusal(record) in _FOR_ITS_STOP


def refusal(record: OrderRecord) -> ErrorMeaning | None:
    """The meaning that `submit` wrote in front of the venue's words; None for an order that was not refused in words."""
    word = record.reason.partition(":")[0]
    return next((meaning for meaning in ErrorMeaning if meaning == word), None)
