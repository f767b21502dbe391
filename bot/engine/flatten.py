"""Flatten: everything of ours is sold and cancelled, for the operator or the emergency file; what could not be done is said."""

from __future__ import annotations

from collections.abc import Iterable

from bot.brokers.base import BrokerError
from bot.domain.instrument import Trading
from bot.domain.order import STOPS, WORKING, Purpose, VenueOrder
from bot.engine.close import Closing
from bot.engine.desk import Desk


class Flattening:
    """Sells and cancels what is ours on one account; repeated until nothing is left."""

    def __init__(self, desk: Desk, closing: Closing) -> None:
        self._desk = desk
        self._closing = closing

    def step(self, reason: str) -> list[str]:
        """One attempt at everything; returns a line for each thing that is still there."""
        try:
            with self._desk.broker.urgently():
                self._cancel(self._desk.broker.open_orders())
                self._sell(reason)
        except BrokerError as error:
            return [*self.left(), error.text]
        return self.left()

    def left(self) -> list[str]:
        """What is still open, by the book."""
        held = [f"{one.symbol}: {one.qty} held" for one in self._desk.book.positions()]
        orders = [
            f"{one.symbol}: {one.purpose} order {one.client_id or one.exchange_id} is {one.status}"
            for one in self._desk.book.unsettled()
        ]
        return held + orders

    def _sell(self, reason: str) -> None:
        positions = self._desk.book.positions()
        if not positions:
            return
        instruments = self._desk.instruments
        quoted = {one.symbol for one in positions if instruments[one.symbol].trading is not Trading.SUSPENDED}
        tickers = self._desk.prices.tickers(quoted) if quoted else {}
        for position in positions:
            ticker = tickers.get(position.symbol)
            price = ticker.bid if ticker is not None else position.entry_price
            self._closing.sell(position.symbol, position.qty, price, Purpose.FLATTEN, reason)

    def _cancel(self, orders: Iterable[VenueOrder]) -> None:
        """Orders of ours that are no stops of a position (those go with their sale)."""
        guarded = {position.symbol for position in self._desk.book.positions()}
        for order in orders:
            if (
                order.status in WORKING
                and self._desk.is_mine(order)
                and not (order.type in STOPS and order.symbol in guarded)
            ):
                self._desk.broker.cancel(order)
                now = self._desk.broker.order(order.exchange_id, order.symbol)
                if now is not None:
                    self._desk.sync(now)
