"""Two accounts at one exchange, `kraken` and `kraken:savings`: each has its own thread, book, lock, label and heartbeat.

The supervisor runs in this process, with its real brokers on a real sandbox with a second account.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.broker_manager import BrokerManager
from bot.brokers.base import BrokerError
from bot.commands.orders import addressees, carried_out
from bot.domain.clock import SystemClock
from bot.domain.events import Command, Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.log import Event
from bot.independent_broker_trader import IndependentBrokerTrader
from bot.runtime.daemon import trading_plan
from bot.runtime.ledgers import Ledgers
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import Mode, Settings, load_settings
from bot.store.lock import AccountLocked
from bot.store.reader import Books
from bot.store.report import document
from bot.telemetry.log import Logs
from bot.telemetry.redact import Redactor
from tests.daemon_fixture import truth
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

KRAKEN, SAVINGS = AccountKey("kraken"), AccountKey("kraken", "savings")
PATIENCE = 60.0


class Installation:
    """A data folder, and the sandbox's two Kraken accounts that are traded with it."""

    def __init__(self, folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.state, self.log_file = folder / "data", folder / "state", folder / "nija.log"
        self.data.mkdir()
        self.ready = sandbox.ready
        self.second = sandbox.control("POST", "accounts", venue="kraken")
        sandbox.control("POST", "deposit", venue="kraken", asset="USD", amount="900", account=self.second["account"])
        for name, value in {
            "NIJA_DATA_DIR": str(self.data),
            "LOG_FILE": str(self.log_file),
            "XDG_STATE_HOME": str(self.state),
            "SANDBOX_READY_FILE": str(sandbox.ready_file),
            "STRATEGY": "tests.rig:Eager",
            "PAIRS_ALLOW": "ETH-USD,BTC-USD",
            "CANDLE_EXCLUSION_SECONDS": "0",
        }.items():
            monkeypatch.setenv(name, value)
        self.settings: Settings = load_settings(folder)
        self.books = Books(self.data)

    def world(self) -> TradingEnvironment:
        """The settings, with both accounts."""
        env = TradingEnvironment.of(self.settings)
        keys = {name: SecretStr(self.second[name]) for name in ("api_key", "api_secret")}
        env.accesses[SAVINGS] = replace(env.accesses[KRAKEN], name=SAVINGS.name, **keys)
        return env

    @contextmanager
    def trading(self, *, independent: bool = True) -> Iterator[IndependentBrokerTrader]:
        """The supervisor while the block runs."""
        stop = threading.Event()
        with Logs(self.settings.operation, Redactor([])) as logs, closing(self.world()) as env:
            trader = IndependentBrokerTrader(
                manager=BrokerManager(env, self.state / "nija", allow_withdraw=False, log_for=logs.event_log),
                open_ledger=Ledgers(self.settings, env, logs.event_log).opened,
                plan=trading_plan(self.settings),
                clock=env.clock,
                log_for=logs.event_log,
                data_dir=self.data,
                status_ms=1_000,
                stop=stop,
                rng=random.Random(1),
                independent=independent,
                modes={key: access.mode for key, access in env.accesses.items()},
            )
            thread = threading.Thread(target=trader.run)
            thread.start()
            try:
                yield trader
            finally:
                stop.set()
                thread.join(PATIENCE)

    def book(self, key: AccountKey) -> dict[str, Any]:
        found: dict[str, Any] = document(self.books)["brokers"].get(str(key), {})
        return found

    def heartbeat(self) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = json.loads((self.data / "heartbeat.json").read_text())["brokers"]
        return rows

    def truth(self, key: AccountKey) -> dict[str, Any]:
        return truth(self.ready, account="main" if key == KRAKEN else self.second["account"])

    def lines(self, word: Event, label: str) -> list[str]:
        text = self.log_file.read_text() if self.log_file.exists() else ""
        return [line for line in text.splitlines() if f" {label} {word} " in f"{line} "]

    def order(self, verb: Verb, key: AccountKey) -> bool:
        to = addressees(self.settings, self.books, key)
        assert list(to) == [key]
        return carried_out(self.settings, self.books, Command(verb), to, PATIENCE) == 0

    def until(self, done: Callable[[], object], why: str) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"{why} never came about: {self.log_file.read_text()[-3000:]}"
            time.sleep(0.1)

    def agrees(self, key: AccountKey) -> None:
        self.until(lambda: differences(self.book(key), self.truth(key)) == [], f"agreement of {key}")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        yield Installation(tmp_path, sandbox, monkeypatch)


def test_both_trade_and_neither_knows_of_the_other(installation: Installation) -> None:
    with installation.trading() as trader:
        for key in (KRAKEN, SAVINGS):
            installation.until(lambda key=key: installation.book(key).get("positions"), f"a position of {key}")
            installation.until(lambda key=key: installation.lines(Event.ENTRY, key.label), f"a line of {key}")
        assert {"kraken", "kraken:savings"} <= {thread.name for thread in threading.enumerate()}
        assert sorted(file.name for file in installation.data.glob("*.db")) == ["kraken.db", "kraken@savings.db"]
        assert len(list((installation.state / "nija").glob("*.lock"))) == 2
        assert len(list((installation.state / "nija").glob("*.key"))) == 2
        installation.until(lambda: all(row["account"] for row in installation.heartbeat().values()), "what each trades")
        assert [
            (key, row["mode"], Account.read(row["account"]).key) for key, row in installation.heartbeat().items()
        ] == [
            ("kraken", "sandbox", KRAKEN),
            ("kraken:savings", "sandbox", SAVINGS),
        ]
        installation.until(
            lambda: "KRAKEN:SAVINGS healthy" in installation.log_file.read_text(), "its line in the status block"
        )

        assert installation.order(Verb.PAUSE, KRAKEN)
        assert installation.book(KRAKEN)["status"] == "halted"
        cycles = installation.book(SAVINGS)["cycles_ok"]
        installation.until(lambda: installation.book(SAVINGS)["cycles_ok"] > cycles + 1, "cycles of the other")
        assert installation.book(SAVINGS)["status"] == "healthy"
        assert installation.order(Verb.PAUSE, SAVINGS)
        for key in (KRAKEN, SAVINGS):
            installation.agrees(key)
        assert [post.restarts for post in trader.slots] == [0, 0]

    held = {key: [one["symbol"] for one in installation.book(key)["positions"]] for key in (KRAKEN, SAVINGS)}
    with installation.trading():  # after a restart neither key is mistaken for a rotated key of the other account
        assert installation.order(Verb.FLATTEN, SAVINGS)
        installation.until(lambda: installation.book(SAVINGS)["positions"] == [], "nothing of the one")
        installation.until(lambda: len(installation.lines(Event.FUNDED, "KRAKEN")) == 2, "the other at work")
        assert [one["symbol"] for one in installation.book(KRAKEN)["positions"]] == held[KRAKEN]
        for key in (KRAKEN, SAVINGS):
            installation.agrees(key)
    assert [
        installation.lines(word, label)
        for label in ("KRAKEN", "KRAKEN:SAVINGS")
        for word in (Event.FAILED, Event.UNWATCHED)
    ] == [[]] * 4
    assert held[SAVINGS]


def test_one_alone_trades_where_only_one_may(installation: Installation) -> None:
    with installation.trading(independent=False) as trader:
        installation.until(lambda: installation.book(KRAKEN).get("positions"), "a position")
        for post in trader.slots:  # each is restarted, and nothing is different
            assert post.run is not None
            post.run.over.set()
        installation.until(
            lambda: len(installation.lines(Event.CONNECTED, "KRAKEN:SAVINGS")) == 2, "the other's next life"
        )
        for key, status in ((KRAKEN, "healthy"), (SAVINGS, "halted")):
            installation.until(lambda key=key: installation.book(key).get("cycles_ok", 0) > 2, f"cycles of {key}")
            assert installation.book(key)["status"] == status
        assert installation.truth(SAVINGS)["orders"] == []


@pytest.fixture(params=["a file per account", "one file for all"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledgers]:
    """Checks the books without asking an exchange."""
    data = tmp_path / "data"
    data.mkdir()
    for name, value in (("XDG_STATE_HOME", "state"), ("NIJA_DATA_DIR", "data"), ("LOG_FILE", "nija.log")):
        monkeypatch.setenv(name, str(tmp_path / value))
    if request.param == "one file for all":
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{data}/all.db")
    settings = load_settings(tmp_path)
    with Logs(settings.operation, Redactor([])) as logs:
        yield Ledgers(settings, TradingEnvironment(Mode.SANDBOX, SystemClock(), {}), logs.event_log)


NOBODY: Any = None
ONE = Account("sandbox", "okx", "main", "7", "one")


def test_several_books_are_open_at_once_and_each_only_once(ledgers: Ledgers) -> None:
    others = [replace(ONE, identity="8", name="two"), Account("sandbox", "kraken", "main", "9")]
    with ledgers.opened(NOBODY, ONE), ledgers.opened(NOBODY, others[0]), ledgers.opened(NOBODY, others[1]):
        for account in (ONE, *others):
            with pytest.raises(AccountLocked), ledgers.opened(NOBODY, account):
                pass


def test_two_keys_that_open_the_same_money_are_one_too_many(ledgers: Ledgers) -> None:
    """The account that came first keeps it for as long as the daemon runs, even while that account is being restarted."""
    with ledgers.opened(NOBODY, ONE):
        pass
    with (
        pytest.raises(BrokerError, match="open the account that OKX:ONE already trades") as raised,
        ledgers.opened(NOBODY, replace(ONE, name="two")),
    ):
        pass
    assert "okx:two" in raised.value.remedy
    with ledgers.opened(NOBODY, ONE):
        pass
