"""One sandbox for all faults; each test trades a symbol and an account of its own on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

SYMBOLS = cycle(("ETH-USD", "SOL-USD", "LTC-USD", "ADA-USD", "XRP-USD", "DOGE-USD", "BTC-USD"))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "30") as running:
        running.control("POST", "switches", venue="kraken", name="rate_counter_max", value=10_000)
        yield running


@pytest.fixture
def unopened(sandbox: Sandbox, tmp_path: Path) -> Iterator[Rig]:
    """An account with money that nobody trades yet."""
    rig = Rig(sandbox, tmp_path, next(SYMBOLS))
    yield rig
    rig.crash()
    rig.disarm()


@pytest.fixture
def rig(unopened: Rig) -> Rig:
    """An account that is traded."""
    unopened.open()
    return unopened
