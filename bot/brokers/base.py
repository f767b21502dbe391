"""The interface that every venue implements, and the errors it raises.

`BaseBroker` is all that the engine knows about an exchange: common names in, plain values out. Reads raise `BrokerError`.
Requests that may change something (`place`, `amend`, `cancel`) return an `Outcome` and never raise because of the network.
One thread uses a broker; another may use its `candle_reader`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Generic, Protocol, TypeVar

from bot.brokers.history import History
from bot.domain.candles import Candles
from bot.domain.fill import Fill
from bot.domain.ids import Account
from bot.domain.instrument import DOLLARS, Balance, FeeRate, Instrument, PriceRange, Ticker, Trading
from bot.domain.money import plain
from bot.domain.order import Intent, Purpose, Side, VenueOrder
from bot.domain.outcome import ErrorMeaning, Outcome, Unknown

T = TypeVar("T")


class BrokerError(Exception):
    """A venue could not or would not answer.

    `meaning` is what it means for us, `text` the venue's own words (made safe to log), `remedy` what the owner can do
    about it ("" when nothing), `retry_after_ms` how long the venue asks us not to call it (wall ms, 0 if unknown).
    `unheard`: the venue did answer, but with an error that our table does not list.
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
    """Our own rate budget has no room for this query, so nothing was sent. `retry_after_ms`: until there is room."""


class AbsenceProof(StrEnum):
    """How a venue lets us prove that a lost request placed nothing."""

    DEADLINE = "deadline"
    """The request carries a deadline. After it, a complete search that finds nothing is proof."""
    SAME_ID = "same_id"
    """Repeating the request with the same client id returns the existing order instead of creating a second one."""


class Priority(StrEnum):
    """Who goes first when the venue's rate budget is short: cancels and exits, then queries, then entries, then candles."""

    EXIT = "exit"
    QUERY = "query"
    ENTRY = "entry"
    CANDLES = "candles"

    @classmethod
    def of(cls, intent: Intent) -> Priority:
        """The priority of an order: every order but an entry protects or closes a position."""
        return cls.ENTRY if intent.purpose is Purpose.ENTRY else cls.EXIT


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue offers this account, as probed at connect. `deadline_ms` is how long a request stays valid.

    `attached_target`: an attached stop must come with a target. The target sells at a limit price, so a trade at that price
    does not guarantee a fill. `forgets_after_ms`: market ms after which the venue may stop showing an order that ended
    unfilled (None: never). `repeats_stops`: a stop's request carries no deadline, but the venue accepts its client id only once.
    """

    attached_stop: bool
    resting_stop: bool
    amend: bool
    absence: AbsenceProof
    deadline_ms: int
    attached_target: bool = False
    short: bool = False
    forgets_after_ms: int | None = None
    repeats_stops: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """What connecting found out. `clock_skew_ms`: venue's clock minus ours; `ip_bound`: None if the venue does not say."""

    account: Account
    permissions: frozenset[str]
    ip_bound: bool | None
    clock_skew_ms: int
    trading: Trading
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderProbe:
    """The venue's answer to our exact order shape, without placing an order. `name` says which shape (entry, stop …).

    If not `judged`, the answer says nothing about the shape, and nothing follows from it.
    """

    name: str
    accepted: bool
    answer: str
    judged: bool = True
    meaning: ErrorMeaning | None = None
    """What the refusal means; None if the venue accepted."""


class Reading(ABC, Generic[T]):
    """A long list at a venue, read in steps so that the reader can do more urgent work in between.

    `found` (oldest first) is complete once `done` is True.
    """

    def __init__(self) -> None:
        self.found: Sequence[T] = ()
        self.done = False

    @abstractmethod
    def step(self) -> None:
        """Read the next part, if the rate budget has room left by everything more urgent.

        Raises `BrokerError`; RATE_LIMITED if there is no room now, after which the same step can be repeated.
        """


class Whole(Reading[T]):
    """A list read in one step."""

    def __init__(self, read: Callable[[], Sequence[T]]) -> None:
        super().__init__()
        self._read = read

    def step(self) -> None:
        self.found = self._read()
        self.done = True


