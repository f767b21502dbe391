"""A market that is closed to this owner only: one log line, the next market takes its place, and the others keep trading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

VENUES = ["kraken", "okx", "coinbase"]
SYMBOLS = {
    "kraken": ("LTC-USD", "ADA-USD"),
    "okx": ("LTC-USDT", "ADA-USDT"),
    "coinbase": ("LTC-USD", "ADA-USD"),
}
CLOSED: dict[str, tuple[str, object]] = {
    "kraken": ("restricted", True),
    "okx": ("refused", "51155"),
    "coinbase": ("market_refusal", "GEOFENCING_RESTRICTION"),
}

#: The endpoint for a position's price, and its error.
UNASKED = {
    "kraken": ("Trades$", "EQuery:Unknown asset pair", "EGeneral:Frobnicated"),
    "okx": ("market/trades$", "51155", "58888"),
    "coinbase": ("/ticker$", "NOT_FOUND:Product LTC-USD not supported", "FROBNICATED"),
}


@pytest.fixture
def two(sandbox: Sandbox, tmp_path: Path, venue: str) -> Iterator[Rig]:
    """An account with two markets that is not traded yet."""
    rig = Rig(sandbox, tmp_path, *SYMBOLS[venue], venue=venue)
    yield rig
    rig.crash()
    rig.disarm()


@contextmanager
def restricted(rig: Rig, symbol: str) -> Iterator[None]:
    """Makes the venue close a market to this owner."""
    name, value = CLOSED[rig.venue]
    with rig.switched(f"{name}.{symbol}", value):
        yield


@pytest.mark.parametrize("venue", VENUES)
def test_an_entry_into_it_is_refused_once_and_the_other_is_entered(two: Rig) -> None:
    closed, other = SYMBOLS[two.venue]
    two.open()
    two.steady()
    with restricted(two, closed):
        two.engine.probe()
        for _ in range(3):
            two.enter(closed, other)
        two.cycle()
        lines = [line for line in two.notes.said(Event.HALTED) if line.get("symbol") == closed]
        assert len(lines) == 1
        assert closed not in two.engine.selection.symbols
        assert other in two.engine.selection.symbols
        assert two.book.position(closed) is None
        assert two.book.position(other) is not None
        assert not two.notes.said(Event.FAILED)


@pytest.mark.parametrize("venue", VENUES)
def test_the_owners_word_opens_it_again(two: Rig) -> None:
    closed, _ = SYMBOLS[two.venue]
    two.open()
    two.steady()
    with restricted(two, closed):
        two.engine.probe()
        two.enter(closed)
        two.cycle()
        assert closed not in two.engine.selection.symbols
    two.cycle()
    assert closed not in two.engine.selection.symbols
    two.engine.resume()
    two.cycle()
    assert closed in two.engine.selection.symbols


@pytest.mark.parametrize("venue", VENUES)
def test_what_is_held_in_it_is_looked_after_and_sold_when_it_can_be(two: Rig) -> None:
    held, _ = SYMBOLS[two.venue]
    two.open()
    two.steady()
    two.enter(held)
    two.quiet()
    with restricted(two, held):
        two.jump("1.05")
        two.turn()
        two.restart()
        assert two.position is not None
        if two.venue != "coinbase":  # there the stop is cancelled for the sale, and both are rejected
            assert two.resting() == two.engine.oms.instruments[held].size(two.position.qty)
    two.clock.ahead += 600_000
    two.jump("1.10")
    two.until(lambda: two.position is None, "the last target")
    two.quiet()


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", range(2))
def test_what_is_held_gets_its_stop_although_nobody_says_its_price(two: Rig, which: int) -> None:
    """Requests about its market are rejected, with a market error or with an undocumented one."""
    path, *words = UNASKED[two.venue]
    two.open()
    two.steady()
    position = two.bought()
    broker = two.engine.oms.broker
    for stop in two.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    two.arm("exchange_error", path, body=words[which], processed=False, count=1000)
    two.until(two.protected, "the stop")
    assert two.notes.said(Event.WATCH)


@pytest.mark.parametrize("venue", ["kraken"])
@pytest.mark.parametrize("word", ["EQuery:Unknown asset pair", "EGeneral:Frobnicated", "EGeneral:Invalid arguments"])
def test_a_market_whose_age_is_not_told_makes_room_for_the_next(two: Rig, word: str) -> None:
    """The account starts and trades the other markets."""
    two.open()
    for symbol in two.symbols:
        two.book.set_state(f"old:{symbol}", "")
    two.arm("exchange_error", "OHLC", body=word, processed=False, count=1)
    two.engine.read_rules()
    assert len(two.engine.selection.symbols) == 1
    two.engine.read_rules()
    assert len(two.engine.selection.symbols) == 2
