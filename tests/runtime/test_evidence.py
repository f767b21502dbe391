"""What backtests are worth for an account: a table of what may be missing or different, the files they are kept in, and what an
account says and blocks while they come and go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.commands.readiness import evidence_row
from bot.domain.clock import DAY, system_ms
from bot.domain.ids import Account, AccountKey
from bot.domain.instrument import FeeRate
from bot.domain.log import Event
from bot.runtime.daemon import trading_plan
from bot.runtime.evidence import FOLDER, Evidence, EvidenceFolder, Terms, keep
from bot.runtime.evidence_judged import EvidenceAsked, Finding, judged
from bot.runtime.evidence_terms import BINDING, evidence_asked, terms_of
from bot.runtime.evidence_watch import EvidenceWatch
from bot.runtime.known_terms import TermsFile
from bot.settings.load import load_settings
from bot.settings.variables import LimitSettings
from bot.strategy.apex import ApexStrategy
from bot.strategy.named import named, with_params
from bot.strategy.params import DEFAULT_RISK_SETTINGS
from bot.strategy.source import _files, source_digest
from tests.notes import Notes
from tests.runtime.test_known_terms import BTC

NOW = 1_800_000_000_000
LIMITS = {name.upper(): 10.0 for name in BINDING} | {"MAX_ORDER_USD": None}
TRADED = Terms("rule.py:Mine", "aa", {"fast": 9, "slow": 21.0}, "5m", 0.0026, LIMITS, 5)
GOOD = Evidence(
    terms=TRADED,
    made=NOW - DAY,
    broker="kraken",
    spread=0.0002,
    equity=10_000.0,
    since=NOW - 91 * DAY,
    until=NOW - DAY,
    pairs=("BTC-USD", "ETH-USD"),
    candles=50_000,
    data="my candles",
    checksum="cc",
    verdict="earns",
    sentence="earned: +0.1 R",
    trades=1_234,
    numbers={"expectancy_r": 0.1, "interval_r": [0.05, 0.15]},
)
COMMAND = "./start.sh backtest --data 'my candles' --broker kraken --fee 0.0026"


def kept(folder: Path, one: Evidence = GOOD) -> Path:
    troubles: list[str] = []
    file = keep(folder, one, troubles.append)
    assert troubles == []
    return file


def other(**terms: Any) -> Evidence:
    return replace(GOOD, terms=TRADED._replace(**terms))


def limits(**changed: float | None) -> Evidence:
    return other(limits=LIMITS | changed)


CASES: Mapping[str, tuple[list[Evidence], str]] = {
    "good": ([GOOD], ""),
    "none": ([], "no backtest of rule.py:Mine is known"),
    "of another rule": ([other(rule="rule.py:Other", source="bb")], "no backtest of rule.py:Mine is known"),
    "another class of the same file": ([other(rule="rule.py:Other")], "no backtest of rule.py:Mine is known"),
    "moved": ([other(rule="old/place.py:Mine")], ""),
    "changed": ([other(source="bb")], "its source has changed since it was backtested"),
    "another timeframe": ([other(timeframe="1h")], "backtested at 1h: traded at 5m"),
    "other parameters": (
        [other(params={"fast": 8, "slow": 21})],
        "backtested with other parameters: fast 8 (traded: 9)",
    ),
    "fewer parameters": ([other(params={"fast": 9})], "backtested with other parameters: slow none (traded: 21)"),
    "short": ([other(shorts=True)], "backtested with short sales: not made here"),
    "a lower fee": ([other(fee=0.001)], "backtested at a fee of 0.100%: the account pays 0.260%"),
    "a higher fee": ([other(fee=0.004)], ""),
    "without limits": ([other(limits=None)], "backtested without your limits"),
    "a looser limit": (
        [limits(MAX_DRAWDOWN_PCT=11.0)],
        "backtested with looser limits: MAX_DRAWDOWN_PCT 11 (traded: 10)",
    ),
    "a tighter limit": ([limits(MAX_DRAWDOWN_PCT=9.0, MAX_ORDER_USD=50.0, LOSS_COOLDOWN_MINUTES=11.0)], ""),
    "a shorter cooldown": (
        [limits(LOSS_COOLDOWN_MINUTES=9.0)],
        "backtested with looser limits: LOSS_COOLDOWN_MINUTES 9 (traded: 10)",
    ),
    "a limit that was not there": (
        [limits(MAX_EXPOSURE_PCT=None)],
        "backtested with looser limits: MAX_EXPOSURE_PCT none (traded: 10)",
    ),
    "more slots": ([other(slots=6)], "backtested with looser limits: 6 slots (traded: 5)"),
    "all limits looser": (
        [limits(**{name: 20.0 for name in LIMITS if name != "LOSS_COOLDOWN_MINUTES"})],
        (
            "backtested with looser limits: MAX_EXPOSURE_PCT 20 (traded: 10), MAX_COIN_EXPOSURE_PCT 20 (traded: 10),"
            " MAX_DAILY_LOSS_PCT 20 (traded: 10) and 2 more"
        ),
    ),
    "90 days old": ([replace(GOOD, made=NOW - 90 * DAY)], ""),
    "stale": ([replace(GOOD, made=NOW - 90 * DAY - 1)], "backtested on 2026-10-17: stale after 90 days"),
    "loses": ([replace(GOOD, verdict="loses", sentence="loses: -0.1 R")], "loses: -0.1 R"),
    "chance": ([replace(GOOD, verdict="open", sentence="chance")], "chance"),
    "says nothing": ([replace(GOOD, verdict="too few", sentence="too few trades")], "too few trades"),
    "a quick try that lost does not count beside more trades": (
        [GOOD, replace(GOOD, made=NOW, trades=40, verdict="loses")],
        "",
    ),
    "nor does one that earned": (
        [replace(GOOD, verdict="loses", sentence="loses"), replace(GOOD, made=NOW, trades=40)],
        "loses",
    ),
    "the nearest fee counts": ([replace(other(fee=0.004), verdict="loses", trades=9_999), GOOD], ""),
    "one that fits comes before one that does not": ([replace(other(fee=0.0), trades=9_999), GOOD], ""),
    "the nearest is named": (
        [other(timeframe="1h"), other(source="bb"), other(fee=0.001), other(fee=0.002)],
        "backtested at a fee of 0.200%: the account pays 0.260%",
    ),
}


@pytest.mark.parametrize(("known", "reason"), CASES.values(), ids=CASES)
def test_evidence_is_what_earned_on_these_terms(known: list[Evidence], reason: str) -> None:
    found = judged(known, TRADED, "kraken", NOW)
    assert found.earns == (not reason)
    assert found.reason == (reason or GOOD.sentence)


def test_it_names_the_numbers_and_the_command() -> None:
    scope = "1,234 trades of 2 pairs, 2026-10-16 to 2027-01-14, fee 0.260%, made 2027-01-14"
    assert judged([GOOD], TRADED, "kraken", NOW) == Finding(True, GOOD.sentence, scope, COMMAND)
    changed = judged([other(source="bb")], TRADED, "kraken", NOW)
    assert changed.line == f"its source has changed since it was backtested; {GOOD.sentence}; {scope}: {COMMAND}"
    none = judged([], TRADED._replace(fee=0.0005, shorts=True), "okx", NOW)
    assert none.command == "./start.sh backtest --data candles --broker okx --fee 0.0005 --shorts"


# -- the files --------------------------------------------------------------------------------------------------------
def test_a_file_holds_all_of_it_for_its_owner_alone(tmp_path: Path) -> None:
    file = kept(tmp_path)
    folder = EvidenceFolder(tmp_path)
    assert (folder.read(), folder.known, folder.unreadable) == (True, [GOOD], [])
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in (tmp_path / FOLDER).iterdir()] == [file.name]
    assert file.name.startswith("Mine-5m-")


def test_the_same_backtest_renews_its_file_and_another_has_its_own(tmp_path: Path) -> None:
    again = replace(GOOD, made=NOW, verdict="loses", trades=3)
    assert kept(tmp_path) == kept(tmp_path, again)
    folder = EvidenceFolder(tmp_path)
    folder.read()
    assert folder.known == [again]
    others = [other(fee=0.1), other(limits=None), replace(GOOD, checksum="dd"), replace(GOOD, since=NOW - 90 * DAY)]
    assert len({kept(tmp_path, one) for one in (GOOD, *others)}) == 5


def test_a_folder_is_read_again_only_when_a_file_has_changed(tmp_path: Path) -> None:
    folder = EvidenceFolder(tmp_path)
    assert [folder.read(), folder.read()] == [True, False]
    file = kept(tmp_path)
    assert [folder.read(), folder.read()] == [True, False]
    file.unlink()
    assert (folder.read(), folder.known) == (True, [])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "Expecting"),
        ("[]", "list"),
        ("{}", "schema"),
        ('{"schema": 2}', "its schema is 2, not 1"),
        ('{"schema": 1}', "'limits'"),
        (json.dumps(GOOD.document() | {"timeframe": "soon"}), "soon"),
        (json.dumps(GOOD.document() | {"fee": float("nan")}), "nan is no finite number"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_counts_as_none(tmp_path: Path, text: str, wrong: str) -> None:
    kept(tmp_path)
    (tmp_path / FOLDER / "half.json").write_text(text)
    folder = EvidenceFolder(tmp_path)
    folder.read()
    assert folder.known == [GOOD]
    (line,) = folder.unreadable
    assert "half.json cannot be read and counts as no evidence" in line
    assert wrong in line


def test_a_place_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder belongs")
    troubles: list[str] = []
    keep(tmp_path, GOOD, troubles.append)
    assert troubles == [f"{tmp_path / FOLDER} cannot be made: File exists"]
    folder = EvidenceFolder(tmp_path)
    assert [folder.read(), folder.read()] == [True, False]
    (line,) = folder.unreadable
    assert "(Not a directory)" in line


# -- the terms --------------------------------------------------------------------------------------------------------
def test_terms_are_those_of_settings_and_strategy(tmp_path: Path) -> None:
    environ = {
        "NIJA_DATA_DIR": str(tmp_path),
        "MAX_ORDER_USD": "50",
        "MAX_POSITION_PCT": "7",
        "OKX_TRADE_SWAPS": "true",
    }
    settings = load_settings(tmp_path, environ | {"REQUIRE_EVIDENCE": "true", "TIMEFRAME": "1h"})
    asked = evidence_asked(settings, trading_plan(settings))
    assert (asked.required, asked.shorting, asked.data_dir) == (True, {"okx"}, tmp_path)
    terms = asked.terms
    assert (terms.rule, terms.timeframe, terms.slots) == ("bot.strategy.apex:ApexStrategy", "1h", 5)
    assert (terms.params["score_needed"], terms.params["max_position_pct"]) == (3, 7.0)
    assert terms.limits is not None
    assert (terms.limits["MAX_ORDER_USD"], terms.limits["MAX_DRAWDOWN_PCT"]) == (50.0, 20.0)
    apex = ApexStrategy(DEFAULT_RISK_SETTINGS)
    other_params = with_params(apex, {"score_needed": "4"})
    ours, theirs = (
        terms_of(one, "a:B", "5m", LimitSettings(), 0.0, 5, shorts=False).params for one in (apex, other_params)
    )
    assert {name for name in ours if ours[name] != theirs[name]} == {"score_needed"}
    assert json.loads(json.dumps(theirs)) == theirs


RULE = """
from bot.strategy.base import Evaluation, Strategy
class Mine(Strategy):
    def evaluate(self, candles):
        from helpers import edge
        return Evaluation(0, candles.closed_at, 1.0)
