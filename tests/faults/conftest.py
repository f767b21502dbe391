"""One sandbox per venue; each test trades its own symbol and account on it.

A test runs at Kraken unless it is parametrised by `venue`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

SPEED = "30"
COINS = cycle(("ETH", "SOL", "LTC", "ADA", "XRP", "DOGE", "BTC"))
QUOTES = {"kraken": "USD", "okx": "USDT", "coinbase": "USD"}


@pytest.fixture(scope="session")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Sandbox]]:
    """A venue's sandbox, started when it is first asked for."""
    with ExitStack() as stack:
        running: dict[str, Sandbox] = {}

        def of(venue: str) -> Sandbox:
            if venue not in running:
                folder = tmp_path_factory.mktemp(venue)
                running[venue] = stack.enter_context(Sandbox(folder, "--speed", SPEED, venues=(venue,)))
                if venue == "kraken":
                    running[venue].control("POST", "switches", venue=venue, name="rate_counter_max", value=10_000)
            return running[venue]

        yield of


@pytest.fixture
def venue() -> str:
    return "kraken"


@pytest.fixture
def sandbox(exchanges: Callable[[str], Sandbox], venue: str) -> Sandbox:
    return exchanges(venue)


@pytest.fixture
def unopened(sandbox: Sandbox, tmp_path: Path, venue: str) -> Iterator[Rig]:
    """An account with money that is not traded yet."""
    rig = Rig(sandbox, tmp_path, f"{next(COINS)}-{QUOTES[venue]}", venue=venue)
    yield rig
    rig.crash()
    rig.disarm()


@pytest.fixture
def rig(unopened: Rig) -> Rig:
    """An account that is traded."""
    unopened.open()
    unopened.steady()
    return unopened
