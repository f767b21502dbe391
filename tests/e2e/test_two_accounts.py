"""Two accounts of one exchange, `kraken` and `kraken:savings`: each has thread, book, lock, label and heartbeat of its own.

The supervisor runs in this process, with its real brokers on a real sandbox that opened a second account.
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
from bot.runtime.world import World
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


class House:
    """A data folder, and the two accounts of the sandbox's Kraken that are traded on it."""

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

    def world(self) -> World:
        """What the settings say, and the account that a setting will name one day."""
        world = World.of(self.settings)
        keys = {name: SecretStr(self.second[name]) for name in ("api_key", "api_secret")}
        world.accesses[SAVINGS] = replace(world.accesses[KRAKEN], name=SAVINGS.name, **keys)
        return world

    @contextmanager
    def trading(self, *, independent: bool = True) -> Iterator[IndependentBrokerTrader]:
        """The supervisor while the block runs."""
        stop = threading.Event()
        with Logs(self.settings.operation, Redactor([])) as logs, closing(self.world()) as world:
            trader = IndependentBrokerTrader(
                manager=BrokerManager(world, self.state / "nija", allow_withdraw=False, log_for=logs.event_log),
                open_ledger=Ledgers(self.settings, world, logs.event_log).opened,
                plan=trading_plan(self.settings),
                clock=world.clock,
                log_for=logs.event_log,
                data_dir=self.data,
                status_ms=1_000,
                stop=stop,
                rng=random.Random(1),
                independent=independent,
                modes={key: access.mode for key, access in world.accesses.items()},
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
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        yield House(tmp_path, sandbox, monkeypatch)


def test_both_trade_and_neither_knows_of_the_other(house: House) -> None:
    with house.trading() as trader:
        for key in (KRAKEN, SAVINGS):
            house.until(lambda key=key: house.book(key).get("positions"), f"a position of {key}")
            house.until(lambda key=key: house.lines(Event.ENTRY, key.label), f"a line of {key}")
        assert {"kraken", "kraken:savings"} <= {thread.name for thread in threading.enumerate()}
        assert sorted(file.name for file in house.data.glob("*.db")) == ["kraken.db", "kraken@savings.db"]
        assert len(list((house.state / "nija").glob("*.lock"))) == 2
        assert len(list((house.state / "nija").glob("*.key"))) == 2
        house.until(lambda: all(row["account"] for row in house.heartbeat().values()), "what each trades")
        assert [(key, row["mode"], Account.read(row["account"]).key) for key, row in house.heartbeat().items()] == [
            ("kraken", "sandbox", KRAKEN),
            ("kraken:savings", "sandbox", SAVINGS),
        ]
        house.until(lambda: "KRAKEN:SAVINGS healthy" in house.log_file.read_text(), "its line in the status block")

        assert house.order(Verb.PAUSE, KRAKEN)
        assert house.book(KRAKEN)["status"] == "halted"
        cycles = house.book(SAVINGS)["cycles_ok"]
        house.until(lambda: house.book(SAVINGS)["cycles_ok"] > cycles + 1, "cycles of the other")
        assert house.book(SAVINGS)["status"] == "healthy"
        assert house.order(Verb.PAUSE, SAVINGS)
        for key in (KRAKEN, SAVINGS):
            house.agrees(key)
        assert [post.restarts for post in trader.posts] == [0, 0]

    held = {key: [one["symbol"] for one in house.book(key)["positions"]] for key in (KRAKEN, SAVINGS)}
    with house.trading():  # after a restart neither key is taken for the other one's new one
        assert house.order(Verb.FLATTEN, SAVINGS)
        house.until(lambda: house.book(SAVINGS)["positions"] == [], "nothing of the one")
        house.until(lambda: len(house.lines(Event.FUNDED, "KRAKEN")) == 2, "the other at work")
        assert [one["symbol"] for one in house.book(KRAKEN)["positions"]] == held[KRAKEN]
        for key in (KRAKEN, SAVINGS):
            house.agrees(key)
    assert [
        house.lines(word, label) for label in ("KRAKEN", "KRAKEN:SAVINGS") for word in (Event.FAILED, Event.UNWATCHED)
    ] == [[]] * 4
    assert held[SAVINGS]


def test_one_alone_trades_where_only_one_may(house: House) -> None:
    with house.trading(independent=False) as trader:
        house.until(lambda: house.book(KRAKEN).get("positions"), "a position")
        for post in trader.posts:  # each begins another life, in which nothing is different
            assert post.life is not None
            post.life.over.set()
        house.until(lambda: len(house.lines(Event.CONNECTED, "KRAKEN:SAVINGS")) == 2, "the other's next life")
        for key, status in ((KRAKEN, "healthy"), (SAVINGS, "halted")):
            house.until(lambda key=key: house.book(key).get("cycles_ok", 0) > 2, f"cycles of {key}")
            assert house.book(key)["status"] == status
        assert house.truth(SAVINGS)["orders"] == []


@pytest.fixture(params=["a file per account", "one file for all"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledgers]:
    """Books that no exchange is asked about."""
    data = tmp_path / "data"
    data.mkdir()
    for name, value in (("XDG_STATE_HOME", "state"), ("NIJA_DATA_DIR", "data"), ("LOG_FILE", "nija.log")):
        monkeypatch.setenv(name, str(tmp_path / value))
    if request.param == "one file for all":
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{data}/all.db")
    settings = load_settings(tmp_path)
    with Logs(settings.operation, Redactor([])) as logs:
        yield Ledgers(settings, World(Mode.SANDBOX, SystemClock(), {}), logs.event_log)


NOBODY: Any = None
ONE = Account("sandbox", "okx", "main", "7", "one")


def test_several_books_are_open_at_once_and_each_only_once(ledgers: Ledgers) -> None:
    others = [replace(ONE, identity="8", name="two"), Account("sandbox", "kraken", "main", "9")]
    with ledgers.opened(NOBODY, ONE), ledgers.opened(NOBODY, others[0]), ledgers.opened(NOBODY, others[1]):
        for account in (ONE, *others):
            with pytest.raises(AccountLocked), ledgers.opened(NOBODY, account):
                pass


def test_two_keys_that_open_the_same_money_are_one_too_many(ledgers: Ledgers) -> None:
    """Whichever came first has it for as long as the daemon runs, also while it is just being started again."""
    with ledgers.opened(NOBODY, ONE):
        pass
    with (
        pytest.raises(BrokerError, match="open the account that OKX:ONE trades already") as told,
        ledgers.opened(NOBODY, replace(ONE, name="two")),
    ):
        pass
    assert "okx:two" in told.value.remedy
    with ledgers.opened(NOBODY, ONE):
        pass
