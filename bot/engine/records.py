"""What follows from the record of one of our orders. Pure."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.order import STOPS, OrderRecord, OrderStatus, Purpose
from bot.domain.outcome import ErrorMeaning
from bot.engine.book import Book

#: Refusals after which the same order may be tried again, because nothing can have happened.
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
#: Refusals of an entry because of its attached stop or target.
_FOR_ITS_STOP = frozenset({ErrorMeaning.ATTACHMENT, ErrorMeaning.ATTACHED_PRICE})


def at_stake(record: OrderRecord) -> Decimal:
    """What an unsettled order may still trade or have traded beyond what is booked. Resting stops and finished orders trade no
    more than reported.
    """
    resting = record.purpose is Purpose.STOP and record.type in STOPS
    return (record.filled_qty if resting or record.done else record.qty) - record.booked_qty


def is_harmless(record: OrderRecord) -> bool:
    """Whether the order was refused for a temporary reason or because of its attached stop (the next attempt has none): nothing
    happened, and it may be tried again.
    """
    return record.status is OrderStatus.REJECTED and refusal(record) in TRANSIENT | _FOR_ITS_STOP


def is_refused_for_its_stop(record: OrderRecord) -> bool:
    """Whether an entry was refused because of its attached stop; it may be accepted without one."""
    return record.status is OrderStatus.REJECTED and refusal(record) in _FOR_ITS_STOP


def is_entry_on(record: OrderRecord, candle_close: int) -> bool:
    """Whether the order is an entry that was decided at this close."""
    decision = record.decision
    return record.purpose is Purpose.ENTRY and decision is not None and decision.candle_close == candle_close


def refusal(record: OrderRecord) -> ErrorMeaning | None:
    """The meaning that `submit` stored before the exchange's message; None for an order without a refusal message."""
    word = record.reason.partition(":")[0]
    return next((meaning for meaning in ErrorMeaning if meaning == word), None)


def markets_of(book: Book) -> set[str]:
    """The markets in which the book has a position, or may get one from an order whose outcome is unknown."""
    return {one.symbol for one in book.positions()} | {one.symbol for one in book.unsettled()}


def symbol_of(book: Book, name: str) -> str | None:
    """The symbol in which an order of the book was placed, by its exchange id or client id; None for an unknown order."""
    record = book.by_exchange_id(name) or book.by_client_id(name)
    return None if record is None else record.symbol


def coins_of(book: Book) -> set[str]:
    """The base coins of these markets."""
    return {symbol.split("-", 1)[0] for symbol in markets_of(book)}
