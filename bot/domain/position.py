"""Positions: what our fills bought and have not yet sold, and the arithmetic that applies a fill.

Only fills change a position; the strategy changes its plan (stage, stop, kept values).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.domain.fill import Fill
from bot.domain.instrument import DOLLARS, Ticker
from bot.domain.money import ZERO
from bot.domain.order import Decision, Numbers, Side


@dataclass(frozen=True, slots=True)
class Position:
    """One open (or just closed) position. Sizes in base units, prices in the quote, times in market ms.

    `qty` is held now, `initial_qty` is the most that was held, `bought` the quantity after the last purchase, and `cost` what
    that had cost; `entry_price` = cost / bought is the average cost. `stage` is the number of targets reached, `stop_price` the
    price where the stop should be. `realised` is the result so far in the quote; entry fees count as losses at once. For
    `risk_price` and `kept` see `Decision`.
    """

    symbol: str
    side: Side
    qty: Decimal
    initial_qty: Decimal
    bought: Decimal
    cost: Decimal
    stop_price: Decimal
    first_stop: Decimal
    stage: int
    opened_at: int
    candle_close: int
    fee_rate: Decimal
    entry_id: str
    fees: Decimal = ZERO
    realised: Decimal = ZERO
    risk_price: Decimal | None = None
    kept: Numbers = ()

    @property
    def entry_price(self) -> Decimal:
        return self.cost / self.bought if self.bought else ZERO

    @property
    def r(self) -> Decimal:
        """The risk per unit (R): the distance from the entry to where the strategy exits, which is its first stop unless it said
        otherwise.
        """
        return abs(self.entry_price - (self.first_stop if self.risk_price is None else self.risk_price))

    @property
    def base(self) -> str:
        return self.symbol.split("-", 1)[0]

    def tightest(self, *stops: Decimal) -> Decimal:
        """The tightest of `stops` and the current stop: a stop never loosens."""
        return max(self.stop_price, *stops) if self.side is Side.BUY else min(self.stop_price, *stops)

    def unrealised(self, price: Decimal) -> Decimal:
        """The result of closing at `price` before fees, in the quote."""
        return (price - self.entry_price) * self.qty * self.side.sign

    def value(self, price: Decimal) -> Decimal:
        return self.qty * price


def closing_price(position: Position, tickers: Mapping[str, Ticker]) -> Decimal:
    """The price at which the position could be closed: bid for longs, ask for shorts; its entry price if there is no quote."""
    ticker = tickers.get(position.symbol)
    if ticker is None:
        return position.entry_price
    return ticker.bid if position.side is Side.BUY else ticker.ask


def fee_in_quote(fill: Fill) -> Decimal:
    """The fill's fee in the quote: unchanged, or a fee in the coin at the fill's price; other assets by their dollar value."""
    base, quote = fill.symbol.split("-")[:2]
    if fill.fee_asset == quote:
        return fill.fee
    if fill.fee_asset == base:
        return fill.fee * fill.price
    return fill.fee_usd / fill.quote_usd if quote in DOLLARS else ZERO


def opened(fill: Fill, decision: Decision, entry_id: str) -> Position:
    """The position that the first fill of an entry opens."""
    return Position(
        symbol=fill.symbol,
        side=fill.side,
        qty=_gained(fill),
        initial_qty=_gained(fill),
        bought=_gained(fill),
        cost=_gained(fill) * fill.price,
        stop_price=decision.stop,
        first_stop=decision.stop,
        stage=0,
        opened_at=fill.time,
        candle_close=decision.candle_close,
        fee_rate=decision.fee,
        entry_id=entry_id,
        fees=fee_in_quote(fill),
        realised=-fee_in_quote(fill),
        risk_price=decision.risk_price,
        kept=decision.kept,
    )


def after(position: Position, fill: Fill) -> Position:
    """The position after `fill`: larger, or smaller with its result realised by average cost.

    A fee taken in the coin is a loss at the fill's price, so that results equal, to the last digit, the money that moved plus
    the cost of what is held.
    """
    fees = position.fees + fee_in_quote(fill)
    if fill.side is position.side:
        qty = position.qty + _gained(fill)
        return replace(
            position,
            qty=qty,
            initial_qty=max(position.initial_qty, qty),
            bought=qty,
            cost=_cost_of_held(position) + _gained(fill) * fill.price,
            fees=fees,
            realised=position.realised - fee_in_quote(fill),
        )
    then = valued(position, _given(fill), fill.price)
    return replace(then, fees=fees, realised=then.realised - fee_in_quote(fill))


def valued(position: Position, qty: Decimal, price: Decimal) -> Position:
    """The position without `qty`, as if that had been closed at `price` without a fee."""
    earned = (price - position.entry_price) * qty * position.side.sign
    return replace(position, qty=position.qty - qty, realised=position.realised + earned)


def _cost_of_held(position: Position) -> Decimal:
    return position.cost if position.qty == position.bought else position.entry_price * position.qty


def _gained(fill: Fill) -> Decimal:
    """The quantity that an opening fill adds: on spot, less a fee taken in the coin."""
    return fill.base_change if fill.side is Side.BUY else fill.qty


def _given(fill: Fill) -> Decimal:
    """The quantity that a closing fill removes."""
    return -fill.base_change if fill.side is Side.SELL else fill.qty
