"""The README tells the truth about what can be checked: remedies, commands, variables, files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.brokers.coinbase.errors import REMEDIES as COINBASE
from bot.brokers.kraken.errors import REMEDIES as KRAKEN
from bot.brokers.okx.errors import REMEDIES as OKX
from bot.commands.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("line", [*KRAKEN.values(), *OKX.values(), *COINBASE.values()])
def test_every_remedy_stands_in_the_readme_word_for_word(line: str) -> None:
    assert f"| {line} |" in README


def test_every_command_is_described() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {name for name in names if name != "run" and f"`nija {name}" not in README} == set()


def test_every_variable_it_names_exists() -> None:
    known = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"`((?:MAX|MIN|KRAKEN|OKX|COINBASE|SANDBOX|NIJA)_[A-Z_]+)", README))
    assert named
    assert {name for name in named if name not in known} == set()


def test_every_file_it_names_exists() -> None:
    named = set(re.findall(r"(?:python3 |`)(scripts/[\w.]+)", README))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_test_it_names_for_a_fault_exists() -> None:
    rows = re.findall(r"^\| (\d+) \| .*\| (?:`(tests/faults/test_\w+\.py)::(test_\w+)`|–) \|$", README, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 26))
    missing = [f"{file}::{name}" for _, file, name in rows if file and f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []
    assert {int(number) for number, file, _ in rows if not file} == {8, 9, 10}
