"""How things are shown: nothing is cut at any width, nothing limits a pipe, no code is written under NO_COLOR, `head` is no error."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.commands.show import NO_READER, Column, columns, kind, moment, money, quiet_pipe, say, say_csv, table, whose
from tests.sandbox_fixture import ROOT
from tests.store.cases import bought, ledger

NAMES = columns("symbol, side, qty, note", "qty")
ROWS = [
    ("DOGE-USDT", "buy", "1741.503472", "a stop rests at the exchange"),
    ("BTC-USD", "sell", "0.1", "a4026fd6766d1d62a37276070046d756"),
]
words = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=30)


def test_a_table_as_wide_as_it_needs_to_be(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table(NAMES, ROWS, "positions")
    assert capsys.readouterr().out == (
        "positions\n"
        "symbol     side          qty  note\n"
        "--------------------------------------------------------------\n"
        "DOGE-USDT  buy   1741.503472  a stop rests at the exchange\n"
        "BTC-USD    sell          0.1  a4026fd6766d1d62a37276070046d756\n"
    )


def test_a_narrow_table_wraps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "46")
    table(NAMES, ROWS)
    assert capsys.readouterr().out == (
        "symbol     side          qty  note\n"
        "----------------------------------------------\n"
        "DOGE-USDT  buy   1741.503472  a stop rests at\n"
        "                              the exchange\n"
        "BTC-USD    sell          0.1  a4026fd6766d1d62\n"
        "                              a37276070046d756\n"
    )


def test_a_long_line_is_wrapped_under_its_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    say("07:40  costs  R 1 at the close 2 does not pay the fees", indent=14)
    say("07:45  -", indent=14)
    assert capsys.readouterr().out == (
        "07:40  costs  R 1 at the close 2 does\n              not pay the fees\n07:45  -\n"
    )
    monkeypatch.setenv("COLUMNS", "20")
    say("07:40  costs  R 1 at the close 2", indent=14)
    assert capsys.readouterr().out == "07:40  costs  R 1 at\nthe close 2\n"


def test_where_no_table_fits_each_row_is_a_list(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    table(NAMES, ROWS[:1])
    assert capsys.readouterr().out == (
        "symbol  DOGE-USDT\nside    buy\nqty     1741.503472\nnote    a stop rests at\n        the exchange\n\n"
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rows=st.lists(st.tuples(words, words, words), min_size=1, max_size=4),
    numbers=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    width=st.integers(30, 200),
)
def test_nothing_is_cut_at_any_width(
    rows: list[tuple[str, str, str]],
    numbers: tuple[bool, bool, bool],
    width: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names = [Column(name, number) for name, number in zip(("a", "b", "c"), numbers, strict=True)]
    table(names, rows)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    signs = sorted("".join(cell for row in rows for cell in row).replace("-", ""))
    header = sorted("abc" * (1 if "---" in shown.splitlines()[1] else len(rows)))
    assert sorted(shown.replace("-", "").replace(" ", "").replace("\n", "")) == sorted([*signs, *header])


def test_lines_wrap_at_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    say("KRAKEN [key] may: trade, view")
    assert capsys.readouterr().out == "KRAKEN [key] may:\ntrade, view\n"


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_codes_unless_no_color_is_set(no_color: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    environment.pop("NO_COLOR", None)
    code = "from bot.commands.show import columns, table; table(columns('a'), [('b',)])"
    subprocess.run(
        [sys.executable, "-c", code],
        env=environment | ({"NO_COLOR": "1"} if no_color else {}),
        stdout=theirs,
        check=True,
        cwd=ROOT,
    )
    os.close(theirs)
    said = os.read(ours, 1000)
    os.close(ours)
    assert (b"\x1b[" in said) is not no_color
    assert said.replace(b"\r", b"").endswith(b"b\n")


def test_a_csv_has_its_columns_only(capsys: pytest.CaptureFixture[str]) -> None:
    say_csv(("a", "b"), [{"a": 1, "b": None, "c": 3}])
    assert capsys.readouterr().out == "a,b\n1,\n"


def test_words_for_what_is_shown() -> None:
    assert (money(None), money("0"), money(Decimal("-1234.5"))) == ("unknown", "$0.00", "-$1,234.50")
    assert moment("2026-11-28T18:36:59.123Z") == moment(1_795_891_019_123) == "2026-11-28 18:36:59Z"
    assert [whose(mode) for mode in ("live", "demo", "sandbox", "")] == [
        "", "demo: play money", "sandbox: play money", "",
    ]  # fmt: skip
    assert [kind(mode) for mode in ("live", "demo", "sandbox", "")] == ["yours", "play", "play", "-"]


# -- a reader that goes away ------------------------------------------------------------------------------------------
def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), quiet_pipe():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "bot", "status"),
        ("-m", "bot", "ledger", "--json"),
        ("-m", "bot", "ledger", "--csv"),
        ("scripts/check_active_trading_per_broker.py",),
        ("scripts/validate_multi_broker_readiness.py",),
    ],
)
def test_a_reader_that_goes_away_is_no_error(command: tuple[str, ...], tmp_path: Path) -> None:
    """`validate…` has nothing to say on stdout here, and says so: the pipe does not matter to it."""
    bought(ledger(tmp_path))
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "NIJA_DATA_DIR": str(tmp_path), "NIJA_HOME": str(tmp_path), "TRADING_MODE": "auto"},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )
    os.close(writer)
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr
    assert ended.returncode == (2 if "validate" in command[0] else NO_READER)
