"""Which of Kraken's orders and trades cannot be ours, so that one of them that cannot be read does not make a whole list useless.

Every order of ours carries our client id, and a stop that Kraken spawns from one names it in `refid` (docs.kraken.com, Add Order
and Query Orders Info). A trade names only its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.brokers.common.answers import text
from bot.brokers.common.left_out import LeftOut
from bot.brokers.common.lru_cache import LruCache
from bot.brokers.kraken.parse import parent_of
from bot.domain.ids import is_ours
from bot.domain.log import Log
from bot.domain.order import VenueOrder

#: Orders that are remembered, so that their trades need no further query.
_REMEMBERED = 5_000


class Strangers:
    """Remembers which orders may be ours, and logs each market of which a row was left out once."""

    def __init__(self, log: Log) -> None:
        self._ours: LruCache[bool] = LruCache(_REMEMBERED)
        self._left_out = LeftOut("kraken", log)

    def meet(self, orders: Iterable[VenueOrder]) -> None:
        """Remember whether these orders may be ours."""
        for order in orders:
            self._ours[order.exchange_id] = self._may_be_ours(order.client_id, order.parent_id)

    def order(self, txid: str, row: Mapping[str, Any], reason: str) -> bool:
        """Whether to leave out an order that cannot be read: one of somebody else's client id, or of none.

        A row that does not even name its market has perhaps lost our client id too; it is left out only if the order is known
        to be foreign.
        """
        named_by, descr = text(row, "cl_ord_id"), row.get("descr")
        pair = text(descr, "pair") if isinstance(descr, dict) else ""
        foreign = not self._ours.get(txid) and not self._may_be_ours(named_by, parent_of(row))
        if not foreign or not (named_by or pair or self.is_foreign(txid)):
            return False
        self._ours[txid] = False
        self._left_out.say(pair, reason)
        return True

    def trade(self, row: Mapping[str, Any], reason: str, look: Callable[[str], object]) -> bool:
        """Whether to leave out a trade that cannot be read: one of no order, or of an order that is not ours, which `look`
        requests (and `meet` then knows) if it is unknown.
        """
        txid = text(row, "ordertxid")
        if not row:
            return False
        if txid and txid not in self._ours:
            look(txid)
        if txid and not self.is_foreign(txid):
            return False
        self._left_out.say(text(row, "pair"), reason)
        return True

    def is_foreign(self, txid: str) -> bool:
        """Whether an order is known not to be ours."""
        return self._ours.get(txid) is False

    def _may_be_ours(self, client_id: str | None, parent: str | None) -> bool:
        return is_ours(client_id) or (parent is not None and not self.is_foreign(parent))
