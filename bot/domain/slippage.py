"""The price paid against the price decided on: the part of a result that no strategy sees. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ZERO
from bot.domain.order import Side
from bot.domain.profit import Leg, Trade

BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class PricedFill:
    """A fill and the price that it was decided at (`leg.decision_price` may be None: then it has no slippage)."""

    account: str
    symbol: str
    side: Side
    leg: Leg

    @property
    def slippage_usd(self) -> Decimal | None:
        """What it cost to trade at another price; negative where the price was better."""
        leg = self.leg
        if leg.decision_price is None:
            return None
        return (leg.price - leg.decision_price) * self.side.sign * leg.qty * leg.quote_usd

    @property
    def slippage_bp(self) -> Decimal | None:
        """The same in basis points of the price decided on."""
        price = self.leg.decision_price
        if price is None or not price:
            return None
        return (self.leg.price - price) * self.side.sign / price / BASIS_POINT

    @property
    def decided_usd(self) -> Decimal:
        """Its value at the price decided on; 0 if there is none."""
        return (self.leg.decision_price or ZERO) * self.leg.qty * self.leg.quote_usd


@dataclass(frozen=True, slots=True)
class Slippage:
    """The slippage of some fills: in dollars, on average (by value) and at worst, in basis points."""

    key: str
    fills: int
    usd: Decimal
    mean_bp: Decimal
    worst_bp: Decimal


def priced_fills(trades: Iterable[Trade], since: int = 0, until: int | None = None) -> list[PricedFill]:
    """The fills of orders from a market time to before `until`, oldest first."""
    return sorted(_fills(trades, since, until), key=lambda fill: (fill.leg.time, fill.account, fill.symbol))


def _fills(trades: Iterable[Trade], since: int, until: int | None) -> Iterator[PricedFill]:
    for trade in trades:
        for leg in trade.legs:
            if since <= leg.time and (until is None or leg.time < until) and leg.is_fill:
                yield PricedFill(trade.account, trade.symbol, trade.side.opposite if leg.closes else trade.side, leg)


def slippage(fills: Iterable[PricedFill], key: Callable[[PricedFill], str]) -> list[Slippage]:
    """The slippage of each group of fills, the dearest first; fills without a decided price are left out."""
    found: dict[str, list[PricedFill]] = defaultdict(list)
    for fill in fills:
        if fill.slippage_bp is not None:
            found[key(fill)].append(fill)
    rows = [_row(name, group) for name, group in found.items()]
    return sorted(rows, key=lambda row: (-row.usd, row.key))


def _row(name: str, group: list[PricedFill]) -> Slippage:
    usd = sum((fill.slippage_usd or ZERO for fill in group), ZERO)
    value = sum((fill.decided_usd for fill in group), ZERO)
    worst = max(fill.slippage_bp or ZERO for fill in group)
    return Slippage(name, len(group), usd, usd / value / BASIS_POINT if value else ZERO, worst)
