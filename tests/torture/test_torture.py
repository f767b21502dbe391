"""The torture itself: a short run must find nothing, and the comparison must find every error."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.torture.agreement import sold_gross
from tests.torture.checks import AFTERMATH, Trouble, discrepancies, is_quiet, naked
from tests.torture.course import Course, torture
from tests.torture.faults import KINDS, ends, storms, turned
from tests.torture.owner import Belongings
from tests.torture.recovery import spread
from tests.torture.report import parse

OWNER = Belongings({"BTC": Decimal("0.5")}, frozenset({"FOREIGN"}))


@pytest.mark.timeout(300)
def test_a_short_torture_finds_nothing(tmp_path: Path) -> None:
    course = Course(
        seed=1, seconds=25, venues=("kraken",), kinds=KINDS, kill_every=10, speed=60, folder=tmp_path / "torture"
    )
    outcome = torture(course, lambda _: None)
    assert outcome.wrong == []
    assert outcome.kills + outcome.stops > 0
    assert int(outcome.counts["kraken"]["fills"]) > 0
    assert int(outcome.counts["kraken"]["orders"]) > 0


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_a_stop_that_was_taken_away_comes_back_soon_after_a_start(tmp_path: Path) -> None:
    course = Course(seed=3, seconds=20, venues=("okx",), kinds=(), kill_every=8, speed=60, folder=tmp_path / "torture")
    outcome = torture(course, lambda _: None)
    assert outcome.wrong == []
    assert outcome.kills + outcome.stops > 0
    assert "protected after s" in outcome.counts["okx"]


# -- the seed ---------------------------------------------------------------------------------------------------------
def test_the_seed_gives_the_same_torture_again() -> None:
    def plan(seed: int) -> tuple[object, ...]:
        switches = {f"switch_{number}": bool(number % 2) for number in range(40)} | {"a_number": 3}
        return list(storms(seed, "okx", 60, KINDS)), ends(seed, 60, 10), turned(seed, "okx", switches)

    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_storms_do_not_overlap_and_draw_every_kind() -> None:
    found = list(storms(1, "kraken", 3_000, KINDS))
    assert all(one.end < other.start for one, other in pairwise(found))
    kinds = {"words" if "body" in fault else fault["kind"] for storm in found for fault in storm.faults}
    assert kinds | {"switch" for storm in found if storm.switches} == set(KINDS)


def test_no_kills_and_no_faults_when_none_are_wanted() -> None:
    course = parse(["--faults", "--kill-every", "0", "--venues", "okx"])
    assert list(storms(1, "okx", 60, course.kinds)) == []
    assert ends(1, 60, course.kill_every) == []


def test_a_folder_that_was_used_before_is_not_used_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--keep", str(tmp_path)]).folder == tmp_path
    (tmp_path / "sandbox.json").write_text("{}")
    with pytest.raises(SystemExit, match="2"):
        parse(["--keep", str(tmp_path)])
    assert "is not empty" in capsys.readouterr().err


# -- the comparison ---------------------------------------------------------------------------------------------------
def agreed() -> tuple[dict[str, Any], dict[str, Any]]:
    """Book and exchange of one account: 0.01 BTC bought at 100, half of it sold at 110."""
    orders = [
        ("A", "njA", "buy", "market", "0.01", "0.01", "filled", "api"),
        ("B", "njB", "sell", "market", "0.005", "0.005", "filled", "api"),
        ("S", None, "sell", "stop", "0.005", "0", "open", "attached"),
        ("FOREIGN", None, "buy", "limit", "1", "0", "open", "api"),
        ("HAND", None, "buy", "market", "1", "1", "filled", "manual"),
    ]
    names = ("id", "client_id", "side", "type", "qty", "filled", "status", "origin")
    real = [dict(zip(names, row, strict=True)) | {"symbol": "BTC-USD"} for row in orders]
    fills = [fill("f1", "A", "buy", "0.01", "100"), fill("f2", "B", "sell", "0.005", "110")]
    truth = {
        "orders": real,
        "fills": [*fills, fill("f3", "HAND", "buy", "1", "100")],
        "balances": {"BTC": {"free": "0.5", "held": "0.005"}},
    }
    book = {
        "orders": [believed(order) for order in real[:3]],
        "fills": [booked(one) for one in fills],
        "positions": [position("0.005", "0.005")],
        "dust": {},
        "naked": [{"symbol": "BTC-USD", "start": "1970-01-01T00:01:40Z", "end": None, "why": "exit"}],
    }
    return book, truth


def fill(name: str, order: str, side: str, qty: str, price: str) -> dict[str, Any]:
    return {
        "id": name,
        "order_id": order,
        "symbol": "BTC-USD",
        "side": side,
        "qty": qty,
        "price": price,
        "fee": "0.001",
        "fee_asset": "USD",
    }


def believed(order: dict[str, Any]) -> dict[str, Any]:
    purpose = {"A": "entry", "B": "tp1", "S": "stop"}[order["id"]]
    key = None if purpose == "stop" else f"kraken:BTC-USD/1/{purpose}/0"
    return order | {
        "exchange_id": order["id"],
        "filled_qty": order["filled"],
        "decision_key": key,
        "purpose": purpose,
    }


def booked(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"exchange_fill_id": one["id"], "exchange_order_id": one["order_id"]}


def sell_twice(truth: dict[str, Any]) -> None:
    """More was sold than there was, and bought back later: at the end all coins are there."""
    truth["fills"][1:1] = [fill("f9", "B", "sell", "0.02", "110"), fill("f8", "A", "buy", "0.02", "110")]


def position(qty: str, stop: str) -> dict[str, Any]:
    return {"symbol": "BTC-USD", "qty": qty, "entry_price": "100", "stops": [{"exchange_id": "S", "qty": stop}]}


def test_books_that_agree_have_no_discrepancy() -> None:
    book, truth = agreed()
    assert discrepancies(book, truth, OWNER) == []


Spoil = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda b, t: b["fills"].pop(), "missing"),
        (lambda b, t: b["fills"].append(b["fills"][0]), "booked 2 times"),
        (lambda b, t: b["fills"][0].update(fee="0.002"), "fee"),
        (lambda b, t: b["fills"][0].update(qty="0.02"), "qty"),
        (lambda b, t: t["orders"].append(t["orders"][0] | {"id": "A2"}), "not in the book"),
        (lambda b, t: b["orders"].append(b["orders"][0] | {"exchange_id": None, "status": "unknown"}), "unknown"),
        (lambda b, t: b.update(positions=[position("0.004", "0.005")]), "lies under stops"),
        (lambda b, t: b.update(positions=[]), "rests at the exchange for no position"),
        (lambda b, t: t["orders"][3].update(status="canceled"), "the owner's order"),
        (lambda b, t: t["balances"].update(BTC={"free": "0.4", "held": "0.005"}), "the venue holds"),
        (lambda b, t: t["fills"][1].update(qty="0.02"), "of the owner's"),
        (lambda b, t: sell_twice(t), "of the owner's"),
        (lambda b, t: b["naked"][0].update(symbol="ETH-USD"), "outlives its position"),
    ],
)
def test_what_is_wrong_is_found(spoil: Spoil, word: str) -> None:
    book, truth = copy.deepcopy(agreed())
    spoil(book, truth)
    lines = discrepancies(book, truth, OWNER)
    assert any(word in line for line in lines), lines


# -- time -------------------------------------------------------------------------------------------------------------
def at(seconds: float) -> str:
    return f"1970-01-01T00:{int(seconds // 60):02}:{seconds % 60:06.3f}Z"


def exposure(why: str, end: float | None, well: float | None = 100) -> dict[str, Any]:
    """A naked period from second 100 on; the venue's answers have been good since `well`."""
    event = {"start": at(100), "end": end and at(end), "why": why, "well_since": well and at(well)}
    return {"BTC-USD": {"naked_events": [event]}}


