"""The data folder is gone while a position is open: it is ours again, with its stop, and nothing is bought twice."""

from __future__ import annotations

from decimal import Decimal

from tests.rig import Rig


def test_a_position_is_recognised_by_its_order(rig: Rig) -> None:
    before = rig.bought()
    rig.deposit(rig.base, Decimal(5))
    rig.lose_book()
    rig.open()
    rig.quiet()
    after = rig.position
    assert after is not None
    assert (after.qty, after.entry_price, after.stop_price) == (before.qty, before.entry_price, before.stop_price)
    assert rig.resting() == before.qty
    assert rig.notes.said("HALTED") == []


def test_after_its_first_target_the_rest_is_ours_and_protected(rig: Rig) -> None:
    rig.bought()
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    before = rig.position
    assert before is not None
    rig.lose_book()
    rig.open()
    rig.quiet()
    after = rig.position
    assert after is not None
    assert after.qty == before.qty == rig.resting()
    assert after.stop_price >= before.stop_price


def test_another_nija_on_the_account_is_noticed_and_left_alone(rig: Rig) -> None:
    """The same account under another book, which bought while this one was looking."""
    other = Rig.__new__(Rig)
    other.__dict__.update(rig.__dict__)
    other.folder = rig.folder / "elsewhere"
    other.folder.mkdir()
    other.open()
    bought = other.bought().qty
    rig.cycle()
    assert rig.position is None
    assert rig.book.fact("second_instance")
    rig.business.flattening.step("flatten")
    rig.turn()
    assert rig.resting() == bought
    other.crash()
