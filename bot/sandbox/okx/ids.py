"""OKX's ids: 19-digit numbers for orders and bills, a sequence per instrument for trades."""

from __future__ import annotations

from random import Random

from bot.sandbox.core.state import State
from bot.sandbox.core.values import Fill

FIRST_ORDER = 2_500_000_000_000_000_000
FIRST_TRADE = 730_000_000
FIRST_BILL = 2_600_000_000_000_000_000


class OkxIds:
    """Increasing numbers that continue from the saved state. A fill is `instId:ordId:tradeId`."""

    def __init__(self, state: State, dice: Random) -> None:
        self._dice = dice
        self._order = max((int(key) for key in state.orders), default=FIRST_ORDER)
        self._movement = max((int(key) for key in state.movements), default=FIRST_BILL)
        self._trades: dict[str, int] = {}
        for fill in state.fills.values():
            self._trades[fill.symbol] = max(int(trade_id(fill)), self._trades.get(fill.symbol, 0))

    def order(self) -> str:
        self._order += self._dice.randrange(1, 1 << 20) * 4096
        return str(self._order)

    def fill(self, symbol: str, order_id: str) -> str:
        trade = self._trades.get(symbol, FIRST_TRADE) + self._dice.randrange(1, 9)
        self._trades[symbol] = trade
        return f"{symbol}:{order_id}:{trade}"

    def movement(self) -> str:
        self._movement += self._dice.randrange(1, 1 << 20)
        return str(self._movement)


def trade_id(fill: Fill) -> str:
    return fill.id.rpartition(":")[2]


def bill_id(fill: Fill) -> str:
    """The increasing number by which fills are paged."""
    return str(FIRST_BILL + fill.sequence * 8192)
