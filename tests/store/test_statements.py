"""How many compiled statements an open database keeps: a daemon of many months must not grow with the ways rows change."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import combinations
from pathlib import Path

from sqlalchemy import bindparam

from bot.store.database import STATEMENTS, Store, address
from bot.store.schema import orders

COLUMNS = (
    "status",
    "filled_qty",
    "avg_price",
    "limit_price",
    "trigger_price",
    "reason",
    "updated_at",
    "settled",
    "sent_at",
)
CHANGES = [names for size in (1, 2, 3, 4, 5) for names in combinations(COLUMNS, size)]
#: After so many the cache is full.
WARM = 2 * STATEMENTS
#: Bytes; as many statements again would be twice as many.
MOST = 600_000


def test_changes_of_ever_other_columns_do_not_pile_up(tmp_path: Path) -> None:
    assert len(CHANGES) > 3 * STATEMENTS
    store = Store.open(address(tmp_path, "kraken"))
    update = orders.update().where(orders.c.id == bindparam("row"))

    def change(names: tuple[str, ...]) -> None:
        with store.writing() as connection:
            connection.execute(update, {"row": -1} | dict.fromkeys(names))

    def memory() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    for names in CHANGES[:WARM]:
        change(names)
    before = memory()
    for names in CHANGES[WARM:]:
        change(names)
    grown = memory() - before
    tracemalloc.stop()
    store.close()
    assert grown < MOST
