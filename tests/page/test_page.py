"""What is on a page: bins, joined candles, columns, and names that must not break it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.page.candles import MOST, charts, in_words, joined
from bot.page.content import bins
from bot.page.of_backtest import page
from bot.page.sections import months, result_cell
from bot.page.write import html
from tests.backtest.results import DAY, START, result
from tests.page.pages import HOSTILE, history, hostile, walked

HOUR = 3_600_000


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=200))
def test_every_result_is_in_one_bin_and_one_edge_is_zero(values: list[float]) -> None:
    found = bins(np.array(values))
    assert sum(one.trades for one in found) == len(values)
    edges = [found[0].low, *(one.high for one in found)]
    assert min(abs(edge) for edge in edges) < 1e-9
    assert len(found) <= 45


def test_unknown_results_are_in_no_bin() -> None:
    assert bins(np.array([np.nan])) == ()
    assert sum(one.trades for one in bins(np.array([1.0, np.nan, -1.0]))) == 2


def test_joined_candles_are_those_of_the_longer_time() -> None:
    (one,) = charts([history("A-USD", 100)], START, START + 100 * HOUR).charts
    made = joined(one, 4 * HOUR)
    assert (made.start, made.step_ms, len(made.open)) == (START, 4 * HOUR, 25)
    for row in range(25):
        part = slice(4 * row, 4 * row + 4)
        four = (one.open[part][0], one.high[part].max(), one.low[part].min(), one.close[part][-1])
        assert (made.open[row], made.high[row], made.low[row], made.close[row]) == four


def test_too_many_candles_are_joined_and_the_page_says_so() -> None:
    histories = [history(f"C{at}-USD", 4 * MOST // 10, 300_000) for at in range(3)]
    found = charts(histories, START, START + 10**12)
    assert sum(len(one.open) for one in found.charts) <= MOST
    assert {one.step_ms for one in found.charts} == {900_000}
    assert "72,000 candles of 5m" in found.note
    assert "candles of 15m" in found.note
    assert charts(histories[:1], START, START + 10**12).note == ""


def test_only_the_time_of_the_result_is_shown() -> None:
    (one,) = charts([history("A-USD", 100)], START + 10 * HOUR, START + 20 * HOUR).charts
    assert (one.start, len(one.open)) == (START + 10 * HOUR, 10)
    assert charts([history("A-USD", 5)], START + 10 * HOUR, START + 20 * HOUR).charts == ()


@pytest.mark.parametrize(("step", "words"), [(300_000, "5m"), (4 * HOUR, "4h"), (DAY, "1d"), (7 * DAY, "7d")])
def test_a_timeframe_in_words(step: int, words: str) -> None:
    assert in_words(step) == words


def test_months_multiply_to_the_whole_return() -> None:
    found = walked(200, day=START + DAY * np.arange(1, 121), day_equity=np.linspace(10_000, 12_000, 120))
    table = months(found.result, found.numbers)
    assert [row[0].text for row in table.rows] == ["2025-01", "2025-02", "2025-03", "2025-04"]
    gains = [float(row[1].text.strip("+%")) / 100 for row in table.rows]
    assert np.prod([1 + gain for gain in gains]) == pytest.approx(1.2, abs=0.002)


def test_a_result_shows_its_sign_in_the_text() -> None:
    assert result_cell("1.5", 1.5) == ("+1.5", 1)
    assert result_cell("-1.5", -1.5) == ("−1.5", -1)
    assert result_cell("-", None) == ("-", 0)


class Elements(HTMLParser):
    """The elements and attributes of a page, outside its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_names_cannot_break_the_page() -> None:
    text = html(hostile())
    read = Elements()
    read.feed(text)
    assert read.tags.count("script") == 3
    assert "img" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    trades = json.loads(data[1])["listings"][0]
    assert HOSTILE in trades["names"]


def test_it_names_no_other_place_but_its_chart_library() -> None:
    places = set(re.findall(r"https?://[^\s\"'<)]+", html(page(walked(0)))))
    assert {place.split("/")[2] for place in places} <= {
        "www.tradingview.com",
        "www.apache.org",
        "www.w3.org",
        "127.0.0.1:9",
    }


def test_the_trades_are_those_of_the_result() -> None:
    found = walked()
    listing = page(found).trades
    columns = {column.key: column.values for column in listing.columns}
    assert len(listing) == 40
    assert sum(columns["pnl"]) == pytest.approx(found.numbers.pnl)
    assert [listing.names[at] for at in columns["symbol"]] == [one.symbol for one in found.result]
    first = found.result.trade(0)
    sold = sum(leg.price * leg.qty for leg in first.legs) / sum(leg.qty for leg in first.legs)
    assert columns["exit_price"][0] == pytest.approx(sold)
    assert [leg[2] for leg in columns["legs"][0]] == [listing.names.index(leg.reason) for leg in first.legs]


def test_a_page_without_trades_is_whole() -> None:
    text = html(page(walked(0)))
    assert "There is no closed trade." in text
    assert walked(0).numbers.sentence in text
    assert result(0, 1).candles
