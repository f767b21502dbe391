"""Kraken's ids: `OXXXXX-XXXXX-XXXXXX` for orders, `T…` for trades, `L…` for ledger rows."""

from __future__ import annotations

from random import Random

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class KrakenIds:
    """Random ids of 80 bits each, so they do not repeat."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def order(self) -> str:
        return self._form("O")

    def fill(self, symbol: str, order_id: str) -> str:
        del symbol, order_id
        return self._form("T")

    def movement(self) -> str:
        return self._form("L")

    def _form(self, letter: str) -> str:
        text = "".join(self._dice.choices(ALPHABET, k=16))
        return f"{letter}{text[:5]}-{text[5:10]}-{text[10:]}"
