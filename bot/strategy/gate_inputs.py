"""The data that the gates check: a snapshot of one possible entry, in parts that are gathered one after the other.

Plain values only: numbers, counts, names of states. Prices and sizes of the strategy are floats, money is Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple


class Signal(NamedTuple):
    """The strategy's decision. `unfit`: why there are no candles to decide on ("" if there are); `returns`: whether it trades
    the symbol again after its last trade; `held`: whether the coin is held.
    """

    unfit: str = ""
    side: int = 1
    shortable: bool = False
    returns: bool = True
    held: bool = False


class Operation(NamedTuple):
    """The state of the account set by daemon, host and owner. `disk`: the problem with the disk, "" for none;
    `evidence`: why the owner's REQUIRE_EVIDENCE is not satisfied, "" if it is or nothing is required.
    """

    stopping: bool = False
    exchange: str = "online"
    watching: bool = False
    disk: str = ""
    emergency: bool = False
    watch_only: bool = False
    paused: bool = False
    second_instance: bool = False
    evidence: str = ""


class Account(NamedTuple):
    """What the account can do: whether it accepts stops, its usable dollars, and whether its history is still being read."""

    stop_orders: bool
    funds: Decimal
    min_funds: Decimal
    reading: bool = False


class Lost(NamedTuple):
    """What trading lost since its peak and since 00:00 UTC, and the limits of both, in percent."""

    drawdown_pct: Decimal = Decimal(0)
    max_drawdown_pct: Decimal = Decimal(100)
    day_pct: Decimal = Decimal(0)
    max_day_pct: Decimal = Decimal(100)


class Symbol(NamedTuple):
    """What is known of the symbol before its price is requested. Times in market ms.

    `candle` is the close of the candle of the decision. `stopped_at` is the last stop-out (0: none). `wait_min` is the rest of
    the cooldown after losses, in minutes. `to_news` is the distance of the nearest event of the calendar. `entries` counts the
    attempts on this candle. `denied` is why the owner wants no entry here, "" for no denial.
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
    """The account's remaining capacity, in dollars except counts. `exposure` and `coin_exposure` (of the coin to buy, over all
    its markets) include open positions and what unsettled orders may still buy. `max_order` is infinite for no limit.
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
    """Current bid and ask, and the close of the decision. `missing`: why there is no price, "" if there is one."""

    missing: str
    close: Decimal
    bid: Decimal
    ask: Decimal
    max_jump_pct: Decimal
    max_spread_pct: Decimal


class Strategy(NamedTuple):
    """Whether the strategy could give its requirements and the size of the trade."""

    answered: bool


class Offer(NamedTuple):
    """A trade at a price. `where` names that price: the close of the decision, or the ask (shorts: the bid) that its order would
    pay.

    `widest` is the largest allowed R as a fraction of the price, `target` the price from which it is too late (NaN: never), and
    `least` the smallest R that covers fees and spread, in price units.
    """

    where: str
    side: int
    price: float
    stop: float
    widest: float
    target: float
    least: float


class Bound(IntEnum):
    """The limits on the value of an entry: per order, per coin, and for all positions together."""

    ORDER = 0
    COIN = 1
    ALL = 2


class Room(NamedTuple):
    """The value in dollars that one more entry may have under the exposure limits, and the smallest under any limit, with its
    `Bound`.
    """

    total: Decimal
    coin: Decimal
    least: Decimal
    tightest: int


class Order(NamedTuple):
    """The order that would be sent, or the smallest possible one if `lots` is 0. `value` is in dollars at the worst price.

    `smallest` and `allowed` are in dollars at the close (see `sizing`); `tightest` is the `Bound` that leaves the least room.
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
    """The outcome of the order: `rejected` is the exchange's reason ("" if it accepted the order), `worst` the order's price
    limit.
    """

    rejected: str
    filled: Decimal
    wanted: Decimal
    worst: Decimal
