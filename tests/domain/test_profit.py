"""Results by day, pair, exchange and reason: correct groups, and the same total in every grouping."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.booking import TAKEN
from bot.domain.clock import DAY, HOUR, parse_iso
from bot.domain.order import Side
from bot.domain.profit import By, Leg, Row, Trade, closed_since, expectancy, rows, total

MONDAY = parse_iso("2026-01-05")
NOW = parse_iso("2026-02-03T12:00:00Z")
ZERO = Decimal(0)


def leg(
    at: int, price: str, qty: str = "1", *, purpose: str = "entry", result: str = "0", fee: str = "0", why: str = ""
) -> Leg:
    closes = purpose != "entry"
    return Leg(at, Decimal(price), Decimal(qty), Decimal(fee), purpose, closes, Decimal(result), Decimal(1), why)


def trade(
    *legs: Leg, closed: bool = True, ended: str = "exit", held: str = "0", price: str = "130", **more: object
) -> Trade:
    words: dict[str, object] = {"account": "kraken", "symbol": "BTC-USD", "side": Side.BUY, "quote_usd": Decimal(1)}
    words |= {"opened_at": legs[0].time, "closed_at": legs[-1].time if closed else None, "ended": ended, "legs": legs}
    words |= {"held": Decimal(held), "entry_price": Decimal(100), "price": Decimal(price)}
    return Trade(**words | more)  # type: ignore[arg-type]


#: Bought on Monday for 100, half of it sold on Tuesday, the rest on the Monday after.
OVER_A_WEEK = trade(
    leg(MONDAY, "100", "2", result="-0.4", fee="0.4"),
    leg(MONDAY + DAY, "110", purpose="tp1", result="9.8", fee="0.2"),
    leg(MONDAY + 7 * DAY, "95", purpose="stop", result="-5.2", fee="0.2"),
)
STILL_OPEN = trade(
    leg(MONDAY, "100", "2", result="-0.4", fee="0.4"),
    leg(MONDAY + DAY, "120", purpose="tp1", result="19.8", fee="0.2"),
    closed=False,
    held="1",
    symbol="ETH-USD",
    account="okx",
)


def row(key: str, closed: int, won: int, *money: str) -> Row:
    return Row(key, closed, won, *map(Decimal, money))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (
            By.DAY,
            [
                row("2026-01-05", 0, 0, "-0.8", "0.8", "0", "0"),
                row("2026-01-06", 0, 0, "29.6", "0.4", "0", "0"),
                row("2026-01-12", 1, 1, "-5.2", "0.2", "0", "59.6"),
                row("2026-02-03", 0, 0, "0", "0", "30", "59.6"),
            ],
        ),
        (
            By.WEEK,
            [
                row("2026-W02", 0, 0, "28.8", "1.2", "0", "0"),
                row("2026-W03", 1, 1, "-5.2", "0.2", "0", "59.6"),
                row("2026-W06", 0, 0, "0", "0", "30", "59.6"),
            ],
        ),
        (
            By.MONTH,
            [row("2026-01", 1, 1, "23.6", "1.4", "0", "59.6"), row("2026-02", 0, 0, "0", "0", "30", "59.6")],
        ),
        (
            By.PAIR,
            [row("ETH-USD", 0, 0, "19.4", "0.6", "30", "59.6"), row("BTC-USD", 1, 1, "4.2", "0.8", "0", "59.6")],
        ),
        (By.EXCHANGE, [row("okx", 0, 0, "19.4", "0.6", "30", "59.6"), row("kraken", 1, 1, "4.2", "0.8", "0", "59.6")]),
        (By.REASON, [row("open", 0, 0, "19.4", "0.6", "30", "59.6"), row("stop", 1, 1, "4.2", "0.8", "0", "59.6")]),
    ],
)
def test_what_belongs_to_which_group(by: By, expected: list[Row]) -> None:
    assert rows([OVER_A_WEEK, STILL_OPEN], by, NOW) == expected


def test_since_a_time_only_what_happened_from_then_on_counts_and_all_that_is_open() -> None:
    since = MONDAY + 2 * DAY
    assert total(rows([OVER_A_WEEK, STILL_OPEN], By.PAIR, NOW, since)) == row(
        "total", 1, 1, "-5.2", "0.2", "30", "119.2"
    )
    assert closed_since([OVER_A_WEEK, STILL_OPEN], since) == [OVER_A_WEEK]
    assert closed_since([OVER_A_WEEK], MONDAY + 8 * DAY) == []


def test_holding_is_what_an_untouched_position_would_show() -> None:
    untouched = trade(leg(MONDAY, "100", "2", result="-0.4", fee="0.4"), closed=False, held="2")
    assert untouched.holding_usd == untouched.result_usd + untouched.open_usd


def test_a_short_is_the_mirror() -> None:
    short = trade(leg(MONDAY, "100", "2"), closed=False, held="2", price="90", side=Side.SELL)
    assert (short.open_usd, short.holding_usd) == (Decimal(20), Decimal(20))


def test_what_is_open_counts_at_the_rate_of_its_quote() -> None:
    one = trade(leg(MONDAY, "100", "2"), closed=False, held="2", price="110", quote_usd=Decimal("0.9"))
    assert one.open_usd == 18


@pytest.mark.parametrize(
    ("last", "ended", "reason"),
    [
        ({"purpose": "tp3"}, "tp3", "tp3"),
        ({"purpose": "exit", "why": "turn: the trend is over"}, "exit", "turn"),
        ({"purpose": "exit", "why": "stop price passed"}, "exit", "stop price passed"),
        ({"purpose": "exit"}, "exit", "exit"),
        ({"purpose": "owner"}, "owner", "owner"),
        ({"purpose": "taken"}, TAKEN, TAKEN),
        ({"purpose": "dust"}, "too small to be protected or sold", "too small to be protected or sold"),
    ],
)
def test_the_reason_of_an_end(last: dict[str, str], ended: str, reason: str) -> None:
    assert trade(leg(MONDAY, "100"), leg(MONDAY + HOUR, "90", **last), ended=ended).reason == reason


def test_dust_left_by_a_sale_does_not_hide_why_it_was_sold() -> None:
    legs = leg(MONDAY, "100"), leg(MONDAY + 1, "90", purpose="stop"), leg(MONDAY + 2, "90", "0.001", purpose="dust")
    assert trade(*legs, ended="rest").reason == "stop"


def test_a_sale_of_dust_earns_and_is_no_position() -> None:
    sale = trade(leg(MONDAY, "90", "0.001", purpose="exit", result="0.09"), ended="dust")
    assert total(rows([sale], By.DAY, NOW)) == row("total", 0, 0, "0.09", "0", "0", "0")
    assert closed_since([sale]) == []


def test_expectancy_is_the_mean_of_closed_positions() -> None:
    won = trade(leg(MONDAY, "100"), leg(MONDAY + 1, "110", purpose="tp1", result="10"))
    lost = trade(leg(MONDAY, "100"), leg(MONDAY + 1, "96", purpose="stop", result="-4"))
    found = expectancy([won, lost, STILL_OPEN])
    assert (found.mean, found.win, found.loss) == (Decimal(3), Decimal(10), Decimal(-4))
    assert expectancy([STILL_OPEN]).mean is None


results = st.decimals(min_value=-1000, max_value=1000, places=4)
LEGS = st.lists(
    st.tuples(st.integers(0, 400 * DAY), results, st.sampled_from(["tp1", "exit", "dust"])), min_size=1, max_size=6
)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    closed = draw(st.booleans())
    legs = [leg(MONDAY, "100", "9", result="-1")]
    legs += [leg(MONDAY + at, "110", purpose=purpose, result=str(one), fee="0.1") for at, one, purpose in draw(LEGS)]
    return trade(
        *sorted(legs, key=lambda one: one.time),
        closed=closed,
        held="0" if closed else "1.5",
        symbol=draw(st.sampled_from(["BTC-USD", "ETH-USDT"])),
        account=draw(st.sampled_from(["kraken", "kraken:savings", "okx"])),
    )


@given(st.lists(trades(), max_size=8), st.integers(MONDAY, MONDAY + 400 * DAY))
def test_sums_do_not_depend_on_the_grouping(found: list[Trade], since: int) -> None:
    sums = [total(rows(found, by, NOW, since)) for by in By]
    assert sums == [sums[0]] * len(sums)
    assert sums[0].realised_usd == sum(
        (one.result_usd for each in found for one in each.legs if one.time >= since), ZERO
    )
    assert sums[0].open_usd == sum((one.open_usd for one in found if one.closed_at is None), ZERO)
