"""Coinbase's ids: UUIDs for orders, 64 hex digits for fills, and ids derived from them."""

from __future__ import annotations

from random import Random
from uuid import UUID, uuid5

TRADES = UUID("6f1d3f0a-6a7e-4a55-9f2f-54b0b4a5a3c1")


class CoinbaseIds:
    """Random ids, never repeated."""

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
    """The trade id of a fill: a UUID derived from its entry id."""
    return str(uuid5(TRADES, entry_id))


def wallet_id(portfolio: str, currency: str) -> str:
    """The id of a portfolio's wallet in one currency; it never changes."""
    return str(uuid5(UUID(portfolio), currency))
