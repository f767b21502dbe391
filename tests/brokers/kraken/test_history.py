"""Kraken's past: candles made of trades, page by page, and its candle files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.history import Part
from bot.brokers.kraken import KrakenBroker, KrakenConfig, quarterly
from bot.brokers.kraken.history import KrakenHistory, Making, Trade
from bot.domain.clock import DAY, HOUR, MINUTE, ScaledClock, system_ms
from bot.domain.outcome import ErrorMeaning
from tests.brokers.kraken.conftest import Answers, By, SocketServer
from tests.notes import Notes

FIVE = 5 * MINUTE
#: A whole five minutes.
T = 1_760_000_100_000
NAME = ("XBTUSD",)


# -- trades -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def answers() -> Iterator[Answers]:
    server = SocketServer()
    found = Answers(server)
    found.url = server.url  # type: ignore[attr-defined]
    yield found
    server.close()


@pytest.fixture
def history(answers: Answers, tmp_path: Path) -> Iterator[KrakenHistory]:
    """Without a key; the market runs fast, so that no budget holds it up."""
    clock = ScaledClock(T + HOUR, system_ms(), 600)
    config = KrakenConfig("", "", tmp_path, api_url=answers.url, mode="sandbox")  # type: ignore[attr-defined]
    broker = KrakenBroker(config, clock, Notes())
    history = broker.history()
    assert isinstance(history, KrakenHistory)
    yield history
    history.close()
    broker.close()


def row(time_ns: int, number: int, price: float = 100.0) -> list[Any]:
    return [f"{price:.5f}", "0.50000000", float(Decimal(time_ns).scaleb(-9)), "b", "l", "", number]


def paged(trades: list[tuple[int, int]], size: int, last: Any = None) -> By:
    """Kraken's pages of trades (time in ns, id): those after `since`, at most `size` of them."""

    def answer(fields: dict[str, str]) -> Any:
        page = [one for one in trades if one[0] > int(fields["since"])][:size]
        cursor = str(page[-1][0]) if page else fields["since"]
        return {"XXBTZUSD": [row(*one) for one in page], "last": cursor if last is None or not page else last(cursor)}

    return By(answer)


def traded(history: KrakenHistory, end: int) -> list[Part]:
    """All parts of a route of trades that ends at `end`."""
    route = history.plan("BTC-USD", FIVE, T, T + FIVE)[0]._replace(source="trades", start=T, end=end)
    parts: list[Part] = []
    at = T
    while at < end:
        parts.append(history.read("BTC-USD", FIVE, route, at))
        assert parts[-1].until > at
        at = parts[-1].until
    return parts


