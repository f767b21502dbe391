"""Imports once what the daemon imports, so that later starts find it compiled; the set-up runs this.

It prints what an SDK prints at its first import, which is nobody's business: the caller hides it.
"""

from __future__ import annotations

from importlib import import_module

DAEMON_USES = (
    "alembic.command",
    "apprise",
    "coinbase.rest",
    "coinbase.websocket",
    "dotenv",
    "krakenex",
    "okx.app",
    "orjson",
    "pydantic",
    "pykrakenapi",
    "rich.table",
    "sqlalchemy",
    "starlette.applications",
    "talib",
    "trustme",
    "typer",
    "uvicorn",
    "websockets.sync.client",
)


def main() -> None:
    for name in DAEMON_USES:
        import_module(name)


if __name__ == "__main__":
    main()
