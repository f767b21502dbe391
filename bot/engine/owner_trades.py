"""The owner's own trades in what our positions hold, and whether they explain what is missing.

The owner may hold coins of his own besides ours, and sell those. What was his own when all of ours was last there is remembered, so
that only trades that took more than that explain a balance that lacks ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bot.domain.booking import BY_HAND
from bot.domain.clock import SECOND
from bot.domain.fill import Fill
from bot.domain.ids import is_ours
from bot.domain.instrument import DOLLARS
from bot.domain.money import ZERO
from bot.domain.order import Purpose, Side, VenueOrder
from bot.domain.position import Position

if TYPE_CHECKING:
    from bot.engine.order_manager import OrderManager

#: Why contracts were closed, if the exchange shows nothing else.
CLOSED_BY_HAND = "closed by its owner by hand"
#: Market ms before a look within which a trade may not have been in the balances that it saw.
_JUST_BEFORE = 5 * SECOND
#: The part of his purchases that is left after a fee taken in the coin, at least.
_AFTER_FEE = Decimal("0.98")


class Sale(NamedTuple):
    """A fill of an order that is certainly not ours, and why that order was made."""

    fill: Fill
    why: str


class Trades(NamedTuple):
    """Sales of a position's coin or contract since its entry that are not ours and not booked yet, newest first; and whether they
    explain that this quantity of ours is missing.
    """

    sales: Sequence[Sale] = ()
    explain: bool = False


class OwnerTrades:
    """Reads the owner's trades in one account."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms

    def note_his_own(self, position: Position, qty: Decimal) -> None:
        """Remember how much the owner has besides ours, at a look that misses nothing of the position."""
        name, book = _his_own(position), self._oms.book
        at, known = self._noted(name)
        if known != qty or at < position.opened_at:
            book.set_state(name, f"{self._oms.clock.market_ms() - _JUST_BEFORE} {qty}")

    def of(self, position: Position, missing: Decimal, *, contract: bool) -> Trades:
        """The owner's sales, and whether they explain what is missing. Raises `BrokerError`."""
        fills = [
            fill
            for fill in self._oms.broker.fills(position.opened_at)
            if _may_concern(fill, position, contract=contract)
        ]
        sold = [one for one in fills if one.side is not position.side and not self._oms.book.is_booked(one.fill_id)]
        by_hand = CLOSED_BY_HAND if contract else BY_HAND
        why = {name: self._cause(name, symbol, position.side, by_hand) for name, symbol in _orders(sold)}
        sales = [Sale(one, cause) for one in sold if (cause := why[one.exchange_order_id]) is not None]
        sales.sort(key=lambda sale: sale.fill.time, reverse=True)
        at, his_own = self._noted(_his_own(position))
        bought = [one for one in fills if one.side is position.side and one.time >= at and self._is_unknown(one)]
        net = _total(sale.fill for sale in sales if sale.fill.time >= at) - _total(bought) * _AFTER_FEE
        return Trades(sales, net >= missing + (his_own or ZERO))

    def _noted(self, name: str) -> tuple[int, Decimal | None]:
        """When the owner's own quantity was noted (market ms), and that; 0 and None if it never was."""
        at, _, qty = (self._oms.book.get_state(name) or "").partition(" ")
        return (int(at), Decimal(qty)) if qty else (0, None)

    def _is_unknown(self, fill: Fill) -> bool:
        return self._oms.book.by_exchange_id(fill.exchange_order_id) is None

    def _cause(self, exchange_id: str, symbol: str, side: Side, by_hand: str) -> str | None:
        """Why an order was made that is certainly not ours: the exchange shows it, and neither it nor the order that spawned it is
        ours. None if it may be ours, or belongs to the other side of an account that holds both.
        """
        oms = self._oms
        known = oms.book.by_exchange_id(exchange_id)
        if known is not None:
            return known.reason if known.purpose is Purpose.OWNER else None
        order = oms.broker.order(exchange_id, symbol)
        if order is None or not self._is_made_by_hand(order) or order.leg not in (None, side):
            return None
        return order.by_venue or by_hand

    def _is_made_by_hand(self, order: VenueOrder | None) -> bool:
        """Whether it is neither our order nor spawned by one; False while the exchange does not show it or its parent."""
        if order is None or is_ours(order.client_id):
            return False
        if order.parent_id is None:
            return True
        if self._oms.book.by_exchange_id(order.parent_id) is not None:
            return False
        return self._is_made_by_hand(self._oms.broker.order(order.parent_id, order.symbol))


def part_of(fill: Fill, qty: Decimal) -> Fill:
    """`qty` of a fill, with its share of the fee."""
    if qty == fill.qty:
        return fill
    share = qty / fill.qty
    return replace(fill, qty=qty, fee=fill.fee * share, fee_usd=fill.fee_usd * share)


def _his_own(position: Position) -> str:
    """Name of the stored state: what the owner holds of a coin, or of a contract on the position's side, besides ours."""
    is_coin = position.symbol.count("-") == 1
    return f"his own {position.base if is_coin else f'{position.symbol} {position.side}'}"


def _may_concern(fill: Fill, position: Position, *, contract: bool) -> bool:
    """Whether a fill without our mark may have changed what a position holds: of a contract, in that contract; of coins, in any
    market for dollars.
    """
    base, *quote = fill.symbol.split("-")
    in_dollars = base == position.base and len(quote) == 1 and quote[0] in DOLLARS
    same = fill.symbol == position.symbol if contract else in_dollars
    return same and fill.time >= position.opened_at and not is_ours(fill.client_id)


def _orders(fills: Sequence[Fill]) -> set[tuple[str, str]]:
    return {(fill.exchange_order_id, fill.symbol) for fill in fills}


def _total(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.qty for fill in fills), ZERO)
