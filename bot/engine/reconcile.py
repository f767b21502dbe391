"""Reconciliation: brings the book in line with the exchange. Start, restart and timer use the same path.

Fills are read with an overlap (`history`) and booked once, identified by their ids. Orders of ours that the book lacks are
adopted. Foreign orders are remembered as such and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.booking import OLDER_BOOK, RESUME_OLDER
from bot.domain.clock import MINUTE
from bot.domain.fill import Fill
from bot.domain.ids import is_ours, tag_of
from bot.domain.instrument import Balance
from bot.domain.log import Event, Halt
from bot.domain.money import ZERO
from bot.domain.order import STOPS, Decision, OrderRecord, Purpose, Side, VenueOrder
from bot.engine.adoption import Adoption
from bot.engine.history import AT_ONCE, History, HistoryRun
from bot.engine.order_manager import OrderManager

#: The number of foreign order ids remembered, so that they are not requested again.
MEMORY = 10_000
#: Market ms before a position's first fill: a stop created after this time may belong to it rather than to an earlier position.
WITH_ITS_ENTRY = 5 * MINUTE
#: The distance of the stop from an entry's price if neither the book nor the exchange knows the stop.
FALLBACK_RISK = Decimal("0.05")


class Reconciliation:
    """Compares one account's book with its exchange; raises `BrokerError` if the exchange does not answer."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._foreign: dict[str, None] = {}
        self._is_older = oms.book.get_state(OLDER_BOOK) is not None
        self.history = History(oms, self._take, self._strangers, self._book_all)
        self.adoption = Adoption(oms)

    def start(self) -> None:
        """After a start, first read the open orders and the outcome of our own orders, so that positions can be protected. Then
        read the history: at once if there is no position, otherwise in the background.
        """
        oms = self._oms
        self.history.begin(first=True)
        with oms.broker.urgently():
            self._keep_stops(self._look_at_orders())
        if not oms.book.positions():
            self.history.read_on(AT_ONCE)
        if self.adoption.watching:
            return
        self.count(oms.broker.balances())

    def compare(self, since: int | None = None) -> Sequence[VenueOrder]:
        """Compare orders and fills; returns the open orders. `since` is market ms, by default the start of the last complete
        reading less the overlap.
        """
        if self.adoption.watching:
            orders = self._oms.broker.open_orders()
            self._lives(orders)
            return orders
        orders = self._look_at_orders()
        self.history.begin(since)
        self.history.read_on(AT_ONCE)
        return orders

    def read_on(self, steps: int = 1) -> bool:
        """Between two checks: read some more steps of the history; True if that completed it. A failed step is tried again
        later.
        """
        try:
            return self.history.read_on(steps)
        except BrokerError as error:
            self._oms.log.debug(Event.HISTORY, reason=error.text)
            return False

    def _look_at_orders(self) -> Sequence[VenueOrder]:
        """Read the open orders and learn how ours that are no longer open ended."""
        orders = self._oms.broker.open_orders()
        if not self.history.is_rebuilding:
            self._recognise(orders)
        self._oms.learn_ended(orders)
        return orders

    # -- history --------------------------------------------------------------------------------------------------
    def _take(self, run: HistoryRun, orders: Sequence[VenueOrder]) -> None:
        """Take orders from the history. Orders of a lost database must be seen together with the open ones."""
        resting = self._oms.broker.open_orders() if run.first else ()
        if run.lost:
            orders = [*orders, *resting]
            if self._lives(orders) or self.adoption.delays(orders):
                self.history.drop()
                return
        self._recognise(orders, lost=run.lost)
        self._keep_stops(resting)

    def _strangers(self, fills: Sequence[Fill]) -> dict[str, str]:
        """Orders, with their symbols, that have fills but are neither in the book nor known to be foreign."""
        found = {one.exchange_order_id: one.symbol for one in fills if one.exchange_order_id not in self._foreign}
        return {name: symbol for name, symbol in found.items() if self._oms.book.by_exchange_id(name) is None}

    def _book_all(self, run: HistoryRun, fills: Sequence[Fill]) -> None:
        oms = self._oms
        complete = {symbol for symbol in {fill.symbol for fill in fills} if oms.bought_in_full(symbol)}
        for fill in fills:
            self._book(fill, sales=fill.symbol in complete)
        if run.first:
            self._keep_stops(oms.broker.open_orders())
            oms.book.release_commands()

    # -- orders ---------------------------------------------------------------------------------------------------
    def _lives(self, orders: Iterable[VenueOrder]) -> bool:
        """Whether another NIJA was active during the watch."""
        sign = self.adoption.sign_of_life(orders)
        if sign is not None:
            self._second_instance(sign)
        return sign is not None

    def _recognise(self, orders: Iterable[VenueOrder], *, lost: bool = False) -> None:
        """Apply the exchange's reports on our orders and adopt those that the book lacks.

        If the database was `lost`, our old tag is unknown, so the orders of any NIJA count as ours; otherwise only those with
        our tag do. Orders spawned at the same moment as their parent are handled after it, or they would count as foreign.
        """
        for order in sorted(orders, key=lambda one: (one.created_at, one.parent_id is not None)):
            if self._oms.sync(order) is None and order.exchange_id not in self._foreign:
                self._adopt(order, orders, lost=lost)

    def _adopt(self, order: VenueOrder, among: Iterable[VenueOrder], *, lost: bool) -> OrderRecord | None:
        """Adopt an order that carries our mark or was spawned by one of ours; any other is foreign."""
        oms = self._oms
        # An exchange gives a stop that it spawned no client id, or that of its parent, so a parent of ours counts as much as our
        # mark.
        if not self._is_ours(order) and not self._springs_from_ours(order, among, lost=lost):
            return None
        # Another NIJA on this account uses our mark with its own tag, and its orders must be left alone. Without our old
        # database our old tag is unknown: such orders may be ours and are adopted.
        lost = lost or self.adoption.is_late(order)
        if self._is_anothers(order) and not lost:
            self.adoption.let_go(order)
            self._second_instance(order)
            return None
        if lost:
            self.adoption.adopted(order)
        self._judge_age(order)
        purpose = self._purpose(order)
        oms.log.info(
            Event.ADOPTED,
            symbol=order.symbol,
            purpose=purpose,
            exchange_id=order.exchange_id,
            client_id=order.client_id,
        )
        return oms.adopt(order, purpose, self._decision(order, among) if purpose is Purpose.ENTRY else None)

    def _is_ours(self, order: VenueOrder) -> bool:
        return is_ours(order.client_id) or self._is_child(order)

    def _is_child(self, order: VenueOrder) -> bool:
        return order.parent_id is not None and self._oms.book.by_exchange_id(order.parent_id) is not None

    def _is_anothers(self, order: VenueOrder) -> bool:
        """Whether an order carries another NIJA's tag. Only an id of our form has a tag; a child of our order is ours whatever
        id the exchange gave it.
        """
        if order.client_id is None or not is_ours(order.client_id) or self._is_child(order):
            return False
        return tag_of(order.client_id) != self._oms.ids.tag

    def _judge_age(self, order: VenueOrder) -> None:
        """Pause if an order that is not in the book carries the book's own tag: every intent is stored before it is sent, so the
        book is an older copy. An id in upper case is derived from that of the order's parent.
        """
        name = order.client_id
        if self._is_older or name is None or not is_ours(name) or tag_of(name) != self._oms.ids.tag:
            return
        if self._is_child(order) or self._oms.book.by_client_id(name.lower()) is not None:
            return
        self._is_older = True
        reason = f"the database is older than the exchange, which shows an order of it that is not there: {name}"
        self._oms.book.pause_as_older(reason)
        self._oms.log.error(Event.HALTED, limit=Halt.OLDER_DATABASE, reason=reason, remedy=RESUME_OLDER)

    def _springs_from_ours(self, order: VenueOrder, among: Iterable[VenueOrder], *, lost: bool) -> bool:
        """Whether one of ours that is not in the book yet spawned this order, such as a stop that fired at once.

        If not, the order is remembered as foreign, unless the exchange does not show its parent yet.
        """
        if order.parent_id is not None and order.parent_id not in self._foreign:
            parent = self._oms.broker.order(order.parent_id, order.symbol)
            if parent is None:
                return False
            if self._adopt(parent, among, lost=lost) is not None:
                return True
        self._remember_foreign(order.exchange_id)
        return False

    def _purpose(self, order: VenueOrder) -> Purpose:
        if order.type in STOPS or order.parent_id is not None:
            return Purpose.STOP
        position = self._oms.book.position(order.symbol)
        if position is not None:
            return Purpose.ENTRY if order.side is position.side else Purpose.EXIT
        market = self._oms.instruments.get(order.symbol)
        shortable = market is not None and market.shortable
        opening = order.side is Side.BUY or shortable or order.attached_stop is not None
        return Purpose.ENTRY if opening and not order.reduce_only else Purpose.EXIT

    def _decision(self, order: VenueOrder, among: Iterable[VenueOrder]) -> Decision:
        """What can still be known of the decision behind an order of a lost database: the stop it was sent with, or its resting
        stop, unless that has moved so far that it no longer indicates the risk.
        """
        price = order.avg_price or order.limit_price or ZERO
        stops = [one.trigger_price for one in among if one.parent_id == order.exchange_id and one.trigger_price]
        at_risk = [stop for stop in stops if (price - stop) * order.side.sign > 0]
        first = order.attached_stop or next(iter(at_risk), price * (1 - FALLBACK_RISK * order.side.sign))
        return Decision(
            candle_close=order.created_at,
            stop=first,
            close=price,
            fee=self._oms.fee(order.symbol).taker,
            reason="adopted from the exchange",
        )

    def _second_instance(self, order: VenueOrder) -> None:
        self._remember_foreign(order.exchange_id)
        self._oms.book.set_state("second_instance", order.client_id)
        self._oms.log.error(
            Event.HALTED,
            limit=Halt.SECOND_INSTANCE,
            client_id=order.client_id,
            reason="another NIJA trades this account: no new entries here until you stop one of the two and run `nija resume`",
        )

    def _remember_foreign(self, exchange_id: str) -> None:
        self._foreign[exchange_id] = None
        while len(self._foreign) > MEMORY:
            self._foreign.pop(next(iter(self._foreign)))

    def _keep_stops(self, orders: Iterable[VenueOrder]) -> None:
        """Take over the triggers of resting stops. After the loss of the database, or from an older backup, the book does not
        know how far stops had trailed, and none may be loosened.
        """
        book = self._oms.book
        resting = [one for one in orders if one.type in STOPS and book.by_exchange_id(one.exchange_id) is not None]
        for position in book.positions():
            found = [
                one.trigger_price
                for one in resting
                if one.symbol == position.symbol
                and one.side is not position.side
                and one.trigger_price
                and one.created_at >= position.opened_at - WITH_ITS_ENTRY
            ]
            if found and (tightest := position.tightest(*found)) != position.stop_price:
                book.plan(position.symbol, stage=position.stage, stop_price=tightest)

    # -- fills ----------------------------------------------------------------------------------------------------
    def _book(self, fill: Fill, *, sales: bool) -> None:
        """Book a fill of ours. A closing fill waits (`sales` is False) while fills of its entry are still hidden."""
        oms = self._oms
        if fill.exchange_order_id in self._foreign or fill.exchange_order_id in oms.let_go:
            return
        record = oms.book.by_exchange_id(fill.exchange_order_id)
        if record is None and not self._claims(fill):
            return
        if record is not None and not sales and record.purpose is not Purpose.ENTRY:
            return
        if oms.record_fill(fill) is not None and record is not None and record.settled:
            oms.refresh(record)  # it was reported as finished before

    def _claims(self, fill: Fill) -> bool:
        """Whether a fill of an unknown order belongs to us after all."""
        order = self._oms.broker.order(fill.exchange_order_id, fill.symbol)
        if order is None:
            return False
        return self._oms.sync(order) is not None or self._adopt(order, (), lost=False) is not None

    # -- coins ----------------------------------------------------------------------------------------------------
    def count(self, balances: Mapping[str, Balance]) -> None:
        """Check that the coins of our spot positions are there; the owner may have sold or withdrawn them by hand."""
        self._oms.coins.count(balances)
