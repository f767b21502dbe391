"""A database as an older NIJA left it, made from one of today's: for tests of the steps in between."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.store import migrate
from bot.store.migrations.versions.m0007_worth import NEW


def to_0005(file: Path) -> None:
    """As it was when no command named a symbol, and nobody wrote down what coins were worth."""
    with closing(sqlite3.connect(file)) as raw, raw:
        for column in ("symbol", "detail"):
            raw.execute(f"ALTER TABLE commands DROP COLUMN {column}")
        for table, columns in NEW:
            for column in columns:
                raw.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for column in ("decision_price", "why"):
            raw.execute(f"ALTER TABLE orders DROP COLUMN {column}")
        for index in ("orders_sent", "orders_unsettled"):
            raw.execute(f"DROP INDEX {index}")
        raw.execute("CREATE INDEX orders_unsettled ON orders (account_id, created_at) WHERE NOT settled")
        raw.execute(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '0005'")


def to_0003(file: Path) -> None:
    """As it was when three numbers of a decision had fields of their own, and a strategy kept nothing with a position."""
    to_0005(file)
    with closing(sqlite3.connect(file)) as raw, raw:
        for column in ("risk_price", "kept"):
            raw.execute(f"ALTER TABLE positions DROP COLUMN {column}")
        for number, text in raw.execute("SELECT id, decision FROM orders WHERE decision IS NOT NULL").fetchall():
            now = json.loads(text)
            then = {name: now[name] for name in ("candle_close", "stop", "close", "fee", "reason")}
            decision = json.dumps(then | {"atr": "4.25", "score": 4, "adx": "27.5"})
            raw.execute("UPDATE orders SET decision = ? WHERE id = ?", (decision, number))
        raw.execute(
            "UPDATE facts SET name = 'through:' || substr(name, 6), value = replace(value, ' stop', '')"
            " WHERE name LIKE 'exit:%'"
        )
        raw.execute("DELETE FROM facts WHERE name LIKE 'ended:%'")
        raw.execute(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '0003'")


def to_0001(file: Path) -> None:
    """As the first form was."""
    to_0003(file)
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("DROP TABLE write_offs")
        raw.execute("ALTER TABLE orders DROP COLUMN pay_in")
        raw.execute(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '0001'")
