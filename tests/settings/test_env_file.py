"""Keys that others can read are reported, by one rule for the daemon and the check."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.commands.readiness import _env_file
from bot.settings.env_file import exposure
from bot.settings.load import VARIABLES, playful_environment


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660, 0o610])
def test_others_are_told_of_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / ".env"
    file.write_text("KRAKEN_API_KEY=secret\n")
    file.chmod(mode)
    line = exposure(file)
    assert line.endswith(f": chmod 600 {file}")
    assert "secret" not in line
    check = _env_file(file)
    assert (check.verdict, check.remedy) == ("warning", f"chmod 600 {file}")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_the_owner_alone_is_fine(tmp_path: Path, mode: int) -> None:
    file = tmp_path / ".env"
    file.touch()
    file.chmod(mode)
    assert exposure(file) == ""
    assert _env_file(file).verdict == "ok"


def test_no_file_exposes_nothing(tmp_path: Path) -> None:
    assert exposure(tmp_path / ".env") == ""


def test_a_child_for_play_gets_nobodys_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_API_SECRET", "abcd")
    monkeypatch.setenv("NOTIFY_URLS", "json://x/token")
    found = playful_environment()
    assert not set(VARIABLES) & found.keys()
    assert found["PATH"] == os.environ["PATH"]
