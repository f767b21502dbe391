"""The rates of funding of a swap: pages and the archive make one file without holes, and a line says what is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
import requests
from typer.testing import Result

from bot.backtest.candle_files import load
from bot.backtest.funding import funding_rates
from bot.brokers.history import Rate
from bot.commands.download import _of_funding, _unknown
from bot.domain.clock import DAY, HOUR, parse_iso
from bot.download.market import Wanted
from bot.download.spans import Span
from bot.sandbox.okx.floor import Floor
from tests.download.given import MARKETS, NOW, Nija, words
from tests.sandbox_fixture import Sandbox

SWAP = f"{MARKETS['okx']}-SWAP"
SINCE = "2025-05-10"
EIGHT = 8 * HOUR
#: The oldest rate of the sandbox's pages: 300 of them, up to 2026-03-05T08:00.
PAGED = parse_iso("2026-03-05T08:00:00Z") - 299 * EIGHT


@pytest.fixture
def fetched(nija: Nija, tmp_path: Path) -> Any:
    """Downloads the swap into a folder of this name."""

    def download(name: str, *more: object, since: str = SINCE) -> Result:
        return nija(*words("okx", tmp_path / name, "--pairs", SWAP, "--timeframe", "4h", *more, since=since))

    return download


def rates(folder: Path) -> list[Rate]:
    table = pq.read_table(folder / f"{SWAP}-funding.parquet").to_pydict()
    return [Rate(*row) for row in zip(table["time"], table["rate"], strict=True)]


def paid(first: int, last: int) -> list[Rate]:
    """What the sandbox's swap pays in `first` .. `last` (ms UTC, both included)."""
    floor = Floor(cast("Any", SimpleNamespace(seed=1)), cast("Any", None))
    begin = -(-first // EIGHT) * EIGHT
    return [Rate(time, float(floor.rate(SWAP, time))) for time in range(begin, last + 1, EIGHT)]


def turned(sandbox: Sandbox, name: str, value: object) -> None:
    sandbox.control("POST", "switches", venue="okx", name=name, value=value)


def test_rates_come_from_the_archive_and_from_pages_each_once(fetched: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.ledger("okx")["rejected"]
    ended = fetched("a")
    assert ended.exit_code == 0, ended.output
    found = rates(tmp_path / "a")
    assert found[0].time == parse_iso(SINCE) < PAGED
    assert found == paid(parse_iso(SINCE), parse_iso(NOW))
    (line,) = [line for line in ended.stdout.splitlines() if "funding" in line]
    assert line.endswith(f"{SWAP}-funding.parquet: {len(found)} rates of funding since 2025-05-10T00:00")
    shown = requests.get(
        f"{sandbox.venue('okx').rest}/api/v5/public/funding-rate-history",
        params={"instId": SWAP, "limit": "300"},
        timeout=5,
    ).json()["data"]
    assert [(one.time, one.rate) for one in found[:-301:-1]] == [
        (int(row["fundingTime"]), float(row["realizedRate"])) for row in shown
    ]
    due = funding_rates(tmp_path / "a", load(tmp_path / "a", (SWAP,), "4h").histories)[SWAP]
    assert due[:4].tolist() == [found[0].rate, 0, found[1].rate, 0]
    assert np.count_nonzero(due) == len(found)
    assert sandbox.ledger("okx")["rejected"] == before


def test_they_begin_with_the_market_and_a_second_run_changes_nothing(
    fetched: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    ended = fetched("a", since="2023-10-01")
    assert ended.exit_code == 0, ended.output
    instruments = requests.get(
        f"{sandbox.venue('okx').rest}/api/v5/public/instruments", params={"instType": "SWAP"}, timeout=5
    ).json()["data"]
    (listed,) = [int(row["listTime"]) for row in instruments if row["instId"] == SWAP]
    assert listed > parse_iso("2023-10-02")
    assert rates(tmp_path / "a") == paid(listed + 1, parse_iso(NOW))
    assert "sandbox okx has none before, so holding costs nothing until then" in ended.stdout
    assert "has no rates" not in ended.stdout
    kept = {file: file.read_bytes() for file in (tmp_path / "a").iterdir()}
    again = fetched("a", since="2023-10-01")
    assert again.exit_code == 0, again.output
    assert {file: file.read_bytes() for file in (tmp_path / "a").iterdir()} == kept


def test_a_file_from_pages_alone_is_filled_later(fetched: Any, unfaulted: Sandbox, tmp_path: Path) -> None:
    turned(unfaulted, "archive_empty", value=True)
    ended = fetched("a")
    assert ended.exit_code == 0, ended.output
    assert rates(tmp_path / "a") == paid(PAGED, parse_iso(NOW))
    assert "rates of funding since 2025-11-25T16:00; sandbox okx has none before" in ended.stdout
    assert "has no rates" not in ended.stdout
    turned(unfaulted, "archive_empty", value=False)
    ended = fetched("a")
    assert ended.exit_code == 0, ended.output
    assert rates(tmp_path / "a") == paid(parse_iso(SINCE), parse_iso(NOW))
    assert "has none before" not in ended.stdout


def test_a_missing_month_is_a_line_until_it_appears(fetched: Any, unfaulted: Sandbox, tmp_path: Path) -> None:
    turned(unfaulted, "archive_without", "2025-09")
    ended = fetched("a")
    assert ended.exit_code == 0, ended.output
    begin, end = parse_iso("2025-08-31T08:00:00Z"), parse_iso("2025-09-30T16:00:00Z")
    assert rates(tmp_path / "a") == [*paid(parse_iso(SINCE), begin), *paid(end, parse_iso(NOW))]
    line = (
        "  sandbox okx has no rates of funding from 2025-08-31T08:00 to 2025-09-30T16:00: holding costs nothing there"
    )
    assert line in ended.stdout.splitlines()
    kept = (tmp_path / "a" / f"{SWAP}-funding.parquet").read_bytes()
    ended = fetched("a")
    assert line in ended.stdout.splitlines()
    assert (tmp_path / "a" / f"{SWAP}-funding.parquet").read_bytes() == kept
    turned(unfaulted, "archive_without", "")
    ended = fetched("a")
    assert rates(tmp_path / "a") == paid(parse_iso(SINCE), parse_iso(NOW))
    assert "has no rates" not in ended.stdout


def test_what_is_missing_at_the_end_is_a_line(fetched: Any, unfaulted: Sandbox, tmp_path: Path) -> None:
    turned(unfaulted, "archive_without", "2025-09")
    ended = fetched("a", "--until", "2025-09-20")
    assert ended.exit_code == 0, ended.output
    assert "no rates of funding from 2025-08-31T08:00 to 2025-09-20T00:00: holding" in ended.stdout
    assert rates(tmp_path / "a") == paid(parse_iso(SINCE), parse_iso("2025-08-31T08:00:00Z"))


def test_files_of_rates_elsewhere_are_not_trusted(fetched: Any, unfaulted: Sandbox, tmp_path: Path) -> None:
    turned(unfaulted, "archive_host", "https://static.okx.com.example")
    ended = fetched("a")
    assert ended.exit_code == 2
    assert "which is not OKX's" in ended.stderr
    assert [one.name for one in (tmp_path / "a").iterdir()] == [f"{SWAP}-4h.parquet"]


# -- without an exchange ------------------------------------------------------------------------------------------------------------
def at(*days: float) -> list[Rate]:
    return [Rate(round(day * DAY), 0.0001) for day in days]


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ((), [(2, 9)]),
        ((2, 3, 4, 5, 6, 7, 8, 9), []),
        ((3, 4, 5, 6), [(2, 3), (6, 9)]),
        ((1, 2, 4.5, 5, 6, 8, 9), [(2, 4.5), (6, 8)]),
        ((0, 1, 3, 4, 5, 6, 7, 8, 9, 11), [(2, 3)]),
        ((0, 1), [(1, 9)]),
        ((10, 12), [(2, 10)]),
    ],
)
def test_only_what_a_file_does_not_have_is_asked_for(kept: tuple[float, ...], asked: list[tuple[float, float]]) -> None:
    found = _unknown(at(*kept), Span(2 * DAY, 9 * DAY))
    assert [(round(one.start / DAY, 6), round(one.end / DAY, 6)) for one in found] == asked
    assert not {one.time for one in at(*kept)} & {time for one in found for time in one}


def test_every_hole_is_named(tmp_path: Path) -> None:
    wanted = Wanted(SWAP, HOUR, Span(0, 9 * DAY), tmp_path / "x.parquet", "okx")
    _, holes = _of_funding(at(0, 1, 3, 4, 6, 7, 7.5), wanted)
    assert holes == (
        "  okx has no rates of funding from 1970-01-02T00:00 to 1970-01-04T00:00, 1970-01-05T00:00 to 1970-01-07T00:00, "
        "1970-01-08T12:00 to 1970-01-10T00:00: holding costs nothing there"
    )
