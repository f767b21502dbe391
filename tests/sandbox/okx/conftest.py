"""Fixtures of the local OKX: one without a process, and one process per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.okx.okx_client import OkxClient
from tests.sandbox_fixture import Sandbox


@pytest.fixture
def client() -> OkxClient:
    return OkxClient()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), venues=("okx",)) as running:
        yield running
