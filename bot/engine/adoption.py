"""A book that was lost takes over what its former self left at the exchange, and nothing that a living NIJA works with.

Orders tell by their tag which NIJA made them. A tag that this host has traded under before belongs to the dead: whoever
holds the account's lock knows that no other lives here. Any other is watched for a while first, and what was taken over is
let go of as soon as its old tag shows life. Owns those facts of the book; sends nothing but cancels of our own orders.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.booking import GIVEN_UP
from bot.domain.clock import MINUTE, Pause
from bot.domain.ids import is_ours, tag_of
from bot.domain.log import Event
from bot.domain.order import WORKING, OrderRecord, Purpose, VenueOrder
from bot.engine.order_manager import OrderManager

#: Real ms for which a tag of unknown life is watched before what carries it is taken over.
WATCH = MINUTE
#: Facts of the book: tags that this host knows to be its own, tags that were taken over and when, tags that were let go of.
TAGS_HERE, _ADOPTED, _ADOPTED_AT, _LET_GO = "tags_here", "adopted_tags", "adopted_at", "let_go_tags"


class Adoption:
    """What of one account carries another tag than ours."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._watch: Pause | None = None
        self._began = 0
        self._seen: dict[str, tuple[object, ...]] = {}
        oms.let_go |= self._orders_of(self._tags(_LET_GO))

    @property
    def watching(self) -> bool:
        """Whether it is not known yet whose the orders of the account are: nothing is taken over, and nothing entered."""
        return self._watch is not None

    def is_due(self) -> bool:
        """Whether the watch has lasted long enough for another start to take over what is there."""
        halted = self._oms.book.get_state("second_instance") is not None
        return self._watch is not None and self._watch.is_over() and not halted

    def delays(self, orders: Iterable[VenueOrder]) -> bool:
        """Whether a lost book must not take these orders over yet."""
        strangers = [one for one in orders if self._is_strange(one)]
        if self._watch is None and strangers:
            self._oms.log.warning(
                Event.WATCHING,
                for_s=WATCH // 1000,
                reason="NIJA's orders are here and this book is empty: watched first, in case another NIJA lives",
            )
            self._begin(strangers)
        elif self.is_due():
            self._watch = None
        return self._watch is not None

    def sign_of_life(self, orders: Iterable[VenueOrder]) -> VenueOrder | None:
        """An order that another NIJA has made or changed since the watch began; the watch begins again with it."""
        if self._watch is None:
            return None
        strangers = [one for one in orders if self._is_strange(one)]
        sign = next((one for one in strangers if self._is_new(one)), None)
        if sign is not None:
            self._begin(strangers)
        return sign

    def adopted(self, order: VenueOrder) -> None:
        """An order of another tag was taken over."""
        book, tags = self._oms.book, self._tags(_ADOPTED)
        named = order.client_id is not None and is_ours(order.client_id)
        if named and (tag := tag_of(order.client_id or "")) not in tags | {self._oms.ids.tag}:
            book.set_state(_ADOPTED, " ".join(sorted(tags | {tag})))
        if book.get_state(_ADOPTED_AT) is None:
            book.set_state(_ADOPTED_AT, str(self._oms.clock.market_ms()))

    def is_late(self, order: VenueOrder) -> bool:
        """Whether an order belongs to what was taken over, and the venue only shows it late."""
        at = self._oms.book.get_state(_ADOPTED_AT)
        return at is not None and self._is_adopted(order) and order.created_at <= int(at)

    def let_go(self, order: VenueOrder) -> None:
        """A tag that was taken over lives: what it bought is its own again, guarded by its own stops. Raises `BrokerError`."""
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
                    Event.LET_GO, symbol=position.symbol, qty=position.qty, reason="its NIJA lives: it is not ours"
                )
        oms.let_go |= self._orders_of({tag})
        oms.book.set_state(_ADOPTED, " ".join(sorted(self._tags(_ADOPTED) - {tag})) or None)
        oms.book.set_state(_LET_GO, " ".join(sorted(self._tags(_LET_GO) | {tag})))

    def _is_new(self, order: VenueOrder) -> bool:
        """Whether an order was made or changed since the watch began; one that the venue shows late was not."""
        if order.exchange_id not in self._seen:
            return order.created_at > self._began
        return self._seen[order.exchange_id] != _shape(order)

    def _begin(self, strangers: Iterable[VenueOrder]) -> None:
        self._watch, self._began = Pause(self._oms.clock, WATCH), self._oms.clock.market_ms()
        self._seen |= {one.exchange_id: _shape(one) for one in strangers}

    def _is_strange(self, order: VenueOrder) -> bool:
        """Whether an order carries NIJA's mark with a tag that may live elsewhere."""
        if order.client_id is None or not is_ours(order.client_id):
            return False
        return tag_of(order.client_id) not in self._tags(TAGS_HERE) | {self._oms.ids.tag}

    def _is_adopted(self, order: VenueOrder) -> bool:
        return order.client_id is not None and tag_of(order.client_id) in self._tags(_ADOPTED)

    def _tags(self, fact: str) -> frozenset[str]:
        return frozenset((self._oms.book.get_state(fact) or "").split())

    def _withdraw(self, symbol: str) -> None:
        """Cancel what we have placed for a position that is not ours."""
        for order in self._oms.broker.open_orders():
            mine = (
                order.client_id is not None
                and is_ours(order.client_id)
                and tag_of(order.client_id) == self._oms.ids.tag
            )
            if mine and order.symbol == symbol and order.status in WORKING:
                self._oms.broker.cancel(order)

    def _orders_of(self, tags: Iterable[str]) -> set[str]:
        """Orders of the book that carry one of these tags, and those that sprang from them."""
        known, wanted = self._oms.book.unsettled(), set(tags)
        made = {one.exchange_id for one in known if one.exchange_id is not None and _has_tag(one, wanted)}
        return made | {one.exchange_id for one in known if one.exchange_id is not None and self._springs(one, wanted)}

    def _springs(self, record: OrderRecord, tags: set[str]) -> bool:
        parent = None if record.parent_id is None else self._oms.book.by_exchange_id(record.parent_id)
        return parent is not None and _has_tag(parent, tags)


def _has_tag(record: OrderRecord, tags: set[str]) -> bool:
    return record.client_id is not None and is_ours(record.client_id) and tag_of(record.client_id) in tags


def _shape(order: VenueOrder) -> tuple[object, ...]:
    """What only its NIJA changes of an order: fills and ends may be the market's."""
    return order.qty, order.trigger_price, order.limit_price
