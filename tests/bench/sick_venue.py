"""How much a failing exchange delays the healthy ones: lateness of their cycles with and without the fault, in turn.

    .venv/bin/python -m tests.bench.sick_venue [--sick okx] [--cycles 300] [--cycle-seconds 30] [--kinds hang killed …]

Starts a sandbox and a daemon, then alternates rounds: no fault, one kind of fault at `--sick`, no fault, the next kind.
`killed` is not a fault of the exchange: exceptions are raised repeatedly in the broker's own thread. Prints, per kind,
the 95th percentile of how late the healthy brokers' cycles began (real ms), next to the round without the fault.
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
KILLED = "killed"
KINDS = ("refuse", "hang", "malformed", "http_status", "slow_drip", "rate_limit", "maintenance", KILLED)
#: Real seconds between two reads of the heartbeat file, which is written every two seconds.
_LOOK = 0.5
#: Number of cycles whose lateness the daemon keeps.
_REMEMBERED = 1_000


class Bench:
    """One daemon on one sandbox, measured through the files it writes."""

    def __init__(self, folder: Path, sandbox: Sandbox, sick: str, cycle_seconds: int) -> None:
        self.data = folder / "data"
        self.sandbox = sandbox
        self.healthy = [venue for venue in VENUES if venue != sick]
        self.sick = sick
        self.data.mkdir()
        variables = {
            "NIJA_DATA_DIR": str(self.data),
            "LOG_FILE": str(folder / "nija.log"),
            "XDG_STATE_HOME": str(folder / "state"),
            "SANDBOX_READY_FILE": str(sandbox.ready_file),
            "TRADING_MODE": "sandbox",
            "CYCLE_SECONDS": str(cycle_seconds),
        }
        command = [sys.executable, "-m", "tests.bench.killable"]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)

    def _brokers(self) -> dict[str, dict[str, Any]]:
        brokers: dict[str, dict[str, Any]] = json.loads((self.data / "heartbeat.json").read_text())["brokers"]
        return brokers

    def await_start(self) -> None:
        """Waits until all three have run a few cycles."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(_LOOK)
            if (self.data / "heartbeat.json").exists() and all(one["cycles"] > 5 for one in self._brokers().values()):
                return
        raise RuntimeError("the brokers did not start")

    def round(self, kind: str | None, cycles: int) -> tuple[list[int], int]:
        """The healthy brokers' lateness over `cycles` cycles each, and the interval (ms) between cycles of the faster one."""
        self._sicken(kind)
        before, began = self._brokers(), time.monotonic()
        done = dict.fromkeys(self.healthy, 0)
        while min(done.values()) < cycles:
            time.sleep(_LOOK)
            after = self._brokers()
            done = {venue: after[venue]["cycles"] - before[venue]["cycles"] for venue in self.healthy}
        took = time.monotonic() - began
        self._heal()
        late = [ms for venue in self.healthy for ms in after[venue]["late_ms"][-min(done[venue], _REMEMBERED) :]]
        return late, int(took / max(done.values()) * 1000)

    def _sicken(self, kind: str | None) -> None:
        if kind == KILLED:
            (self.data / f"kill-{self.sick}").touch()
        elif kind is not None:
            self.sandbox.control("POST", "faults", venue=self.sick, kind=kind)

    def _heal(self) -> None:
        """Ends the fault and gives the daemon time to notice."""
        (self.data / f"kill-{self.sick}").unlink(missing_ok=True)
        self.sandbox.control("DELETE", f"faults?venue={self.sick}")
        until = time.monotonic() + 60
        while self._brokers()[self.sick]["status"] in ("failed", "degraded") and time.monotonic() < until:
            time.sleep(_LOOK)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def p95(values: list[int]) -> int:
    ordered = sorted(values)
    return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sick", choices=VENUES, default="okx")
    parser.add_argument("--cycles", type=int, default=300, help="cycles of each healthy broker per round")
    parser.add_argument("--speed", type=float, default=60, help="market seconds per real second")
    parser.add_argument("--cycle-seconds", type=int, default=30, help="market seconds from cycle to cycle")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    words = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Sandbox(folder, "--seed", "7", "--speed", str(words.speed), venues=VENUES) as sandbox:
            bench = Bench(folder, sandbox, words.sick, words.cycle_seconds)
            bench.await_start()
            for kind in words.kinds:
                without, pace = bench.round(None, words.cycles)
                with_it, sick_pace = bench.round(kind, words.cycles)
                worse = p95(with_it) - p95(without)
                worst = max(worst, worse)
                print(
                    f"{words.sick} {kind:<12} p95 late {p95(without):>5} ms without, {p95(with_it):>5} ms with ({worse:+} ms);"
                    f" a cycle every {pace} ms without, {sick_pace} ms with; load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
            status = bench.stop()
    print(f"worst: {worst:+} ms (allowed +100 ms); the daemon ended with {status}")
    return 0 if worst <= 100 and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
