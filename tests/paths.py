"""Each venue's endpoints, as regular expressions for the faults of its sandbox.

All requests that change something are POST. Arm faults on `entry` and `stop` with that method, since OKX reads orders
under the same path.
"""

from __future__ import annotations

from typing import NamedTuple

VENUES = ("kraken", "okx", "coinbase")


class Paths(NamedTuple):
    """`entry` places entries and sales, `stop` a separate stop; lost orders are searched for in `opened`, `closed` and
    `fills`; `order` reads one order by its id."""

    entry: str
    stop: str
    cancel: str
    opened: str
    closed: str
    fills: str
    order: str


PATHS = {
    "kraken": Paths(
        entry="AddOrder",
        stop="AddOrder",
        cancel="CancelOrder",
        opened="OpenOrders",
        closed="ClosedOrders",
        fills="TradesHistory",
        order="QueryOrders",
    ),
    "okx": Paths(
        entry="trade/order$",
        stop="trade/order-algo$",
        cancel="trade/cancel-(order|algos)$",
        opened="trade/orders-pending$",
        closed="trade/orders-history$",
        fills="trade/fills$",
        order="trade/order$",
    ),
    "coinbase": Paths(
        entry="brokerage/orders$",
        stop="brokerage/orders$",
        cancel="orders/batch_cancel$",
        opened="orders/historical/batch$",
        closed="orders/historical/batch$",
        fills="orders/historical/fills$",
        order="orders/historical/[0-9a-f-]{36}$",
    ),
}
#: Switches that prevent attached stops, so that the stop has to be placed after the fill.
APART = {"kraken": "close_refused_on_spot", "okx": "attached_refused_on_spot", "coinbase": "attached_refused"}
