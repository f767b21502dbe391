"""Exact numbers: parsing keeps the value as written, and rounding stays on the grid."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.money import (
    BadNumber,
    as_price,
    as_quantity,
    balance,
    ceil_to,
    decimal,
    floor_to,
    nearest_to,
    plain,
    shortened,
    storable,
    to_places,
    usd,
)

amounts = st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False, allow_infinity=False)
steps = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.01", "0.05", "0.5", "1", "10", "0.0025")])


@given(amounts, steps)
def test_rounding_keeps_to_the_grid_and_to_its_side(value: Decimal, step: Decimal) -> None:
    low, high, near = floor_to(value, step), ceil_to(value, step), nearest_to(value, step)
    assert low <= value <= high
    assert high - low in (0, step)
    assert near in (low, high)
    assert all(one % step == 0 for one in (low, high, near))


@given(amounts)
def test_text_and_back(value: Decimal) -> None:
    assert decimal(plain(value)) == value
    assert "E" not in plain(value).upper()


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-inf",
        "1e400",
        "1e-400",
        "",
        "12,5",
        "abc",
        "0x10",
        None,
        0.1,
        True,
        "1_000",
        "٣",
        " 1",
        "1\n",
        "1e1_0",
        "1" * 200_000 + "x",
        ".",
        "e5",
        "--1",
    ],
)
def test_what_is_no_number_stops_at_the_door(text: object) -> None:
    with pytest.raises(BadNumber):
        decimal(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "-1e19", "", "abc", None, 0.1, True])
def test_what_is_no_number_is_no_balance(text: object) -> None:
    with pytest.raises(BadNumber):
        balance(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("0.000000000000000000123", "0"),
        ("-9.99e-19", "0"),
        ("1e-400", "0"),
        ("0E-30", "0"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("1.0000000000000000019", "1.000000000000000001"),
        ("-1.0000000000000000019", "-1.000000000000000001"),
        ("1e18", "1000000000000000000"),
        ("999999999999999999.9999999999999999999", "999999999999999999.999999999999999999"),
        ("41.77109", "41.77109"),
    ],
)
def test_a_balance_ends_with_its_18th_decimal(text: str, held: str) -> None:
    assert str(balance(text)) == held or balance(text) == Decimal(held) == decimal(text)


@pytest.mark.parametrize("text", ["1", "1.", ".5", "-0.50", "+2", "1E3", "2.5e-08", "00012"])
def test_numbers_as_they_are_written(text: str) -> None:
    assert decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.500", "1.5"), ("100", "100"), ("1E+3", "1000"), ("-0", "0"), ("0.00", "0"), ("1e-8", "0.00000001")],
)
def test_plain(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234.5", "$1,234.50"),
        ("-0.5", "-$0.50"),
        ("0", "$0.00"),
        ("0.99996", "$1.00"),
        ("0.00153", "$0.00153"),
        ("-0.09984321", "-$0.09984"),
        ("0.0000000012345", "$0.000000001234"),
    ],
)
def test_usd(value: str, text: str) -> None:
    assert usd(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "short"), [("1.23456789012", "1.2345679"), ("123456789.123", "123456789"), ("0", "0")]
)
def test_shortened(value: str, short: str) -> None:
    assert shortened(Decimal(value)) == Decimal(short)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1e38", f"1{'0' * 38}"),
        ("3299.615500529333315001443636", "3299.6155"),
        ("0.00001234", "0.00001234"),
        ("95472.2", "95472.2"),
        ("0", "0"),
    ],
)
def test_prices(value: str, text: str) -> None:
    assert as_price(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.00334683981", "0.0033468398"),
        ("94.479665999", "94.479665"),
        ("123456789.9", "123456789"),
        ("1E-9", "0.000000001"),
        ("0", "0"),
        ("12", "12"),
        ("1.2e38", f"12{'0' * 37}"),
    ],
)
def test_quantities_are_never_shown_as_more_than_there_is(value: str, text: str) -> None:
    assert as_quantity(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("10000000000.1", 18, "10000000000.100000000000000000"),
        ("1.00000000000000000049", 18, "1.000000000000000000"),
        ("-2.5", 0, "-2"),
        ("1e38", 8, f"1{'0' * 38}.00000000"),
    ],
)
def test_any_amount_can_be_rounded(value: str, places: int, text: str) -> None:
    assert format(to_places(Decimal(value), places), "f") == text


@given(st.decimals(Decimal("-1e40"), Decimal("1e40"), allow_nan=False))
def test_what_is_stored_reads_back(value: Decimal) -> None:
    kept = storable(value)
    assert decimal(plain(kept)) == kept
    assert abs(value) > Decimal("1e18") or abs(kept - value) <= Decimal("1e-18")
