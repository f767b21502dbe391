"""Upgrades a database to this NIJA's schema, once, however many processes start at the same moment.

Alembic runs the steps. It is imported only if its version table shows that there is one to run.
"""

from __future__ import annotations

import io
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, column, inspect, select, table, text

#: The newest step in `migrations/versions`. Numbers have four digits, so that they sort as text.
HEAD = "0009"

#: Our own name, because a database shared with another program may have an `alembic_version` already.
VERSION_TABLE = "nija_version"

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x4E494A41
#: Alembic's `op` and `context` are global to the process: two threads migrating their own files would mix them up.
_ONE_AT_A_TIME = Lock()


def version(connection: Connection) -> str | None:
    """The number of the last step run; None for a database without our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    steps = table(VERSION_TABLE, column("version_num"))
    found = connection.execute(select(steps.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> None:
    """Run the missing steps inside the caller's transaction: all of them or none.

    It must be a writing transaction: a second process then waits for it and finds nothing left to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if version(connection) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")
