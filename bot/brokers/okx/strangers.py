"""Which of OKX's orders and fills cannot be ours, so that one of them that cannot be read does not make a whole list useless.

Every order of ours carries our client id. An order that a stop of ours became may carry the stop's id only, and one that OKX made
itself (a liquidation, for example) has none: both may concern a position of ours. A fill may name only its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.brokers.common.answers import text
from bot.brokers.common.left_out import LeftOut
from bot.brokers.common.lru_cache import LruCache
from bot.domain.ids import is_ours
from bot.domain.log import Log
from bot.domain.order import VenueOrder

#: Orders that are remembered, so that their fills need no further query.
_REMEMBERED = 1_000
_USUAL, _NO_ID = frozenset({"", "normal"}), frozenset({"", "0"})


class Strangers:
    """Remembers which orders may be ours, and logs each market of which a row was left out once."""

    def __init__(self, log: Log) -> None:
        self._ours: LruCache[bool] = LruCache(_REMEMBERED)
        self._left_out = LeftOut("okx", log)

    def meet(self, orders: Iterable[VenueOrder]) -> None:
        """Remember whether these orders may be ours."""
        for order in orders:
            self._ours[order.exchange_id] = bool(is_ours(order.client_id) or order.parent_id or order.by_venue)

    def order(self, row: Mapping[str, Any], reason: str) -> bool:
        """Whether to leave out an order that cannot be read: one of somebody else's client id, or of none that a person made."""
        by_stop = bool(text(row, "algoClOrdId")) or text(row, "algoId") not in _NO_ID
        named_by = text(row, "clOrdId")
        of_nobody = by_stop or text(row, "category") not in _USUAL
        return self._leaves_out(row, reason, named_by or ("" if of_nobody else text(row, "instId")), text(row, "ordId"))

    def algo(self, row: Mapping[str, Any], reason: str) -> bool:
        """The same for an algo order."""
        named_by = text(row, "algoClOrdId") or text(row, "clOrdId")
        return self._leaves_out(row, reason, named_by or text(row, "instId"), text(row, "algoId"))

    def fill(self, row: Mapping[str, Any], reason: str, look: Callable[[str, str], object]) -> bool:
        """Whether to leave out a fill that cannot be read: one of an order that is not ours, which `look` requests by its id and
        market (and `meet` then knows) if the fill does not name it.
        """
        exchange_id, named_by = text(row, "ordId"), text(row, "clOrdId")
        if not named_by and exchange_id and exchange_id not in self._ours:
            look(exchange_id, text(row, "instId"))
        foreign = self._ours.get(exchange_id) is False
        return self._leaves_out(row, reason, named_by or ("an order by hand" if foreign else ""), exchange_id)

    def _leaves_out(self, row: Mapping[str, Any], reason: str, origin: str, exchange_id: str) -> bool:
        """Whether a row of this origin ("" if that is not known) can be left out."""
        if not origin or is_ours(origin) or self._ours.get(exchange_id):
            return False
        self._ours[exchange_id] = False
        self._left_out.say(text(row, "instId"), reason)
        return True
