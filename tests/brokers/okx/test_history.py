"""The past over sockets: rates of funding from pages and from the archive, and a month of candles that is listed and not there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.history import OkxHistory
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import DAY, HOUR, MINUTE, SECOND, ScaledClock, iso, parse_iso, system_ms
from bot.domain.outcome import ErrorMeaning
from tests.brokers.kraken.conftest import Request, SocketServer, http
from tests.brokers.okx.conftest import endpoint, ok
from tests.brokers.okx.test_archive import RATES, zipped

SWAP = "BTC-USDT-SWAP"
NOW = parse_iso("2026-07-05")
#: The oldest payment that pages show.
PAGED = parse_iso("2026-04-01")
PAGES = "/api/v5/public/funding-rate-history"
CANDLES = "/api/v5/market/history-candles"
LIST = "/api/v5/public/market-data-history"
FOLDER = "/cdn/okex/traderecords/swaprates/monthly/"


class Okx:
    """What the server has: payments on pages, and files by month."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self.paid = list(range(PAGED, NOW, 8 * HOUR))
        self.files: dict[str, bytes | None] = {}
        """None: it is listed, and not there."""
        self.host = server.url
        self.ignores_after = False
        server.answer = self._answer

    def month(self, name: str, *times: str, late: int = 0) -> None:
        """A month's file with payments at these times."""
        lines = [f"{SWAP},0.0003,{parse_iso(time) + late}" for time in times]
        self.files[name] = zipped(RATES, *lines, name=f"{SWAP}-fundingrates-{name}.csv")

    def _answer(self, connection: socket.socket, request: Request) -> None:
        fields = dict(parse_qsl(request.path.partition("?")[2]))
        match endpoint(request):
            case found if found == PAGES:
                after = NOW if self.ignores_after else int(fields["after"])
                shown = [time for time in reversed(self.paid) if time < after][: int(fields["limit"])]
                rows = [{"fundingTime": str(time), "fundingRate": "9", "realizedRate": "0.0001"} for time in shown]
                ok(*rows)(connection, request)
            case found if found == LIST:
                ok(*self._listed(int(fields["begin"]), int(fields["end"])))(connection, request)
            case found if found == CANDLES:
                start = int(fields["after"]) - MINUTE
                ok([str(start), "1", "1", "1", "1", "5", "5", "5", "1"])(connection, request)
            case found:
                body = self.files.get(found[-11:-4])
                http(body or b"<Error/>", "200 OK" if body else "404 Not Found")(connection, request)

    def _listed(self, begin: int, end: int) -> list[Any]:
        """Every month that is touched; every file a second time, as one of candles and as another market's."""
        first, last = (iso(time + 8 * HOUR)[:7] for time in (begin, end))
        names = sorted((name for name in self.files if first <= name <= last), reverse=True)
        words = ("BTC-USDT-SWAP-candlesticks", "BTC-USDT-SWAP-fundingrates", "BTC-USDT-SWAPX-fundingrates")
        files = [
            {"filename": f"{word}-{name}.zip", "url": f"{self.host}{FOLDER}{word}-{name}.zip?v=999"}
            for name in names
            for word in words
        ]
        return [{"details": [{"instId": "", "instFamily": "BTC-USDT", "groupDetails": files}]}] if files else []

    def asked(self, path: str) -> list[dict[str, str]]:
        return [dict(parse_qsl(one.path.partition("?")[2])) for one in self._server.requests if endpoint(one) == path]

    def fetched(self) -> list[str]:
        """The months whose files were fetched."""
        paths = [endpoint(one) for one in self._server.requests]
        assert all("?v=999" in one.path for one in self._server.requests if one.path.startswith(FOLDER))
        return [path[-11:-4] for path in paths if path.startswith(FOLDER)]


@pytest.fixture
def okx(server: SocketServer) -> Okx:
    return Okx(server)


@pytest.fixture
def history(okx: Okx, config: OkxConfig, make_transport: Callable[..., OkxTransport]) -> Iterator[OkxHistory]:
    """The market runs fast, so that no budget holds it up."""
    clock = ScaledClock(NOW, system_ms(), 60)
    history = OkxHistory(make_transport(config, clock=clock), clock, config.api_url, lambda _: Decimal(1))
    yield history
    history.close()


