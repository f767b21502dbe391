"""The verbs that every venue answers to, and what its errors mean.

`BaseBroker` is all that the engine knows of an exchange: common names in, plain values out. Reads raise `BrokerError`;
requests that may change something (`place`, `amend`, `cancel`) end in an `Outcome` and never raise for the network's sake.
A broker is used by one thread only; its `candle_reader` by another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Generic, Protocol, TypeVar

from bot.domain.candles import Candles
from bot.domain.fill import Fill
from bot.domain.ids import Account
from bot.domain.instrument import DOLLARS, Balance, FeeRate, Instrument, PriceRange, Ticker, Trading
from bot.domain.money import plain
from bot.domain.order import Intent, Purpose, VenueOrder
from bot.domain.outcome import ErrorMeaning, Outcome, Unknown

T = TypeVar("T")


class BrokerError(Exception):
    """A venue could not or would not answer.

    `meaning` is what it means for us, `text` the venue's own words (made safe to log), `remedy` what the owner can do
    about it ("" when nothing), `retry_after_ms` how long the venue wants to be left alone (wall, 0 unknown). `unheard`: it
    did answer, in words that no table knows.
    """

    def __init__(
        self,
        venue: str,
        meaning: ErrorMeaning,
        text: str,
        *,
        remedy: str = "",
        retry_after_ms: int = 0,
        unheard: bool = False,
    ) -> None:
        super().__init__(f"{venue}: {text}" + (f" - {remedy}" if remedy else ""))
        self.venue = venue
        self.meaning = meaning
        self.text = text
        self.remedy = remedy
        self.retry_after_ms = retry_after_ms
        self.unheard = unheard


class NoRoom(BrokerError):
    """Our own rate budget has no room for a question: nothing was asked; `retry_after_ms` until it would have."""


class AbsenceProof(StrEnum):
    """How a venue lets us prove that a lost request placed nothing."""

    DEADLINE = "deadline"
    """The request carries a deadline; past it a clean look that shows nothing is proof."""
    SAME_ID = "same_id"
    """A repeat with the same client id returns the old order instead of making a second."""


class Priority(StrEnum):
    """Who goes first when the venue's budget is short: cancels and exits, then questions, then entries, candles last."""

    EXIT = "exit"
    QUERY = "query"
    ENTRY = "entry"
    CANDLES = "candles"

    @classmethod
    def of(cls, intent: Intent) -> Priority:
        """The priority of an order: whatever is no entry protects or ends a position."""
        return cls.ENTRY if intent.purpose is Purpose.ENTRY else cls.EXIT


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue offers on this account, as proved at connect. `deadline_ms` is how long a request stays valid.

    `attached_target`: an attached stop comes with a target, which sells at a limit, never at the market when a trade was there.
    `forgets_after_ms`: market ms after which the venue may no longer show an order that ended unfilled (None: never).
    """

    attached_stop: bool
    resting_stop: bool
    amend: bool
    absence: AbsenceProof
    deadline_ms: int
    attached_target: bool = False
    short: bool = False
    forgets_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What connecting told us. `clock_skew_ms` = venue minus us; `ip_bound` None when the venue does not say."""

    account: Account
    permissions: frozenset[str]
    ip_bound: bool | None
    clock_skew_ms: int
    trading: Trading
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderProbe:
    """The venue's answer to our exact order shape, sent without money. `name` says which (entry, stop …).

    Not `judged`: the answer says nothing about the shape (another market, later, or never). Then nothing follows from it.
    """

    name: str
    accepted: bool
    answer: str
    judged: bool = True
    meaning: ErrorMeaning | None = None
    """What the refusal means; None for an acceptance."""


class Reading(ABC, Generic[T]):
    """A long list of a venue, read in steps, so that whoever reads it can do what is more urgent in between.

    `found`, oldest first, is complete once it is `done`.
    """

    def __init__(self) -> None:
        self.found: Sequence[T] = ()
        self.done = False

    @abstractmethod
    def step(self) -> None:
        """Read a part of it, if the venue's budget has room beside everything that is more urgent.

        Raises `BrokerError`, RATE_LIMITED when there is no room now; the same part can then be asked for again.
        """


