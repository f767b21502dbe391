"""Orders: what we want (intent), its state (status), and what the exchange reports about it.

The life cycle is one enum, named sets and one table of transitions; any other transition is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ZERO
from bot.domain.numbered import numbered

#: Named numbers of a strategy: stored and returned to it, never interpreted here.
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


#: Order types that rest at the exchange and close a position when the price moves against it.
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.BRACKET, OrderType.TRAILING_STOP})


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


class Purpose(StrEnum):
    """Why an order exists; part of its decision key. A sale at a target carries the target's number: `tp1` and so on."""

    ENTRY = "entry"
    TP1 = "tp1"
    TP2 = "tp2"
    TP3 = "tp3"
    STOP = "stop"
    TRAIL = "trail"
    EXIT = "exit"
    FLATTEN = "flatten"
    OWNER = "owner"
    """Not our order: the owner sold coins of our position by hand."""

    @classmethod
    def _missing_(cls, value: object) -> Purpose | None:
        return numbered(cls, "tp", value)

    @classmethod
    def target(cls, stage: int) -> Purpose:
        """The purpose of a sale at target `stage`, from 1."""
        return cls(f"tp{stage}")

    @property
    def stage(self) -> int:
        """The number of the target, from 1; 0 for every other purpose."""
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


#: The exchange may or may not know of it: it counts as exposure and blocks new entries in its symbol.
IN_FLIGHT = frozenset({OrderStatus.INTENT, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})
#: Working at the exchange.
WORKING = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
#: Finished. A canceled or expired order may still have traded: check its fills.
DONE = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})

_KNOWN = WORKING | DONE
#: Allowed transitions. A rejected order may come back: if the exchange shows it, the exchange is right.
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
    """An order was about to make a transition that is not allowed."""


def follow(now: OrderStatus, then: OrderStatus) -> OrderStatus:
    """The status after `now` when `then` is reported; raises `IllegalTransition`."""
    if then is now:
        return now
    if then not in TRANSITIONS[now]:
        raise IllegalTransition(f"an order that is {now} cannot become {then}")
    return then


@dataclass(frozen=True, slots=True)
class Decision:
    """The strategy's data for an entry, stored with the intent so that a restart can rebuild R and stage.

    `stop` rests at the exchange. `risk_price` is where the strategy itself exits, if that is before the stop; R is measured from
    it. `kept` is what the strategy wants back with the position. `facts` are the numbers behind the decision, for people.
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

    `key` is the decision key, unique forever. `created_at` is market time. `deadline` is wall time in ms: the exchange must not
    act after it (None if the exchange has no deadlines). `attached_stop` and `attached_target` are the trigger prices of the
    protection that the exchange places when the entry fills. `trail` is the distance of a trailing stop, as a fraction of the
    price. `pay_in` is the currency that pays for it (for a sale: that it is sold for), None for the quote. `decision_price` is the
    market price that a sale was decided at; an entry's is the close of its decision, a stop's its trigger.
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
    decision_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """The exchange's report on one order. `parent_id` is the exchange id of the order that spawned it (attached stops).
    `attached_stop` is the trigger of the stop that an entry was sent with, even if that stop has moved since. `reduce_only`: it
    can close a contract position but not open one.

    `triggered`: a stop has fired and its market order is under way. `children` are the exchange ids of the orders that it became
    when it fired, at exchanges that give those ids of their own. They trade; the stop itself is finished. `by_venue`: what the
    exchange did with an order that nobody sent, such as a liquidation ("" for all others). `leg`: the side of the position that it
    opens or closes, in an account that holds contracts on both.
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
    by_venue: str = ""
    leg: Side | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """Our record of one order, sent by us or spawned for us by the exchange. `why` is the reason that it was sent for; `reason` may
    also be the last words of the exchange, or of what became of its request.
    """

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
    why: str = ""
    decision: Decision | None = field(default=None)
    tif: TimeInForce = TimeInForce.GTC
    attached_stop: Decimal | None = None
    attached_target: Decimal | None = None
    reduce_only: bool = False
    post_only: bool = False
    pay_in: str | None = None
    decision_price: Decimal | None = None

    def intent(self) -> Intent | None:
        """The intent exactly as sent, for an order that no report has changed; None for one that we did not send."""
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
            reason=self.why,
            decision=self.decision,
            pay_in=self.pay_in,
            decision_price=self.decision_price,
        )

    @property
    def done(self) -> bool:
        return self.status in DONE

    @property
    def settled(self) -> bool:
        """Whether it is finished and every fill that the exchange reported for it is booked."""
        return self.done and self.booked_qty >= self.filled_qty

    @property
    def remaining(self) -> Decimal:
        """The size that may still fill; 0 once finished."""
        return ZERO if self.done else max(self.qty - self.filled_qty, ZERO)
