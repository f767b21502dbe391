"""Fixtures of the sandbox's own tests: one process per module, and a Kraken without a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.kraken_client import KrakenClient
from tests.sandbox_fixture import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with Sandbox(folder) as running:
        yield running


@pytest.fixture
def client() -> KrakenClient:
    return KrakenClient()
