"""Whatever a user can mend is one line, and loses nothing; imports and OKX's archive."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bot.domain.clock import parse_iso
from bot.download import staging
from tests.download.given import Nija, words
from tests.sandbox_fixture import Sandbox

DAY = "2026-03-05"


@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        (["--pairs", "FOO-USD"], 2, "FOO-USD: kraken: Kraken does not list FOO-USD"),
        (["--broker", "okx", "--pairs", "FOO-USDT"], 2, "FOO-USDT"),
        (["--broker", "okx", "--pairs", "FOO-USDT-SWAP"], 2, "FOO-USDT-SWAP"),
        (["--broker", "coinbase", "--pairs", "FOO-USD"], 2, "FOO-USD"),
        (["--broker", "binance"], 2, "--broker binance: one of kraken, okx, coinbase is needed"),
        (["--since", "2031-01-01"], 2, "--since 2031-01-01 is in the future"),
        (["--since", "yesterday"], 2, "--since yesterday: a date or time in ISO 8601 is needed"),
        (["--since", "2026-03-05T12:30:00Z"], 2, "no candle has opened and closed since then"),
        (["--until", "2026-03-04"], 2, "no candle has opened and closed"),
        (["--timeframe", "7m"], 2, "no candles of"),
        (["--timeframe", "soon"], 2, "timeframe 'soon'"),
        (["--pairs", ","], 2, "--pairs names no market"),
        (["--since", "2020-01-01"], 2, "name it with --import"),
        (["--import", "nowhere"], 2, "--import nowhere: there is no such file or folder"),
        (["--broker", "okx", "--pairs", "BTC-USDT", "--import", "."], 2, "only kraken has files to import"),
    ],
)
def test_what_will_not_do_is_one_line(nija: Nija, tmp_path: Path, typed: list[str], status: int, says: str) -> None:
    ended = nija(*words("kraken", tmp_path / "out", *typed, since=DAY))
    lines = [line for line in ended.stderr.splitlines() if "add --real" not in line]
    assert (ended.exit_code, len(lines)) == (status, 1), ended.output
    assert says in lines[0]
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_an_address_that_does_not_answer_is_one_line(
    nija: Nija, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("bot.commands.download.time.sleep", lambda _: None)
    ended = nija(*words("kraken", tmp_path, "--real", since=DAY))
    assert ended.exit_code == 1
    assert ended.stderr.count("\n") == 1
    assert "kraken" in ended.stderr


def test_a_file_of_something_else_is_left_alone(nija: Nija, tmp_path: Path) -> None:
    file = tmp_path / "BTC-USD-5m.parquet"
    assert nija(*words("coinbase", tmp_path, since=DAY)).exit_code == 0
    kept = file.read_bytes()
    ended = nija(*words("kraken", tmp_path, since=DAY))
    assert (ended.exit_code, file.read_bytes()) == (2, kept)
    assert "holds candles of BTC-USD from sandbox coinbase" in ended.stderr
    file.write_bytes(b"mine")
    ended = nija(*words("coinbase", tmp_path, since=DAY))
    assert (ended.exit_code, file.read_bytes()) == (2, b"mine")
    assert "was not written by nija download" in ended.stderr


@pytest.mark.parametrize("where", ["while reading", "while writing"])
def test_a_full_disk_is_one_line_and_loses_nothing(
    where: str, nija: Nija, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "while writing":
            patch.setattr("os.fsync", full)
        else:
            limited = staging._SCHEMA + "PRAGMA max_page_count = 8;"
            patch.setattr(staging, "_SCHEMA", limited)
        ended = nija(*words("coinbase", tmp_path, since="2026-03-04"))
        assert ended.exit_code == 1, ended.output
        assert "the disk is full, free some space; the same command continues from there" in ended.stderr
    assert [one.suffix for one in tmp_path.iterdir() if one.is_file() and "5m" in one.name] == [".part"]
    assert nija(*words("coinbase", tmp_path, since="2026-03-04")).exit_code == 0


def test_sqlite_says_full_like_this(tmp_path: Path) -> None:
    """The words by which a full disk is recognized."""
    with pytest.raises(sqlite3.OperationalError, match="full"):
        sqlite3.connect(tmp_path / "a").executescript(
            "PRAGMA max_page_count = 1; CREATE TABLE a (b); CREATE TABLE c (d)"
        )


# -- imports ----------------------------------------------------------------------------------------------------------------
def test_years_come_from_files_and_the_rest_from_trades_and_ohlc(nija: Nija, sandbox: Sandbox, tmp_path: Path) -> None:
    """The files have a row only where something was traded, and end before OHLC begins."""
    assert nija(*words("coinbase", tmp_path / "c", since="2026-02-20")).exit_code == 0
    table = pq.read_table(tmp_path / "c" / "BTC-USD-5m.parquet").to_pydict()
    end = parse_iso("2026-03-02T18:00:00Z")
    with (tmp_path / "XBTUSD_5.csv").open("w") as out:
        rows = csv.writer(out)
        for at, time in enumerate(table["time"]):
            if time < end and at % 50 != 49:  # not traded in, as far as this file says
                prices = (table[name][at] for name in ("open", "high", "low", "close", "volume"))
                rows.writerow([time // 1000, *map(repr, prices), 3])
    ended = nija(*words("kraken", tmp_path / "k", "--import", tmp_path, since="2026-02-20"))
    assert ended.exit_code == 0, ended.output
    assert "candles of trades with those kept: all alike" in ended.stdout
    made = pq.read_table(tmp_path / "k" / "BTC-USD-5m.parquet").to_pydict()
    assert set(made["source"]) == {f"sandbox kraken {name}" for name in ("file", "trades", "ohlc")}
    assert made["time"] == table["time"]
    for at, (time, close) in enumerate(zip(made["time"], made["close"], strict=True)):
        quiet = time < end and at % 50 == 49
        assert made["filled"][at] is quiet
        assert close == pytest.approx(table["close"][at - quiet], rel=3e-6)
    assert not any(sandbox.ledger("kraken")["rejected"].values())


# -- OKX -------------------------------------------------------------------------------------------------------------------------
def test_a_month_comes_from_the_archive_and_is_what_pages_say(nija: Nija, unfaulted: Sandbox, tmp_path: Path) -> None:
    before = unfaulted.ledger("okx")["rejected"]
    ended = nija(*words("okx", tmp_path / "a", since="2026-01-31"))
    assert ended.exit_code == 0, ended.output
    by_file = pq.read_table(tmp_path / "a" / "BTC-USDT-5m.parquet")
    counts = by_file["source"].to_pylist()
    assert counts.count("sandbox okx archive") == 28 * 288
    assert counts.count("sandbox okx candles") == len(counts) - 28 * 288 > 0
    assert b"BTC-USDT-candlesticks-2026-02.zip" in by_file.schema.metadata[b"nija"]
    assert nija(*words("okx", tmp_path / "b", since="2026-02-24")).exit_code == 0  # no whole month
    by_page = pq.read_table(tmp_path / "b" / "BTC-USDT-5m.parquet")
    assert set(by_page["source"].to_pylist()) == {"sandbox okx candles"}
    for name in ("time", "open", "high", "low", "close", "volume"):
        same = by_file[name].to_numpy()[-len(by_page) :]
        assert np.allclose(same, by_page[name].to_numpy(), rtol=1e-12, atol=0), name
    unfaulted.control("POST", "switches", venue="okx", name="archive_empty", value=True)
    ended = nija(*words("okx", tmp_path / "c", "--until", "2026-03-02", since="2026-01-31"))
    assert ended.exit_code == 0
    assert "okx archive" not in ended.stdout
    assert unfaulted.ledger("okx")["rejected"] == before


def test_an_archive_elsewhere_is_not_trusted(nija: Nija, unfaulted: Sandbox, tmp_path: Path) -> None:
    unfaulted.control("POST", "switches", venue="okx", name="archive_host", value="https://static.okx.com.example")
    ended = nija(*words("okx", tmp_path, since="2026-01-31"))
    assert ended.exit_code == 2
    assert "which is not OKX's" in ended.stderr
