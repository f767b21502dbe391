"""All gates of an entry, in the order they are checked.

A *gate* checks its part of the snapshot; it *blocks* the entry or lets it pass. The parts are collected one after another, so
that costly ones (a price from the exchange) are fetched only after all earlier gates have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum, auto
from typing import Any, NamedTuple, TypeVar

from bot.strategy import checks
from bot.strategy.checks import Check, Value
from bot.strategy.gate_inputs import (
    Account,
    Answer,
    Capacity,
    Lost,
    Offer,
    Operation,
    Order,
    Quote,
    Signal,
    Strategy,
    Symbol,
)


class Gate(IntEnum):
    """Every gate, in the order they are checked."""

    CANDLES = auto()
    SHORT = auto()
    NO_RETURN = auto()
    HELD = auto()
    STOPPING = auto()
    EXCHANGE = auto()
    WATCHING = auto()
    DISK = auto()
    EMERGENCY_STOP = auto()
    WATCH_ONLY = auto()
    PAUSED = auto()
    SECOND_INSTANCE = auto()
    EVIDENCE = auto()
    STOP_ORDERS = auto()
    FUNDS = auto()
    HISTORY = auto()
    DRAWDOWN = auto()
    DAILY_LOSS = auto()
    DENIED = auto()
    UNSETTLED = auto()
    MARKET = auto()
    STOPPED_OUT = auto()
    LOSSES = auto()
    NEWS = auto()
    CANDLE_USED = auto()
    BALANCES = auto()
    POSITIONS = auto()
    ORDER_RATE = auto()
    PRICE = auto()
    BID_ASK = auto()
    JUMP = auto()
    SPREAD = auto()
    STRATEGY = auto()
    STOP = auto()
    RISK = auto()
    TARGET = auto()
    COSTS = auto()
    SIZE = auto()
    ORDER_VALUE = auto()
    COIN_EXPOSURE = auto()
    EXPOSURE = auto()
    CASH = auto()
    REJECTED = auto()
    UNFILLED = auto()

    @property
    def word(self) -> str:
        """Its name in the log and in counts."""
        return self.name.lower()


class Blocked(NamedTuple):
    """The gate that blocks an entry, its numbers, and the part of the snapshot that it checked."""

    gate: Gate
    value: Value
    limit: Value
    part: Any


class GateResult(NamedTuple):
    """A gate that was checked, and its result."""

    gate: Gate
    check: Check


P = TypeVar("P", bound=tuple[Any, ...])
Rows = Mapping[Gate, Callable[[P], Check]]

SIGNAL: Rows[Signal] = {
    Gate.CANDLES: checks.candles,
    Gate.SHORT: checks.short,
    Gate.NO_RETURN: checks.no_return,
    Gate.HELD: checks.held,
}
OPERATION: Rows[Operation] = {
    Gate.STOPPING: checks.stopping,
    Gate.EXCHANGE: checks.exchange,
    Gate.WATCHING: checks.watching,
    Gate.DISK: checks.disk,
    Gate.EMERGENCY_STOP: checks.emergency_stop,
    Gate.WATCH_ONLY: checks.watch_only,
    Gate.PAUSED: checks.paused,
    Gate.SECOND_INSTANCE: checks.second_instance,
    Gate.EVIDENCE: checks.evidence,
}
ACCOUNT: Rows[Account] = {Gate.STOP_ORDERS: checks.stop_orders, Gate.FUNDS: checks.funds, Gate.HISTORY: checks.history}
LOST: Rows[Lost] = {Gate.DRAWDOWN: checks.drawdown, Gate.DAILY_LOSS: checks.daily_loss}
SYMBOL: Rows[Symbol] = {
    Gate.DENIED: checks.denied,
    Gate.UNSETTLED: checks.unsettled,
    Gate.MARKET: checks.market,
    Gate.STOPPED_OUT: checks.stopped_out,
    Gate.LOSSES: checks.losses,
    Gate.NEWS: checks.news,
    Gate.CANDLE_USED: checks.candle_used,
}
CAPACITY: Rows[Capacity] = {
    Gate.BALANCES: checks.balances,
    Gate.POSITIONS: checks.positions,
    Gate.ORDER_RATE: checks.order_rate,
}
QUOTE: Rows[Quote] = {
    Gate.PRICE: checks.price,
    Gate.BID_ASK: checks.bid_ask,
    Gate.JUMP: checks.jump,
    Gate.SPREAD: checks.spread,
}
STRATEGY: Rows[Strategy] = {Gate.STRATEGY: checks.strategy}
#: Checked at the close of the decision, and again at the price to be paid.
OFFER: Rows[Offer] = {
    Gate.STOP: checks.stop,
    Gate.RISK: checks.risk,
    Gate.TARGET: checks.target,
    Gate.COSTS: checks.costs,
}
ORDER: Rows[Order] = {
    Gate.SIZE: checks.size,
    Gate.ORDER_VALUE: checks.order_value,
    Gate.COIN_EXPOSURE: checks.coin_exposure,
    Gate.EXPOSURE: checks.exposure,
    Gate.CASH: checks.cash,
}
ANSWER: Rows[Answer] = {Gate.REJECTED: checks.rejected, Gate.UNFILLED: checks.unfilled}
#: Of no interest to an owner, so neither logged nor counted: a signal in a market that is held, that cannot be sold short, or that
#: the strategy does not enter again yet.
QUIET = frozenset({Gate.SHORT, Gate.NO_RETURN, Gate.HELD})
#: All gates, in the order they are checked.
GATES: tuple[Rows[Any], ...] = (
    SIGNAL,
    OPERATION,
    ACCOUNT,
    LOST,
    SYMBOL,
    CAPACITY,
    QUOTE,
    STRATEGY,
    OFFER,
    ORDER,
    ANSWER,
)


def asked_in_order(rows: Rows[P]) -> Callable[[P], int]:
    """`first` as a function that can be compiled: the number of the gate that blocks, or 0 if all pass.

    Each function asks four gates: one gate each, nested, takes much longer to compile.
    """
    found: Callable[[P], int] = _passes
    rest = [(int(gate), check) for gate, check in rows.items()]
    rest += [(0, _open)] * (-len(rest) % 4)
    while rest:
        rest, four = rest[:-4], rest[-4:]
        found = _asked_first(four, found)
    return found


def _passes(_part: object) -> int:
    return 0


def _open(_part: object) -> Check:
    return Check(False, 0.0, 0.0)


def _asked_first(four: Sequence[tuple[int, Callable[[P], Check]]], others: Callable[[P], int]) -> Callable[[P], int]:
    (gate_1, check_1), (gate_2, check_2), (gate_3, check_3), (gate_4, check_4) = four

    def blocked_by(part: P) -> int:
        if check_1(part).blocked:
            return gate_1
        if check_2(part).blocked:
            return gate_2
        if check_3(part).blocked:
            return gate_3
        return gate_4 if check_4(part).blocked else others(part)

    return blocked_by


def first(rows: Rows[P], part: P, asked: list[GateResult] | None = None) -> Blocked | None:
    """The first gate of `rows` that blocks, or None if all pass; appends each gate that was checked to `asked`."""
    for gate, check in rows.items():
        found = check(part)
        if asked is not None:
            asked.append(GateResult(gate, found))
        if found.blocked:
            return Blocked(gate, found.value, found.limit, part)
    return None
