"""The service unit and the container match docs/server.md: they fit the project and grant few privileges."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.domain.clock import SECOND
from bot.domain.status import STUCK_AFTER
from bot.independent_broker_trader import LAST_WAIT
from bot.runtime.service_manager import READY_AFTER

ROOT = Path(__file__).resolve().parent.parent
UNIT = (ROOT / "deploy/nija.service").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["nija"]
WITH_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze on the unit, for a checkout in the test's folder."""
    program = folder / "start.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = folder / "nija.service"
    unit.write_text(UNIT.replace("/opt/nija", str(folder)))
    return subprocess.run(["systemd-analyze", *words, unit], capture_output=True, text=True, check=False)


@WITH_SYSTEMD
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    ended = analyze(tmp_path, "verify", "--man=no")
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


@WITH_SYSTEMD
def test_the_unit_exposes_little(tmp_path: Path) -> None:
    ended = analyze(tmp_path, "security", "--offline=yes", "--threshold=20", "--no-pager")
    assert ended.returncode == 0, ended.stdout


def test_the_unit_is_not_started_again_when_only_its_owner_can_help() -> None:
    assert re.findall(r"^(Restart\w*)=(.*)$", UNIT, re.MULTILINE) == [
        ("Restart", "always"), ("RestartSec", "5"), ("RestartPreventExitStatus", "2 3"),
    ]  # fmt: skip


def test_the_units_times_fit_those_of_the_daemon() -> None:
    times = {name: int(text) for name, text in re.findall(r"^(\w+Sec)=(\d+)$", UNIT, re.MULTILINE)}
    assert times["TimeoutStartSec"] > 2 * READY_AFTER / SECOND
    assert times["WatchdogSec"] > STUCK_AFTER / SECOND
    assert times["TimeoutStopSec"] > LAST_WAIT + 5


def test_the_image_has_all_that_it_runs_and_nothing_of_its_owner() -> None:
    copied = {word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    ignored, *kept = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored == "*"
    assert {line.removeprefix("!") for line in kept if line.startswith("!")} == copied
    for script in re.findall(r"scripts/\w+\.py", DOCKERFILE):
        assert (ROOT / script).exists()


def test_the_container_can_write_only_what_is_its_owners() -> None:
    assert COMPOSE["read_only"] is True
    assert COMPOSE["cap_drop"] == ["ALL"]
    assert COMPOSE["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSE["volumes"] == ["./home:/var/lib/nija"]
    assert "NIJA_HOME=/var/lib/nija" in DOCKERFILE
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.MULTILINE)
    assert "/home/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_container_is_given_the_time_that_its_end_takes() -> None:
    assert int(COMPOSE["stop_grace_period"].removesuffix("s")) > LAST_WAIT + 5
