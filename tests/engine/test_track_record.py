"""The track record: the effect of trading on one unit of money, whatever the owner deposits or withdraws."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import DAY
from bot.engine.risk import Losses
from bot.engine.track_record import TrackRecord, measured_against

THOUSAND = Decimal(1000)
#: What rounding to 18 decimals may change in some measurements.
EXACT = Decimal("1e-15")


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
    assert track.losses.day_pct == pytest.approx(Decimal(30))
    assert track.losses.drawdown_pct == 0
    assert look(track, "-370", "630").losses.drawdown_pct == 10


def test_an_account_without_money_is_not_halted_by_arithmetic() -> None:
    assert look(begun(Decimal(0)), "-3", "-3").losses == Losses()
    assert look(look(begun(), "-1000", "0"), "-1000", "0").losses.drawdown_pct > 99


def test_a_loss_after_the_loss_of_everything_is_seen() -> None:
    track = look(look(begun(), "-1000", "0"), "-1000", "500").restarted()
    assert track.losses.day_pct > 99, "this day stays what it was"
    again = look(track, "-1050", "450", DAY, today="-50")
    assert again.losses.drawdown_pct == 10
    assert again.losses.day_pct == pytest.approx(Decimal(10))
    assert TrackRecord.read(again.written()) == again


# -- balances that are wrong, and money that nearly all leaves


@pytest.mark.parametrize(
    ("shown", "lost_pct"),
    [
        (["0", "0"], "1"),  # nothing is shown, twice: the loss counts against the position
        (["0", "999"], "0.1"),  # once
        (["1000", "0"], "0.1"),  # only afterwards
        (["1", "1"], "1"),  # a little is shown
        (["100", "99"], "1"),  # the owner took all that was free
        (["1000", "999"], "0.1"),  # all is well
    ],
)
def test_a_loss_is_a_share_of_what_was_there_whatever_balances_say(shown: list[str], lost_pct: str) -> None:
    """A position of 100 loses 1 between two measurements."""
    track = begun()
    for equity, position, result in zip(shown, ("100", "99"), ("0", "-1"), strict=True):
        track = track.after(Decimal(result), measured_against(Decimal(equity), Decimal(position)), 0, Decimal(0))
    track = look(track, "-1", "999")
    assert track.losses.day_pct == pytest.approx(Decimal(lost_pct))


def test_a_result_without_any_money_is_not_counted() -> None:
    """Such as a fee that is recorded while the exchange shows no balances."""
    track = look(begun(), "0", "0")
    assert look(track, "-0.4", "0").losses == Losses()
    assert look(look(track, "-0.4", "0"), "-10.4", "990").losses.day_pct == 1


CHANGES = st.decimals("-0.2", "0.2", places=3)
CASH = st.decimals(0, 10_000, places=2)


@given(steps=st.lists(st.tuples(CHANGES, st.booleans(), st.booleans()), max_size=12), cash=CASH)
def test_no_balance_makes_a_loss_larger_than_that_of_the_position(
    steps: list[tuple[Decimal, bool, bool]], cash: Decimal
) -> None:
    """Cash and coins of a position of 100 are shown or not, as it pleases the exchange."""
    position, result, most, least = Decimal(100), Decimal(0), Decimal(1), Decimal(1)
    track = begun(cash + position)
    for change, shows_cash, shows_coins in steps:
        least, most = least * (1 + min(change, Decimal(0))), most * (1 + max(change, Decimal(0)))
        result += position * change
        position *= 1 + change
        shown = cash * shows_cash + position * shows_coins
        track = track.after(result, measured_against(shown, position), 0, Decimal(0))
        assert least - EXACT <= track.unit <= most + EXACT


@given(changes=st.lists(CHANGES, max_size=12), cash=CASH)
def test_where_balances_are_right_every_cent_counts(changes: list[Decimal], cash: Decimal) -> None:
    position, result = Decimal(100), Decimal(0)
    track = begun(cash + position)
    for change in changes:
        result += position * change
        position *= 1 + change
        track = track.after(result, measured_against(cash + position, position), 0, Decimal(0))
    assert abs(track.unit - (cash + position) / (cash + 100)) < EXACT


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


AMOUNTS = st.decimals(Decimal("-1e38"), Decimal("1e38"), allow_nan=False, allow_infinity=False)


@given(steps=st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=8))
def test_no_amount_is_too_large_for_the_record(steps: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    track = begun(Decimal("1e19"))
    for number, (result, equity, today) in enumerate(steps):
        track = track.after(result, equity, number // 2 * DAY, today).restarted()
        assert TrackRecord.read(track.written()) == track
        assert 0 <= track.losses.day_pct <= 100
