"""Accounting: what the account is worth for trading, and what trading earned.

Equity is quote cash, free and held, plus our own positions at what they would sell for; foreign coins never count.
Results come from our fills and positions alone, so that a deposit is no profit and a withdrawal no loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.clock import MINUTE, day_start
from bot.domain.instrument import DOLLARS, Balance, Ticker
from bot.domain.money import ZERO, decimal, plain
from bot.domain.order import Purpose, Side
from bot.domain.position import Position
from bot.engine.desk import Desk, at_stake
from bot.engine.risk import Facts


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at the account. Dollars; `free` is the spendable cash of each quote, `held` what else is there by asset."""

    balance: Decimal
    equity: Decimal
    unrealised: Decimal
    exposure: Decimal
    day_loss: Decimal
    drawdown: Decimal
    free: Mapping[str, Decimal]
    other: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    open_positions: int
    orders_last_minute: int

    def facts(self) -> Facts:
        return Facts(
            equity=self.equity,
            day_loss=self.day_loss,
            drawdown=self.drawdown,
            exposure=self.exposure,
            open_positions=self.open_positions,
            orders_last_minute=self.orders_last_minute,
        )


class Accounting:
    """Measures one account; raises `BrokerError` when the exchange does not answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def measure(self) -> Standing:
        """Balances and prices now, against the book."""
        desk = self._desk
        balances = desk.broker.balances()
        positions = desk.book.positions()
        tickers = desk.broker.tickers({one.symbol for one in positions}) if positions else {}
        prices = {one.symbol: closing_price(one, tickers) for one in positions}
        unrealised = sum((one.unrealised(prices[one.symbol]) for one in positions), ZERO)
        worth = sum((self._worth(one, prices[one.symbol]) for one in positions), ZERO)
        balance = sum((held.total for asset, held in balances.items() if asset in DOLLARS), ZERO)
        day_loss, drawdown = self._results(unrealised)
        return Standing(
            balance=balance,
            equity=balance + worth,
            unrealised=unrealised,
            exposure=sum((one.value(prices[one.symbol]) for one in positions), ZERO) + self._in_doubt(),
            day_loss=day_loss,
            drawdown=drawdown,
            free={asset: held.free for asset, held in balances.items() if asset in DOLLARS},
            other=_foreign(balances, positions, desk.book.dust()),
            prices=prices,
            open_positions=len(positions)
            + len({one.symbol for one in desk.in_flight() if one.purpose is Purpose.ENTRY}),
            orders_last_minute=self._recent_orders(),
        )

    def forget_peak(self) -> None:
        """The operator resumes after a drawdown: it is measured from here on."""
        self._desk.book.remember("peak_result", None)

    def _worth(self, position: Position, price: Decimal) -> Decimal:
        """What a position adds to equity: spot coins their price, swaps their unrealised result."""
        instrument = self._desk.instruments[position.symbol]
        return position.unrealised(price) if instrument.shortable else position.value(price)

    def _in_doubt(self) -> Decimal:
        """Dollars of entries that may have been placed and may still fill."""
        return sum(
            (
                at_stake(record) * (record.limit_price or (record.decision.close if record.decision else ZERO))
                for record in self._desk.book.unsettled()
                if record.purpose is Purpose.ENTRY
            ),
            ZERO,
        )

    def _results(self, unrealised: Decimal) -> tuple[Decimal, Decimal]:
        """What trading lost today and since its best moment."""
        book = self._desk.book
        today = day_start(self._desk.clock.market_ms())
        if book.fact("day") != str(today):
            book.remember("day", str(today))
            book.remember("day_unrealised", plain(unrealised))
        carried = decimal(book.fact("day_unrealised") or "0")
        day_result = book.realised_since(today) + unrealised - carried
        result = book.realised_since(0) + unrealised
        peak = decimal(book.fact("peak_result") or plain(result))
        if result >= peak or book.fact("peak_result") is None:
            peak = max(result, peak)
            book.remember("peak_result", plain(peak))
        return max(-day_result, ZERO), max(peak - result, ZERO)

    def _recent_orders(self) -> int:
        since = self._desk.clock.market_ms() - MINUTE
        return self._desk.book.orders_since(since)


def closing_price(position: Position, tickers: Mapping[str, Ticker]) -> Decimal:
    """What the position could be closed for: bid for longs, ask for shorts; its entry price when nobody quotes it."""
    ticker = tickers.get(position.symbol)
    if ticker is None:
        return position.entry_price
    return ticker.bid if position.side is Side.BUY else ticker.ask


def _foreign(
    balances: Mapping[str, Balance], positions: Sequence[Position], dust: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Coins at the account that our fills did not buy: reported, never touched."""
    ours: dict[str, Decimal] = dict(dust)
    for position in positions:
        ours[position.base] = ours.get(position.base, ZERO) + position.qty
    return {
        asset: held.total - ours.get(asset, ZERO)
        for asset, held in balances.items()
        if asset not in DOLLARS and held.total > ours.get(asset, ZERO)
    }
