"""How much a sick exchange delays the healthy ones: lateness of their cycles with and without the sickness, in turn.

    .venv/bin/python -m tests.bench.sick_venue [--sick okx] [--cycles 300] [--speed 300]

Starts a sandbox and a daemon, then alternates rounds: all well, one kind of sickness at `--sick`, all well, the next kind.
Prints, per kind, the 95th percentile of how late the healthy brokers' cycles began (real ms), beside the round without it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.sandbox_fixture import ROOT, Sandbox

VENUES = ("kraken", "okx", "coinbase")
KINDS = ("refuse", "hang", "malformed", "http_status", "slow_drip", "rate_limit", "maintenance")


class Bench:
    """One daemon on one sandbox, measured through what it writes down."""

    def __init__(self, folder: Path, sandbox: Sandbox, sick: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.healthy = [venue for venue in VENUES if venue != sick]
        self.sick = sick
        variables = {
            "NIJA_DATA_DIR": str(folder / "data"),
            "LOG_FILE": str(folder / "nija.log"),
            "XDG_STATE_HOME": str(folder / "state"),
            "SANDBOX_READY_FILE": str(sandbox.ready_file),
            "TRADING_MODE": "sandbox",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot"], cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.DEVNULL
        )

    def lateness(self) -> dict[str, list[int]]:
        """What each broker remembers of its last cycles."""
        heartbeat: dict[str, Any] = json.loads((self.folder / "data" / "heartbeat.json").read_text())
        return {venue: one["late_ms"] for venue, one in heartbeat["brokers"].items()}

    def cycles(self) -> dict[str, int]:
        heartbeat: dict[str, Any] = json.loads((self.folder / "data" / "heartbeat.json").read_text())
        return {venue: one["cycles"] for venue, one in heartbeat["brokers"].items()}

    def round(self, kind: str | None, cycles: int) -> tuple[list[int], int]:
        """The healthy brokers' lateness over so many cycles each, and how many cycles they missed."""
        if kind is not None:
            self.sandbox.control("POST", "faults", venue=self.sick, kind=kind)
        before = self.cycles()
        began = time.monotonic()
        while any(self.cycles()[venue] - before[venue] < cycles for venue in self.healthy):
            time.sleep(0.5)
        took = time.monotonic() - began
        self.sandbox.control("DELETE", f"faults?venue={self.sick}")
        after = self.cycles()
        late = [ms for venue in self.healthy for ms in self.lateness()[venue][-(after[venue] - before[venue]) :]]
        pace = took / max(after[venue] - before[venue] for venue in self.healthy)
        return late, int(pace * 1000)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def p95(values: list[int]) -> int:
    ordered = sorted(values)
    return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sick", choices=VENUES, default="okx")
    parser.add_argument("--cycles", type=int, default=300, help="cycles of each healthy broker per round")
    parser.add_argument("--speed", type=float, default=300, help="market seconds per real second")
    words = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Sandbox(folder, "--seed", "7", "--speed", str(words.speed), venues=VENUES) as sandbox:
            bench = Bench(folder, sandbox, words.sick)
            time.sleep(20)
            for kind in KINDS:
                without, pace = bench.round(None, words.cycles)
                with_it, sick_pace = bench.round(kind, words.cycles)
                worse = p95(with_it) - p95(without)
                worst = max(worst, worse)
                print(
                    f"{words.sick} {kind:<12} p95 late {p95(without):>5} ms without, {p95(with_it):>5} ms with ({worse:+} ms);"
                    f" a cycle every {pace} ms without, {sick_pace} ms with",
                    flush=True,
                )
            bench.stop()
    print(f"worst: {worst:+} ms (allowed +100 ms)")
    return 0 if worst <= 100 else 1


if __name__ == "__main__":
    sys.exit(main())
