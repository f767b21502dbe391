"""`nija download` against the local exchanges: whole files, the same however often it was interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from bot.backtest.candle_files import load
from bot.commands import download
from bot.commands.cli import app
from tests.download.given import MARKETS, VENUES, Nija, environment, words
from tests.sandbox_fixture import Sandbox

CANDLES = 774
PRICES = ("open", "high", "low", "close", "volume")


def columns(file: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(file)
    return {name: np.asarray(table[name].to_pylist()) for name in table.column_names}


def refusals(sandbox: Sandbox, venue: str) -> dict[str, int]:
    return {name: count for name, count in sandbox.ledger(venue)["rejected"].items() if count}


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The file of each venue, downloaded in one go."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(sandbox, folder).items():
            patch.setenv(name, value)
        for venue in VENUES:
            ended = CliRunner().invoke(app, words(venue, folder / venue))
            assert ended.exit_code == 0, ended.output
            assert venue != "kraken" or "candles of trades with those kept: all alike" in ended.stdout
    return {venue: (folder / venue / f"{MARKETS[venue]}-5m.parquet").read_bytes() for venue in VENUES}


@pytest.mark.parametrize("venue", VENUES)
def test_a_file_holds_every_candle_once(venue: str, whole: dict[str, bytes], tmp_path: Path, sandbox: Sandbox) -> None:
    file = tmp_path / f"{MARKETS[venue]}-5m.parquet"
    file.write_bytes(whole[venue])
    found = columns(file)
    assert len(found["time"]) == CANDLES
    assert set(np.diff(found["time"])) == {300_000}
    sources = {"kraken": {"trades", "ohlc"}, "okx": {"candles"}, "coinbase": {"candles"}}[venue]
    assert set(found["source"]) == {f"sandbox {venue} {source}" for source in sources}
    assert (found["filled"] == (found["volume"] == 0)).all()
    assert len(load(tmp_path, (), "5m").histories[0]) == CANDLES
    assert refusals(sandbox, venue) == {}


def test_trades_make_the_candles_that_another_exchange_shows(whole: dict[str, bytes], tmp_path: Path) -> None:
    """All exchanges of the sandbox share one market, but not the steps of its prices."""
    tables = []
    for venue in ("kraken", "coinbase"):
        file = tmp_path / venue
        file.write_bytes(whole[venue])
        tables.append(columns(file))
    for name in PRICES:
        step = 1e-9 if name == "volume" else 3e-6
        assert np.allclose(tables[0][name], tables[1][name], rtol=step, atol=0), name


@pytest.mark.parametrize("venue", VENUES)
def test_an_interrupted_download_goes_on_to_the_same_file(
    venue: str, whole: dict[str, bytes], nija: Nija, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted after each part that it keeps; together it asks no more often for candles than in one go, but for the
    begin of the candle in the making."""
    typed = words(venue, tmp_path / "out")
    kept = download._Watcher.known

    def interrupted(watcher: download._Watcher, ms: int, of: int) -> None:
        kept(watcher, ms, of)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download._Watcher, "known", interrupted)
        for _ in range(3):
            ended = nija(*typed)
            assert (ended.exit_code, ended.stderr.count("the same command continues")) == (130, 1)
    assert nija(*typed).exit_code == 0
    file = tmp_path / "out" / f"{MARKETS[venue]}-5m.parquet"
    assert file.read_bytes() == whole[venue]
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    asked = sandbox.ledger(venue)["requests"]
    ended = nija(*typed)
    assert "nothing to add" in ended.stdout
    assert sandbox.ledger(venue)["requests"] == asked
    assert refusals(sandbox, venue) == {}


@pytest.mark.parametrize("venue", VENUES)
def test_a_file_grows_at_both_ends(venue: str, whole: dict[str, bytes], nija: Nija, tmp_path: Path) -> None:
    assert nija(*words(venue, tmp_path, "--until", "2026-03-04T06:00:00Z", since="2026-03-04")).exit_code == 0
    ended = nija(*words(venue, tmp_path))
    assert ended.exit_code == 0, ended.output
    file = tmp_path / f"{MARKETS[venue]}-5m.parquet"
    grown = columns(file)
    (tmp_path / "whole").write_bytes(whole[venue])
    reference = columns(tmp_path / "whole")
    for name in ("time", *PRICES):
        assert np.allclose(grown[name], reference[name], rtol=1e-12, atol=0), name