class Whole(Reading[T]):
    """A list that is read in one step."""

    def __init__(self, read: Callable[[], Sequence[T]]) -> None:
        super().__init__()
        self._read = read

    def step(self) -> None:
        self.found = self._read()
        self.done = True


class CandleReader(Protocol):
    """Who tells closed candles: a venue, or a file that stands for one. Used by one thread."""

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, oldest first, `count` at most; fewer for a young market. Raises `BrokerError`."""
        ...

    def close(self) -> None:
        """Let go of its sockets, from whatever thread; safe to call twice."""
        ...


class BaseBroker(ABC):
    """One exchange account. Symbols are `BASE-QUOTE`, assets common names, prices in quote, sizes in base units."""

    name: ClassVar[str]
    unavailable_place: ClassVar[str] = "elsewhere at the exchange"
    """Where `unavailable_balances` lie, as people call it."""

    @property
    def label(self) -> str:
        """The name as logs show it."""
        return self.name.upper()

    @abstractmethod
    def connect(self) -> Connection:
        """Check clock, key and permissions; raise `BrokerError` with the remedy when this account must not be traded."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What `probe` (or, before it, the venue's documentation) says the venue offers."""

    @abstractmethod
    def probe(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        """Show the venue the exact entry and stop without money where it can judge them; updates `capabilities`."""

    def prove(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        """`probe` under its earlier name."""
        return self.probe(entry, stop)

    def keep_listed(self, symbols: Collection[str]) -> None:  # noqa: B027
        """What the book holds in these symbols is listed, read and closed from now on, whatever kinds of market are traded."""

    @abstractmethod
    def instruments(self) -> Mapping[str, Instrument]:
        """All markets of quotes that count as dollars, by symbol, with the rules of this moment (fresh from the venue)."""

    @abstractmethod
    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        """Best prices now and 24 h turnover; symbols the venue does not answer for are missing."""

    @abstractmethod
    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, oldest first, `count` at most; fewer for a young market."""

    def candle_reader(self) -> CandleReader:
        """The same candles for a thread of its own: by its own session, out of the same rate budget, behind everything else.

        There is one at a time: the one before it is closed, and this one with the broker.
        """
        raise NotImplementedError(f"{self.name} tells candles to one thread only")

    @abstractmethod
    def look(self, symbol: str, since: int) -> PriceRange:
        """Last price, and high and low of the trades after market time `since` (the last price when there were none)."""

    @abstractmethod
    def balances(self) -> Mapping[str, Balance]:
        """What can be traded with, free and held, by asset; zero balances may be missing."""

    @abstractmethod
    def unavailable_balances(self) -> Mapping[str, Decimal]:
        """What the account holds elsewhere at the venue (earn, funding …), by asset: not tradeable, yet not gone."""

    def pockets(self) -> Mapping[str, Decimal]:
        """`unavailable_balances` under its earlier name."""
        return self.unavailable_balances()

    def elsewhere(self, balances: Mapping[str, Balance] | None = None) -> str:
        """Dollars of this account that no new order can use, and where they lie, for people; "" for none.

        `balances` as they were just read, if they were; raises `BrokerError`.
        """
        held = {asset: one.held for asset, one in (self.balances() if balances is None else balances).items()}
        places = ((self.unavailable_balances(), self.unavailable_place), (held, "held by orders"))
        return ", ".join(f"{told} {where}" for amounts, where in places if (told := _dollars(amounts)))

    @abstractmethod
    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        """What this account pays per symbol."""

    @abstractmethod
    def place(self, intent: Intent) -> Outcome:
        """Send the order once. `Unknown` when it may have been taken."""

    def resend(self, intent: Intent) -> Outcome:  # noqa: ARG002
        """Repeat a lost request byte for byte. Only where `AbsenceProof.SAME_ID` holds; elsewhere nothing is sent.

        `Placed` names the old order or the one made now; `NotPlaced` says nothing about an older one.
        """
        return Unknown("not repeated: this venue takes no second request under the same id")

    def burn(self, intent: Intent) -> VenueOrder | None:  # noqa: ARG002
        """Use a lost intent's id up, so that its request can do nothing any more, however late it arrives.

        The order that stands under the id now: the lost one, or a harmless one that was cancelled at once. None when the
        venue refused, or where absence is not proved by the id (`AbsenceProof.DEADLINE`); raises `BrokerError`.
        """
        return None

    @abstractmethod
    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        """Set a resting stop's total size and/or trigger; absolute values, so repeating it does no harm."""

    @abstractmethod
    def cancel(self, order: VenueOrder) -> Outcome:
        """Ask for a cancel. `Placed` = the request was taken (look before believing), `NotPlaced(GONE)` = not there any more."""

    @abstractmethod
    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        """One order by the venue's id, whatever its state; None when the venue does not show it (now)."""

    @abstractmethod
    def open_orders(self) -> Sequence[VenueOrder]:
        """Everything that rests or works at the account, foreign orders and attached stops included."""

    @abstractmethod
    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        """Search open orders, closed orders and fills after market time `since` for our id.

        None means that every place answered and none shows it; a place that does not answer raises `BrokerError`.
        """

    @abstractmethod
    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        """Ended orders since market time `since` (oldest first), foreign ones and spawned stops included."""

    @abstractmethod
    def fills(self, since: int) -> Sequence[Fill]:
        """Every execution at the account since market time `since`, oldest first, foreign ones included."""

    def read_orders(self, wanted: Mapping[str, str]) -> Reading[VenueOrder]:
        """Orders by the venue's ids, each with its symbol, in as few steps as the venue allows; those not shown are missing."""

        def ask() -> list[VenueOrder]:
            asked = [self.order(exchange_id, symbol) for exchange_id, symbol in wanted.items()]
            return [order for order in asked if order is not None]

        return Whole(ask)

    def read_ended(self, since: int) -> Reading[VenueOrder]:
        """`recent_orders` in steps, each behind everything that is more urgent."""
        return Whole(lambda: self.recent_orders(since))

    def read_fills(self, since: int) -> Reading[Fill]:
        """`fills` in steps, each behind everything that is more urgent; a little from before `since` may be among them."""
        return Whole(lambda: self.fills(since))

    @abstractmethod
    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        """The executions of one order that the venue shows so far."""

    @abstractmethod
    def hurry(self, until: int) -> None:
        """The daemon stops: no call may wait beyond wall time `until`; what is still unanswered then is `Unknown`."""

    def urgently(self) -> AbstractContextManager[None]:
        """Questions that are asked within go before all others, where the venue's budget is short."""
        return nullcontext()

    def briefly(self) -> AbstractContextManager[None]:
        """Questions that are asked within wait for room in the venue's budget for a moment only, then raise `NoRoom`, so that
        whoever asks can do what is more urgent first.
        """
        return nullcontext()

    def make_room(self, questions: int) -> None:  # noqa: B027 - nothing to do where room comes within moments
        """Wait until the venue's budget has room for so many questions at once, as before coins are taken from their stops for a
        sale; raises `NoRoom` when that takes too long. Spends nothing.
        """

    @abstractmethod
    def limit_calls(self, seconds: float | None) -> None:
        """No call takes longer than this, as while coins lie without a stop; None for the usual times."""

    @abstractmethod
    def close(self) -> None:
        """Let go of sockets and locks; safe to call twice."""


def _dollars(amounts: Mapping[str, Decimal]) -> str:
    found = sorted((asset, amount) for asset, amount in amounts.items() if asset in DOLLARS and amount > 0)
    return " and ".join(f"{plain(amount)} {asset}" for asset, amount in found)
