"""An exchange is in maintenance for hours: it is asked less and less often, never abandoned, and found again automatically."""

from __future__ import annotations

import random
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.broker_manager import BrokerManager
from bot.domain.clock import HOUR, SystemClock, parse_iso
from bot.domain.log import Event
from bot.independent_broker_trader import RESTARTS, IndependentBrokerTrader
from bot.runtime.ledgers import Ledgers
from bot.runtime.trading_environment import ExchangeAccess, TradingEnvironment
from bot.settings.load import Mode, load_settings
from bot.telemetry.log import Logs
from bot.telemetry.redact import Redactor
from tests.daemon_fixture import Daemon
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

LIVES = 14
SPEED = 600


@pytest.mark.venues("kraken")
def test_two_hours_of_it_while_the_stop_fires(tmp_path: Path) -> None:
    """It begins while a position is open; the daemon is killed and restarted during it, and the stop fires unseen."""
    with Sandbox(tmp_path, "--speed", str(SPEED)) as sandbox:
        ready = str(sandbox.ready_file)
        daemon = Daemon(
            tmp_path / "nija", SANDBOX_READY_FILE=ready, PAIRS_ALLOW="ETH-USD", CANDLE_EXCLUSION_SECONDS="0"
        )
        with daemon:
            daemon.until(lambda: bool(daemon.book().get("positions")), "a position")
            sandbox.control("POST", "faults", venue="kraken", kind="maintenance")
            began = parse_iso(sandbox.control("GET", "clock")["market_time"])
            daemon.until(lambda: daemon.book()["status"] in ("degraded", "failed"), "the trouble")
            held = daemon.book()["positions"]
            if held:
                price = (Decimal(held[0]["entry_price"]) * Decimal("0.9")).quantize(Decimal("0.01"))
                sandbox.control("POST", "price", venue="kraken", symbol="ETH-USD", price=str(price))
            daemon.kill()
        asked = sum(sandbox.ledger()["requests"].values())
        with daemon:
            daemon.says(Event.FAILED)
            now = began
            while now < began + 2 * HOUR:
                time.sleep(0.2)
                now = parse_iso(sandbox.control("GET", "clock")["market_time"])
            assert daemon.running.poll() is None
            often = sum(sandbox.ledger()["requests"].values()) - asked
            assert 0 < often < 60
            connected = len(daemon.lines(Event.CONNECTED))
            sandbox.control("DELETE", "faults")
            daemon.says(Event.CONNECTED, times=connected + 1)
            daemon.command("pause")
            daemon.agrees(sandbox.ready)
            assert daemon.stop()[0] == 0


class Counting(threading.Event):
    """A stop event that does not wait: it records how long each wait would be, and is set after a number of waits."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._lives = lives

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if len(self.waits) == self._lives:
            self.set()
        return self.is_set()


@pytest.fixture
def waits(unopened: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between restarts of an actor whose exchange refuses every connection."""
    unopened.arm("refuse")
    for name, value in (("NIJA_DATA_DIR", "data"), ("LOG_FILE", "nija.log"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(name, str(tmp_path / value))
    settings = load_settings(tmp_path)
    place = unopened.sandbox.ready["kraken"]
    access = ExchangeAccess(
        "kraken", "sandbox", "main", place["rest"], SecretStr(place["api_key"]), SecretStr(place["api_secret"])
    )
    env = TradingEnvironment(mode=Mode.SANDBOX, clock=SystemClock(), accesses={access.key: access})
    stop = Counting(LIVES)
    monkeypatch.setattr(IndependentBrokerTrader, "_rest", lambda _self, _post, ms: stop.wait(ms / 1000))
    with Logs(settings.operation, Redactor([])) as logs:
        trader = IndependentBrokerTrader(
            manager=BrokerManager(env, tmp_path / "locks", allow_withdraw=False, log_for=logs.event_log),
            open_ledger=Ledgers(settings, env, logs.event_log).opened,
            plan=unopened._plan(),
            clock=env.clock,
            log_for=logs.event_log,
            data_dir=tmp_path / "data",
            status_ms=10**9,
            stop=stop,
            rng=random.Random(1),
        )
        (post,) = trader.slots
        post.thread = threading.current_thread()
        trader._keep_alive(post, None)
        assert post.restarts == LIVES
    return stop.waits


def test_the_waits_grow_to_a_limit_with_jitter_and_never_end(waits: list[float]) -> None:
    expected = [min(2.0**life, RESTARTS.cap_ms / 1000) for life in range(LIVES)]
    shares = [wait / plain for wait, plain in zip(waits, expected, strict=True)]
    assert all(0.8 <= share <= 1.2 for share in shares)
    assert len({round(share, 3) for share in shares}) > LIVES / 2
