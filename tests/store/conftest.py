"""One database for many short books, each of an account of its own: opening one for each would take most of the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.store.database import Store, address


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(address(tmp_path_factory.mktemp("books"), "kraken"))
    yield opened
    opened.close()
