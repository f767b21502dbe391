"""What a gate that blocks says to an owner: its number and its limit in their units, and one sentence that names the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from bot.domain.clock import MINUTE, SECOND, iso
from bot.domain.money import plain, usd
from bot.strategy.checks import Value
from bot.strategy.gate_inputs import Offer
from bot.strategy.gates import Blocked, Gate


class Words(NamedTuple):
    """A gate that blocks, for people: what it found, what it must be, and why that is no entry."""

    value: str
    limit: str
    reason: str


def explained(blocked: Blocked) -> Words:
    """The words of a gate that blocks."""
    unit, sentence = _SENTENCES[blocked.gate]
    value, limit = _shown(blocked.value, unit), _shown(blocked.limit, unit)
    price = _price(Decimal(blocked.part.price)) if isinstance(blocked.part, Offer) else ""
    return Words(value, limit, sentence.format(value=value, limit=limit, price=price, part=blocked.part))


def _shown(value: Value, unit: Callable[[Decimal], str]) -> str:
    return value if isinstance(value, str) else unit(Decimal(value))


def _price(value: Decimal) -> str:
    return plain(Decimal(f"{value:.8g}"))


def _percent(value: Decimal) -> str:
    return f"{value:.2f} %"


def _dollars(value: Decimal) -> str:
    return usd(max(value, Decimal(0)))


def _seconds(value: Decimal) -> str:
    return f"{value // SECOND} s"


def _minutes(value: Decimal) -> str:
    return f"{-(-int(value) // MINUTE)} min"


def _time(value: Decimal) -> str:
    return iso(int(value))


_SENTENCES: Mapping[Gate, tuple[Callable[[Decimal], str], str]] = {
    Gate.CANDLES: (plain, "no decision without sound candles: {value}"),
    Gate.SHORT: (plain, "a short signal: this market can only be bought"),
    Gate.NO_RETURN: (plain, "the strategy does not return to this market yet after its last trade"),
    Gate.HELD: (plain, "its coin is held already"),
    Gate.STOPPING: (plain, "stopping"),
    Gate.EXCHANGE: (plain, "the exchange is in {value}"),
    Gate.WATCHING: (plain, "watched whether another NIJA lives here"),
    Gate.DISK: (plain, "{value}"),
    Gate.EMERGENCY_STOP: (plain, "EMERGENCY_STOP is there"),
    Gate.WATCH_ONLY: (plain, "watched only: MULTI_BROKER_INDEPENDENT is false and another broker trades"),
    Gate.PAUSED: (plain, "paused by the operator"),
    Gate.SECOND_INSTANCE: (plain, "another NIJA trades this account"),
    Gate.STOP_ORDERS: (plain, "the exchange takes no stop orders from this account"),
    Gate.FUNDS: (_dollars, "unfunded: {value} to trade with, less than MIN_BALANCE_USD {limit}"),
    Gate.HISTORY: (plain, "the exchange's history is still being read"),
    Gate.DRAWDOWN: (
        _percent,
        "{value} lost since the best moment, MAX_DRAWDOWN_PCT is {limit}: no new entries until `nija resume`",
    ),
    Gate.DAILY_LOSS: (
        _percent,
        "{value} lost since 00:00 UTC, MAX_DAILY_LOSS_PCT is {limit}: no new entries until the next UTC day",
    ),
    Gate.DENIED: (plain, "{value}"),
    Gate.UNSETTLED: (plain, "an order of {part.base} is not settled"),
    Gate.MARKET: (plain, "the market takes no entries now: {value}"),
    Gate.STOPPED_OUT: (_time, "stopped out in this candle, at {value}: the next one may enter"),
    Gate.LOSSES: (
        plain,
        "{value} positions lost in a row, MAX_LOSSES_IN_A_ROW is {limit}: {part.wait_min} min to wait (LOSS_COOLDOWN_MINUTES)",
    ),
    Gate.NEWS: (_minutes, "an event of the calendar (NEWS_CALENDAR) is {value} away, within {limit}"),
    Gate.CANDLE_USED: (plain, "entered on this candle already"),
    Gate.BALANCES: (_seconds, "the balances are {value} old, at most {limit} is traded on"),
    Gate.POSITIONS: (plain, "{value} positions are open, MAX_OPEN_POSITIONS is {limit}"),
    Gate.ORDER_RATE: (plain, "{value} orders in the last minute, MAX_ORDERS_PER_MINUTE is {limit}"),
    Gate.PRICE: (plain, "no price: {value}"),
    Gate.BID_ASK: (plain, "prices that cannot be: bid {value}, ask {limit}"),
    Gate.JUMP: (_percent, "the price is {value} away from the last close, more than MAX_PRICE_JUMP_PCT {limit}"),
    Gate.SPREAD: (_percent, "the spread is too wide: {value}, more than MAX_SPREAD_PCT {limit}"),
    Gate.STRATEGY: (plain, "the strategy could not answer, see the STRATEGY line"),
    Gate.STOP: (_price, "the {part.where} {limit} is at its stop {value} or beyond"),
    Gate.RISK: (
        _percent,
        "the stop is too far from the {part.where} {price}: {value} of the price, more than {limit}",
    ),
    Gate.TARGET: (_price, "too late: the {part.where} {value} has reached the first target {limit} of the decision"),
    Gate.COSTS: (
        _price,
        "R {value} at the {part.where} {price} does not pay fees and spread: that takes {limit} (MIN_REWARD_TO_COST)",
    ),
    Gate.SIZE: (
        _dollars,
        "too little equity: the smallest order to be sold again, {value}, is more than {limit} (MAX_POSITION_PCT_SMALL or less)",
    ),
    Gate.ORDER_VALUE: (_dollars, "an order of {value} is more than MAX_ORDER_USD {limit}"),
    Gate.COIN_EXPOSURE: (_dollars, "an order of {value} is more than MAX_COIN_EXPOSURE_PCT has room for, {limit}"),
    Gate.EXPOSURE: (_dollars, "an order of {value} is more than MAX_EXPOSURE_PCT has room for, {limit}"),
    Gate.CASH: (
        _dollars,
        "too little free cash: the smallest order to be sold again, {value}, is more than may be spent, {limit}",
    ),
    Gate.REJECTED: (plain, "the exchange refused the order: {value}"),
    Gate.UNFILLED: (plain, "nothing filled within the price limit {part.worst}"),
}
