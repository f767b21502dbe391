"""Owner commands block entries: in a denied market, and in the candle in which a position was sold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.events import Lasts
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.engine.flatten import BY_HAND
from tests.engine.exchange import Scene
from tests.marketdata.given import FRAME


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize("name", ["BTC-USD", "BTC"])
def test_a_denied_market_takes_no_entry_until_it_is_allowed(scene: Scene, name: str) -> None:
    scene.engine.deny(name, Lasts.UNTIL_RESTART)
    assert scene.scan() == []
    (line,) = scene.skips()
    assert (line["gate"], line["value"]) == (
        "denied",
        f"{name} is denied until NIJA restarts, or until `nija allow {name}`",
    )
    assert scene.engine.allow(name)
    assert len(scene.scan()) == 1


def test_what_is_denied_gives_its_place_to_another_market(scene: Scene) -> None:
    selection = scene.engine.selection
    selection.at = scene.clock.market_ms()
    assert not selection.is_due()
    scene.engine.deny("BTC", Lasts.FOR_GOOD)
    assert selection.is_due()
    assert selection._allowed() == replace(selection.criteria, deny={"BTC"})


def test_a_name_that_no_market_has_is_told(scene: Scene) -> None:
    assert scene.engine.deny("BTC", Lasts.FOR_GOOD)
    assert not scene.engine.deny("BTCC-USD", Lasts.FOR_GOOD)
    selection = scene.engine.selection
    selection.criteria = replace(selection.criteria, allow=("BTC-USD", "ETHH-USD"))
    selection.make()
    line, empty = scene.log.said(Event.MARKETS)
    assert line["unlisted"] == ["BTCC-USD", "ETHH-USD"]
    assert empty["reason"] == "no market to enter: PAIRS_ALLOW, PAIRS_DENY and `nija deny` leave none"


def sold(scene: Scene) -> str:
    position = scene.book.position("BTC-USD")
    assert position is not None
    progress = scene.engine.flattening.sell_one("BTC-USD", position.entry_id)
    assert progress.done
    return progress.text


def test_the_candle_in_which_a_position_was_sold_is_not_entered_on_again(scene: Scene) -> None:
    """Nor on a signal of that candle, which closes after the sale."""
    scene.scan()
    scene.clock.now += FRAME + 1_000  # held into the next candle
    scene.deliver()
    assert sold(scene) == "BTC-USD sold: 1.94 at 102.9; no entry in this candle"
    (sale,) = scene.orders(Purpose.FLATTEN)
    assert (sale.reason, sale.decision_price) == (BY_HAND, scene.exchange.tickers({"BTC-USD"})["BTC-USD"].bid)
    assert scene.scan() == []
    scene.clock.now += FRAME
    scene.deliver()
    assert scene.scan() == []
    assert {str(line["value"])[:28] for line in scene.skips()} == {"sold by you in this candle, "}
    scene.clock.now += FRAME
    scene.deliver()
    assert len(scene.scan()) == 1


def test_only_the_position_that_was_meant_is_sold(scene: Scene) -> None:
    """The position that the command names is closed; another has been opened since."""
    scene.scan()
    progress = scene.engine.flattening.sell_one("BTC-USD", "njabcanotherentry0")
    assert progress == (True, "BTC-USD is no longer held: nothing was sold by this command")
    assert scene.book.position("BTC-USD") is not None
    assert scene.orders(Purpose.FLATTEN) == []


@pytest.mark.parametrize(("min_cost", "minimum"), [("0", "(500)"), ("5", "(500 and 5 USD)")])
def test_what_is_too_small_is_not_sold_and_keeps_its_stop(scene: Scene, min_cost: str, minimum: str) -> None:
    scene.scan()
    scene.change(min_qty=Decimal(500), min_cost=Decimal(min_cost))
    assert sold(scene) == f"BTC-USD was not sold: 1.94 is below the exchange's minimum {minimum}; its stop stays"
