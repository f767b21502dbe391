"""The track record: the effect of trading on one unit of money, whatever the owner deposits or withdraws."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import DAY
from bot.engine.risk import Losses
from bot.engine.track_record import TrackRecord

THOUSAND = Decimal(1000)


def begun(equity: Decimal = THOUSAND) -> TrackRecord:
    return TrackRecord.begun(Decimal(0), equity, 0)


def look(track: TrackRecord, result: str, equity: str, day: int = 0, today: str = "0") -> TrackRecord:
    return track.after(Decimal(result), Decimal(equity), day, Decimal(today))


def test_a_loss_is_measured_against_the_money_before_it() -> None:
    assert look(begun(), "-50", "950").losses == Losses(Decimal(5), Decimal(5))


def test_a_gain_raises_what_a_drawdown_is_measured_from() -> None:
    track = look(look(begun(), "250", "1250"), "0", "1000")
    assert track.losses == Losses(Decimal(0), Decimal(20))


@pytest.mark.parametrize("equity", ["1", "100", "10000"])
def test_money_that_comes_or_goes_is_neither_gain_nor_loss(equity: str) -> None:
    lost = look(begun(), "-40", "960")
    moved = look(lost, "-40", equity)
    assert moved.losses == lost.losses == Losses(Decimal(4), Decimal(4))
    half = Decimal(equity) / 2
    halved = moved.after(Decimal(-40) - half, half, 0, Decimal(0))
    assert halved.losses.day_pct == pytest.approx(Decimal(52))


def test_a_withdrawal_before_a_loss_does_not_make_it_larger() -> None:
    """Both between two measurements: the loss is measured against the earlier equity."""
    assert look(begun(), "-10", "90").losses.day_pct == 1


def test_a_new_day_forgets_the_days_before_but_not_the_drawdown() -> None:
    track = look(look(begun(), "-50", "950"), "-50", "950", DAY)
    assert track.losses == Losses(Decimal(0), Decimal(5))


def test_what_was_lost_while_nobody_looked_belongs_to_the_day_of_its_fills() -> None:
    track = look(begun(), "-100", "900", DAY, today="-20")
    assert track.losses.drawdown_pct == 10
    assert 2 < track.losses.day_pct < Decimal("2.3")


def test_after_a_resume_drawdown_counts_again() -> None:
    track = look(begun(), "-300", "700").restarted()
    assert track.losses == Losses(Decimal(30), Decimal(0))
    assert look(track, "-370", "630").losses.drawdown_pct == 10


def test_an_account_without_money_is_not_halted_by_arithmetic() -> None:
    assert look(begun(Decimal(0)), "-3", "-3").losses == Losses()
    assert look(look(begun(), "-1000", "0"), "-1000", "0").losses.drawdown_pct > 99


@given(
    steps=st.lists(
        st.tuples(st.decimals(-90, 90, places=2), st.decimals(0, 5000, places=2), st.integers(0, 3)), max_size=8
    )
)
def test_losses_are_shares_and_what_is_written_reads_back(steps: list[tuple[Decimal, Decimal, int]]) -> None:
    track, result, equity, day = begun(), Decimal(0), THOUSAND, 0
    for earned, flow, days in steps:
        result, equity, day = result + earned, max(equity + earned + flow, Decimal(0)), day + days * DAY
        track = track.after(result, equity, day, earned)
        assert 0 <= track.losses.day_pct <= 100
        assert 0 <= track.losses.drawdown_pct <= 100
        assert track.best >= track.unit > 0
        assert TrackRecord.read(track.written()) == track


@given(flows=st.lists(st.decimals(0, 100_000, places=2), min_size=1, max_size=10))
def test_flows_alone_never_change_the_record(flows: list[Decimal]) -> None:
    track = look(begun(), "-30", "970")
    for equity in flows:
        track = track.after(Decimal(-30), equity, 0, Decimal(0))
    assert track.losses == Losses(Decimal(3), Decimal(3))
