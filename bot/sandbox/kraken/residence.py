"""What Kraken refuses because of where the owner lives, or because a pair is a share on a chain.

Reads go on: such a pair stays `online` among the AssetPairs unless those are asked for with the owner's country.
"""

from __future__ import annotations

from bot.sandbox.core.switches import Switches
from bot.sandbox.kraken import errors
from bot.sandbox.kraken.errors import KrakenError
from bot.sandbox.kraken.pairs import Pair
from bot.sandbox.kraken.words import Words

AGREED = frozenset({"market", "stop-loss", "take-profit", "trailing-stop"})
"""Order types that are a market order or trigger one."""


def check_market(switches: Switches, pair: Pair) -> None:
    """Refuses an order in a market that is closed to this owner."""
    if switches.on(f"restricted.{pair.symbol}"):
        where = switches.word("residence")
        raise KrakenError(f"{errors.INVALID_PERMISSIONS}:{pair.base.name} trading restricted for {where}.")
    if switches.on(f"tokenised.{pair.symbol}"):
        raise KrakenError(errors.PERMISSION_DENIED)


def check_agreement(switches: Switches, words: Words, agreement: str) -> None:
    """Refuses market orders, and what triggers them, of accounts that must agree with each order."""
    types = {words.get("ordertype", ""), words.get("close[ordertype]", "")}
    if switches.on("trading_agreement_required") and types & AGREED and agreement != "agree":
        raise KrakenError(errors.TRADING_AGREEMENT)


def open_to(switches: Switches, pair: Pair, country: str) -> bool:
    """Whether residents of a country (no text: anybody) may trade the pair."""
    return country != switches.word("residence") or not switches.on(f"restricted.{pair.symbol}")
