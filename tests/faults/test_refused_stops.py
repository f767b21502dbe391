"""Rejected stops and amends: only errors known to be final sell a position, and only after a time; others are waited out."""

from __future__ import annotations

import pytest

from bot.domain.clock import MINUTE, SECOND
from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose
from bot.engine.refusals import AT_LEAST
from tests.rig import Rig

VENUES = ["kraken", "okx", "coinbase"]
#: The endpoints that place and amend stops.
STOPS_AT = {"kraken": "AddOrder", "okx": "trade/order-algo", "coinbase": "brokerage/orders$"}
AMENDS_AT = {"kraken": "AmendOrder", "okx": "trade/amend-algos"}
#: Errors that are final; that say the coins are not free; that say the market is closed; and undocumented ones.
FINAL = {"kraken": "EGeneral:Invalid arguments", "okx": "51000", "coinbase": "INVALID_REQUEST"}
SHORT = {"kraken": "EOrder:Insufficient funds", "okx": "51008", "coinbase": "INSUFFICIENT_FUND"}
CLOSED = {"kraken": "EService:Market in cancel_only mode", "okx": "54094", "coinbase": "TRADING_DISABLED"}
UNHEARD = {"kraken": "EOrder:Frobnicated", "okx": "58888", "coinbase": "FROBNICATED"}
UNHEARD_AMENDS = [(venue, UNHEARD[venue]) for venue in ("kraken", "okx")]
#: Errors by which a stop cannot be amended: its type, not found, final, or amending is not offered.
UNAMENDABLE = [
    ("okx", "51529"),
    ("okx", "row:51503"),
    ("okx", "row:51000"),
    ("okx", "50005"),
    ("kraken", "EOrder:Order not editable"),
    ("kraken", "EGeneral:Invalid arguments"),
    ("kraken", "EGeneral:Unknown method"),
]


@pytest.fixture
def naked(rig: Rig) -> Rig:
    """A position whose stop the owner has cancelled."""
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    return rig


def refuse(rig: Rig, word: str, path: str, count: int = 1000) -> None:
    rig.arm("exchange_error", path, body=word, processed=False, method="POST", count=count)


def turn_for(rig: Rig, turns: int, each: int) -> None:
    """Makes `turns` looks, `each` wall ms apart."""
    for _ in range(turns):
        rig.turn()
        rig.clock.ahead += each


@pytest.mark.parametrize("venue", VENUES)
def test_final_words_sell_but_not_at_once(naked: Rig) -> None:
    refuse(naked, FINAL[naked.venue], STOPS_AT[naked.venue])
    turn_for(naked, 5, SECOND)
    assert naked.position is not None
    assert not naked.sales()
    naked.disarm()
    naked.clock.ahead += AT_LEAST
    refuse(naked, FINAL[naked.venue], STOPS_AT[naked.venue], count=1)
    naked.until(lambda: naked.position is None, "the sale")
    naked.quiet()
    assert naked.coins() == sum(naked.book.dust().values())


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("words", [SHORT, CLOSED, UNHEARD], ids=["short", "closed", "unheard"])
def test_other_words_never_sell(naked: Rig, words: dict[str, str]) -> None:
    """However often and long they come; the owner sees the reason, and the stop rests as soon as the exchange accepts it."""
    refuse(naked, words[naked.venue], STOPS_AT[naked.venue])
    turn_for(naked, 8, 20 * SECOND)
    naked.engine.naked_watchdog.check()
    assert naked.position is not None
    assert not naked.sales()
    assert naked.engine.oms.broker.capabilities().resting_stop
    assert any(words[naked.venue] in str(line["reason"]) for line in naked.notes.said(Event.NAKED))
    naked.disarm()
    naked.clock.ahead += 6 * MINUTE
    naked.until(naked.protected, "the stop")


@pytest.mark.parametrize("venue", VENUES)
def test_refused_stops_are_tried_with_growing_pauses(naked: Rig) -> None:
    refuse(naked, FINAL[naked.venue], STOPS_AT[naked.venue])
    for _ in range(10):
        naked.turn()
    assert len([one for one in naked.orders(Purpose.STOP) if one.status is OrderStatus.REJECTED]) <= 2


@pytest.mark.everywhere
@pytest.mark.parametrize(("venue", "word"), [*UNHEARD_AMENDS, *UNAMENDABLE])
def test_an_amend_that_is_refused_leaves_the_stop_and_replaces_it_once(rig: Rig, word: str) -> None:
    """All targets are sold, and the account keeps amending what it can."""
    rig.bought()
    refuse(rig, word, AMENDS_AT[rig.venue])
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.until(rig.protected, "the stop of the rest")
    assert rig.asked(AMENDS_AT[rig.venue]) <= 6
    assert rig.engine.oms.broker.capabilities().amend
    rig.jump("1.10")
    rig.until(lambda: rig.position is None, "the last target")
    rig.quiet()
    assert rig.resting() == 0
    assert rig.coins() == sum(rig.book.dust().values())


@pytest.mark.everywhere
@pytest.mark.parametrize("venue", sorted(AMENDS_AT))
def test_an_amend_that_is_accepted_and_dropped_replaces_the_stop(rig: Rig) -> None:
    """The rest is protected, and all targets are sold."""
    rig.bought()
    with rig.switched("amends_without_effect", True):
        rig.jump("1.05")
        rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
        rig.until(rig.protected, "the stop of the rest")
        rig.jump("1.10")
        rig.until(lambda: rig.position is None, "the last target")
    rig.quiet()
    assert rig.resting() == 0
    assert rig.coins() == sum(rig.book.dust().values())


@pytest.mark.parametrize("venue", VENUES)
def test_while_coins_lie_bare_no_call_is_waited_for_long(naked: Rig) -> None:
    """A stop whose answer hangs is searched for at once, and exactly one rests soon after."""
    naked.arm("hang", STOPS_AT[naked.venue], method="POST", count=1, seconds=20, processed=False)
    naked.until(naked.protected, "the stop")
    assert len([one for one in naked.sent(side="sell") if one["status"] == "open"]) == 1


@pytest.mark.parametrize("venue", ["coinbase"])
def test_stops_that_are_taken_and_then_refused_are_said(naked: Rig) -> None:
    """They are tried with growing pauses and never abandoned, and one rests as soon as it is kept."""
    naked.arm("reject_order", body="FAILED", count=1000)
    for _ in range(10):
        naked.turn()
        naked.clock.ahead += 3 * SECOND
        naked.engine.naked_watchdog.check()
    assert any("INSUFFICIENT_FUNDS" in str(line["reason"]) for line in naked.notes.said(Event.NAKED))
    assert naked.position is not None
    assert not naked.sales()
    naked.disarm()
    naked.clock.ahead += MINUTE
    naked.until(naked.protected, "the stop")