def test_a_naked_entry_is_wrong_however_short_where_stops_are_attached() -> None:
    down = [Trouble(95, 105)]
    assert naked(exposure("entry", 100.1), down, 200, attaches=True)
    assert not naked(exposure("entry", 100.1), [], 200, attaches=False)
    assert not naked(exposure("cancel", 100.1), [], 200, attaches=True)


@pytest.mark.parametrize(
    ("end", "well", "troubles", "wrong"),
    [
        (110, 100, [], True),
        (110, 106, [], False),  # the venue's answers were spoilt until then
        (110, None, [], False),  # the request that ended it had a spoilt answer
        (None, 100, [], True),
        (110, 100, [Trouble(95, 105)], False),
        (115, 100, [Trouble(95, 105)], True),  # it lasts longer than its excuse
        (110, 100, [Trouble(80, 100 - AFTERMATH - 1)], True),
    ],
)
def test_a_naked_period_is_measured_from_the_first_good_answer(
    end: float | None, well: float | None, troubles: list[Trouble], wrong: bool
) -> None:
    assert bool(naked(exposure("cancel", end, well), troubles, 200, attaches=True)) == wrong


def test_a_moment_is_quiet_when_nothing_happened_since() -> None:
    events = [{"wall_time": "1970-01-01T00:01:40Z"}]
    assert is_quiet([], 0)
    assert is_quiet(events, 101)
    assert not is_quiet(events, 99)


def test_what_an_attached_stop_sells_beyond_the_fee_in_the_coin_is_the_venues_doing() -> None:
    """A stop of its entry's size fires before it is amended: the fee taken in the coin is sold with it."""
    bought = fill("f1", "A", "buy", "1", "100") | {"fee": "0.001", "fee_asset": "BTC"}
    orders: list[dict[str, Any]] = [
        {"id": "A", "client_id": "njA", "origin": "api"},
        {"id": "S", "client_id": None, "origin": "attached", "parent_id": "A"},
        {"id": "T", "client_id": None, "origin": "triggered", "parent_id": "S"},
    ]
    truth = {"orders": orders, "fills": [bought, fill("f2", "T", "sell", "1", "99")]}
    assert sold_gross(truth) == {"BTC": Decimal("0.001")}
    orders[1]["origin"] = "api"
    assert sold_gross(truth) == {}


def test_how_long_it_took_is_shown_as_a_distribution() -> None:
    assert spread([]) == "-"
    assert spread([1.25]) == "1.2"
    assert spread([0.5, 1.0, 1.5]) == "3: 0.5 / 1.0 / 1.4 / 1.5"
