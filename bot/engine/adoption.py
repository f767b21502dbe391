"""Adopting the orders and positions of a lost database, without touching those of another running NIJA.

The tag in an order's client id shows which NIJA sent it. A tag that this host has traded under before is no longer in use: the
holder of the account's lock knows that no other NIJA runs here. Any other tag is watched for a while first. Adopted orders and
positions are released as soon as their old tag shows activity. This module stores these facts and sends nothing but cancels of
our own orders.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.booking import GIVEN_UP
from bot.domain.clock import MINUTE, Pause
from bot.domain.ids import is_ours, tag_of
from bot.domain.log import Event
from bot.domain.order import WORKING, OrderRecord, Purpose, VenueOrder
from bot.engine.order_manager import OrderManager

#: Real ms for which an unknown tag is watched before its orders are adopted.
WATCH = MINUTE
#: Names of stored state: tags known to be this host's own, adopted tags and when they were adopted, released tags.
TAGS_HERE, _ADOPTED, _ADOPTED_AT, _LET_GO = "tags_here", "adopted_tags", "adopted_at", "let_go_tags"


class Adoption:
    """Handles the orders of one account that carry another tag than ours."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._watch: Pause | None = None
        self._began = 0
        self._seen: dict[str, tuple[object, ...]] = {}
        oms.let_go |= self._orders_of(self._tags(_LET_GO))

    @property
    def watching(self) -> bool:
        """Whether it is still unknown whose orders these are; meanwhile nothing is adopted and no position is opened."""
        return self._watch is not None

    def is_due(self) -> bool:
        """Whether the watch has lasted long enough to start again and adopt the orders."""
        halted = self._oms.book.get_state("second_instance") is not None
        return self._watch is not None and self._watch.is_over() and not halted

    def delays(self, orders: Iterable[VenueOrder]) -> bool:
        """Whether an empty database must not adopt these orders yet."""
        strangers = [one for one in orders if self._is_strange(one)]
        if self._watch is None and strangers:
            self._oms.log.warning(
                Event.WATCHING,
                for_s=WATCH // 1000,
                reason="orders of a NIJA are here and this database is empty: watching whether another NIJA is running",
            )
            self._begin(strangers)
        elif self.is_due():
            self._watch = None
        return self._watch is not None

    def sign_of_life(self, orders: Iterable[VenueOrder]) -> VenueOrder | None:
        """An order that another NIJA has created or changed since the watch began; it restarts the watch."""
        if self._watch is None:
            return None
        strangers = [one for one in orders if self._is_strange(one)]
        sign = next((one for one in strangers if self._is_new(one)), None)
        if sign is not None:
            self._begin(strangers)
        return sign

    def adopted(self, order: VenueOrder) -> None:
        """Record that an order with another tag was adopted."""
        book, tags = self._oms.book, self._tags(_ADOPTED)
        named = order.client_id is not None and is_ours(order.client_id)
        if named and (tag := tag_of(order.client_id or "")) not in tags | {self._oms.ids.tag}:
            book.set_state(_ADOPTED, " ".join(sorted(tags | {tag})))
        if book.get_state(_ADOPTED_AT) is None:
            book.set_state(_ADOPTED_AT, str(self._oms.clock.market_ms()))

    def is_late(self, order: VenueOrder) -> bool:
        """Whether an order belongs to an adopted tag and the exchange merely shows it late."""
        at = self._oms.book.get_state(_ADOPTED_AT)
        return at is not None and self._is_adopted(order) and order.created_at <= int(at)

    def let_go(self, order: VenueOrder) -> None:
        """Release an adopted tag that is still active: what it bought belongs to its NIJA again, protected by that NIJA's stops.
        Raises `BrokerError`.
        """
        if order.client_id is None or not self._is_adopted(order):
            return
        oms, tag = self._oms, tag_of(order.client_id)
        for position in oms.book.positions():
            records = oms.book.orders_of(position.symbol, position.candle_close)
            if any(one.purpose is Purpose.ENTRY and _has_tag(one, {tag}) for one in records):
                self._withdraw(position.symbol)
                at_cost = oms.valuation.at(position.symbol, position.entry_price)
                oms.book.write_off(position.symbol, position.qty, oms.clock.market_ms(), GIVEN_UP, at_cost)
                oms.log.error(
                    Event.LET_GO,
                    symbol=position.symbol,
                    qty=position.qty,
                    reason="the NIJA that bought it is running: it is not ours",
                )
        oms.let_go |= self._orders_of({tag})
        oms.book.set_state(_ADOPTED, " ".join(sorted(self._tags(_ADOPTED) - {tag})) or None)
        oms.book.set_state(_LET_GO, " ".join(sorted(self._tags(_LET_GO) | {tag})))

    def _is_new(self, order: VenueOrder) -> bool:
        """Whether an order was created or changed since the watch began. One that is merely shown late was not."""
        if order.exchange_id not in self._seen:
            return order.created_at > self._began
        return self._seen[order.exchange_id] != _shape(order)

    def _begin(self, strangers: Iterable[VenueOrder]) -> None:
        self._watch, self._began = Pause(self._oms.clock, WATCH), self._oms.clock.market_ms()
        self._seen |= {one.exchange_id: _shape(one) for one in strangers}

    def _is_strange(self, order: VenueOrder) -> bool:
        """Whether an order carries NIJA's mark with a tag that may be in use elsewhere."""
        if order.client_id is None or not is_ours(order.client_id):
            return False
        return tag_of(order.client_id) not in self._tags(TAGS_HERE) | {self._oms.ids.tag}

    def _is_adopted(self, order: VenueOrder) -> bool:
        return order.client_id is not None and tag_of(order.client_id) in self._tags(_ADOPTED)

    def _tags(self, fact: str) -> frozenset[str]:
        return frozenset((self._oms.book.get_state(fact) or "").split())

    def _withdraw(self, symbol: str) -> None:
        """Cancel our orders for a position that is not ours."""
        for order in self._oms.broker.open_orders():
            mine = (
                order.client_id is not None
                and is_ours(order.client_id)
                and tag_of(order.client_id) == self._oms.ids.tag
            )
            if mine and order.symbol == symbol and order.status in WORKING:
                self._oms.broker.cancel(order)

    def _orders_of(self, tags: Iterable[str]) -> set[str]:
        """Unsettled orders that carry one of these tags, and orders that they spawned."""
        known, wanted = self._oms.book.unsettled(), set(tags)
        made = {one.exchange_id for one in known if one.exchange_id is not None and _has_tag(one, wanted)}
        return made | {one.exchange_id for one in known if one.exchange_id is not None and self._springs(one, wanted)}

    def _springs(self, record: OrderRecord, tags: set[str]) -> bool:
        parent = None if record.parent_id is None else self._oms.book.by_exchange_id(record.parent_id)
        return parent is not None and _has_tag(parent, tags)


def _has_tag(record: OrderRecord, tags: set[str]) -> bool:
    return record.client_id is not None and is_ours(record.client_id) and tag_of(record.client_id) in tags


def _shape(order: VenueOrder) -> tuple[object, ...]:
    """The fields of an order that only its NIJA changes; the market may fill or end it."""
    return order.qty, order.trigger_price, order.limit_price
