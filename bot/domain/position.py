"""Positions: what our fills bought and have not sold again, and the arithmetic that folds a fill into one.

A position changes through fills only; its plan (stage, stop, what is kept) changes through the strategy's rule.
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

    `qty` is what is held now, `initial_qty` the most that was held, `bought` what was held after the last purchase and `cost`
    what that had cost (`entry_price` = cost / bought, the average cost), `stage` the number of targets reached, `stop_price` where
    the stop belongs now, `realised` what was earned so far, in the quote: entry fees are losses at once. `risk_price` and `kept`:
    see `Decision`.
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
        """What one unit risks: the way from the entry to where the strategy gets out, at its first stop unless it said otherwise."""
        return abs(self.entry_price - (self.first_stop if self.risk_price is None else self.risk_price))

    @property
    def base(self) -> str:
        return self.symbol.split("-", 1)[0]

    def tightest(self, *stops: Decimal) -> Decimal:
        """The stop that gives away least, of `stops` and the one there is: a stop never loosens."""
        return max(self.stop_price, *stops) if self.side is Side.BUY else min(self.stop_price, *stops)

    def unrealised(self, price: Decimal) -> Decimal:
        """What closing at `price` would earn before fees, in the quote."""
        return (price - self.entry_price) * self.qty * self.side.sign

    def value(self, price: Decimal) -> Decimal:
        return self.qty * price


def closing_price(position: Position, tickers: Mapping[str, Ticker]) -> Decimal:
    """What the position could be closed for: bid for longs, ask for shorts; its entry price when nobody quotes it."""
    ticker = tickers.get(position.symbol)
    if ticker is None:
        return position.entry_price
    return ticker.bid if position.side is Side.BUY else ticker.ask


def fee_in_quote(fill: Fill) -> Decimal:
    """The fill's fee in the quote: as it is, or the coin's fee at the fill's price; other assets count by their dollars."""
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
    """The position once `fill` is booked: more of it, or less of it with its result realised, by average cost.

    A fee taken in the coin is a loss at the fill's price, so that results are to the last digit the money that moved and the
    cost of what is held.
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
    """The position without `qty` of it, as if that had been closed at `price` for nothing."""
    earned = (price - position.entry_price) * qty * position.side.sign
    return replace(position, qty=position.qty - qty, realised=position.realised + earned)


def _cost_of_held(position: Position) -> Decimal:
    return position.cost if position.qty == position.bought else position.entry_price * position.qty


def _gained(fill: Fill) -> Decimal:
    """What an opening fill adds: on spot a fee taken in the coin is not held."""
    return fill.base_change if fill.side is Side.BUY else fill.qty


def _given(fill: Fill) -> Decimal:
    """What a closing fill takes away."""
    return -fill.base_change if fill.side is Side.SELL else fill.qty
