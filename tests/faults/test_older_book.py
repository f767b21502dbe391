"""The book of an older NIJA is migrated at the start, and its positions are managed as before."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bot.domain.order import Purpose
from bot.engine.results import last_ended
from bot.store import migrate
from tests.rig import Rig
from tests.store.older import to_0003


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_position_of_an_older_nija_is_traded_on(rig: Rig) -> None:
    position = rig.bought()
    rig.crash()
    file = rig.folder / "data" / f"{rig.venue}.db"
    to_0003(file)
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute(f"SELECT version_num FROM {migrate.VERSION_TABLE}").fetchone() == ("0003",)
    rig.open()
    assert rig.position is not None
    assert (rig.position.entry_price, rig.position.r, rig.position.kept) == (position.entry_price, position.r, ())
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.decision is not None
    assert dict(entry.decision.facts) == {"atr": 4.25, "score": 4.0, "adx": 27.5}
    rig.move(position.entry_price + position.r * 11 / 10)
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.protected()
    rig.move(rig.position.stop_price * 99 / 100)
    rig.until(lambda: rig.position is None, "its stop")
    rig.quiet()
    last = last_ended(rig.engine.oms, rig.symbol)
    assert last is not None
    assert last.exit == "stop"
