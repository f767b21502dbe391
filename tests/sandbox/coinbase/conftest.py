"""Fixtures of the local Coinbase's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.coinbase.coinbase_client import CoinbaseClient


@pytest.fixture
def client(tmp_path: Path) -> CoinbaseClient:
    return CoinbaseClient(tmp_path)
