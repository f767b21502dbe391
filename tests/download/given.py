"""The markets of these tests, and `nija download` as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from tests.sandbox_fixture import Sandbox

#: The market's time, in which it stands still.
NOW = "2026-03-05T12:34:00Z"
VENUES = ("kraken", "okx", "coinbase")
#: A market of each venue.
MARKETS = {"kraken": "BTC-USD", "okx": "BTC-USDT", "coinbase": "BTC-USD"}
#: Before the reach of Kraken's OHLC, so that trades are needed.
SINCE = "2026-03-02T20:00:00Z"
Nija = Callable[..., Result]


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """The settings of a command that uses this sandbox."""
    return {
        "NIJA_HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "NIJA_DATA_DIR": str(folder / "data"),
        "SANDBOX_READY_FILE": str(sandbox.ready_file),
        "TRADING_MODE": "sandbox",
    }


def words(venue: str, out: Path, *more: object, since: str = SINCE) -> list[str]:
    """A download of the venue's market."""
    given = ["download", "--broker", venue, "--pairs", MARKETS[venue], "--since", since, "--out", out, *more]
    return [str(one) for one in given]
