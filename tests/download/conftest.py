"""One sandbox whose market stands still, and `nija` on that sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.commands.cli import app
from tests.download.given import NOW, VENUES, Nija, environment
from tests.sandbox_fixture import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with Sandbox(folder, "--lockstep", "--start", NOW, venues=VENUES) as running:
        yield running


@pytest.fixture
def nija(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nija:
    """Runs a command with the sandbox's addresses."""
    for name, value in environment(sandbox, tmp_path).items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def unfaulted(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, for a test that arms faults or turns switches."""
    before = switches(sandbox)
    yield sandbox
    sandbox.control("DELETE", "faults")
    for (venue, name), value in switches(sandbox).items():
        if value != before[venue, name]:
            sandbox.control("POST", "switches", venue=venue, name=name, value=before[venue, name])


def switches(sandbox: Sandbox) -> dict[tuple[str, str], Any]:
    shown: dict[str, dict[str, Any]] = sandbox.control("GET", "switches")
    return {(venue, name): value for venue, named in shown.items() for name, value in named.items()}
