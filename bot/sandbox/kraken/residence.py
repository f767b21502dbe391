"""Orders that Kraken rejects because of the owner's residence, or because the pair is a tokenised share.

Reads are unaffected: such a pair stays `online` in AssetPairs, unless the request names the owner's country.
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
    """Rejects an order in a market that is closed to this owner."""
    if switches.on(f"restricted.{pair.symbol}"):
        where = switches.word("residence")
        raise KrakenError(f"{errors.INVALID_PERMISSIONS}:{pair.base.name} trading restricted for {where}.")
    if switches.on(f"tokenised.{pair.symbol}"):
        raise KrakenError(errors.PERMISSION_DENIED)


def check_agreement(switches: Switches, words: Words, agreement: str) -> None:
    """Rejects market orders, and orders that trigger them, from accounts that must consent to each order."""
    types = {words.get("ordertype", ""), words.get("close[ordertype]", "")}
    if switches.on("trading_agreement_required") and types & AGREED and agreement != "agree":
        raise KrakenError(errors.TRADING_AGREEMENT)


def open_to(switches: Switches, pair: Pair, country: str) -> bool:
    """Whether residents of a country may trade the pair; an empty country means anyone."""
    return country != switches.word("residence") or not switches.on(f"restricted.{pair.symbol}")
