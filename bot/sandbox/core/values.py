"""The plain values of an exchange: orders, fills, movements of money.

Quantities and prices are Decimal, times are milliseconds of the market clock (UTC) unless named `wall`.
An order changes only inside `Exchange`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

ZERO = Decimal(0)


T = TypeVar("T")


def sure(value: T | None) -> T:
    """Returns a value that must be present by now; its absence is a bug of the sandbox."""
    if value is None:
        raise LookupError("a value that must be there is missing")
    return value


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(StrEnum):
    """The common name of the order type, as the control API's ledger shows it."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"
    TAKE_PROFIT = "take-profit"
    TAKE_PROFIT_LIMIT = "take-profit-limit"
    TRAILING_STOP = "trailing-stop"
    TRAILING_STOP_LIMIT = "trailing-stop-limit"
    BRACKET = "bracket"


class Tif(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class Status(StrEnum):
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Leg(StrEnum):
    """Which position of an instrument an order trades: the only one, or one of a hedged pair."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class Origin(StrEnum):
    """What created the order: a request, terms attached to another order, a trigger, or somebody by hand: the owner,
    or the venue in a liquidation.
    """

    API = "api"
    ATTACHED = "attached"
    TRIGGERED = "triggered"
    MANUAL = "manual"


class Reason(StrEnum):
    """Why an order ended unfilled; each wire has its own codes for these."""

    USER = "user"
    REPLACED = "replaced"
    REMAINDER = "remainder"
    EXPIRED = "expired"
    POST_ONLY = "post_only"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    REDUCED = "reduced"
    DEAD_MAN = "dead_man"
    TRIGGERED = "triggered"
    REDUCE_ONLY = "reduce_only"
    LIQUIDATION = "liquidation"
    INSIGNIFICANT = "insignificant"
    SELF_TRADE = "self_trade"


class Stp(StrEnum):
    """Which order is cancelled when one would trade with a resting order of its own account."""

    NEWEST = "newest"
    OLDEST = "oldest"
    BOTH = "both"


WORKING = frozenset({Status.OPEN, Status.PARTIALLY_FILLED})
OURS = frozenset({Origin.API, Origin.ATTACHED, Origin.TRIGGERED})
STOPS = frozenset({Kind.STOP, Kind.STOP_LIMIT, Kind.TRAILING_STOP, Kind.TRAILING_STOP_LIMIT, Kind.BRACKET})
TAKES = frozenset({Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT})
TRAILING = frozenset({Kind.TRAILING_STOP, Kind.TRAILING_STOP_LIMIT})
CONDITIONAL = STOPS | TAKES
LIMITED = frozenset({Kind.STOP_LIMIT, Kind.TAKE_PROFIT_LIMIT, Kind.TRAILING_STOP_LIMIT})


@dataclass
class Close:
    """Terms of the opposite order that each fill of a parent spawns; orders below `min_qty` are dropped.

    With `at_end` there is one order for all fills, once the parent has ended; with `net` its size is net of the fee.
    `order_id` is the id it was announced under. The other fields are those of a ticket.
    """

    kind: Kind
    price: Decimal | None = None
    trigger: Decimal | None = None
    trail: Decimal | None = None
    limit_offset: Decimal | None = None
    target: Decimal | None = None
    target_price: Decimal | None = None
    min_qty: Decimal = ZERO
    holds: bool = True
    spawns: bool = False
    at_end: bool = False
    net: bool = False
    client_id: str | None = None
    order_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Ticket:
    """A request for an order. Exactly one of `qty` (base) and `budget` (quote, market buys) is above zero.

    `holds` says whether an untriggered conditional order holds its coins. `trail` is a distance in quote,
    `trail_ratio` the same as a fraction of the price; `active` is the price at which a trailing order activates.
    `limit_offset` is the distance of the limit from the trigger once it fires. `fill_at_most` caps what fills now.
    `budget_lot` is the lot of a budget order, where that is finer than the instrument's lot. `target_price` is the
    limit at a bracket's `target`. An order that `spawns` ends when it triggers and sends a market or limit order to
    the book. `expire_wall_ms` ends it by the real clock. `leverage` makes it an order for a position (`leg`), with its
    own margin if `isolated`. `paid_in` is the currency paid, where that is not the instrument's quote. Without `stp`, the
    account's own resting orders are not in its way.
    """

    account: str
    symbol: str
    side: Side
    kind: Kind
    qty: Decimal = ZERO
    budget: Decimal | None = None
    budget_lot: Decimal | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    trail: Decimal | None = None
    trail_ratio: Decimal | None = None
    active: Decimal | None = None
    limit_offset: Decimal | None = None
    target: Decimal | None = None
    target_price: Decimal | None = None
    tif: Tif = Tif.GTC
    expire_ms: int | None = None
    expire_wall_ms: int | None = None
    post_only: bool = False
    fee_in_base: bool = False
    holds: bool = True
    spawns: bool = False
    leverage: Decimal | None = None
    leg: Leg = Leg.NET
    isolated: bool = False
    reduce_only: bool = False
    paid_in: str = ""
    stp: Stp | None = None
    close: Close | None = None
    client_id: str | None = None
    origin: Origin = Origin.API
    parent_id: str | None = None
    fill_at_most: Decimal | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Order:
    """One order and its history. `held` is the amount of `held_asset` that it holds now.

    `fee` is in quote terms. `target` is a bracket's take-profit price beside its stop `trigger`. `cancel_wall_ms` is
    when a requested cancel takes effect.
    """

    id: str
    account: str
    symbol: str
    side: Side
    kind: Kind
    qty: Decimal
    created_ms: int
    origin: Origin
    client_id: str | None = None
    parent_id: str | None = None
    budget: Decimal | None = None
    budget_lot: Decimal | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    trail: Decimal | None = None
    trail_ratio: Decimal | None = None
    active: Decimal | None = None
    limit_offset: Decimal | None = None
    target: Decimal | None = None
    target_price: Decimal | None = None
    tif: Tif = Tif.GTC
    expire_ms: int | None = None
    expire_wall_ms: int | None = None
    post_only: bool = False
    fee_in_base: bool = False
    holds: bool = True
    spawns: bool = False
    leverage: Decimal | None = None
    leg: Leg = Leg.NET
    isolated: bool = False
    reduce_only: bool = False
    paid_in: str = ""
    stp: Stp | None = None
    close: Close | None = None
    tags: dict[str, str] = field(default_factory=dict)
    status: Status = Status.OPEN
    reason: Reason | None = None
    closed_ms: int | None = None
    amended_ms: int | None = None
    triggered_ms: int | None = None
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    pnl: Decimal = ZERO
    held_asset: str = ""
    held: Decimal = ZERO
    maker_rate: Decimal = ZERO
    taker_rate: Decimal = ZERO
    sequence: int = 0
    visible_wall_ms: int = 0
    cancel_wall_ms: int | None = None
    fill_ids: list[str] = field(default_factory=list)
    fill_at_most: Decimal | None = None
    parts_left: int = 1
    part_ms: int | None = None

    @property
    def since_ms(self) -> int:
        """The time of its last change: from then on the market can reach the order."""
        return max(self.created_ms, self.amended_ms or 0, self.triggered_ms or 0)

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def waiting(self) -> bool:
        """Whether it is a working conditional order that has not triggered yet."""
        return self.working and self.kind in CONDITIONAL and self.triggered_ms is None

    @property
    def remaining(self) -> Decimal:
        return self.qty - self.filled

    def trail_at(self, price: Decimal) -> Decimal:
        """How far from the best price its trigger trails, in quote."""
        return sure(self.trail) if self.trail_ratio is None else price * self.trail_ratio


@dataclass
class Fill:
    """One execution. `fee` is in `fee_asset` (a common name), `fee_quote` the same in quote terms; `pnl` is the profit
    that it realised on a position."""

    id: str
    order_id: str
    account: str
    symbol: str
    side: Side
    kind: Kind
    qty: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    time_ms: int
    maker: bool
    sequence: int
    origin: Origin
    client_id: str | None = None
    visible_wall_ms: int = 0
    pnl: Decimal = ZERO
    of_position: bool = False


@dataclass
class Movement:
    """One row of the account's ledger. `amount` is signed and excludes `fee`; `balance` is the total after it."""

    id: str
    account: str
    ref: str
    kind: str
    asset: str
    amount: Decimal
    fee: Decimal
    balance: Decimal
    time_ms: int
    visible_wall_ms: int = 0