class CandleReader(Protocol):
    """A source of closed candles: a venue, or a file in its place. Used by one thread."""

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, oldest first, at most `count`; fewer for a new market. Raises `BrokerError`."""
        ...

    def close(self) -> None:
        """Close its sockets. Any thread may call this; safe to call twice."""
        ...


class BaseBroker(ABC):
    """One exchange account. Symbols are `BASE-QUOTE`, assets common names, prices in quote, sizes in base units."""

    name: ClassVar[str]
    unavailable_place: ClassVar[str] = "elsewhere at the exchange"
    """Where `unavailable_balances` are, for messages to the owner."""

    @property
    def label(self) -> str:
        """The name as shown in logs."""
        return self.name.upper()

    @abstractmethod
    def connect(self) -> Connection:
        """Check clock, key and permissions. Raises `BrokerError` with a remedy if this account must not be traded."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the venue offers: by its documentation, and by `probe` once that has run."""

    @abstractmethod
    def probe(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        """Ask the venue whether it would accept this entry and stop, without placing them. Updates `capabilities`."""

    def prove(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        """`probe` under its earlier name."""
        return self.probe(entry, stop)

    def keep_listed(self, symbols: Collection[str]) -> None:  # noqa: B027
        """Keep these symbols listed, readable and closable because the book holds them, even if their kind is not traded."""

    def keep_readable(self, needed: Callable[[str], bool]) -> None:  # noqa: B027
        """Never leave out a balance that cannot be read if its coin is `needed`, asked at each reading: raise `BrokerError`."""

    def keep_symbols(self, symbol_of: Callable[[str], str | None]) -> None:  # noqa: B027
        """Report our orders, what they spawned, and their fills under the symbol in which we placed them, even if the exchange uses
        another name of the market. `symbol_of` gives it by an order's id or client id; None for an order that is not ours.
        """

    @abstractmethod
    def instruments(self) -> Mapping[str, Instrument]:
        """All markets whose quote counts as dollars, by symbol, with their current rules (read from the venue now)."""

    @abstractmethod
    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        """Best prices and 24 h turnover. Symbols without an answer from the venue are missing."""

    @abstractmethod
    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, oldest first, at most `count`; fewer for a new market."""

    def candle_reader(self) -> CandleReader:
        """The same candles for another thread: own session, same rate budget, lowest priority.

        Only one exists at a time: a new one closes the previous one. Closing the broker closes it too.
        """
        raise NotImplementedError(f"{self.name} serves candles to one thread only")

    def history(self) -> History:
        """Past candles: in place of `candle_reader`, with the same budget and priority. No key is needed."""
        raise NotImplementedError(f"{self.name} serves no history")

    @abstractmethod
    def look(self, symbol: str, since: int) -> PriceRange:
        """The last price, and high and low of the trades after market time `since` (the last price if there were none)."""

    @abstractmethod
    def balances(self) -> Mapping[str, Balance]:
        """Balances available for trading, free and held, by asset; zero balances may be missing."""

    @abstractmethod
    def unavailable_balances(self) -> Mapping[str, Decimal]:
        """What the account holds elsewhere at the venue (earn, funding …), by asset: not tradeable, but not lost."""

    def contracts(self) -> Mapping[tuple[str, Side], Decimal]:
        """Open contract positions, foreign ones included: base units by symbol and side. None at a venue that trades coins only."""
        return {}

    def pockets(self) -> Mapping[str, Decimal]:
        """`unavailable_balances` under its earlier name."""
        return self.unavailable_balances()

    def elsewhere(self, balances: Mapping[str, Balance] | None = None) -> str:
        """Dollars that no new order can use, and where they are, as text for the owner; "" if there are none.

        Pass `balances` if they have just been read. Raises `BrokerError`.
        """
        held = {asset: one.held for asset, one in (self.balances() if balances is None else balances).items()}
        places = ((self.unavailable_balances(), self.unavailable_place), (held, "held by orders"))
        return ", ".join(f"{amount} {where}" for amounts, where in places if (amount := _dollars(amounts)))

    @abstractmethod
    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        """This account's fee rates by symbol."""

    @abstractmethod
    def place(self, intent: Intent) -> Outcome:
        """Send the order once. `Unknown` if the venue may have accepted it."""

    def resend(self, intent: Intent) -> Outcome:  # noqa: ARG002
        """Repeat a lost request byte for byte. Only with `AbsenceProof.SAME_ID` or, for stops, `repeats_stops`; otherwise nothing is
        sent.

        `Placed` names the existing order or the one created now; `NotPlaced` says nothing about an earlier one.
        """
        return Unknown("not repeated: this venue does not accept a second request under the same id")

    def burn(self, intent: Intent) -> VenueOrder | None:  # noqa: ARG002
        """Use up a lost intent's id, so that its request has no effect however late it arrives.

        Returns the order that now has the id: the lost one, or a harmless one that was cancelled at once. None if the venue
        refused, or if the id is no proof of absence here (`AbsenceProof.DEADLINE`). Raises `BrokerError`.
        """
        return None

    @abstractmethod
    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        """Set a resting stop's total size and/or trigger. The values are absolute, so repeating the call is harmless."""

    @abstractmethod
    def cancel(self, order: VenueOrder) -> Outcome:
        """Request a cancel. `Placed`: the venue accepted the request (check that the order ended). `NotPlaced(GONE)`: no such
        order any more.
        """

    @abstractmethod
    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        """One order by the venue's id, in any state; None if the venue does not show it now."""

    @abstractmethod
    def open_orders(self) -> Sequence[VenueOrder]:
        """All open orders of the account, including foreign orders and attached stops."""

    @abstractmethod
    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        """Search open orders, closed orders and fills after market time `since` for our client id.

        None means that every query was answered and no answer contains it. A query that fails raises `BrokerError`.
        """

    @abstractmethod
    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        """Orders that ended since market time `since`, oldest first, including foreign ones and spawned stops."""

    @abstractmethod
    def fills(self, since: int) -> Sequence[Fill]:
        """All executions of the account since market time `since`, oldest first, including foreign ones."""

    def read_orders(self, wanted: Mapping[str, str]) -> Reading[VenueOrder]:
        """Orders by the venue's ids (`wanted`: id to symbol), in as few steps as the venue allows. Unknown ones are missing."""

        def ask() -> list[VenueOrder]:
            asked = [self.order(exchange_id, symbol) for exchange_id, symbol in wanted.items()]
            return [order for order in asked if order is not None]

        return Whole(ask)

    def read_ended(self, since: int) -> Reading[VenueOrder]:
        """`recent_orders` in steps, each after everything more urgent."""
        return Whole(lambda: self.recent_orders(since))

    def read_fills(self, since: int) -> Reading[Fill]:
        """`fills` in steps, each after everything more urgent. May include a few fills from just before `since`."""
        return Whole(lambda: self.fills(since))

    @abstractmethod
    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        """The executions of one order, as far as the venue shows them yet."""

    @abstractmethod
    def hurry(self, until: int) -> None:
        """The daemon is stopping: no call may wait beyond wall time `until`. A request unanswered by then is `Unknown`."""

    def urgently(self) -> AbstractContextManager[None]:
        """Queries made inside this context go before all others when the venue's rate budget is short."""
        return nullcontext()

    def briefly(self) -> AbstractContextManager[None]:
        """Queries made inside this context wait only a moment for room in the rate budget, then raise `NoRoom`, so that the
        caller can do more urgent work first.
        """
        return nullcontext()

    def make_room(self, questions: int) -> None:  # noqa: B027 - nothing to do where room comes within moments
        """Wait until the rate budget has room for this many queries at once, for example before cancelling stops for a sale.

        Spends nothing. Raises `NoRoom` if it takes too long.
        """

    @abstractmethod
    def limit_calls(self, seconds: float | None) -> None:
        """Limit every call to this many seconds, for example while a position is naked; None restores the usual time-outs."""

    @abstractmethod
    def close(self) -> None:
        """Release sockets and locks; safe to call twice."""


def _dollars(amounts: Mapping[str, Decimal]) -> str:
    found = sorted((asset, amount) for asset, amount in amounts.items() if asset in DOLLARS and amount > 0)
    return " and ".join(f"{plain(amount)} {asset}" for asset, amount in found)
