"""A broker's thread dies or deadlocks: the supervisor notices, another run takes its place through the same start-up, the
other brokers miss nothing, and the daemon's shutdown is not delayed.

The supervisor runs in this process, with its real brokers on a real sandbox; the strategy kills or blocks a thread.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bot.independent_broker_trader as supervisor
from bot.broker_manager import BrokerManager
from bot.domain.candles import Candles
from bot.domain.log import Event
from bot.engine.daily_summary import DailySummary
from bot.independent_broker_trader import IndependentBrokerTrader
from bot.runtime.actor_run import Post
from bot.runtime.daemon import trading_plan
from bot.runtime.ledgers import Ledgers
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import Settings, load_settings
from bot.store.reader import Books
from bot.store.report import document
from bot.strategy.base import Evaluation
from bot.telemetry.log import Logs
from bot.telemetry.redact import Redactor
from tests.daemon_fixture import truth
from tests.log_lines import lines_of
from tests.paths import VENUES
from tests.rig import Eager
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

SICK = "okx"
PATIENCE = 40.0


class Moody(Eager):
    """Trades until its mood changes: then the thread of `SICK` dies of a bug in the engine, or waits for a lock that is never
    released.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mood = ""
        self.never = threading.Event()

    def evaluate(self, candles: Candles) -> Evaluation:
        if self._is("hangs"):
            self.never.wait()
        return super().evaluate(candles)

    def mistake(self) -> None:
        if self._is("dies"):
            raise RuntimeError("a mistake of ours")

    def _is(self, mood: str) -> bool:
        due = threading.current_thread().name == SICK and self.mood == mood
        if due:
            self.mood = ""
        return due


class Installation:
    """A supervisor with its brokers, running in a thread."""

    def __init__(self, folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self.data = folder / "data"
        settings = {
            "NIJA_DATA_DIR": str(self.data),
            "LOG_FILE": str(folder / "nija.log"),
            "XDG_STATE_HOME": str(folder / "state"),
            "SANDBOX_READY_FILE": str(sandbox.ready_file),
            "STRATEGY": "tests.rig:Eager",
            "PAIRS_ALLOW": "ETH-USD,ETH-USDT",
            "CANDLE_EXCLUSION_SECONDS": "0",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        self.log_file = folder / "nija.log"
        self.rule = Moody()
        write = DailySummary.write
        monkeypatch.setattr(
            DailySummary, "write", lambda summary, snapshot: (self.rule.mistake(), write(summary, snapshot))
        )
        self.stop = threading.Event()
        self.status: int | None = None
        self.thread = threading.Thread(target=self._run, args=(load_settings(folder),), daemon=True)

    def _run(self, settings: Settings) -> None:
        with Logs(settings.operation, Redactor([])) as logs, closing(TradingEnvironment.of(settings)) as env:
            manager = BrokerManager(env, self.data / "locks", allow_withdraw=False, log_for=logs.event_log)
            self.trader = IndependentBrokerTrader(
                manager=manager,
                open_ledger=Ledgers(settings, env, logs.event_log).opened,
                plan=replace(trading_plan(settings), strategy=self.rule),
                clock=env.clock,
                log_for=logs.event_log,
                data_dir=self.data,
                status_ms=10**9,
                stop=self.stop,
                rng=random.Random(1),
            )
            self.status = self.trader.run()

    def book(self, venue: str) -> dict[str, Any]:
        found: dict[str, Any] = document(Books(self.data))["brokers"].get(venue, {})
        return found

    def lines(self, event: Event) -> list[str]:
        return lines_of(self.log_file.read_text() if self.log_file.exists() else "", event)

    def until(self, done: Callable[[], bool], why: str) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"{why} never came about: {self.log_file.read_text()[-3000:]}"
            time.sleep(0.05)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Three brokers that trade. A thread soon counts as stuck, but only after longer than any request may take."""
    monkeypatch.setattr(supervisor, "STUCK_AFTER", 14_000)
    with Sandbox(tmp_path, "--speed", "100", venues=VENUES) as sandbox:
        running = Installation(tmp_path, sandbox, monkeypatch)
        running.thread.start()
        running.until(lambda: len(running.lines(Event.FUNDED)) == 3, "three brokers")
        running.until(lambda: bool(running.book(SICK).get("positions")), "a position to lose")
        yield running
        running.rule.never.set()
        running.stop.set()
        running.thread.join(PATIENCE)


@pytest.mark.venues(*VENUES)
def test_it_dies_then_hangs_then_hangs_at_the_end(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [venue for venue in VENUES if venue != SICK]
    for lives, (mood, event) in enumerate((("dies", Event.CRASHED), ("hangs", Event.STUCK)), start=1):
        before = {venue: good_cycles(installation, venue) for venue in others}
        installation.rule.mood = mood
        installation.until(lambda event=event: bool(installation.lines(event)), event)  # type: ignore[misc]
        installation.until(lambda lives=lives: len(installation.lines(Event.FUNDED)) == 3 + lives, "the next life")  # type: ignore[misc]
        a_few_cycles(installation, SICK)
        assert [f" {SICK.upper()} " in line for line in installation.lines(event)] == [True]
        assert [venue for venue in others if good_cycles(installation, venue) <= before[venue]] == []
    installation.rule.never.set()  # the abandoned thread wakes up, and must do nothing
    a_few_cycles(installation, SICK)
    restarts = {str(post.key): post.restarts for post in installation.trader.slots}
    assert restarts == {SICK: 2, **dict.fromkeys(others, 0)}
    assert [line for line in installation.lines(Event.FAILED) if f" {SICK.upper()} " not in line] == []
    installation.until(
        lambda: differences(installation.book(SICK), truth(installation.sandbox.ready, SICK)) == [], "agreement"
    )

    monkeypatch.setattr(supervisor, "STUCK_AFTER", 600_000)
    installation.rule.never.clear()
    installation.rule.mood = "hangs"
    installation.until(lambda: not installation.rule.mood, "the deadlock")
    installation.stop.set()
    installation.thread.join(PATIENCE)
    assert installation.status == 0
    assert [f" {SICK.upper()} " in line for line in installation.lines(Event.UNFINISHED)] == [True]


def good_cycles(installation: Installation, venue: str) -> int:
    return int(installation.book(venue)["cycles_ok"])


def a_few_cycles(installation: Installation, venue: str) -> None:
    done = good_cycles(installation, venue)
    installation.until(lambda: good_cycles(installation, venue) > done + 1, f"cycles at {venue}")


def slots(installation: Installation) -> dict[str, Post]:
    return {str(post.key): post for post in installation.trader.slots}
