"""`nija explain`: what was written down at each close, with what came of it in the book, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.commands.cli import app
from bot.domain.clock import DAY, MINUTE, day_start, iso, parse_iso, system_ms
from bot.domain.ids import Account
from bot.domain.judgement import Condition, Judgement
from bot.store.judgement_files import account_folder, day_file
from tests.store.cases import DECISION, KRAKEN, HandClock, bought, ledger

FIVE = 5 * MINUTE
TODAY = day_start(system_ms())
ADX = Condition("adx", 17.25, 20.0, held=False)
NEAR = Condition("near_ema", 0.5, 0.25, held=False, needed=False)
COSTS = Condition("costs", 380.8, 381.39198, held=False)
NO_LIMIT = Condition("order_value", 240.5, float("inf"), held=True)
PLAY = Account("sandbox", "kraken", "main", "s-1")


def close(number: int, **changes: Any) -> Judgement:
    """A close of today without a trend, `number` candles after midnight."""
    made = Judgement("BTC-USD", TODAY + number * FIVE, FIVE, 1, reason="weak_trend", conditions=(NEAR, ADX))
    return made._replace(**changes)


WEAK = close(1)
COSTLY = close(2, signal=True, gates=(NO_LIMIT, COSTS), words="R 380.8 does not cover fees and spread")
PLAIN = close(5, side=0, reason="not above 100", conditions=())


class Nija:
    """Commands on a data folder in which an account of Kraken has judged."""

    def __init__(self, folder: Path, account: Account = KRAKEN) -> None:
        self.folder = folder
        self.book = ledger(folder, account, HandClock(wall=system_ms()))

    def judged(self, *judgements: Judgement, account: Account = KRAKEN) -> None:
        for one in judgements:
            day_file(account_folder(self.folder, account), day_start(one.candle)).append([one])

    def prints(self, *words: str, status: int = 0) -> str:
        ended = CliRunner().invoke(app, ["explain", *words])
        assert ended.exit_code == status, ended.output
        return ended.output

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.prints(*words, "--json"))
        return found


@pytest.fixture
def nija(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nija:
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return Nija(tmp_path)


def test_each_close_has_its_conditions_and_the_gate_that_blocked(nija: Nija) -> None:
    nija.judged(WEAK, COSTLY)
    weak, costly = nija.rows("BTC-USD")
    assert weak == {
        "broker": "kraken",
        "candle": iso(WEAK.candle),
        "side": "long",
        "conditions": [
            {"name": "near_ema", "value": 0.5, "limit": 0.25, "held": False},
            {"name": "adx", "value": 17.25, "limit": 20.0, "held": False},
        ],
        "gate": "adx",
        "gate_value": 17.25,
        "gate_limit": 20.0,
        "entered": False,
    }
    assert (costly["gate"], costly["gate_value"], costly["gate_limit"]) == ("costs", 380.8, 381.39198)
    assert costly["conditions"][-2] == {"name": "order_value", "value": 240.5, "limit": None, "held": True}


def test_a_strategy_that_shows_no_conditions_has_its_reason(nija: Nija) -> None:
    nija.judged(PLAIN, PLAIN._replace(candle=PLAIN.candle + FIVE, side=-1, signal=True, gates=(COSTS,)))
    flat, short = nija.rows("BTC-USD")
    assert (flat["side"], flat["gate"], flat["gate_value"]) == (None, "no_signal", "not above 100")
    assert (short["side"], short["gate"], flat["conditions"]) == ("short", "costs", [])


def test_what_was_entered_is_what_the_book_says(nija: Nija) -> None:
    """The last word on a close is that of a restart, which found its coin held; the order had filled all the same."""
    bought(nija.book, qty="0.5", price="97.25")
    when = DECISION.candle_close
    held = Condition("held", "held", "not held", held=False)
    nija.judged(WEAK._replace(candle=when, signal=True), WEAK._replace(candle=when, signal=True, gates=(held,)))
    (row,) = nija.rows("BTC-USD")
    assert (row["entered"], row["gate"], row["gate_value"]) == (True, None, None)
    assert "entered 0.5 at 97.25" in nija.prints("BTC-USD")
    nija.judged(close(3, signal=True))
    assert "an order was sent, but no fill of it is known" in " ".join(nija.prints("BTC-USD").split())


def test_people_read_a_line_for_each_close_and_when_there_was_none(nija: Nija) -> None:
    nija.judged(WEAK, COSTLY, PLAIN, close(7))
    day = iso(TODAY)[:10]
    assert nija.prints("btc/usd").splitlines()[2:-4] == [
        f"{day} 00:05  long   adx              17.25 against 20",
        f"{day} 00:10  long   costs            R 380.8 does not cover fees and spread",
        f"{day} 00:15 to {day} 00:20  nothing decided",
        f"{day} 00:25  -      no_signal        not above 100",
        f"{day} 00:30  nothing decided",
        f"{day} 00:35  long   adx              17.25 against 20",
    ]


def test_one_close_is_shown_with_all_its_numbers(nija: Nija) -> None:
    nija.judged(WEAK, COSTLY)
    at = iso(COSTLY.candle + FIVE - 1)
    shown = nija.prints("BTC-USD", "--at", at)
    assert "long, no entry because of costs: R 380.8" in " ".join(shown.split())
    assert [line.split() for line in shown.splitlines()[-5:-1]] == [
        ["near_ema", "0.5", "0.25", "no"],
        ["adx", "17.25", "20", "no"],
        ["order_value", "240.5", "-", "yes"],
        ["costs", "380.8", "381.39198", "no"],
    ]
    assert [row["candle"] for row in nija.rows("BTC-USD", "--at", at)] == [iso(COSTLY.candle)]
    assert nija.rows("BTC-USD", "--at", iso(COSTLY.candle + FIVE)) == []
    assert "nothing decided" in nija.prints("BTC-USD", "--at", iso(COSTLY.candle + FIVE))


def test_times_are_shown_as_times(nija: Nija) -> None:
    stopped = Condition("stopped_out", float(TODAY), float(TODAY - FIVE), held=False)
    news = Condition("news", float(1 << 60), 300_000.0, held=True)
    nija.judged(close(3, signal=True, gates=(news, stopped)))
    assert [line.split() for line in nija.prints("BTC-USD", "--at", iso(close(3).candle)).splitlines()[-3:-1]] == [
        ["news", "none", "300", "s", "yes"],
        ["stopped_out", iso(TODAY)[:10], "00:00:00Z", iso(TODAY - FIVE)[:10], "23:55:00Z", "no"],
    ]


def test_without_a_market_the_closes_of_today_are_counted_by_gate(nija: Nija) -> None:
    yesterday = close(-1)
    nija.judged(yesterday, WEAK, WEAK, close(3), COSTLY, PLAIN._replace(symbol="ETH-USD"))
    counted = json.loads(nija.prints("--json"))
    day = iso(TODAY)[:10]
    gates = {"adx": 2, "costs": 1, "no_signal": 1}
    assert counted == {"kraken": {"day": day, "judged": 4, "entered": 0, "gates": gates}}
    assert f"KRAKEN on {day} (UTC): 4 closes judged, 0 entered" in nija.prints()
    rows = list(csv.DictReader(io.StringIO(nija.prints("--csv"))))
    assert [(row["gate"], row["closes"]) for row in rows] == [
        ("entered", "0"),
        *((g, str(n)) for g, n in gates.items()),
    ]


def test_before_anything_was_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    assert CliRunner().invoke(app, ["explain"]).output == "no close has been judged yet\n"


def test_play_money_is_marked_and_its_day_is_the_markets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    nija = Nija(tmp_path, PLAY)
    nija.judged(WEAK._replace(candle=parse_iso("2026-01-05T12:00")), account=PLAY)
    assert "KRAKEN (sandbox: play money) on 2026-01-05 (UTC): 1 closes judged" in nija.prints()
    assert "KRAKEN (sandbox: play money) BTC-USD" in nija.prints("BTC-USD")


def test_every_condition_is_a_line_of_the_csv(nija: Nija) -> None:
    nija.judged(WEAK, PLAIN)
    rows = list(csv.DictReader(io.StringIO(nija.prints("BTC-USD", "--csv"))))
    assert [(row["name"], row["value"], row["held"], row["gate"]) for row in rows] == [
        ("near_ema", "0.5", "False", "adx"),
        ("adx", "17.25", "False", "adx"),
        ("", "", "", "no_signal"),
    ]


def test_one_account_may_be_asked_for(nija: Nija, tmp_path: Path) -> None:
    okx = Account("live", "okx", "main", "7")
    ledger(tmp_path, okx, HandClock(wall=system_ms()))
    nija.judged(WEAK)
    nija.judged(WEAK, account=okx)
    assert [row["broker"] for row in nija.rows("BTC-USD")] == ["kraken", "okx"]
    assert [row["broker"] for row in nija.rows("BTC-USD", "--broker", "OKX")] == ["okx"]


def test_a_market_that_was_never_judged_is_answered_with_those_that_were(nija: Nija) -> None:
    assert "BTC-USD was not judged yet" in nija.prints("BTC-USD")
    nija.judged(WEAK)
    assert "FOO-USD was not judged: the judged markets are BTC-USD" in nija.prints("FOO-USD")
    assert nija.rows("FOO-USD") == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["bitcoin"], "'bitcoin' is not a market: write it as BTC-USD."),
        (["BTC-USD", "--at", "noon"], "'noon' is not a time: write it as 2026-01-31T13:05 (UTC)."),
        (["--at", "2026-01-31"], "a market is needed with --at, such as BTC-USD."),
        (["BTC-USD", "--json", "--csv"], "--json and --csv are different formats: choose one"),
    ],
)
def test_mistakes_are_told(nija: Nija, words: list[str], line: str) -> None:
    assert line in " ".join(nija.prints(*words, status=2).replace("│", " ").split())


def test_thirty_days_are_kept_in_view(nija: Nija) -> None:
    nija.judged(*(close(1)._replace(candle=TODAY - n * DAY) for n in range(31)))
    assert len(nija.rows("BTC-USD")) == 31
