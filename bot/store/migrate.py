"""Brings a database to this NIJA's schema, once, however many processes start at the same moment.

Alembic does the steps and is imported only when there is one to do: a look at its version table decides.
"""

from __future__ import annotations

import io
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, column, inspect, select, table, text

#: The newest step in `migrations/versions`; numbers have four digits, so that their order is that of their text.
HEAD = "0007"

#: Of our own name: a database that is shared with another program may have an `alembic_version` already.
VERSION_TABLE = "nija_version"

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x4E494A41
#: Alembic's `op` and `context` belong to the process: two threads that migrate their own files would mix them up.
_ONE_AT_A_TIME = Lock()


def version(connection: Connection) -> str | None:
    """The number of the last step done; None for a database without our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    steps = table(VERSION_TABLE, column("version_num"))
    found = connection.execute(select(steps.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> None:
    """Do the steps that are missing inside the caller's transaction: all of them or none.

    The transaction must be a writing one: whoever comes second waits for it, then finds nothing left to do.
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