def volumes(parts: list[Part]) -> dict[int, float]:
    """The volume of each candle, in five minutes since T; no candle may come twice."""
    found = [(int(time - T) // FIVE, float(volume)) for part in parts for time, volume in
             zip(part.candles.time, part.candles.volume, strict=True) if time < part.until]  # fmt: skip
    assert len(dict(found)) == len(found)
    return dict(found)


TRADES = [((T + at * MINUTE) * 1_000_000 + at, at + 1) for at in range(30)]


@pytest.mark.parametrize("size", [3, 1000])
@pytest.mark.parametrize(
    "last",
    [
        pytest.param(None, id="as documented"),
        pytest.param(lambda cursor: cursor[:10], id="cut short"),
        pytest.param(lambda cursor: str(int(cursor) * 10), id="too long"),
        pytest.param(lambda _: "0", id="zero"),
    ],
)
def test_pages_of_trades_become_whole_candles(answers: Answers, history: KrakenHistory, size: int, last: Any) -> None:
    """`since` is exclusive, and `last` has been seen malformed."""
    answers["Trades"] = paged(TRADES, size, last)
    assert volumes(traded(history, T + 6 * FIVE)) == dict.fromkeys(range(6), 2.5)


def test_trades_of_one_nanosecond_may_be_split_between_pages(answers: Answers, history: KrakenHistory) -> None:
    """Kraken's cursor would skip the second half: the one before it is used, and the first half is known by its ids."""
    at = (T + MINUTE) * 1_000_000
    alike = [(at, 1), (at + 1, 2), (at + 2, 3), (at + 2, 4), (at + 2, 5), (at + 3, 6)]
    answers["Trades"] = paged(alike, 4)
    assert volumes(traded(history, T + FIVE)) == {0: 3.0}


def test_the_last_page_ends_at_what_has_closed(answers: Answers, history: KrakenHistory) -> None:
    answers["Trades"] = paged(TRADES[:3], 1000)
    parts = traded(history, T + 2 * FIVE)
    assert volumes(parts) == {0: 1.5}
    assert parts[-1].until % FIVE == 0
    assert parts[-1].until >= T + HOUR


def test_a_full_page_that_brings_nothing_new_is_no_end(answers: Answers, history: KrakenHistory) -> None:
    stuck = [row(T * 1_000_000 + 1, 1) for _ in range(1000)]
    answers["Trades"] = {"XXBTZUSD": stuck, "last": str(T * 1_000_000 + 1)}
    with pytest.raises(BrokerError, match="did not continue"):
        history.read("BTC-USD", FIVE, history.plan("BTC-USD", FIVE, T, T + FIVE)[0]._replace(source="trades"), T)


def test_years_of_trades_are_refused_with_what_to_do(history: KrakenHistory) -> None:
    with pytest.raises(BrokerError, match="--import") as refused:
        history.plan("BTC-USD", FIVE, T - 900 * DAY, T)
    assert refused.value.meaning is ErrorMeaning.UNSUPPORTED
    assert [route.source for route in history.plan("BTC-USD", FIVE, T - 90 * DAY, T)] == ["ohlc", "trades"]


def test_a_candle_in_the_making_holds_no_trade() -> None:
    making = Making(FIVE, T)
    for at, price in enumerate((3.0, 5.0, 2.0, 4.0)):
        assert making.add([Trade((T + at) * 1_000_000, price, 1.0, at)])
    assert not making.add([Trade(T * 1_000_000, 9.0, 1.0, 0)])
    assert making.candles(T + FIVE).candle(0) == (T, 3.0, 5.0, 2.0, 4.0, 4.0)


# -- files --------------------------------------------------------------------------------------------------------------
def lines(first: int, *offsets: int) -> str:
    """Rows at these minutes from `first` (ms), as Kraken writes them: seconds, without a header."""
    return "".join(f"{(first + at * MINUTE) // 1000},1,2,0.5,1.5,10,3\n" for at in offsets)


def times(path: Path, timeframe_ms: int = FIVE) -> list[tuple[list[int], int]]:
    """For each part of the files its candles and its end, in minutes since T."""
    return [
        ([int(time - T) // MINUTE for time in part.candles.time], (part.until - T) // MINUTE)
        for _, part in quarterly.read(path, NAME, "BTC-USD", timeframe_ms)
    ]


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, text in members.items():
            folder.writestr(name, text)
    return path


@pytest.mark.parametrize("inside", ["", "Kraken_OHLCVT/", "master_q4/", "a/b/"])
def test_a_file_is_found_in_any_folder_of_a_zip(tmp_path: Path, inside: str) -> None:
    other = {f"{inside}XBTUSD_60.csv": lines(T, 0), f"{inside}AXBTUSD_5.csv": lines(T, 0), "__MACOSX/._x": ""}
    place = zipped(tmp_path / "Kraken_OHLCVT.zip", {f"{inside}XBTUSD_5.csv": lines(T, 0, 5, 20), **other})
    assert times(place) == times(tmp_path) == [([0, 5, 20], 25)]


def test_quarters_follow_each_other_and_a_missing_one_is_not_known(tmp_path: Path) -> None:
    zipped(tmp_path / "Kraken_OHLCVT_Q1_2025.zip", {"XBTUSD_5.csv": lines(T, 0, 5)})
    month = 30 * 24 * 60
    zipped(tmp_path / "Kraken_OHLCVT_Q3_2025.zip", {"XBTUSD_5.csv": lines(T, month, month + 10)})
    assert times(tmp_path) == [([0, 5], 10), ([month, month + 10], month + 15)]


def test_a_timeframe_without_a_file_is_made_of_a_shorter_one(tmp_path: Path) -> None:
    """The last candle is left out: the rest of it may be in the next quarter."""
    (tmp_path / "XBTUSD_5.csv").write_text(lines(T, 0, 5, 10, 15, 30))
    begin = T - T % (15 * MINUTE)
    found = list(quarterly.read(tmp_path, NAME, "BTC-USD", 15 * MINUTE))
    assert len(found) == 1
    made = found[0][1].candles
    assert [int(time) for time in made.time] == [begin, begin + 15 * MINUTE][: len(made)]
    assert float(made.volume.sum()) <= 40


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda place: None, "there is no such file or folder"),
        (lambda place: place.mkdir(), "no Kraken_OHLCVT zip and no CSV"),
        (lambda place: place.mkdir() or (place / "XBTEUR_5.csv").write_text(lines(T, 0)), "there is no XBTUSD_5.csv"),
        (lambda place: place.mkdir() or (place / "XBTUSD_5.csv").write_text("time,open\n"), "line 1 is no row"),
        (lambda place: place.mkdir() or (place / "XBTUSD_5.csv").write_text(lines(T, 5, 0)), "line 2 is no row"),
        (lambda place: place.mkdir() or (place / "a.zip").write_bytes(b"PK no zip"), "a.zip: it cannot be read"),
    ],
)
def test_files_that_will_not_do_are_one_line(tmp_path: Path, made: Any, says: str) -> None:
    place = tmp_path / "files"
    made(place)
    with pytest.raises(ValueError, match=says) as refused:
        times(place)
    assert "\n" not in str(refused.value)


def test_a_damaged_zip_is_noticed_by_its_checksum(tmp_path: Path) -> None:
    place = zipped(tmp_path / "a.zip", {"XBTUSD_5.csv": lines(T, *range(0, 500, 5))})
    body = bytearray(place.read_bytes())
    body[60] ^= 0xFF
    place.write_bytes(bytes(body))
    with pytest.raises(ValueError, match=r"a\.zip.*cannot be read"):
        times(place)


def test_a_recorded_answer_is_read() -> None:
    recorded = Path(__file__).parents[4] / "shared/exchanges/recorded/kraken/http_trades.json"
    if not recorded.exists():
        pytest.skip("no recorded answers here")
    from bot.brokers.kraken.history import trades

    found, last = trades(json.loads(recorded.read_text(), parse_float=Decimal)["result"])
    assert [one.id for one in found] == list(range(found[0].id, found[0].id + len(found)))
    assert abs(last - found[-1].time) < 1_000
