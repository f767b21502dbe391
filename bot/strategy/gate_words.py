"""Explains to the owner why a gate blocks: its value and limit with units, and one sentence that names the setting."""

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
    """A blocking gate, for people: the value found, the limit, and why there is no entry."""

    value: str
    limit: str
    reason: str


def explained(blocked: Blocked) -> Words:
    """The explanation of a blocking gate."""
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
    Gate.CANDLES: (plain, "the candles cannot be used: {value}"),
    Gate.SHORT: (plain, "a short signal, but this market can only be bought"),
    Gate.NO_RETURN: (plain, "the strategy does not return to this market yet after its last trade"),
    Gate.HELD: (plain, "its coin is already held"),
    Gate.STOPPING: (plain, "stopping"),
    Gate.EXCHANGE: (plain, "the exchange is in {value}"),
    Gate.WATCHING: (plain, "watching whether another NIJA trades here"),
    Gate.DISK: (plain, "{value}"),
    Gate.EMERGENCY_STOP: (plain, "the file EMERGENCY_STOP exists"),
    Gate.WATCH_ONLY: (plain, "watched only: MULTI_BROKER_INDEPENDENT is false and another broker trades"),
    Gate.PAUSED: (plain, "paused by the operator"),
    Gate.SECOND_INSTANCE: (plain, "another NIJA trades this account"),
    Gate.EVIDENCE: (plain, "no evidence that the strategy earns, REQUIRE_EVIDENCE is true: {value}"),
    Gate.STOP_ORDERS: (plain, "the exchange accepts no stop orders from this account"),
    Gate.FUNDS: (_dollars, "unfunded: {value} to trade with, less than MIN_BALANCE_USD {limit}"),
    Gate.HISTORY: (plain, "the exchange's history is still being read"),
    Gate.DRAWDOWN: (
        _percent,
        "{value} lost since the peak, MAX_DRAWDOWN_PCT is {limit}: no new entries until `nija resume`",
    ),
    Gate.DAILY_LOSS: (
        _percent,
        "{value} lost since 00:00 UTC, MAX_DAILY_LOSS_PCT is {limit}: no new entries until the next UTC day",
    ),
    Gate.DENIED: (plain, "{value}"),
    Gate.UNSETTLED: (plain, "an order in {part.base} is not settled yet"),
    Gate.MARKET: (plain, "the market accepts no entries now: {value}"),
    Gate.STOPPED_OUT: (_time, "stopped out in this candle, at {value}: no entry until the next candle"),
    Gate.LOSSES: (
        plain,
        "{value} positions lost in a row, MAX_LOSSES_IN_A_ROW is {limit}: {part.wait_min} min to wait (LOSS_COOLDOWN_MINUTES)",
    ),
    Gate.NEWS: (_minutes, "an event of the calendar (NEWS_CALENDAR) is {value} away, within {limit}"),
    Gate.CANDLE_USED: (plain, "already entered on this candle"),
    Gate.BALANCES: (_seconds, "the balances are {value} old, more than the {limit} allowed"),
    Gate.POSITIONS: (plain, "{value} positions are open, MAX_OPEN_POSITIONS is {limit}"),
    Gate.ORDER_RATE: (plain, "{value} orders in the last minute, MAX_ORDERS_PER_MINUTE is {limit}"),
    Gate.PRICE: (plain, "no price: {value}"),
    Gate.BID_ASK: (plain, "impossible prices: bid {value}, ask {limit}"),
    Gate.JUMP: (_percent, "the price is {value} away from the last close, more than MAX_PRICE_JUMP_PCT {limit}"),
    Gate.SPREAD: (_percent, "the spread is too wide: {value}, more than MAX_SPREAD_PCT {limit}"),
    Gate.STRATEGY: (plain, "the strategy could not answer: see the STRATEGY line"),
    Gate.STOP: (_price, "the {part.where} {limit} is at its stop {value} or beyond"),
    Gate.RISK: (
        _percent,
        "the stop is too far from the {part.where} {price}: {value} of the price, more than {limit}",
    ),
    Gate.TARGET: (_price, "too late: the {part.where} {value} has already reached the first target {limit}"),
    Gate.COSTS: (
        _price,
        "R {value} at the {part.where} {price} does not cover fees and spread: {limit} is needed (MIN_REWARD_TO_COST)",
    ),
    Gate.SIZE: (
        _dollars,
        "too little equity: the smallest order that can be sold again, {value}, exceeds {limit} (MAX_POSITION_PCT_SMALL or less)",
    ),
    Gate.ORDER_VALUE: (_dollars, "an order of {value} exceeds MAX_ORDER_USD {limit}"),
    Gate.COIN_EXPOSURE: (_dollars, "an order of {value} exceeds what MAX_COIN_EXPOSURE_PCT allows, {limit}"),
    Gate.EXPOSURE: (_dollars, "an order of {value} exceeds what MAX_EXPOSURE_PCT allows, {limit}"),
    Gate.CASH: (
        _dollars,
        "too little free cash: the smallest order that can be sold again, {value}, exceeds the {limit} that may be spent",
    ),
    Gate.REJECTED: (plain, "the exchange refused the order: {value}"),
    Gate.UNFILLED: (plain, "nothing filled within the price limit {part.worst}"),
}