def times(history: OkxHistory, start: str, end: int = NOW) -> list[int]:
    found = history.funding(SWAP, parse_iso(start), end)
    assert found is not None
    return [one.time for one in found]


def test_where_pages_reach_the_archive_is_not_asked(okx: Okx, history: OkxHistory) -> None:
    okx.month("2026-05", "2026-05-03T08:00:00Z")
    assert times(history, "2026-04-30T08:00:00.001Z") == [
        one for one in okx.paid if one > parse_iso("2026-04-30T08:00Z")
    ]
    assert okx.asked(LIST) == okx.fetched() == []


def test_what_lies_before_the_pages_comes_from_months_and_nothing_is_doubled(okx: Okx, history: OkxHistory) -> None:
    """The archive's payments are some seconds late, also the one that is the pages' oldest."""
    okx.month("2026-03", "2026-03-30T16:00:00Z", "2026-03-31T08:00:00Z", late=3 * SECOND)
    okx.month("2026-04", "2026-03-31T16:00:00Z", "2026-04-01T00:00:00Z", "2026-04-01T08:00:00Z", late=4 * SECOND)
    found = history.funding(SWAP, parse_iso("2026-03-31T08:00:00Z"), NOW)
    assert found is not None
    assert [one.time for one in found] == [PAGED - 16 * HOUR, PAGED - 8 * HOUR, *okx.paid]
    assert [one.rate for one in found[:3]] == [0.0003, 0.0003, 0.0001]
    assert okx.fetched() == ["2026-03", "2026-04"]


def test_only_payments_of_the_span_are_kept(okx: Okx, history: OkxHistory) -> None:
    okx.month("2026-01", "2025-12-31T16:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z", "2026-01-02T03:00:00Z")
    assert times(history, "2026-01-02", parse_iso("2026-01-02T01:00:00Z")) == [
        parse_iso("2026-01-02"),
        parse_iso("2026-01-02T01:00:00Z"),
    ]
    okx.month("2026-02", "2026-01-31T16:00:00Z")
    assert times(history, "2026-01-20", parse_iso("2026-01-31T16:00:00Z")) == [parse_iso("2026-01-31T16:00:00Z")]
    assert times(history, "2026-01-02T00:00:00.001Z", parse_iso("2026-01-02T00:59:59.999Z")) == []


def test_months_are_listed_twenty_at_a_time_and_no_further_than_there_are_files(okx: Okx, history: OkxHistory) -> None:
    for name in ("2024-08", "2024-09"):  # the twenty-first newest, and the twentieth
        okx.month(name, f"{name}-10T00:00:00Z")
    assert times(history, "2014-01-01", PAGED - 1) == [parse_iso("2024-08-10"), parse_iso("2024-09-10")]
    spans = [(int(one["begin"]), int(one["end"])) for one in okx.asked(LIST)]
    assert [round((end - begin) / (30.4 * DAY)) for begin, end in spans] == [19, 19, 19]
    assert [(one["module"], one["instType"], one["instFamilyList"]) for one in okx.asked(LIST)][:1] == [
        ("3", "SWAP", "BTC-USDT")
    ]
    assert okx.fetched() == ["2024-08", "2024-09"]


def test_months_that_cannot_have_appeared_are_not_asked_for(okx: Okx, history: OkxHistory) -> None:
    okx.paid.clear()
    okx.month("2026-06", "2026-06-10T00:00:00Z")
    assert times(history, "2026-06-20T00:00:00Z", NOW) == []
    assert len(okx.asked(LIST)) == 1
    assert times(history, "2026-07-01T00:00:00Z", NOW) == []
    assert len(okx.asked(LIST)) == 1


def test_a_month_that_is_not_there_is_left_out(okx: Okx, history: OkxHistory) -> None:
    okx.month("2025-01", "2025-01-10T00:00:00Z")
    okx.files["2025-03"] = None
    okx.month("2025-04", "2025-04-10T00:00:00Z")
    assert times(history, "2025-01-01", PAGED - 1) == [parse_iso("2025-01-10"), parse_iso("2025-04-10")]
    assert okx.fetched() == ["2025-01", "2025-03", "2025-04"]