"""


@pytest.mark.parametrize("edited", ["rule.py", "helpers/edge.py", "helpers/__init__.py"])
def test_a_changed_file_is_another_source_also_beside_the_rule_and_not_loaded(tmp_path: Path, edited: str) -> None:
    (tmp_path / "helpers").mkdir()
    files = {"rule.py": RULE, "helpers/edge.py": "EDGE = 3", "helpers/__init__.py": "", "another.py": "EDGE = 5"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    mine = named(f"{tmp_path / 'rule.py'}:Mine", DEFAULT_RISK_SETTINGS)
    first = source_digest(mine)
    (tmp_path / "another.py").write_text("EDGE = 6")
    assert source_digest(mine) == first
    (tmp_path / edited).write_text(f"{files[edited]}\n# edited\n")
    assert source_digest(mine) != first


def test_the_source_of_apex_is_all_of_its_rule() -> None:
    assert source_digest(ApexStrategy()) == source_digest(ApexStrategy(DEFAULT_RISK_SETTINGS))
    files = {file.name for file in _files(ApexStrategy)}
    assert {"apex.py", "rule.py", "exits.py", "indicators.py", "params.py"} <= files
    assert "gates.py" not in files


# -- an account -------------------------------------------------------------------------------------------------------
FEES = {"BTC-USD": FeeRate(Decimal(0), Decimal("0.0026")), "USDC-USD": FeeRate(Decimal(0), Decimal("0.002"))}


def watch(folder: Path, notes: Notes, *, mode: str = "live", required: bool = False) -> EvidenceWatch:
    asked = EvidenceAsked(folder, TRADED._replace(fee=0.0), frozenset(), required)
    return EvidenceWatch(asked, Account(mode, "kraken", "main", "me"), notes)


def test_an_account_says_it_once_and_again_when_it_changes(tmp_path: Path) -> None:
    notes = Notes()
    one = watch(tmp_path, notes, required=True)
    assert one.blocks == "no market's fee is known"
    one.look(FEES, NOW)
    one.look(FEES, NOW)
    assert (len(notes.said(Event.EVIDENCE)), one.blocks) == (1, "no backtest of rule.py:Mine is known")
    assert one.warning.startswith("no backtest of rule.py:Mine is known: ./start.sh backtest --data candles")
    kept(tmp_path)
    one.look(FEES, NOW)
    assert (one.blocks, one.warning) == ("", "")
    one.look(FEES | {"ETH-USD": FeeRate(Decimal(0), Decimal("0.004"))}, NOW)
    assert "the account pays 0.400%" in one.blocks
    one.look(FEES, NOW + 90 * DAY)
    assert "stale" in one.blocks
    assert [fields["reason"] for fields in notes.said(Event.EVIDENCE)][1:] == [
        GOOD.sentence,
        "backtested at a fee of 0.260%: the account pays 0.400%",
        "backtested on 2027-01-14: stale after 90 days",
    ]


def test_without_known_fees_nothing_is_said_and_nothing_opens(tmp_path: Path) -> None:
    notes = Notes()
    kept(tmp_path)
    one = watch(tmp_path, notes, required=True)
    one.look({}, NOW)
    assert (notes.events, one.blocks) == ([], "no market's fee is known")


@pytest.mark.parametrize(
    ("mode", "required", "level", "warned", "blocked"),
    [
        ("live", False, "warning", True, False),
        ("live", True, "warning", True, True),
        ("sandbox", False, "info", False, False),
        ("demo", True, "info", True, True),
    ],
)
def test_play_money_is_not_warned_of_unless_evidence_is_required(
    tmp_path: Path, mode: str, required: bool, level: str, warned: bool, blocked: bool
) -> None:
    notes = Notes()
    one = watch(tmp_path, notes, mode=mode, required=required)
    one.look(FEES, NOW)
    assert [row[0] for row in notes.lines] == [level]
    assert (bool(one.warning), bool(one.blocks)) == (warned, blocked)


def test_an_account_that_is_not_asked_says_nothing(tmp_path: Path) -> None:
    notes = Notes()
    one = EvidenceWatch(None, Account("live", "kraken", "main", "me"), notes)
    one.look(FEES, NOW)
    assert (notes.events, one.blocks, one.warning) == ([], "", "")


@pytest.mark.parametrize(
    ("mode", "required", "verdict"),
    [("live", False, "warning"), ("live", True, "failure"), ("sandbox", False, "ok"), ("demo", True, "failure")],
)
def test_readiness_has_a_row_for_it(tmp_path: Path, mode: str, required: bool, verdict: str) -> None:
    asked = EvidenceAsked(tmp_path, TRADED, frozenset(), required)
    row = evidence_row(asked, [replace(GOOD, verdict="loses", sentence="loses: -0.1 R")], "kraken:savings", mode)
    assert (row.broker, row.name, row.verdict) == ("kraken:savings", "evidence", verdict)
    assert row.found.startswith("backtested at a fee of 0.260%: the account pays 0.400%; loses: -0.1 R; 1,234 trades")
    assert row.remedy == COMMAND.replace("0.0026", "0.004")
    fees = TermsFile(tmp_path, AccountKey.parse("kraken:savings"), Notes())
    fees.keep({"BTC-USD": BTC}, {"BTC-USD": FEES["BTC-USD"]})
    good = evidence_row(asked, [replace(GOOD, made=system_ms())], "kraken:savings", mode)
    assert (good.verdict, good.remedy) == ("ok", "")
