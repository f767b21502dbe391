"""The cost of recording judgements: processor time of a close with and without it, and bytes per pair and day.

    .venv/bin/python -m tests.bench.explain [--closes 20] [--pairs 10] [--day]

Runs a sandbox in lock-step with three exchanges, and a paused daemon that records only every other close; each close is
one step of the market. `--day` first advances the market by a day, with recording on, and measures the files. Exits with
1 if recording adds more than 5 % and more than 2 ms of processor time to the median close.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bot.domain.clock import DAY
from bot.domain.log import Event
from bot.settings.load import VENUES
from bot.store.judgement_files import FOLDER, days_of, judgements_of
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

STEP = 300
#: Allowed increase per close, as a share of its processor time and in ms.
SHARE, MOST = 0.05, 2.0
#: Real seconds after a step within which judgements are written.
WRITTEN = 0.3
CLOSES_A_DAY = DAY // 1000 // STEP


class Switched(Daemon):
    module = "tests.bench.unexplained"


def used(pid: int) -> float:
    """Milliseconds of processor time of a process, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2) * 1000


def close(sandbox: Sandbox, daemon: Daemon) -> float:
    """Makes one step of the market; returns the daemon's milliseconds of processor time."""
    before = used(daemon.running.pid)
    sandbox.control("POST", "advance", seconds=STEP)
    time.sleep(WRITTEN)
    return used(daemon.running.pid) - before


def weigh(data: Path) -> None:
    """Bytes per pair and day, for each account."""
    for folder in sorted((data / FOLDER).iterdir()):
        size = sum(file.stat().st_size for file in folder.iterdir())
        judged = sum(1 for day in days_of(folder) for _ in judgements_of(folder, day))
        each = size / judged
        print(
            f"{folder.name}: {judged} judgements, {each:.0f} bytes each, {each * CLOSES_A_DAY / 1000:.1f} kB a pair and day"
        )


def compare(sandbox: Sandbox, daemon: Daemon, closes: int) -> bool:
    """Whether recording stays within the allowed cost."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    close(sandbox, daemon)
    for number in range(2 * closes):
        taken[number % 2 == 1].append(close(sandbox, daemon))
        os.kill(daemon.running.pid, signal.SIGUSR1)
    without, with_it = statistics.median(taken[False]), statistics.median(taken[True])
    more = with_it - without
    print(
        f"processor time of a close, median of {closes}: {without:.1f} ms without, {with_it:.1f} ms with: {more:+.1f} ms",
        end="",
    )
    print(f" ({more / without:+.1%}); load {os.getloadavg()[0]:.1f}")
    return more <= MOST or more <= SHARE * without


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--closes", type=int, default=20, help="of each kind")
    parser.add_argument("--pairs", type=int, default=10, help="per exchange")
    parser.add_argument("--day", action="store_true", help="weigh a market day, too")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nija-explain-") as name:
        folder = Path(name)
        market = ("--lockstep", "--seed", "7", "--pairs", str(words.pairs), "--start", "2026-01-05T00:00:00Z")
        plain = {"STRATEGY": "bot.strategy.apex:ApexStrategy", "PAIRS_ALLOW": ""}
        with (
            Sandbox(folder, *market, venues=VENUES) as sandbox,
            Switched(folder / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **plain) as daemon,
        ):
            daemon.says(Event.FUNDED, len(VENUES))
            if words.day:
                os.kill(daemon.running.pid, signal.SIGUSR1)
                for _ in range(CLOSES_A_DAY):
                    sandbox.control("POST", "advance", seconds=STEP)
                time.sleep(WRITTEN)
                weigh(daemon.data)
                os.kill(daemon.running.pid, signal.SIGUSR1)
            daemon.command("pause")  # orders take far more time than recording, and not the same at each close
            good = compare(sandbox, daemon, words.closes)
            daemon.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
