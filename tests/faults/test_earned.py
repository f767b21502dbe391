"""NIJA's reported results match the money that moved at the exchange, while the owner trades by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.ids import AccountKey
from bot.domain.order import Purpose
from bot.engine.coins import UNCONFIRMED
from bot.store.reader import Books
from tests.faults.test_coins_not_there import owner_may_take_them, sell_by_hand
from tests.rig import Rig
from tests.torture.earned import read, unearned

CENT = Decimal("0.01")


def profit(rig: Rig, by: str) -> dict[str, Any]:
    """The output of `nija profit --json`."""
    home = {"NIJA_HOME": str(rig.folder), "NIJA_DATA_DIR": str(rig.folder / "data")}
    words = [sys.executable, "-m", "bot", "profit", "--by", by, "--json"]
    found = subprocess.run(words, env=os.environ | home, capture_output=True, text=True, check=True, timeout=60)
    document: dict[str, Any] = json.loads(found.stdout)
    return document


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_sums_are_the_exchanges_to_the_cent(rig: Rig, venue: str) -> None:
    """A leg sold by us, a part sold by hand over a restart, a part withdrawn, the rest sold."""
    with owner_may_take_them(rig):
        bought = rig.bought()
        part = rig.engine.oms.instruments[rig.symbol].size(bought.qty / 4)
        rig.jump("1.03")
        price = bought.entry_price * Decimal("1.03")
        rig.engine.exits.sell(rig.symbol, part, price, Purpose.TP1, "a leg")
        sell_by_hand(rig, part)
        rig.restart()
        rig.deposit(rig.base, -part)
        for _ in range(2):
            rig.cycle()
            rig.clock.ahead += UNCONFIRMED
        rig.engine.exits.sell(rig.symbol, bought.qty, price, Purpose.EXIT, "out")
        rig.until(lambda: rig.position is None, "the exit")
    books = Books(rig.folder / "data")
    believed = read(books, AccountKey(venue))
    assert unearned(believed, rig.truth()) == []
    purposes = {leg.purpose for trade in believed.trades for leg in trade.legs}
    assert {"entry", "tp1", "owner", "taken", "exit"} <= purposes
    total = profit(rig, "day")["total"]
    assert profit(rig, "reason")["total"] == total
    assert abs(Decimal(total["realised_usd"]) - sum(trade.result_usd for trade in believed.trades)) < CENT / 1_000_000
