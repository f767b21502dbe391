"""Orders: what we mean to do (intent), where it stands (status), what the venue says of it (report).

The life cycle is one enum, named sets and one table of transitions; anything else is an error, not a surprise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ZERO
from bot.domain.numbered import numbered

#: Numbers by name that a strategy gave, in its own words: kept and handed back, never read here.
Numbers = tuple[tuple[str, float], ...]


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for buys, -1 for sells."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"
    TAKE_PROFIT = "take-profit"
    BRACKET = "bracket"
    TRAILING_STOP = "trailing-stop"


#: Order types that rest at the exchange and close a position when the price goes against it.
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.BRACKET, OrderType.TRAILING_STOP})


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


class Purpose(StrEnum):
    """Why an order exists; part of its decision key. A sale at a target has the target's number: `tp1` and so on, without end."""

    ENTRY = "entry"
    TP1 = "tp1"
    TP2 = "tp2"
    TP3 = "tp3"
    STOP = "stop"
    TRAIL = "trail"
    EXIT = "exit"
    FLATTEN = "flatten"
    OWNER = "owner"
    """Not ours: the owner sold coins of a position of ours by hand."""

    @classmethod
    def _missing_(cls, value: object) -> Purpose | None:
        return numbered(cls, "tp", value)

    @classmethod
    def target(cls, stage: int) -> Purpose:
        """A sale at target `stage`, from 1."""
        return cls(f"tp{stage}")

    @property
    def stage(self) -> int:
        """The target that it sells at, from 1; 0 for every other purpose."""
        return int(self[2:]) if self.startswith("tp") else 0


class OrderStatus(StrEnum):
    INTENT = "intent"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


#: The venue may or may not know of it: counts as exposure, its symbol takes no new entry.
IN_FLIGHT = frozenset({OrderStatus.INTENT, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})
#: Alive at the venue.
WORKING = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
#: Over. A canceled or expired order may still have traded: look at its fills.
DONE = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})

_KNOWN = WORKING | DONE
#: What may follow what. A rejected order may come back: if the venue shows it, the venue is right.
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.INTENT: _KNOWN | {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN},
    OrderStatus.SUBMITTED: _KNOWN | {OrderStatus.UNKNOWN},
    OrderStatus.UNKNOWN: _KNOWN | {OrderStatus.SUBMITTED},
    OrderStatus.OPEN: _KNOWN,
    OrderStatus.PARTIALLY_FILLED: _KNOWN - {OrderStatus.OPEN, OrderStatus.REJECTED},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELED: frozenset({OrderStatus.FILLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
    OrderStatus.REJECTED: _KNOWN,
}


class IllegalTransition(ValueError):
    """An order was to go from one status to another that cannot follow it."""


def follow(now: OrderStatus, then: OrderStatus) -> OrderStatus:
    """The status after `now` when `then` is reported; raises `IllegalTransition`."""
    if then is now:
        return now
    if then not in TRANSITIONS[now]:
        raise IllegalTransition(f"an order that is {now} cannot become {then}")
    return then


@dataclass(frozen=True, slots=True)
class Decision:
    """What the strategy knew when it decided on an entry; kept with the intent so that a restart rebuilds R and stage.

    `stop` rests at the exchange; `risk_price` is where the strategy itself gets out, when that is before the stop: R is measured
    from it. `kept` is what it wants back with the position, `facts` are the numbers behind the decision, for people to read.
    """

    candle_close: int
    stop: Decimal
    close: Decimal
    fee: Decimal
    reason: str = ""
    risk_price: Decimal | None = None
    kept: Numbers = ()
    facts: Numbers = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """An order as decided, committed to disk before its request leaves.

    `key` is the decision key, unique for ever. `created_at` is market time, `deadline` wall time in ms: the venue must
    not act after it (None where the venue has no such thing). `attached_stop` / `attached_target` are trigger prices of
    the protection that the venue spawns when the entry fills. `trail` is how far a trailing stop follows, as a fraction of
    the price. `pay_in` is the currency that pays for it (a sale's: that it is sold for), None for the quote.
    """

    client_id: str
    key: str
    purpose: Purpose
    symbol: str
    side: Side
    qty: Decimal
    type: OrderType
    created_at: int
    sent_at: int
    tif: TimeInForce = TimeInForce.GTC
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    attached_stop: Decimal | None = None
    attached_target: Decimal | None = None
    deadline: int | None = None
    reduce_only: bool = False
    post_only: bool = False
    trail: Decimal | None = None
    reason: str = ""
    decision: Decision | None = None
    pay_in: str | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """What the venue says of one order. `parent_id` is the exchange id of the order that spawned it (attached stops),
    `attached_stop` the trigger of the stop that an entry was sent with, wherever that stop may have moved since. `reduce_only`: it can
    close a position of contracts and open none.

    `triggered` means a stop's trigger has fired and its market order is on its way. `children` are the exchange ids of the
    orders it became when it fired, where the venue gives those ids of their own: they trade, the stop itself is over.
    """

    exchange_id: str
    symbol: str
    side: Side
    type: OrderType
    status: OrderStatus
    qty: Decimal
    filled_qty: Decimal = ZERO
    avg_price: Decimal | None = None
    client_id: str | None = None
    parent_id: str | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    created_at: int = 0
    triggered: bool = False
    reason: str = ""
    fill_ids: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    attached_stop: Decimal | None = None
    reduce_only: bool = False
    pay_in: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What our book says of one order, ours or spawned by the venue for us."""

    status: OrderStatus
    purpose: Purpose
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    created_at: int
    updated_at: int
    client_id: str | None = None
    exchange_id: str | None = None
    parent_id: str | None = None
    key: str | None = None
    filled_qty: Decimal = ZERO
    booked_qty: Decimal = ZERO
    avg_price: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    sent_at: int = 0
    deadline: int | None = None
    reason: str = ""
    decision: Decision | None = field(default=None)
    tif: TimeInForce = TimeInForce.GTC
    attached_stop: Decimal | None = None
    attached_target: Decimal | None = None
    reduce_only: bool = False
    post_only: bool = False
    pay_in: str | None = None

    def intent(self) -> Intent | None:
        """What was sent, as it was sent, for an order that no report has changed; None for one that we did not send."""
        if self.client_id is None or self.key is None:
            return None
        return Intent(
            client_id=self.client_id,
            key=self.key,
            purpose=self.purpose,
            symbol=self.symbol,
            side=self.side,
            qty=self.qty,
            type=self.type,
            created_at=self.created_at,
            sent_at=self.sent_at,
            tif=self.tif,
            limit_price=self.limit_price,
            trigger_price=self.trigger_price,
            attached_stop=self.attached_stop,
            attached_target=self.attached_target,
            deadline=self.deadline,
            reduce_only=self.reduce_only,
            post_only=self.post_only,
            reason=self.reason,
            decision=self.decision,
            pay_in=self.pay_in,
        )

    @property
    def done(self) -> bool:
        return self.status in DONE

    @property
    def settled(self) -> bool:
        """Done, and every fill that the venue reported for it is booked."""
        return self.done and self.booked_qty >= self.filled_qty

    @property
    def remaining(self) -> Decimal:
        """What may still fill; 0 once done."""
        return ZERO if self.done else max(self.qty - self.filled_qty, ZERO)
