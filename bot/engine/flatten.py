"""Sales commanded by the operator: everything of ours (also for the emergency file) or one position. Reports what could not be
done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

from bot.brokers.base import BrokerError
from bot.domain.instrument import Ticker, Trading
from bot.domain.log import Event
from bot.domain.money import ZERO, plain, shortened
from bot.domain.order import STOPS, WORKING, Purpose, VenueOrder
from bot.domain.position import Position, closing_price
from bot.engine.exits import Exits
from bot.engine.order_manager import OrderManager

#: The reason of a commanded sale of one position, in the book and in the log.
BY_HAND = "sold by `nija sell`"


class Progress(NamedTuple):
    """The progress of the sale of one position: whether it is finished, and a message for the owner."""

    done: bool
    text: str


class Flattening:
    """Sells our positions and cancels our orders on one account, repeatedly until nothing is left."""

    def __init__(self, oms: OrderManager, exits: Exits) -> None:
        self._oms = oms
        self._exits = exits
        self._learned: set[str] = set()
        """The positions, by their entries, before whose sale the rules were read."""

    def sell_one(self, symbol: str, entry_id: str) -> Progress:
        """Try once to sell the position that this entry opened, and no other of its symbol."""
        before = self._position(symbol, entry_id)
        if before is None:
            return Progress(done=True, text=self._sold(symbol, entry_id))
        try:
            with self._oms.broker.urgently():
                self._learn_rules([before])
                (price,) = self._prices([before])
                if not self._oms.instruments[symbol].tradeable(before.qty, price):
                    return self._too_small(before, price)
                self._exits.sell(symbol, before.qty, price, Purpose.FLATTEN, BY_HAND)
        except BrokerError as error:
            return Progress(done=False, text=error.text)
        return self._after(before)

    def _learn_rules(self, positions: Sequence[Position]) -> None:
        """Read the markets' rules once before a position is sold: a sale that a new minimum refuses would cost it its stop."""
        held = {one.entry_id for one in positions}
        if held <= self._learned:
            return
        self._learned = held
        try:
            self._oms.learn_rules()
        except BrokerError as error:  # nothing keeps a sale from being tried
            self._oms.log.warning(Event.WATCH, symbol=positions[0].symbol, reason=error.text)

    def _position(self, symbol: str, entry_id: str) -> Position | None:
        position = self._oms.book.position(symbol)
        return position if position is not None and position.entry_id == entry_id else None

    def _after(self, before: Position) -> Progress:
        """The progress after an attempt."""
        symbol = before.symbol
        left = self._position(symbol, before.entry_id)
        if left is None:
            return Progress(done=True, text=self._sold(symbol, before.entry_id))
        if not self._oms.markets.takes_sales(self._oms.instruments[symbol]):
            return Progress(done=False, text=f"{symbol}: the market accepts no sales now")
        if left.qty < before.qty:
            return Progress(done=False, text=f"{symbol}: {plain(left.qty)} left to sell")
        return Progress(done=False, text=f"{symbol} is not sold yet: its stop or an earlier sale is being settled")

    def _sold(self, symbol: str, entry_id: str) -> str:
        """How the position that this entry opened has ended, and how much of that was this command's doing."""
        entry = self._oms.book.by_client_id(entry_id) or self._oms.book.by_exchange_id(entry_id)
        records = self._oms.book.orders_of(symbol, entry.created_at) if entry is not None else ()
        mine = [one for one in records if one.why == BY_HAND and one.booked_qty > 0]
        qty = sum((one.booked_qty for one in mine), ZERO)
        if qty == 0:
            return f"{symbol} is no longer held: nothing was sold by this command"
        price = sum((one.booked_qty * (one.avg_price or ZERO) for one in mine), ZERO) / qty
        return f"{symbol} sold: {plain(qty)} at {plain(shortened(price))}; no entry in this candle"

    def _too_small(self, position: Position, price: Decimal) -> Progress:
        """Handle a position below the exchange's minimum. Without a stop it becomes dust, as after every exit."""
        symbol, instrument = position.symbol, self._oms.instruments[position.symbol]
        self._exits.close_as_dust(symbol, price, BY_HAND)
        smallest = f"{plain(position.qty)} is below the exchange's minimum ({plain(instrument.min_qty)}"
        smallest += f" and {plain(instrument.min_cost)} {instrument.quote})" if instrument.min_cost else ")"
        if self._position(symbol, position.entry_id) is None:
            return Progress(done=True, text=f"{symbol}: {smallest}: kept as dust")
        if self._oms.closing_in_doubt(symbol) > 0:
            return Progress(done=False, text=f"{symbol}: an earlier sale is being settled")
        stays = "its stop stays" if self._exits.is_protected(position) else "it is kept, and no stop can protect it"
        return Progress(done=True, text=f"{symbol} was not sold: {smallest}; {stays}")

    def step(self, reason: str) -> list[str]:
        """Try once to sell and cancel everything; returns one line for each position or order that is left, and for each error that
        may have left one. What fails for one position or order keeps no other from being sold or cancelled.
        """
        unsold: list[str] = []
        uncancelled: list[str] = []
        with self._oms.broker.urgently():
            with _noting(uncancelled):
                for order in self._oms.broker.open_orders():
                    with _noting(uncancelled):
                        self._cancel(order)
            positions = self._oms.book.positions()
            self._learn_rules(positions)
            for position, price in zip(positions, self._prices(positions), strict=True):
                with _noting(unsold):
                    self._exits.sell(position.symbol, position.qty, price, Purpose.FLATTEN, reason)
        left = self.left()
        return [*left, *dict.fromkeys(uncancelled + (unsold if left else []))]

    def left(self) -> list[str]:
        """One line for each open position and order in the book."""
        held = [f"{one.symbol}: {one.qty} held" for one in self._oms.book.positions()]
        orders = [
            f"{one.symbol}: {one.purpose} order {one.client_id or one.exchange_id} is {one.status}"
            for one in self._oms.book.unsettled()
        ]
        return held + orders

    def _prices(self, positions: Sequence[Position]) -> list[Decimal]:
        """The price at which each position could be closed, to check sizes with: its entry price if the exchange does not say it,
        which keeps nothing from being sold.
        """
        instruments = self._oms.instruments
        tickers = self._tickers(
            {one.symbol for one in positions if instruments[one.symbol].trading is not Trading.SUSPENDED}
        )
        return [closing_price(one, tickers) for one in positions]

    def _tickers(self, symbols: set[str]) -> Mapping[str, Ticker]:
        """The quotes of all these markets by one query; if that fails, of each by one of its own, as far as there is an answer."""
        try:
            return self._oms.prices.tickers(symbols) if symbols else {}
        except BrokerError as error:
            if len(symbols) > 1:
                return {name: quote for one in sorted(symbols) for name, quote in self._tickers({one}).items()}
            self._oms.log.warning(Event.WATCH, symbol=next(iter(symbols)), reason=error.text)
            return {}

    def _cancel(self, order: VenueOrder) -> None:
        """Cancel an order of ours unless it is the stop of a position, which is cancelled with the sale."""
        guards = order.type in STOPS and self._oms.book.position(order.symbol) is not None
        if order.status in WORKING and self._oms.is_mine(order) and not guards:
            self._oms.broker.cancel(order)
            now = self._oms.broker.order(order.exchange_id, order.symbol)
            if now is not None:
                self._oms.sync(now)


@contextmanager
def _noting(failed: list[str]) -> Iterator[None]:
    """Notes what the exchange refuses, and goes on."""
    try:
        yield
    except BrokerError as error:
        failed.append(error.text)
