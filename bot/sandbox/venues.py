"""The venues that the sandbox can open, by their name on the command line."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.core.venue import Setting, Venue


def venues() -> dict[str, Callable[[Setting], Venue]]:
    """The functions that open each venue; a venue's wire is imported only when it is requested."""
    return {"kraken": _kraken, "okx": _okx, "coinbase": _coinbase}


def _kraken(setting: Setting) -> Venue:
    from bot.sandbox.kraken.venue import open_venue

    return open_venue(setting)


def _okx(setting: Setting) -> Venue:
    from bot.sandbox.okx.venue import open_venue

    return open_venue(setting)


def _coinbase(setting: Setting) -> Venue:
    from bot.sandbox.coinbase.venue import open_venue

    return open_venue(setting)
