"""Which currency pays for an entry, and how much of it is free: of those that its market takes, the fullest one."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from bot.domain.instrument import Instrument
from bot.domain.money import ZERO
from bot.domain.order import Purpose
from bot.engine.accounting import AccountSnapshot, in_doubt
from bot.engine.order_manager import OrderManager


class Money(NamedTuple):
    """What is free of one currency."""

    currency: str
    free: Decimal


def best_funded_currency(oms: OrderManager, instrument: Instrument, snapshot: AccountSnapshot) -> Money:
    """The currency of `instrument` with the most free cash, less what went out (or may have) since it was counted."""
    spent = _spent(oms, snapshot)
    candidates = [
        Money(one, max(snapshot.free.get(one, ZERO) - spent.get(one, ZERO), ZERO)) for one in instrument.currencies
    ]
    return max(candidates, key=lambda money: money.free)


def _spent(oms: OrderManager, snapshot: AccountSnapshot) -> dict[str, Decimal]:
    """By currency, what entries have cost that the count of the cash does not show yet."""
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
