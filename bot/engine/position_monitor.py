"""Monitors open positions: stops and targets between candles, and the strategy's rules at each close.

Each check updates the book from the stops at the exchange, sells the legs that are due, and leaves the position protected even
if the strategy cannot answer. Nothing here waits: the next check does what this one could not. A target is reached when bid or
ask is there; trades at the target price only trigger a check of bid and ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles
from bot.domain.events import Unfit
from bot.domain.instrument import Instrument, PriceRange, Trading
from bot.domain.log import Event
from bot.domain.money import decimal
from bot.domain.order import Purpose, Side, VenueOrder
from bot.domain.position import Position, closing_price
from bot.engine.candle_cache import CandleCache
from bot.engine.exits import Exits, SaleResult
from bot.engine.order_manager import OrderManager
from bot.engine.protect import Protection, Verdict
from bot.engine.results import last_ended, plan, record_target
from bot.strategy import base as rules
from bot.strategy.base import Close
from bot.strategy.exact import price_of, quantity, trade_of
from bot.strategy.exits import Exit, Trade, stopped
from bot.strategy.grid import towards
from bot.strategy.guarded import GuardedStrategy

#: A check that needs more turns than this to sell what is due continues at the next check.
_TURNS = 8


@dataclass(slots=True)
class PositionMonitor:
    """Monitors the positions of one account. `looked` is the market time (ms) up to which each price was checked."""

    oms: OrderManager
    protection: Protection
    exits: Exits
    strategy: GuardedStrategy
    candle_cache: CandleCache
    timeframe_ms: int
    looked: dict[str, int] = field(default_factory=dict)
    finished: bool = True
    """Whether the last check left nothing to do."""
    at: int = 0
    """When the last check began (market ms)."""
    looks: int = 0
    """The number of checks begun."""
    leaving: dict[str, Close] = field(default_factory=dict)
    """By entry, the exits that the strategy has decided and that no sale has carried out yet."""

    # -- between candles ------------------------------------------------------------------------------------------
    def look(self, seen: Sequence[VenueOrder] | None = None) -> bool:
        """Check every position once; False if something is left to do. `seen` are the open orders if reconciliation has just
        read them and learned how the others ended. Raises `BrokerError` if the exchange does not list the open orders.
        """
        self.finished, self.at = False, self.oms.clock.market_ms()
        self.looks += 1
        idle = not self.oms.book.positions() and not self.oms.book.unsettled()
        self.finished = idle or self._look_after(seen)
        return self.finished

    def _look_after(self, seen: Sequence[VenueOrder] | None) -> bool:
        self.protection.begin()
        self.oms.doubt_rules()
        orders = list(self.oms.broker.open_orders() if seen is None else seen)
        if seen is None:
            self.oms.learn_ended(orders)
        if self.oms.coins.is_due():
            self.oms.coins.count(self.oms.broker.balances())
        naked = self.oms.book.unprotected()
        positions = sorted(self.oms.book.positions(), key=lambda one: one.symbol not in naked)
        self.leaving = {one.entry_id: self.leaving[one.entry_id] for one in positions if one.entry_id in self.leaving}
        minded = [self._manage(position, orders) for position in positions]
        self._release_idle(orders)
        return all(minded)

    def _manage(self, position: Position, orders: list[VenueOrder]) -> bool:
        symbol, market = position.symbol, self.oms.instruments[position.symbol]
        try:
            if market.trading is not Trading.ONLINE:
                self._report_closed(position, market, orders)
            if market.trading is Trading.SUSPENDED:
                return True  # nobody trades there, so there is nothing to do until somebody does
            look = self._asked(position)
            if look is None:
                self.protection.ensure(symbol, None, orders)
            elif self._act(position, look, orders):
                self.looked[symbol] = look.at
                return True
        except BrokerError as error:
            self.oms.markets.record_error(error, symbol)
            self.oms.log.warning(Event.WATCH, symbol=symbol, reason=error.text)
        return False

    def _report_closed(self, position: Position, market: Instrument, orders: Sequence[VenueOrder]) -> None:
        """Look which stops rest in a market that does not take all orders: some exchanges cancel them when they close it."""
        cover = self.protection.cover(position, orders)
        if cover is not None:
            self.oms.markets.report(market, cover)

    def _asked(self, position: Position) -> PriceRange | None:
        """Last price and range; None if the exchange does not answer. A stop can be placed without them."""
        try:
            return self.oms.prices.look(position.symbol, self._since(position))
        except BrokerError as error:
            self.oms.markets.record_error(error, position.symbol)
            self.oms.log.warning(Event.WATCH, symbol=position.symbol, reason=error.text)
            return None

    def _act(self, position: Position, look: PriceRange, orders: list[VenueOrder]) -> bool:
        """Do what the price requires; False if something is left to do, so that this period is checked again."""
        if self.exits.finish_triggered_stop(position, orders):
            return False
        if position.entry_id in self.leaving:
            self._leave(position, look.last)
            if self.oms.book.position(position.symbol) is not None:
                self._protect(position.symbol, look.last)
            return False
        trade, last = self._trade(position), float(look.last)
        if stopped(trade, float(look.high), float(look.low)):
            return self._at_the_stop(position, look, beyond=stopped(trade, last, last), orders=orders)
        if self.strategy.on_price(position.symbol, trade, _range(look)):
            return self._take_legs(position.symbol, look)
        return self._protect(position.symbol, look.last, orders)

    def _at_the_stop(self, position: Position, look: PriceRange, *, beyond: bool, orders: list[VenueOrder]) -> bool:
        """Handle a range that touched the stop: the exchange's stop should have fired; if the price is still beyond it, sell."""
        if beyond:
            return self.exits.exit_beyond_stop(position.symbol, look.last) is SaleResult.DONE
        return self._protect(position.symbol, look.last, orders)

    def _take_legs(self, symbol: str, look: PriceRange) -> bool:
        """Handle trades at a target: sell what is due if bid (or ask) has reached it too. If the price has moved back, nothing
        is sold. What a sale leaves of its leg stays due.
        """
        ticker = self.oms.prices.tickers({symbol}).get(symbol)
        if ticker is None:
            return self._protect(symbol, look.last)
        sold = 0
        for _ in range(_TURNS):
            position = self.oms.book.position(symbol)
            if position is None:
                return True
            price = closing_price(position, {symbol: ticker})
            leg = self._due(position, price)
            if leg is None:
                return self._protect(symbol, look.last)
            if leg.lots == 0:
                record_target(self.oms, position, leg.stage)
            elif leg.stage == sold or self._sell(position, leg, price) is SaleResult.LATER:
                return False
            else:
                sold = leg.stage
        return False

    def _due(self, position: Position, price: Decimal) -> Exit | None:
        """The first leg that is due at the current price, unless the stop is."""
        trade, at = self._trade(position), float(price)
        if stopped(trade, at, at):
            return None
        due = self.strategy.on_price(position.symbol, trade, rules.TradedRange(at, at, at))
        return due[0] if due else None

    def _sell(self, position: Position, leg: Exit, price: Decimal) -> SaleResult:
        """Sell a leg at its target or slightly worse."""
        instrument, symbol = self.oms.instruments[position.symbol], position.symbol
        qty = quantity(leg.lots, instrument.lot)
        if leg.lots >= self._trade(position).held:
            qty = position.qty
        worst = price_of(leg.price)
        limit = instrument.price_up(worst) if position.side is Side.BUY else instrument.price_down(worst)
        reason = f"target {leg.stage} reached"
        return self.exits.sell(symbol, qty, price, Purpose.target(leg.stage), reason, limit=limit)

    def _protect(self, symbol: str, price: Decimal, orders: Sequence[VenueOrder] | None = None) -> bool:
        verdict = self.protection.ensure(symbol, price, orders)
        if verdict is Verdict.BEYOND_STOP:
            return self.exits.exit_beyond_stop(symbol, price) is SaleResult.DONE
        if verdict is Verdict.REFUSED:
            return self.exits.exit_unprotectable(symbol, price) is SaleResult.DONE
        if verdict is Verdict.UNPROTECTED:
            self.exits.close_as_dust(symbol, price, self._why_small(symbol))
        return verdict is Verdict.PROTECTED

    def _why_small(self, symbol: str) -> str:
        """Why the rest is too small to protect or sell: what sold the other part, if anything did."""
        position, ended = self.oms.book.position(symbol), last_ended(self.oms, symbol)
        if position is None or ended is None or ended.at < position.opened_at:
            return "too small to be protected or sold"
        return f"sold before by its {ended.exit}"

    # -- at a candle's close --------------------------------------------------------------------------------------
    def walk(self) -> None:
        """Pass every candle that closed since the last walk, as far as they have arrived, through the strategy."""
        for position in self.oms.book.positions():
            candles = self.candle_cache.of(position.symbol)
            try:
                if isinstance(candles, Candles):
                    self._walk_one(position, candles)
            except BrokerError as error:
                self.oms.log.warning(Event.WATCH, symbol=position.symbol, reason=error.text)

    def say_unfit(self) -> None:
        """Log the positions whose candles cannot be used now, except of closed markets, which were logged as such once."""
        for position in self.oms.book.positions():
            found = self.candle_cache.of(position.symbol)
            if isinstance(found, Unfit) and self.oms.instruments[position.symbol].trading is not Trading.SUSPENDED:
                self.oms.log.warning(Event.WATCH, symbol=position.symbol, reason=found.reason)

    def _walk_one(self, position: Position, candles: Candles) -> None:
        since = max(int(self.oms.book.get_state(_walked(position.symbol)) or 0), position.opened_at)
        for index in range(int(candles.time.searchsorted(since - self.timeframe_ms, side="right")), len(candles)):
            held = self.oms.book.position(position.symbol)
            if held is None or not self._after_close(held, candles[: index + 1]):
                break

    def _after_close(self, position: Position, candles: Candles) -> bool:
        """Apply the strategy to one close; False if the position is to be (or was) sold. A close that the strategy cannot judge
        changes nothing. The close is stored as walked together with its effects, so that kept values never count a close twice.
        """
        symbol = position.symbol
        trade = self._trade(position)
        close = self.strategy.on_close(symbol, trade, candles)
        if close is not None and close.exit:
            self.leaving[position.entry_id] = close
            self._leave(position, self._price_after(candles, position))
            return False
        self.oms.book.set_state_deferred(_walked(symbol), str(candles.closed_at))
        if close is not None:
            plan(self.oms, position, position.stage, towards(trade.side, close.stop, trade.tick), close.kept)
        return True

    def _leave(self, position: Position, price: Decimal) -> None:
        """Sell a position as its strategy has decided."""
        close = self.leaving[position.entry_id]
        reason = f"{close.exit}: {close.words}" if close.words else close.exit
        self.exits.sell(position.symbol, position.qty, price, Purpose.EXIT, reason, by=close.exit)

    def _price_after(self, candles: Candles, position: Position) -> Decimal:
        """The price to judge a sale after this close with: the close, or the current price if it is not the newest one."""
        if candles.closed_at != self.candle_cache.newest():
            tickers = self.oms.prices.tickers({position.symbol})
            if position.symbol in tickers:
                return closing_price(position, tickers)
        return decimal(repr(float(candles.close[-1])))

    # -- parts ----------------------------------------------------------------------------------------------------
    def resume(self) -> None:
        """After a start, count targets as reached that were sold before the stage could be stored."""
        for position in self.oms.book.positions():
            records = self.oms.book.orders_of(position.symbol, position.candle_close)
            sold = [record.purpose.stage for record in records if record.booked_qty > 0]
            record_target(self.oms, position, max(sold, default=0))

    def keep(self) -> None:
        """Store how far prices were checked, for the next start."""
        for position in self.oms.book.positions():
            at = self.looked.get(position.symbol)
            if at is not None:
                self.oms.book.set_state_deferred(f"looked:{position.symbol}", str(at))

    def _since(self, position: Position) -> int:
        seen = self.looked.get(position.symbol)
        if seen is None:
            seen = int(self.oms.book.get_state(f"looked:{position.symbol}") or 0)
        return max(seen, position.opened_at)

    def _trade(self, position: Position) -> Trade:
        return trade_of(position, self.oms.instruments[position.symbol])

    def _release_idle(self, orders: Sequence[VenueOrder]) -> None:
        """Cancel stops without a position: they protect nothing and could sell coins that are not ours.

        A stop whose entry the book never saw is kept, because it may still protect coins bought before the database was lost.
        """
        open_symbols = {position.symbol for position in self.oms.book.positions()}
        entering = {record.symbol for record in self.oms.book.unsettled() if record.purpose is Purpose.ENTRY}
        for record in self.oms.book.unsettled():
            idle = record.purpose is Purpose.STOP and record.symbol not in open_symbols | entering
            if idle and self.oms.book.has_entered(record.symbol):
                self.protection.release(orders, record.symbol, record.side.opposite)


def _range(look: PriceRange) -> rules.TradedRange:
    return rules.TradedRange(float(look.last), float(look.high), float(look.low))


def _walked(symbol: str) -> str:
    """Name of the stored state: the close (market ms) up to which a symbol's candles were walked."""
    return f"walked:{symbol}"
