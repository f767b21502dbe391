"""An order that a venue does not have is a refusal of its shape, known without asking."""

from __future__ import annotations

from decimal import Decimal

from bot.brokers.base import Absence, Capabilities
from bot.brokers.common.outcomes import Unsupported
from bot.brokers.common.shapes import Shapes
from bot.domain.order import Intent, OrderType, Purpose, Side
from bot.domain.outcome import Meaning
from tests.notes import Notes

ABLE = Capabilities(attached_stop=True, resting_stop=True, amend=True, absence=Absence.DEADLINE, deadline_ms=5_000)


def intent(kind: OrderType) -> Intent:
    return Intent("n", "k", Purpose.ENTRY, "BTC-USD", Side.BUY, Decimal(1), kind, 0, 0)


def test_a_stop_that_there_is_not_is_not_sent() -> None:
    def show(order: Intent) -> str:
        if order.type is OrderType.STOP:
            raise Unsupported("no stops here")
        return "fine"

    shapes = Shapes(ABLE, "venue", Notes())
    entry, stop = shapes.prove(show, intent(OrderType.LIMIT), intent(OrderType.STOP))
    assert (entry.accepted, stop.accepted) == (True, False)
    assert (stop.judged, stop.meaning, stop.answer) == (True, Meaning.UNSUPPORTED, "no stops here")
    assert not shapes.able.resting_stop
