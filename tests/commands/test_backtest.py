"""`nija backtest` as it is typed: what it writes, what it says of the terms, and one line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.candles import write
from tests.backtest.given import COMPILED
from tests.strategy.given import walk

ROOT = Path(__file__).resolve().parent.parent.parent
pytest.importorskip("numba", reason="numba is not installed")


def nija(folder: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """One command in a folder of its own; `before` is Python that runs first."""
    (folder / "data").mkdir(exist_ok=True)
    if not (folder / "data" / "numba").exists():
        COMPILED.mkdir(parents=True, exist_ok=True)
        (folder / "data" / "numba").symlink_to(COMPILED)
    code = f"import sys\n{before}\nfrom bot.commands.cli import app\nsys.argv[1:] = {list(words)!r}\napp()"
    places = {"NIJA_HOME": str(folder), "PYTHONPATH": str(ROOT), "NIJA_DATA_DIR": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("owner")
    (place / "candles").mkdir()
    for number, symbol in enumerate(("BTC-USD", "ETH-USD")):
        market = walk(number, 1_500)
        names = ("time", "open", "high", "low", "close", "volume")
        write(place / "candles" / f"{symbol}-5m.csv", {name: np.asarray(getattr(market, name)) for name in names})
    return place


def test_the_json_is_the_interface(folder: Path) -> None:
    words = ("--fee", "0.0005", "--param", "score_needed=4", "--json", "out.json", "--report", "out.html")
    ended = nija(folder, "backtest", "--data", "candles", *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "fee 0.050% a side, spread 0.020%, 5 slots, your limits" in ended.stdout
    found = json.loads((folder / "out.json").read_text())
    assert {"strategy", "params", "timeframe", "since", "until", "pairs", "fee", "spread", "equity"} <= set(found)
    assert {"candles", "seconds", "trades", "skips", "numbers", "equity_curve"} <= set(found)
    page = (folder / "out.html").read_text()
    assert "score_needed=4" in page
    assert found["numbers"]["sentence"] in page
    assert (found["fee"], found["params"]["score_needed"], found["candles"]) == (0.0005, 4, 3_000)
    for trade in found["trades"]:
        assert trade["score"] >= 4
        assert trade["exit_reason"] == trade["legs"][-1]["reason"] in ("stop", "tp3", "turn", "end")
        assert sum(leg["qty"] for leg in trade["legs"]) == pytest.approx(trade["qty"])
        gains = ((leg["price"] - trade["entry_price"]) * leg["qty"] - leg["fee"] for leg in trade["legs"])
        assert trade["pnl"] == pytest.approx(sum(gains) - trade["fee"])
    evidence = json.loads(Path(ended.stdout.strip().rpartition("kept as evidence: ")[2]).read_text())
    assert {name: evidence[name] for name in ("fee", "params", "timeframe", "slots", "pairs", "candles")} == {
        name: found[name] for name in ("fee", "params", "timeframe", "slots", "pairs", "candles")
    }
    assert (evidence["rule"], evidence["trades"]) == ("bot.strategy.apex:ApexStrategy", len(found["trades"]))
    assert evidence["limits"]["MAX_DRAWDOWN_PCT"] == 20.0
    assert evidence["numbers"]["expectancy_r"] == found["numbers"]["expectancy_r"]
    assert found["equity_curve"][0][0].endswith("T00:00:00Z")
    assert found["equity_curve"][-1][1] == pytest.approx(10_000 + sum(one["pnl"] for one in found["trades"]))


def test_the_terms_of_an_account_are_those_it_knows(folder: Path) -> None:
    words = ("backtest", "--data", "candles", "--broker", "kraken", "--json", "out.json")
    assert "fee 0.400% a side (a newcomer at kraken)" in nija(folder, *words).stdout
    terms = {"fee": "0.0014", "in_coin": False, "lot": "0.01", "tick": "0.5", "min_qty": "0.1", "min_cost": "1"}
    (folder / "data" / "terms-kraken.json").write_text(json.dumps({"BTC-USD": terms, "ETH-USD": terms}))
    assert "fee 0.140% a side (your account at kraken)" in nija(folder, *words).stdout
    trades = json.loads((folder / "out.json").read_text())["trades"]
    assert trades
    assert all(round(one["qty"] * 100) == pytest.approx(one["qty"] * 100) for one in trades)
    assert all(one["stop"] * 2 == round(one["stop"] * 2) for one in trades)


MISTAKES = [
    (("--broker", "binance"), "--broker binance: one of kraken, okx, coinbase is needed"),
    (("--limits", "some"), "--limits some: one of account, none is needed"),
    (("--broker", "kraken", "--shorts"), "--shorts: NIJA sells short only swaps at okx, not at kraken"),
    (("--since", "yesterday"), "--since yesterday: a date or time in ISO 8601 is needed, such as 2025-04-01"),
    (("--until", "2001-01-01"), "--until 2001-01-01: the candles begin after that"),
    (("--since", "2041-01-01"), "--since 2041-01-01: the candles end before that"),
    (("--fee", "0.26"), "Invalid value for '--fee': '0.26' is not a fraction from 0 to 0.1: write 0.0026 for 0.26 %."),
    (("--param", "score=4"), "'score' is not a parameter of ApexStrategy: it has ema_fast,"),
    (("--param", "score_needed=four"), "score_needed is 'four': a whole number is needed"),
    (("--param", "score_needed"), "--param score_needed: name=value is needed, such as score_needed=4"),
    (("--strategy", "nowhere.py:None"), "nowhere.py:None: there is no file "),
    (("--report", "nowhere/a.html"), "--report nowhere/a.html: cannot be written: there is no folder nowhere"),
    (("--json", "nowhere/out.json"), "--json nowhere/out.json: cannot be written: No such file or directory"),
]


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line(folder: Path, words: tuple[str, ...], line: str) -> None:
    ended = nija(folder, "backtest", "--data", "candles", *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"nija: {line}")
    assert ended.stderr.count("\n") == 1


def test_candles_too_few_for_any_decision_are_told(folder: Path) -> None:
    said = "no market has more than 288 candles: 500 are needed for the first decision"
    few = ("--data", "candles", "--until", "2026-01-02")
    assert said in nija(folder, "backtest", *few).stdout
    ended = nija(folder, "optimize", *few)
    assert (ended.returncode, ended.stderr) == (2, f"nija: {said}\n")


@pytest.mark.parametrize("tool", ["numba", "pyarrow"])
def test_without_the_tools_it_says_how_to_get_them(folder: Path, tool: str) -> None:
    ended = nija(folder, "backtest", "--data", "candles", before=f"sys.modules[{tool!r}] = None")
    assert ended.returncode == 2
    assert "run ./start.sh setup research" in ended.stderr
    assert ended.stderr.count("\n") == 1
