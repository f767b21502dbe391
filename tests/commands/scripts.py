"""The operator's checks as the scripts run them: by themselves as processes, or (most, since it is quicker) in this one.

The sandbox stands for the real exchanges: its keys and addresses are given as an owner gives them in `.env`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bot.commands import checks
from bot.commands.checks import CheckOptions
from tests.sandbox_fixture import ROOT, Sandbox

Found = dict[str, Any]


def run(
    script: str, folder: Path, *options: str, python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """One script in an environment of its own; its data, locks and nonce floors are the test's."""
    return subprocess.run(
        [python, str(ROOT / "scripts" / script), *options],
        env={**os.environ, **_own(folder), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )


class Operator:
    """Checks one venue of a sandbox the way its script does: `check` gives the exit status and what it printed as JSON."""

    def __init__(self, sandbox: Sandbox, venue: str, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.sandbox = sandbox
        self.venue = venue
        self.folder = folder
        self._capture = capture

    def check(
        self, given: Mapping[str, str] = MappingProxyType({}), *, validate: bool = False, **other: str
    ) -> tuple[int, Found]:
        """With variables of `.env` other than the right ones."""
        other |= given
        options = CheckOptions(as_json=True, sandbox=False, validate=validate)
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {**_own(self.folder), **credentials(self.sandbox, self.venue, **other)}.items():
                environment.setenv(name, value)
            self._capture.readouterr()
            status = checks.main(checks.one_venue(self.venue), options, self.venue)
        found: Found = json.loads(self._capture.readouterr().out)["brokers"][self.venue]
        return status, found


def _own(folder: Path) -> dict[str, str]:
    places = {"NIJA_HOME": str(folder), "NIJA_DATA_DIR": str(folder / "data")}
    return {**places, "XDG_STATE_HOME": str(folder / "state"), "TRADING_MODE": "auto"}


def credentials(sandbox: Sandbox, venue: str, **other: str) -> dict[str, str]:
    """What an owner would have in `.env` for one venue."""
    part, name = sandbox.ready[venue], venue.upper()
    held = {
        f"{name}_API_URL": part["rest"],
        f"{name}_API_KEY": part["api_key"],
        f"{name}_API_SECRET": part["api_secret"],
    }
    if "passphrase" in part:
        held["OKX_PASSPHRASE"] = part["passphrase"]
    if "ca_file" in part:
        held["NIJA_CA_FILE"] = part["ca_file"]
    return held | other
