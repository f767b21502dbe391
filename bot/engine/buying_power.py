"""Which currency pays for an entry: of those that its market accepts, the one with the most free cash."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from bot.domain.instrument import Instrument
from bot.domain.money import ZERO
from bot.domain.order import Purpose
from bot.engine.accounting import AccountSnapshot, in_doubt
from bot.engine.order_manager import OrderManager


class Money(NamedTuple):
    """The free cash of one currency."""

    currency: str
    free: Decimal


def best_funded_currency(oms: OrderManager, instrument: Instrument, snapshot: AccountSnapshot) -> Money:
    """The currency of `instrument` with the most free cash, less what entries have spent, or may have, since the measurement."""
    spent = _spent(oms, snapshot)
    candidates = [
        Money(one, max(snapshot.free.get(one, ZERO) - spent.get(one, ZERO), ZERO)) for one in instrument.currencies
    ]
    return max(candidates, key=lambda money: money.free)


def _spent(oms: OrderManager, snapshot: AccountSnapshot) -> dict[str, Decimal]:
    """By currency, the cost of entries that the measured cash does not reflect yet."""
    spent: dict[str, Decimal] = {}
    for position in oms.book.positions():
        if position.symbol not in snapshot.prices:
            currency = oms.paid_in(position.symbol) or _quote(position.symbol)
            spent[currency] = spent.get(currency, ZERO) + position.cost + position.fees
    for record in oms.book.unsettled():
        if record.purpose is Purpose.ENTRY:
            currency = record.pay_in or _quote(record.symbol)
            spent[currency] = spent.get(currency, ZERO) + in_doubt(record)
    return spent


def _quote(symbol: str) -> str:
    return symbol.split("-")[1]
