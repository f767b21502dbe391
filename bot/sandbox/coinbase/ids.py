"""Coinbase's identities: UUIDs for orders, 64 hex digits for fills, and what is derived from them."""

from __future__ import annotations

from random import Random
from uuid import UUID, uuid5

TRADES = UUID("6f1d3f0a-6a7e-4a55-9f2f-54b0b4a5a3c1")


class CoinbaseIds:
    """Random identities; they do not repeat."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def order(self) -> str:
        return fresh_uuid(self._dice)

    def fill(self, symbol: str, order_id: str) -> str:
        del symbol, order_id
        return self._dice.randbytes(32).hex()

    def movement(self) -> str:
        return fresh_uuid(self._dice)


def fresh_uuid(dice: Random) -> str:
    return str(UUID(bytes=dice.randbytes(16), version=4))


def trade_id(entry_id: str) -> str:
    """The trade of a fill: a UUID that goes with its entry id."""
    return str(uuid5(TRADES, entry_id))


def wallet_id(portfolio: str, currency: str) -> str:
    """A portfolio's wallet of one currency keeps its identity for ever."""
    return str(uuid5(UUID(portfolio), currency))
