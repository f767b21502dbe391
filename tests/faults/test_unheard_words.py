"""Undocumented error codes, wherever an exchange may return them: nothing is sold, nothing switched off, nothing ends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.brokers.base import BrokerError
from bot.domain.log import Event
from bot.domain.order import Purpose
from tests.rig import Rig

VENUES = ["kraken", "okx", "coinbase"]
#: A code in no table; a known one with an undocumented suffix; one that would end an actor, likewise with a suffix.
WORDS = {
    "kraken": ("EOrder:Frobnicated", "EGeneral:Invalid arguments:frobnication", "EAPI:Invalid key:frobnicated"),
    "okx": ("58888", "row:59999", "50199"),
    "coinbase": ("FROBNICATED", "INVALID_REQUEST_FROBNICATED", "UNSUPPORTED_ORDER_CONFIGURATION_2"),
}
ORDERS_AT = {"kraken": "AddOrder", "okx": "trade/order$", "coinbase": "brokerage/orders$"}
PROOFS_AT = {"kraken": "AddOrder", "okx": "trade/order-precheck", "coinbase": "orders/preview"}
CANCELS_AT = {"kraken": "CancelOrder", "okx": "trade/cancel-algos", "coinbase": "batch_cancel"}
READS_AT = {
    "kraken": "OpenOrders|Balance|Trades|Ticker",
    "okx": "pending|balance|fills|ticker",
    "coinbase": "accounts|historical|bid_ask",
}


def say(rig: Rig, word: str, path: str, count: int, method: str | None = "POST") -> None:
    only = {} if method is None else {"method": method}
    rig.arm("exchange_error", path, body=word, processed=False, count=count, **only)


def stays_able(rig: Rig) -> None:
    able = rig.engine.oms.broker.capabilities()
    assert able.attached_stop
    assert able.resting_stop
    assert not rig.notes.said(Event.HALTED)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(3))
def test_to_an_entry(rig: Rig, which: int) -> None:
    """The order is searched for; nothing was bought, and nothing is bought twice."""
    say(rig, WORDS[rig.venue][which], ORDERS_AT[rig.venue], count=1)
    rig.enter()
    rig.quiet()
    assert rig.position is None
    assert rig.coins() == Decimal(0)
    assert len(rig.orders(Purpose.ENTRY)) == 1
    stays_able(rig)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(3))
def test_to_a_sale(rig: Rig, which: int) -> None:
    """The stop rests again at once, and the sale is made once, when it is accepted."""
    rig.bought()
    say(rig, WORDS[rig.venue][which], ORDERS_AT[rig.venue], count=1)
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.position is not None
    assert len([one for one in rig.orders(Purpose.TP1) if one.booked_qty > 0]) == 1
    stays_able(rig)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(3))
def test_to_a_cancel(rig: Rig, which: int) -> None:
    rig.bought()
    say(rig, WORDS[rig.venue][which], CANCELS_AT[rig.venue], count=2)
    rig.jump("1.20")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.resting() == 0
    stays_able(rig)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(3))
def test_to_questions(rig: Rig, which: int) -> None:
    """Reads fail and are repeated; positions stay as they are."""
    position = rig.bought()
    say(rig, WORDS[rig.venue][which], READS_AT[rig.venue], count=30, method=None)
    for _ in range(6):
        rig.turn()
        rig.cycle()
    rig.disarm()
    rig.quiet()
    assert rig.position is not None
    assert rig.position.qty == position.qty
    assert not rig.sales()
    stays_able(rig)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(3))
def test_to_a_proof(unopened: Rig, which: int) -> None:
    """It proves nothing: capabilities stay, and are proved again later."""
    say(unopened, WORDS[unopened.venue][which], PROOFS_AT[unopened.venue], count=3)
    unopened.open()
    stays_able(unopened)
    unopened.disarm()
    unopened.bought()
    unopened.quiet()


@pytest.mark.parametrize("venue", VENUES)
def test_a_restart_that_is_answered_in_such_words_protects_what_is_held(rig: Rig) -> None:
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    word = WORDS[rig.venue][0]
    say(rig, word, PROOFS_AT[rig.venue], count=100 if rig.venue != "kraken" else 0)
    try:
        rig.restart()
    except BrokerError as error:
        pytest.fail(f"the start ended: {error}")
    rig.quiet()
    assert rig.protected()
