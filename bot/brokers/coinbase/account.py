"""Coinbase's private queries: wallets, orders, executions, fees. Lists are read to their last page or the query fails.

Times in filters are market time in RFC 3339; `start_date` filters orders by creation. Orders cannot be queried by client id,
so they are listed and matched here. Rows that cannot be ours are left out and logged once. A list that requires a second
factor is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerError
from bot.brokers.coinbase import parse as wire
from bot.brokers.coinbase.errors import failure
from bot.brokers.coinbase.transport import CoinbaseTransport, Params
from bot.brokers.common import answers
from bot.brokers.common.coins import CoinsLeftOut
from bot.brokers.common.lag import FillLag
from bot.brokers.common.left_out import LeftOut
from bot.brokers.common.lru_cache import LruCache
from bot.brokers.common.pages import Asked, Page, rows_of
from bot.domain.clock import MINUTE, Clock, iso
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate
from bot.domain.log import Log
from bot.domain.order import DONE, VenueOrder
from bot.domain.outcome import ErrorMeaning

_PAGE = 250
#: Filters for lists of orders. By default, a list has all kinds of products, but only orders from this source.
_OURS: Params = {"product_type": "SPOT", "order_placement_source": "RETAIL_ADVANCED"}
#: The other statuses of a live order. The filter OPEN does not include them and cannot be combined with others.
_ON_THE_WAY = ("PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")
#: Orders younger than this (market ms) are read whatever their status, including statuses that we do not know.
_YOUNG = 10 * MINUTE
#: Waits (real seconds) between queries for an order that an answer announced but no list shows yet: a second in all.
_WAITS = (0.02, 0.04, 0.08, 0.16, 0.3, 0.4)
_PATIENCE = 1.0
#: Orders whose symbol is remembered, because the book does not have them yet.
_REMEMBERED = 5_000


class CoinbaseAccount:
    """Queries of one portfolio. `connect` sets `portfolio`; `traded` says whether we may hold a product."""

    def __init__(self, transport: CoinbaseTransport, clock: Clock, log: Log, traded: Callable[[str], bool]) -> None:
        self._transport = transport
        self._clock = clock
        self._traded = traded
        self.portfolio = ""
        self.coins = CoinsLeftOut("coinbase", log)
        self.symbol_of: Callable[[str], str | None] = lambda _: None
        self._symbols: LruCache[str] = LruCache(_REMEMBERED)
        self._announced: dict[str, bool] = {}
        self._left_out = LeftOut("coinbase", log)
        self._lag = FillLag(clock.steady_ms)

    # -- money -------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance]:
        """The wallets of the key's portfolio."""
        return wire.balances(self._wallets())

    def unavailable_balances(self) -> dict[str, Decimal]:
        """Balances in vaults, in wallets that are not ready, and in other portfolios."""
        return wire.pockets(self._wallets())

    def fees(self, symbols: Collection[str]) -> dict[str, FeeRate]:
        """The transaction summary's tier: the same for every pair, except pegged ones."""
        answer = self._transport.private("/transaction_summary", {"product_type": "SPOT"})
        return dict.fromkeys(symbols, failure.understood(lambda: wire.fee_rate(answer)))

    # -- orders ------------------------------------------------------------------------------------------------
    def announce(self, exchange_id: str, *, coming: bool) -> None:
        """Include an order that an answer named among the open ones until it is seen to have ended.

        `coming`: it may not exist yet and is waited for (an attached bracket). Otherwise it is about to end (a cancel).
        """
        self._announced[exchange_id] = coming

    def order(self, exchange_id: str, symbol: str = "") -> VenueOrder | None:  # noqa: ARG002 - Coinbase's ids need no symbol
        """One order, in any state; None also for an order of another product that cannot be ours."""
        row = self.row(exchange_id)
        return next(iter(self._read([] if row is None else [row])), None)

    def row(self, exchange_id: str) -> Mapping[str, Any] | None:
        """One order as Coinbase sent it; None for 404 or null, which a new order may return for a moment."""
        try:
            answer = self._transport.private(f"/orders/historical/{exchange_id}")
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.GONE:
                raise
            return None
        if "order" in answer and answer["order"] is None:
            return None
        return failure.understood(lambda: answers.mapping(answer.get("order"), "order"))

    def open_orders(self) -> list[VenueOrder]:
        """All live orders: those with status OPEN, those on their way into or out of it (queried second, so that an order that
        changes status meanwhile is not missed), young orders of any status, and announced orders.
        """
        found = {one.exchange_id: one for one in self._orders({"order_status": "OPEN"})}
        found |= {one.exchange_id: one for one in self._orders({"order_status": _ON_THE_WAY})}
        young = self._orders({"start_date": iso(self._clock.market_ms() - _YOUNG)})
        found |= {one.exchange_id: one for one in young}
        found |= {one.exchange_id: one for one in self._outstanding(found)}
        return answers.by_age(one for one in found.values() if one.status not in DONE)

    def recent_orders(self, since: int) -> list[VenueOrder]:
        """Ended orders that were created after market time `since`, oldest first."""
        return [one for one in self._orders({"start_date": iso(since)}) if one.status in DONE]

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:  # noqa: ARG002
        """Search our client id in all orders since then, and in the orders of fills that were not in that list."""
        known = set()
        for one in self._orders({"start_date": iso(since - MINUTE)}):
            if one.client_id == client_id:
                return one
            known.add(one.exchange_id)
        behind = {fill.exchange_order_id for fill in self.fills(since)} - known
        seen = (self.order(exchange_id) for exchange_id in sorted(behind))
        return next((one for one in seen if one is not None and one.client_id == client_id), None)

    # -- fills -------------------------------------------------------------------------------------------------
    def fills(self, since: int) -> list[Fill]:
        """Executions since market time `since`, oldest first."""
        found = self._executions({"start_sequence_timestamp": iso(since)})
        return [fill for fill in found if fill.time >= since]

    def fills_of(self, order: VenueOrder) -> list[Fill]:
        """The executions of one order, as far as Coinbase shows them yet; they may appear after the order's final status."""
        found = self._executions({"order_ids": [order.exchange_id]})
        return [fill for fill in found if fill.exchange_order_id == order.exchange_id]

    # -- reading -------------------------------------------------------------------------------------------------
    def _wallets(self) -> list[wire.Wallet]:
        """All wallets, each row once, because pages may overlap."""
        rows: list[Any] = []
        for row in self._pages("/accounts", "accounts", {}):
            if row not in rows:
                rows.append(row)
        return failure.understood(lambda: wire.wallets(rows, self.portfolio, self.coins.excused))

    def _orders(self, query: Params) -> list[VenueOrder]:
        return self._read(self._pages("/orders/historical/batch", "orders", {**_OURS, **query}))

    def _read(self, rows: Sequence[object]) -> list[VenueOrder]:
        found = failure.understood(lambda: wire.orders(rows, self._excused))
        return [self._lag.made_up(self._renamed(order)) for order in found]

    def _renamed(self, order: VenueOrder) -> VenueOrder:
        """An order under the product of our request. It is not certain that Coinbase reports an order on `-USDC` so: that may be an
        alias of the `-USD` product.
        """
        symbol = self._symbol_of(order.exchange_id, order.client_id, order.parent_id)
        if symbol is None:
            return order
        self._symbols[order.exchange_id] = symbol
        return replace(order, symbol=symbol)

    def _symbol_of(self, *names: str | None) -> str | None:
        known = (self._symbols.get(name) or self.symbol_of(name) for name in names if name)
        return next((symbol for symbol in known if symbol), None)

    def _executions(self, query: Params) -> list[Fill]:
        rows = self._pages("/orders/historical/fills", "fills", query)
        found = failure.understood(lambda: wire.fills(rows, self._excused))
        return [wire.moved(fill, self._symbol_of(fill.exchange_order_id) or fill.symbol) for fill in found]

    def _excused(self, row: Mapping[str, Any], reason: str, strange: bool) -> bool:
        """Whether a row may be left out, which is logged once: a strange row, or an unreadable one that can only be foreign
        because we do not trade its product or its client id does not have our form.
        """
        foreign = bool(answers.text(row, "client_order_id")) or not self._traded(answers.text(row, "product_id"))
        if not strange and (wire.may_be_ours(row) or not foreign):
            return False
        self._left_out.say(wire.kind_of(row), reason)
        return True

    def _pages(self, path: str, what: str, query: Params) -> list[Any]:
        """All rows of a list, 250 per page. The list of fills has no `has_next`: it ends with an empty cursor. A list that
        continues without saying where fails. A repeated page under a new cursor ends a list; but if it is a full page of
        orders or wallets, more could follow, so that fails.
        """
        seen: list[list[Any]] = []

        def ask(cursor: str) -> Page[list[Any]]:
            asked = {**query, "limit": str(_PAGE), **({"cursor": cursor} if cursor else {})}
            answer = self._transport.private(path, asked)
            if answer.get("proof_token_required") not in (None, False):
                raise failure(ErrorMeaning.BUSY, f"{path}: proof_token_required", "proof")
            rows = failure.understood(lambda: answers.sequence(answer.get(what), what))
            if rows in seen:
                return Page([], cursor if what != "fills" and len(rows) >= _PAGE else None)
            seen.append(rows)
            following, more = str(answer.get("cursor") or ""), answer.get("has_next")
            if more is True:
                return Page(rows, following or cursor)
            ended = more is False or following in ("", cursor) or not rows
            return Page(rows, None if ended else following)

        return rows_of(Asked(path, failure, ask))

    def _outstanding(self, listed: Collection[str]) -> Iterable[VenueOrder]:
        """Announced orders that are not listed, queried by id. Those that ended or never appeared are forgotten."""
        for exchange_id, coming in list(self._announced.items()):
            if exchange_id in listed and coming:
                del self._announced[exchange_id]
                continue
            one = self._await(exchange_id) if coming else self.order(exchange_id)
            if one is None or one.status in DONE or coming:
                del self._announced[exchange_id]
            if one is not None:
                yield one

    def _await(self, exchange_id: str) -> VenueOrder | None:
        """An order that should appear soon; None if it does not."""
        return self._transport.seen(lambda: self.order(exchange_id), _WAITS, _PATIENCE)
