"""Parses OKX's open contract positions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.brokers.common.answers import number, text
from bot.brokers.okx.answers import Units, set_price, sized
from bot.domain.money import ZERO
from bot.domain.order import Side


@dataclass(frozen=True, slots=True)
class SwapPosition:
    """account/positions: one contract position, sized in base units. `funding` is what it has received (negative: paid) so far.

    `distance` is how far the mark price can move against it before liquidation, as a fraction of the mark price.
    """

    symbol: str
    side: Side
    qty: Decimal
    entry: Decimal
    mark: Decimal
    liquidation: Decimal | None
    leverage: Decimal
    margin: str
    funding: Decimal
    unrealised: Decimal

    @property
    def distance(self) -> Decimal | None:
        if self.liquidation is None or self.mark <= 0:
            return None
        return (self.mark - self.liquidation) * self.side.sign / self.mark


def positions(rows: Iterable[object], units: Units) -> list[SwapPosition]:
    """Position rows. OKX keeps showing closed positions with blank values; they are left out."""
    found = ((row, unit, number(row, "pos", ZERO)) for row, unit in sized(rows, units))
    return [_position(row, unit, pos) for row, unit, pos in found if pos and text(row, "instType") != "MARGIN"]


def _position(row: Mapping[str, Any], unit: Decimal, pos: Decimal) -> SwapPosition:
    short = text(row, "posSide") == "short" or (text(row, "posSide") == "net" and pos < 0)
    return SwapPosition(
        symbol=text(row, "instId"),
        side=Side.SELL if short else Side.BUY,
        qty=abs(pos) * unit,
        entry=number(row, "avgPx", ZERO),
        mark=number(row, "markPx", ZERO),
        liquidation=set_price(row, "liqPx"),
        leverage=number(row, "lever", ZERO),
        margin=text(row, "mgnMode"),
        funding=number(row, "fundingFee", ZERO),
        unrealised=number(row, "upl", ZERO),
    )
