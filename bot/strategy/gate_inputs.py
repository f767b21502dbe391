"""What the gates are asked about: one snapshot of an entry that may be made, in parts that are gathered one after the other.

Plain values only: numbers, counts, names of states. Prices and sizes of the rule are floats, money is Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple


class Signal(NamedTuple):
    """What the strategy decided. `unfit`: why there are no candles to decide on ("" when there are); `returns`: whether it
    trades the symbol again after its last trade; `held`: whether the coin is held.
    """

    unfit: str = ""
    side: int = 1
    shortable: bool = False
    returns: bool = True
    held: bool = False


class Operation(NamedTuple):
    """What the daemon, its host and its owner say of the account. `disk`: what is wrong with it, "" for nothing."""

    stopping: bool = False
    exchange: str = "online"
    watching: bool = False
    disk: str = ""
    emergency: bool = False
    watch_only: bool = False
    paused: bool = False
    second_instance: bool = False


class Account(NamedTuple):
    """What the account can do: dollars that buy something here, stops, and whether its history is known."""

    stop_orders: bool
    funds: Decimal
    min_funds: Decimal
    reading: bool = False


class Lost(NamedTuple):
    """What trading lost since its best moment and since 00:00 UTC, in percent, and the most that it may."""

    drawdown_pct: Decimal = Decimal(0)
    max_drawdown_pct: Decimal = Decimal(100)
    day_pct: Decimal = Decimal(0)
    max_day_pct: Decimal = Decimal(100)


class Symbol(NamedTuple):
    """What is known of the symbol before its price is asked for. Times in market ms.

    `candle` is the close of the deciding candle; `stopped_at` the last stop-out (0: none); `wait_min` the minutes until it may
    enter after losses; `to_news` how far the nearest event of the calendar is; `entries` how often it was tried on this candle;
    `denied` why the owner wants no entry here, "" for nothing.
    """

    base: str
    candle: int
    timeframe: int
    unsettled: int
    market: str
    stopped_at: int
    lost_in_a_row: int
    max_lost_in_a_row: int
    wait_min: int
    to_news: int
    entries: int
    max_entries: int
    denied: str = ""


class Capacity(NamedTuple):
    """What the account still has room for. Dollars, except counts; `exposure` and `coin_exposure` (of the coin to be bought,
    over all of its markets) count open positions and whatever orders in doubt may still buy; `max_order` is infinite for none.
    """

    balances_age: int
    open_positions: int
    max_open_positions: int
    orders_last_minute: int
    max_orders_per_minute: int
    equity: Decimal
    exposure: Decimal
    max_exposure_pct: Decimal
    coin_exposure: Decimal
    max_coin_exposure_pct: Decimal
    max_order: Decimal


class Quote(NamedTuple):
    """Bid and ask now against the close of the decision. `missing`: why there is no price, "" when there is one."""

    missing: str
    close: Decimal
    bid: Decimal
    ask: Decimal
    max_jump_pct: Decimal
    max_spread_pct: Decimal


class Strategy(NamedTuple):
    """Whether the strategy could say what it asks of the trade, and how large it is to be."""

    answered: bool


class Offer(NamedTuple):
    """A trade at a price: `where` is the close of the decision, or the ask (shorts: the bid) that its order would pay.

    `widest` is the largest R as a fraction of the price, `target` the price at which it is too late (NaN: never) and `least`
    the R that pays for fees and spread, in price units.
    """

    where: str
    side: int
    price: float
    stop: float
    widest: float
    target: float
    least: float


class Bound(IntEnum):
    """The limits on what an entry may be worth: of one order, of one coin, of all positions together."""

    ORDER = 0
    COIN = 1
    ALL = 2


class Room(NamedTuple):
    """Dollars that one more entry may be worth by the limits on exposure, and the least by any limit, with its `Bound`."""

    total: Decimal
    coin: Decimal
    least: Decimal
    tightest: int


class Order(NamedTuple):
    """The order that would be sent, or where `lots` is 0 the smallest that could be: `value` in dollars at the worst price.

    `smallest` and `allowed` are dollars at the close (see `sizing`); `tightest` is the `Bound` that leaves the least room.
    """

    lots: int
    fit: int
    smallest: float
    allowed: float
    value: Decimal
    max_order: Decimal
    coin_room: Decimal
    room: Decimal
    tightest: int


class Answer(NamedTuple):
    """What came of the order: `rejected` is the exchange's reason ("" when it took the order), `worst` its price limit."""

    rejected: str
    filled: Decimal
    wanted: Decimal
    worst: Decimal
