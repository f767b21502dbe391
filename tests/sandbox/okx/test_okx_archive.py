"""The archive: what is listed for which months, names and addresses of files, and the rates of funding in them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.sandbox.core.venue import Request, Response
from tests.sandbox.okx.okx_client import START_MS, OkxClient

SWAP = "BTC-USDT-SWAP"
HOUR = 3_600_000
DAY = 24 * HOUR
ROOT = "/cdn/okex/traderecords"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def listed(client: OkxClient, begin: int, end: int, **words: str) -> list[Any]:
    usual = {"module": "3", "instType": "SWAP", "instFamilyList": "BTC-USDT", "dateAggrType": "monthly"}
    return client.ask("public/market-data-history", begin=begin, end=end, **(usual | words))


def files(rows: list[Any]) -> list[dict[str, str]]:
    return [file for row in rows for detail in row["details"] for file in detail["groupDetails"]]


def names(rows: list[Any]) -> list[str]:
    return [one["filename"] for one in files(rows)]


def fetched(client: OkxClient, url: str) -> Response:
    place = urlsplit(url)
    return client.send(Request("GET", place.path, place.query, {}, b""))


def lines(client: OkxClient, url: str) -> list[str]:
    answer = fetched(client, url)
    assert (answer.status, answer.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as folder:
        (name,) = folder.namelist()
        assert name == urlsplit(url).path.rpartition("/")[2].replace(".zip", ".csv")
        return folder.read(name).decode().split("\n")


def test_a_month_of_rates_is_named_and_addressed_like_okx_does(client: OkxClient) -> None:
    rows = listed(client, ms("2025-09-15"), ms("2025-09-15"))
    assert rows[0]["dateAggrType"] == "monthly"
    assert [(one["instId"], one["instFamily"]) for one in rows[0]["details"]] == [("", "BTC-USDT")]
    (file,) = files(rows)
    name = f"{SWAP}-fundingrates-2025-09.zip"
    assert (file["filename"], file["dateTs"]) == (name, str(ms("2025-08-31T16:00")))
    assert file["url"].endswith(f"{ROOT}/swaprates/monthly/202509/{name}?v=999")
    (candles,) = files(listed(client, ms("2025-09-15"), ms("2025-09-15"), module="2"))
    assert candles["url"].endswith(f"{ROOT}/candlesticks/monthly/202509/{SWAP}-candlesticks-2025-09.zip")


def test_a_file_has_the_rates_of_its_month_at_times_that_are_some_seconds_late(client: OkxClient) -> None:
    """The pages have the same rates, at the full hour."""
    (file,) = files(listed(client, ms("2026-04-15"), ms("2026-04-15")))
    header, *rows, end = lines(client, file["url"])
    assert (header, end) == ("instrument_name,funding_rate,funding_time", "")
    cells = [row.split(",") for row in rows]
    assert {name for name, _, _ in cells} == {SWAP}
    due = [int(time) // HOUR * HOUR for _, _, time in cells]
    assert due == list(range(ms("2026-03-31T16:00"), ms("2026-04-30T16:00"), 8 * HOUR))
    assert {int(time) % HOUR for _, _, time in cells} == {0, 1000, 2000, 3000, 4000}
    assert any("E-" in rate for _, rate, _ in (row.split(",") for row in rates_since_2024(client)))
    pages = client.ask("public/funding-rate-history", instId=SWAP, after=ms("2026-04-30T16:00"), limit="90")
    shown = {int(row["fundingTime"]): Decimal(row["realizedRate"]) for row in pages}
    assert {time: Decimal(rate) for time, (_, rate, _) in zip(due, cells, strict=True)} == shown
    assert fetched(client, file["url"]).body == fetched(client, file["url"]).body


def rates_since_2024(client: OkxClient) -> list[str]:
    months = files(listed(client, ms("2024-10-15"), ms("2026-04-15")))
    return [row for file in months for row in lines(client, file["url"])[1:-1]]


def test_files_are_listed_from_the_market_s_first_payment_to_two_days_after_a_month(client: OkxClient) -> None:
    """The swap is listed on 2024-03-19, and it is 2026-05-28."""
    assert names(listed(client, ms("2023-11-15"), ms("2024-05-15"))) == [
        f"{SWAP}-fundingrates-2024-{month}.zip" for month in ("05", "04", "03")
    ]
    (_, _, oldest) = files(listed(client, ms("2023-11-15"), ms("2024-05-15")))
    assert lines(client, oldest["url"])[1].split(",")[2][:-4] == str(ms("2024-03-19T08:00"))[:-4]
    assert names(listed(client, ms("2026-04-15"), ms("2026-06-15"))) == [f"{SWAP}-fundingrates-2026-04.zip"]
    client.seconds((ms("2026-05-31T16:00") + 2 * DAY - START_MS) / 1000 - 1)
    assert names(listed(client, ms("2026-05-15"), ms("2026-06-15"))) == []
    client.seconds(1)
    assert names(listed(client, ms("2026-05-15"), ms("2026-06-15"))) == [f"{SWAP}-fundingrates-2026-05.zip"]


def test_begin_and_end_are_included_and_there_are_twenty_months_at_most(client: OkxClient) -> None:
    months = names(listed(client, ms("2024-08-31T15:59"), ms("2026-03-31T15:59")))
    assert (len(months), months[0][-11:-4], months[-1][-11:-4]) == (20, "2026-03", "2024-08")
    asked = client.request("GET", "public/market-data-history", {
        "module": "3", "instType": "SWAP", "instFamilyList": "BTC-USDT", "dateAggrType": "monthly",
        "begin": ms("2024-08-31T15:59"), "end": ms("2026-03-31T16:00"),
    })  # fmt: skip
    assert json.loads(client.send(asked).body)["code"] == "51000"


@pytest.mark.parametrize(
    "words",
    [
        {"instFamilyList": "ANY"},
        {"instFamilyList": "ANY", "dateAggrType": "daily"},
        {"dateAggrType": "daily"},
        {"instFamilyList": "XYZ-USDT"},
        {"instType": "SPOT", "instIdList": "BTC-USDT"},
        {"module": "1"},
    ],
    ids=str,
)
def test_what_is_not_offered_is_an_empty_list(client: OkxClient, words: dict[str, str]) -> None:
    assert listed(client, ms("2026-04-10"), ms("2026-04-12"), **words) == []


def test_the_archive_begins_in_march_2022(client: OkxClient) -> None:
    listing = client.venue.wire._endpoints.archive._listing  # type: ignore[attr-defined]
    listing.by_symbol[SWAP] = replace(listing.by_symbol[SWAP], listed_ms=ms("2020-01-01"))
    assert names(listed(client, ms("2021-12-15"), ms("2022-04-15"))) == [
        f"{SWAP}-fundingrates-2022-{month}.zip" for month in ("04", "03")
    ]


@pytest.mark.parametrize("module", ["2", "3"])
def test_months_are_missing_by_a_switch(client: OkxClient, module: str) -> None:
    span = ms("2025-08-15"), ms("2025-10-15")
    whole = files(listed(client, *span, module=module))
    assert len(whole) == 3
    client.venue.switches.set("archive_without", "2025-09")
    assert files(listed(client, *span, module=module)) == [whole[0], whole[2]]
    assert fetched(client, whole[1]["url"]).status == 404
    client.venue.switches.set("archive_empty", value=True)
    assert listed(client, *span, module=module) == []


@pytest.mark.parametrize(
    "path",
    [
        f"swaprates/monthly/202605/{SWAP}-fundingrates-2026-05.zip",  # not yet
        f"swaprates/monthly/202402/{SWAP}-fundingrates-2024-02.zip",  # before the listing
        f"swaprates/monthly/202508/{SWAP}-fundingrates-2025-09.zip",
        f"swaprates/daily/20250911/{SWAP}-fundingrates-2025-09-11.zip",
        "swaprates/daily/20250911/allswap-fundingrates-2025-09-11.zip",
        "swaprates/monthly/202509/BTC-USDT-fundingrates-2025-09.zip",
        "swaprates/monthly/202509/XYZ-USDT-SWAP-fundingrates-2025-09.zip",
        f"swaprates/monthly/202509/{SWAP}-candlesticks-2025-09.zip",
        f"candlesticks/monthly/202509/{SWAP}-fundingrates-2025-09.zip",
        f"trades/monthly/202509/{SWAP}-trades-2025-09.zip",
        "swaprates",
    ],
)
def test_a_file_that_does_not_exist_is_404(client: OkxClient, path: str) -> None:
    assert fetched(client, f"{ROOT}/{path}").status == 404
