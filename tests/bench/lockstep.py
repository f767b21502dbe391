"""How long market days take in lock-step, where the market waits until the daemon has finished its work.

    .venv/bin/python -m tests.bench.lockstep [--days 30] [--step 300] [--pairs 5] [--venues kraken okx coinbase]

Starts a sandbox in lock-step and a daemon, and advances the market step by step (market seconds). After each day it
prints how long a step took and how much processor time each process used. At the end the daemon confirms what it has
just sent and stops; its book is compared with the exchanges' true state, and lines of level ERROR are counted. Exits
with 1 if there are error lines or differences, or if a day took more than 40 s (20 minutes for 30 days).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bot.domain.log import Event
from bot.settings.load import VENUES
from tests.daemon_fixture import Daemon, truth
from tests.log_lines import read_log
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

DAY = 86_400
#: Real seconds allowed per market day: 30 days in 20 minutes.
ALLOWED = 40.0


def worked(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def day(sandbox: Sandbox, daemon: Daemon, step: int) -> str:
    """Runs one market day; returns a line about it."""
    pids = (daemon.running.pid, sandbox.process.pid)
    began, before = time.monotonic(), [worked(pid) for pid in pids]
    steps = DAY // step
    for _ in range(steps):
        sandbox.control("POST", "advance", seconds=step)
    took = time.monotonic() - began
    cpu = [(worked(pid) - used) / steps * 1000 for pid, used in zip(pids, before, strict=True)]
    pace = f"{took:6.1f} s, {took / steps * 1000:5.1f} ms a step"
    return f"{pace}; worked a step: daemon {cpu[0]:.0f} ms, sandbox {cpu[1]:.0f} ms; load {os.getloadavg()[0]:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--step", type=int, default=300, help="market seconds")
    parser.add_argument("--pairs", type=int, default=5, help="per exchange")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--venues", nargs="+", choices=VENUES, default=VENUES)
    parser.add_argument("--keep", type=Path, help="folder to which database and logs are copied at the end")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nija-lockstep-") as name:
        folder = Path(name)
        market = (
            "--lockstep",
            "--seed",
            str(words.seed),
            "--pairs",
            str(words.pairs),
            "--start",
            "2026-01-05T00:00:00Z",
        )
        plain = {"STRATEGY": "bot.strategy.apex:ApexStrategy", "PAIRS_ALLOW": ""}
        with (
            Sandbox(folder, *market, venues=tuple(words.venues)) as sandbox,
            Daemon(folder / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **plain) as daemon,
        ):
            daemon.says(Event.FUNDED, len(words.venues))
            began = time.monotonic()
            for number in range(words.days):
                print(f"day {number + 1:>3}: {day(sandbox, daemon, words.step)}", flush=True)
            took = time.monotonic() - began
            for venue in words.venues:
                with suppress(AssertionError):  # the check below, of the stopped daemon, reports the differences
                    daemon.agrees(sandbox.ready, venue)
            status, _ = daemon.stop()
            wrong = 0
            for venue in words.venues:
                book, venue_truth = daemon.book(venue), truth(sandbox.ready, venue)
                lines = differences(book, venue_truth)
                wrong += len(lines)
                steps = words.days * DAY // words.step
                asked = sorted(venue_truth["requests"].items(), key=lambda one: -one[1])[:9]
                print(f"{venue}, requests a step:", ", ".join(f"{path} {count / steps:.2f}" for path, count in asked))
                print(
                    f"{venue}: {len(book['orders'])} orders, {len(book['fills'])} fills, {len(lines)} differences",
                    *lines,
                )
            errors = [line.text for line in read_log(daemon.log) if line.level == "ERROR"]
            if words.keep:
                shutil.copytree(folder, words.keep, dirs_exist_ok=True)
    print(*errors[:10], sep="\n")
    print(f"{words.days} days in {took / 60:.1f} minutes, {len(errors)} error lines, the daemon ended with {status}")
    return 0 if not wrong and not errors and status == 0 and took <= ALLOWED * words.days else 1


if __name__ == "__main__":
    sys.exit(main())