def test_a_repeat_after_a_damaged_file_reads_only_what_was_not_read(okx: Okx, history: OkxHistory) -> None:
    okx.month("2025-01", "2025-01-10T00:00:00Z")
    okx.month("2025-03", "2025-03-10T00:00:00Z")
    okx.files["2025-02"] = b"PK damaged"
    with pytest.raises(BrokerError, match=r"okx: BTC-USDT-SWAP-fundingrates-2025-02\.zip: damaged") as caught:
        times(history, "2025-01-01")
    assert caught.value.meaning is ErrorMeaning.BUSY
    okx.month("2025-02", "2025-02-10T00:00:00Z")
    expected = [parse_iso(f"2025-0{month}-10") for month in (1, 2, 3)]
    assert times(history, "2025-01-01")[:3] == expected
    assert okx.fetched() == ["2025-01", "2025-02", "2025-02", "2025-03"]


def test_what_was_read_of_one_swap_is_forgotten_with_the_next(okx: Okx, history: OkxHistory) -> None:
    okx.month("2025-01", "2025-01-10T00:00:00Z")
    assert times(history, "2025-01-01", PAGED - 1) == [parse_iso("2025-01-10")]
    assert history.funding("ETH-USDT-SWAP", parse_iso("2025-01-01"), PAGED - 1) == []
    assert okx.asked(LIST)[-1]["instFamilyList"] == "ETH-USDT"
    assert times(history, "2025-01-01", PAGED - 1) == [parse_iso("2025-01-10")]
    assert okx.fetched() == ["2025-01", "2025-01"]


def test_a_file_from_elsewhere_is_not_fetched(okx: Okx, history: OkxHistory) -> None:
    okx.month("2025-01", "2025-01-10T00:00:00Z")
    okx.host = "https://static.okx.com.example"
    with pytest.raises(BrokerError, match=r"the archive points to https://static\.okx\.com\.example/") as caught:
        times(history, "2025-01-01")
    assert caught.value.meaning is ErrorMeaning.REJECTED
    assert okx.fetched() == []


@pytest.mark.parametrize(
    "row", [{"fundingTime": "1"}, {"fundingRate": "1"}, {"fundingTime": "1", "fundingRate": "NaN"}]
)
def test_a_page_that_cannot_be_read_is_asked_for_again(server: SocketServer, history: OkxHistory, row: Any) -> None:
    server.answer = http(json.dumps({"code": "0", "msg": "", "data": [row]}).encode())
    with pytest.raises(BrokerError, match="unreadable answer") as caught:
        times(history, "2025-01-01")
    assert caught.value.meaning is ErrorMeaning.BUSY


def test_pages_that_do_not_go_back_end(okx: Okx, history: OkxHistory) -> None:
    """A host that ignores `after` sends the newest ones each time."""
    okx.month("2026-03", "2026-03-10T00:00:00Z")
    okx.ignores_after = True
    assert times(history, "2026-03-01") == [parse_iso("2026-03-10"), *okx.paid[-100:]]
    assert len(okx.asked(PAGES)) == 2


def test_a_pair_has_no_funding(okx: Okx, history: OkxHistory, tmp_path: Path) -> None:
    assert history.funding("BTC-USDT", 0, NOW) is None
    assert okx.asked(PAGES) == []


def test_a_month_of_candles_that_is_listed_and_not_there_comes_from_pages(okx: Okx, history: OkxHistory) -> None:
    okx.files["2026-05"] = None
    start, end = parse_iso("2026-04-30T16:00:00Z"), parse_iso("2026-05-31T16:00:00Z")
    (route,) = history.plan(SWAP, MINUTE, start, end)
    assert route.source == "archive"
    assert [history.read(SWAP, MINUTE, route, start).source for _ in range(2)] == ["candles", "candles"]
    assert (len(okx.asked(LIST)), okx.asked(LIST)[0]["module"], okx.fetched()) == (1, "2", ["2026-05"])
