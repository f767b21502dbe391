"""An order type that a venue does not have counts as a refusal of its shape, without a query."""

from __future__ import annotations

from decimal import Decimal

from bot.brokers.base import AbsenceProof, Capabilities
from bot.brokers.common.capability_probe import CapabilityProbe
from bot.brokers.common.outcomes import Unsupported
from bot.domain.order import Intent, OrderType, Purpose, Side
from bot.domain.outcome import ErrorMeaning
from tests.notes import Notes

ABLE = Capabilities(attached_stop=True, resting_stop=True, amend=True, absence=AbsenceProof.DEADLINE, deadline_ms=5_000)


def intent(kind: OrderType) -> Intent:
    return Intent("n", "k", Purpose.ENTRY, "BTC-USD", Side.BUY, Decimal(1), kind, 0, 0)


def test_a_stop_that_there_is_not_is_not_sent() -> None:
    def show(order: Intent) -> str:
        if order.type is OrderType.STOP:
            raise Unsupported("no stops here")
        return "fine"

    shapes = CapabilityProbe(ABLE, "venue", Notes())
    entry, stop = shapes.probe(show, intent(OrderType.LIMIT), intent(OrderType.STOP))
    assert (entry.accepted, stop.accepted) == (True, False)
    assert (stop.judged, stop.meaning, stop.answer) == (True, ErrorMeaning.UNSUPPORTED, "no stops here")
    assert not shapes.able.resting_stop
