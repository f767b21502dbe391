"""Another NIJA with an empty book, on another host, on an account that one already trades: it adopts nothing live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.domain.order import Purpose
from bot.engine.adoption import WATCH
from tests.rig import Rig


@pytest.fixture
def other(rig: Rig) -> Iterator[Rig]:
    """The same account with a separate book, which does not know the first one's tag."""
    other = Rig.__new__(Rig)
    other.__dict__.update(rig.__dict__)
    other.folder, other.tags = rig.folder / "elsewhere", set()
    other.folder.mkdir()
    yield other
    other.crash()


def watch_out(other: Rig) -> None:
    """Lets the time of the watch pass."""
    other.clock.ahead += WATCH
    assert other.engine.reconciliation.adoption.is_due()
    other.engine.start()


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_nothing_is_taken_over_while_its_nija_shows_life(rig: Rig, other: Rig) -> None:
    bought = rig.bought().qty
    other.open()
    for _ in range(2):
        other.turn()
        other.cycle()
    resting = rig.engine.oms.instruments[rig.symbol].size(bought)
    assert (other.position, other.orders(Purpose.STOP), rig.resting()) == (None, [], resting)
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.until(rig.protected, "its stop")
    other.clock.ahead += WATCH
    other.engine.start()
    assert other.book.get_state("second_instance")
    other.clock.ahead += WATCH
    other.engine.start()
    assert other.position is None
    assert rig.protected()


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_what_was_taken_over_is_let_go_of_when_its_nija_shows_life(rig: Rig, other: Rig) -> None:
    bought = rig.bought().qty
    other.open()
    assert other.position is None
    watch_out(other)
    assert other.position is not None
    assert other.position.qty == bought
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.until(rig.protected, "its stop")
    other.reconcile()
    assert other.position is None
    assert other.book.get_state("second_instance")
    for _ in range(3):
        other.turn()
        other.reconcile()
        rig.turn()
    assert rig.protected()
    other.restart()
    other.turn()
    assert (other.position, rig.protected()) == (None, True)


def test_what_this_host_left_behind_is_taken_over_at_once(rig: Rig) -> None:
    rig.bought()
    rig.lose_book()
    rig.open()
    assert rig.position is not None
    assert not rig.engine.reconciliation.adoption.watching
