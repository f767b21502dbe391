"""Imports everything the daemon imports once, so that it is compiled before later starts; the set-up runs this.

SDKs may print something at their first import; the caller hides that output.
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
