"""What an account is shown: the true state, less what a late fill or an old balance still hides.

Read-only. Without such faults everything is shown as it is, at no cost.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from bot.sandbox.core.accounts import Balances
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.values import ZERO, Fill, Movement, Order, Status


class View:
    """One account's current private data."""

    def __init__(self, exchange: Exchange, account: str, stale_seconds: float = 0.0) -> None:
        self._state = exchange.state
        self._account = account
        self._wall = exchange.clock.wall_ms()
        self._stale_ms = int(stale_seconds * 1000)
        self._hiding = self._state.hidden_until_wall_ms > self._wall
        self._state.account(account)

    def orders(self, since_ms: int = 0) -> list[Order]:
        """All orders created at or after a market time, oldest first."""
        account, wall = self._account, self._wall
        every = self._state.orders.values()
        mine = [o for o in every if o.created_ms >= since_ms and o.account == account and o.visible_wall_ms <= wall]
        return [self._seen(order) for order in mine] if self._hiding else mine

    def open_orders(self) -> list[Order]:
        if self._hiding:
            return [order for order in self.orders() if order.working]
        return [order for order in self._state.open.values() if order.account == self._account]

    def order(self, order_id: str) -> Order | None:
        order = self._state.orders.get(order_id)
        if order is None or order.account != self._account or order.visible_wall_ms > self._wall:
            return None
        return self._seen(order)

    def fills(self, since_ms: int = 0) -> list[Fill]:
        """All fills at or after a market time, oldest first."""
        account, wall = self._account, self._wall
        every = self._state.fills.values()
        return [f for f in every if f.time_ms >= since_ms and f.account == account and f.visible_wall_ms <= wall]

    def fill(self, fill_id: str) -> Fill | None:
        fill = self._state.fills.get(fill_id)
        return fill if fill and fill.account == self._account and fill.visible_wall_ms <= self._wall else None

    def fills_of(self, order: Order) -> list[Fill]:
        found = (self._state.fills[fill_id] for fill_id in order.fill_ids)
        return [fill for fill in found if fill.visible_wall_ms <= self._wall]

    def movements(self) -> list[Movement]:
        mine = (m for m in self._state.movements.values() if m.account == self._account)
        return [movement for movement in mine if movement.visible_wall_ms <= self._wall]

    def balances(self) -> Balances:
        """(total, held) by asset."""
        if self._stale_ms:
            old = self._state.histories[self._account].as_of(self._wall - self._stale_ms)
            return old if old is not None else {}
        truth = self._state.account(self._account).snapshot()
        return self._without_hidden(truth) if self._hiding else truth

    def _without_hidden(self, truth: Balances) -> Balances:
        late: dict[str, Decimal] = {}
        for movement in self._state.movements.values():
            if movement.account == self._account and movement.visible_wall_ms > self._wall:
                late[movement.asset] = late.get(movement.asset, ZERO) + movement.amount - movement.fee
        seen = {}
        for asset, (total, held) in truth.items():
            shown = total - late.get(asset, ZERO)
            seen[asset] = (shown, min(held, shown))
        return seen

    def _seen(self, order: Order) -> Order:
        if not self._hiding:
            return order
        hidden = [f for f in (self._state.fills[i] for i in order.fill_ids) if f.visible_wall_ms > self._wall]
        if not hidden:
            return order
        filled = order.filled - sum((f.qty for f in hidden), ZERO)
        return dataclasses.replace(
            order,
            filled=filled,
            cost=order.cost - sum((f.cost for f in hidden), ZERO),
            fee=order.fee - sum((f.fee_quote for f in hidden), ZERO),
            fill_ids=[i for i in order.fill_ids if i not in {f.id for f in hidden}],
            status=Status.PARTIALLY_FILLED if filled > ZERO else Status.OPEN,
            closed_ms=None,
            reason=None,
        )
