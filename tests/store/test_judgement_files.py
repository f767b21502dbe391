"""What was judged, on disk and back: whatever strategies are called and find, however a file ends, and for 30 days."""

from __future__ import annotations

import gzip
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.clock import DAY, MINUTE, parse_iso
from bot.domain.judgement import Condition, Judgement
from bot.store.database import StoreError
from bot.store.judgement_files import account_folder, day_file, days_of, judgements_of, prune
from tests.store.cases import KRAKEN

TODAY = parse_iso("2026-03-15")
FIVE = 5 * MINUTE
ADX = Condition("adx", 17.25, 20.0, held=False)
WEAK = Judgement("BTC-USD", TODAY + FIVE, FIVE, 1, reason="weak_trend", conditions=(ADX,))
SPREAD = Condition("spread", 1.0625, 1.0, held=False)
WIDE = WEAK._replace(
    signal=True, gates=(Condition("held", "not held", "not held", held=True), SPREAD), words="too wide"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return account_folder(tmp_path, KRAKEN)


def written(folder: Path, *judgements: Judgement, day: int = TODAY) -> Path:
    """In a file of its own, as another run does."""
    file = day_file(folder, day)
    file.append(judgements)
    return file.path


def read(folder: Path, symbol: str | None = None) -> list[Judgement]:
    return list(judgements_of(folder, TODAY, symbol))


def test_runs_and_markets_are_read_in_the_order_they_were_written(folder: Path) -> None:
    file = day_file(folder, TODAY)
    file.append([WEAK, WEAK._replace(symbol="ETH-USD")])
    file.append([WIDE])
    written(folder, WEAK._replace(reason="another run"))
    assert read(folder, "BTC-USD") == [WEAK, WIDE, WEAK._replace(reason="another run")]
    assert len(read(folder)) == 4
    assert days_of(folder) == [TODAY]


def test_strategies_with_other_conditions_share_a_file(folder: Path) -> None:
    point = WEAK._replace(conditions=(ADX._replace(needed=False), ADX._replace(name="rsi")), timeframe_ms=2 * FIVE)
    bare = WEAK._replace(conditions=())
    written(folder, WEAK, point, bare, WEAK)
    assert read(folder) == [WEAK, point, bare, WEAK]


NUMBERS = st.floats(-1e300, 1e300)
WORDS = st.text(max_size=9)
CONDITIONS = st.builds(Condition, WORDS, NUMBERS, NUMBERS, st.booleans(), st.booleans())
GATES = st.builds(Condition, WORDS, NUMBERS | WORDS, NUMBERS | WORDS, st.booleans(), st.just(True))


@settings(max_examples=50)
@given(WORDS, st.lists(CONDITIONS, max_size=3).map(tuple), st.lists(GATES, max_size=3).map(tuple), WORDS)
def test_whatever_is_written_comes_back_to_ten_digits(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    conditions: tuple[Condition, ...],
    gates: tuple[Condition, ...],
    words: str,
) -> None:
    one = WEAK._replace(reason=text, conditions=conditions, gates=gates, words=words if gates else "")
    folder = account_folder(tmp_path_factory.mktemp("data"), KRAKEN)
    written(folder, one)
    (found,) = read(folder)
    assert found._replace(conditions=()) == one._replace(conditions=())
    for back, was in zip(found.conditions, conditions, strict=True):
        assert back[:1] + back[3:] == was[:1] + was[3:]
        assert back[1:3] == (pytest.approx(was.value, rel=1e-9), pytest.approx(was.limit, rel=1e-9))


def test_numbers_that_are_not_known_are_unknown_when_they_come_back(folder: Path) -> None:
    gate = Condition("order_value", 5.0, math.inf, held=True)
    written(folder, WEAK._replace(conditions=(ADX._replace(value=math.nan),), gates=(gate,)))
    (found,) = read(folder)
    assert [math.isnan(float(one)) for one in (*found.conditions[0][1:3], *found.gates[0][1:3])] == [
        True,
        False,
        False,
        True,
    ]


def test_what_is_whole_is_read_of_a_file_whose_end_is_torn(folder: Path) -> None:
    file = day_file(folder, TODAY)
    file.append([WEAK])
    size = file.path.stat().st_size
    file.append([WIDE])
    os.truncate(file.path, file.path.stat().st_size - 5)
    assert read(folder)[0] == WEAK
    os.truncate(file.path, size + 3)
    assert read(folder) == [WEAK]


def test_all_of_it_may_be_deleted_while_it_is_written(folder: Path) -> None:
    file = day_file(folder, TODAY)
    file.append([WEAK])
    file.path.unlink()
    file.append([WIDE])
    assert read(folder) == [WIDE]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        day_file(account_folder(tmp_path / "gone", KRAKEN), TODAY)


def test_only_their_owner_can_read_them(folder: Path) -> None:
    path = written(folder, WEAK)
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


def test_a_file_that_cannot_be_read_is_said(folder: Path) -> None:
    path = written(folder, WEAK)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        read(folder)


def test_what_is_older_than_30_days_goes(folder: Path, tmp_path: Path) -> None:
    days = [TODAY - n * DAY for n in (31, 30, 1, 0)]
    for day in days:
        written(folder, WEAK, day=day)
    other = account_folder(tmp_path, replace(KRAKEN, identity="another"))
    kept, old = written(other, WEAK, day=days[0]), written(other, WEAK, day=days[0])
    os.utime(old, (time.time() - 32 * 86_400,) * 2)
    prune(folder, TODAY)
    assert days_of(folder) == days[1:]
    assert [one.name for one in other.iterdir()] == [kept.name]


def test_no_other_file_is_taken_for_one(folder: Path) -> None:
    path = written(folder, WEAK)
    for name in ("notes.jsonl.gz", "2026-99-99.0.jsonl.gz", "2026-03-15.copy"):
        (path.parent / name).write_bytes(gzip.compress(b"hello"))
    assert days_of(folder) == [TODAY]
    assert read(folder) == [WEAK]