DEFECTS = ("nan", "zero", "negative", "high_below_low", "duplicate", "missing", "out_of_order", "none")


@pytest.mark.parametrize(
    ("venue", "defect"), [(VENUES[at % 3], one) for at, one in enumerate((*DEFECTS, *DEFECTS))][:9]
)
def test_what_cannot_be_right_is_asked_again(
    venue: str,
    defect: str,
    whole: dict[str, bytes],
    nija: Nija,
    unfaulted: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if (venue, defect) == ("coinbase", "missing"):
        pytest.skip("Coinbase sends no candle where nothing was traded, so that a missing one shows nothing")
    if venue != "coinbase":  # whose edge repeats an answer for a second
        monkeypatch.setattr("bot.download.market._READING_WAIT", 0)
    paths = {"kraken": "OHLC", "okx": "history-candles", "coinbase": "candles"}
    unfaulted.control("POST", "faults", venue=venue, kind="bad_candle", path=paths[venue], body=defect, count=2)
    ended = nija(*words(venue, tmp_path))
    assert ended.exit_code == 0, ended.output
    file = tmp_path / f"{MARKETS[venue]}-5m.parquet"
    (tmp_path / "whole").write_bytes(whole[venue])
    pairs = zip(pq.read_table(file).to_pylist(), pq.read_table(tmp_path / "whole").to_pylist(), strict=True)
    assert [(made, right) for made, right in pairs if made != right] == []
    assert file.read_bytes() == whole[venue]


@pytest.mark.parametrize("kind", ["drop_after", "http_status", "rate_limit", "truncated"])
def test_a_failed_request_is_repeated(
    kind: str, whole: dict[str, bytes], nija: Nija, unfaulted: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "rate_limit":  # which is a real pause
        monkeypatch.setattr("bot.commands.download.time.sleep", lambda _: None)
    unfaulted.control("POST", "faults", venue="coinbase", kind=kind, path="candles", count=2, after=1)
    ended = nija(*words("coinbase", tmp_path))
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "BTC-USD-5m.parquet").read_bytes() == whole["coinbase"]


def test_coinbase_may_refuse_what_comes_too_fast_like_a_wrong_key(
    whole: dict[str, bytes], nija: Nija, unfaulted: Sandbox, tmp_path: Path
) -> None:
    unfaulted.control("POST", "switches", venue="coinbase", name="rate_limit_style", value="unauthorized")
    unfaulted.control("POST", "faults", venue="coinbase", kind="rate_limit", path="candles", count=2, after=1)
    ended = nija(*words("coinbase", tmp_path))
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "BTC-USD-5m.parquet").read_bytes() == whole["coinbase"]


def test_where_nothing_was_traded_a_candle_is_flat_and_marked(
    whole: dict[str, bytes], nija: Nija, unfaulted: Sandbox, tmp_path: Path
) -> None:
    """Coinbase sends no candle then."""
    unfaulted.control("POST", "switches", venue="coinbase", name="quiet_percent", value=20)
    ended = nija(*words("coinbase", tmp_path))
    assert "without a trade" in ended.stdout
    found = columns(tmp_path / "BTC-USD-5m.parquet")
    (tmp_path / "whole").write_bytes(whole["coinbase"])
    busy = columns(tmp_path / "whole")
    filled = found["filled"]
    assert 0.1 < filled.mean() < 0.3
    assert (found["time"] == busy["time"][-len(filled) :]).all()
    for name in PRICES[:4]:
        assert (found[name][filled] == found["close"][np.flatnonzero(filled) - 1]).all()
    assert (found["close"][~filled] == busy["close"][-len(filled) :][~filled]).all()
    assert set(found["source"]) == {"sandbox coinbase candles"}


def test_an_older_host_of_okx_sends_shorter_pages(
    whole: dict[str, bytes], nija: Nija, unfaulted: Sandbox, tmp_path: Path
) -> None:
    unfaulted.control("POST", "switches", venue="okx", name="candles_page", value=100)
    assert nija(*words("okx", tmp_path)).exit_code == 0
    assert (tmp_path / "BTC-USDT-5m.parquet").read_bytes() == whole["okx"]
