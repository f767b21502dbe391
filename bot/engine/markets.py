"""The markets of one account: their current rules, and which of them accept no orders now.

A position in a closed market is reported once, and again if its stop goes or returns; no useless requests are sent. A market
that is closed to this owner only is excluded for a day, and the next-ranked market takes its place. A refusal that changed rules
may explain causes the rules to be read again. This module sends no orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Final, TypeVar

from bot.brokers.base import BaseBroker, BrokerError
from bot.domain.backoff import Backoff
from bot.domain.clock import DAY, MINUTE, SECOND, Clock
from bot.domain.instrument import Instrument, Kind, Trading
from bot.domain.log import Event, Halt, Log
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed
from bot.engine.book import Book

T = TypeVar("T")

#: Market states that accept a sale, and those that accept a resting stop. (Limit-only markets accept a sale as a limit order.)
_SALES = frozenset({Trading.ONLINE, Trading.REDUCE_ONLY, Trading.LIMIT_ONLY})
TAKES_STOPS = frozenset({Trading.ONLINE, Trading.REDUCE_ONLY})
#: Those that accept neither.
CLOSED = frozenset(Trading) - _SALES - TAKES_STOPS
#: Refusals that changed rules may explain.
_OF_RULES = frozenset(
    {ErrorMeaning.MARKET_CLOSED, ErrorMeaning.REJECTED, ErrorMeaning.TOO_SMALL, ErrorMeaning.UNSUPPORTED}
)
#: The waits before retrying a market that refused an order as closed.
_ORDERS_AGAIN = Backoff(5 * SECOND, 2, MINUTE)
#: The same for stops. They protect positions, so they are retried sooner.
_STOPS_AGAIN = Backoff(SECOND, 2, 30 * SECOND)
#: Real ms between two readings of the rules while a market with an open position is closed, and after refusals.
_LOOK_AGAIN, _LOOK_AFTER_REFUSAL = MINUTE, 2 * SECOND
#: The same while a position waits in a halted market for its stop, and for how long: most halts last minutes, and the price may
#: jump when they end.
_LOOK_NAKED, _NAKED_FOR = 10 * SECOND, 30 * MINUTE
#: The key, among the closed markets, of refusals that concern the whole account.
_ACCOUNT: Final = ""
#: Real ms for which a market that is closed to this owner is not entered.
RESTRICTED_FOR = DAY


class Cover(Enum):
    """How far resting stops cover a position in a market that does not take all orders, in words for the owner."""

    FULL = "with its resting stop"
    PART = "but the stop that rests there covers only a part of it"
    NONE = "but no stop rests there"


#: A market's orders or its stops, kept apart because a refusal of one says little about the other.
_Place = tuple[str, bool]


@dataclass(slots=True)
class _Closure:
    """`until`: no order before this (steady ms). `entries_until`: no entry before this; 0 means the same as `until`."""

    why: str
    wait: int
    until: int
    entries_until: int = 0


@dataclass(frozen=True, slots=True)
class _Reported:
    """What was last logged about a closed market with an open position. `since`: when it was first reported (steady ms)."""

    trading: Trading
    listed: bool
    cover: Cover
    since: int


class Markets:
    """What each market accepts, as far as the exchange has shown."""

    def __init__(self, broker: BaseBroker, clock: Clock, log: Log) -> None:
        self._broker = broker
        self._clock = clock
        self._log = log
        self._closures: dict[_Place, _Closure] = {}
        self._reported: dict[str, _Reported] = {}
        self._unlisted: frozenset[str] = frozenset()
        self._doubted = False
        self._read_at = 0

    # -- learning from answers -------------------------------------------------------------------------------------
    def record_outcome(self, symbol: str, outcome: Outcome, *, stop: bool = False) -> None:
        """Learn from the outcome of a request to place or change an order; `stop` if it was a stop's."""
        match outcome:
            case Placed():
                self._closures.pop((symbol, stop), None)
                self._closures.pop((_ACCOUNT, False), None)
            case NotPlaced(meaning, reason) if meaning.error_class is ErrorClass.MARKET:
                self.restrict(symbol, reason, stop=stop)
            case NotPlaced(meaning, reason) if meaning.error_class is ErrorClass.ACCOUNT:
                self._close(_ACCOUNT, reason)
            case NotPlaced(meaning, reason) if meaning in _OF_RULES:
                self._doubted = True
                if meaning is ErrorMeaning.MARKET_CLOSED:
                    self._close(symbol, reason, stop=stop)

    def record_error(self, error: BrokerError, symbol: str | None = None) -> None:
        """Learn from a failed query, which concerned `symbol` if given: a query for a delisted market fails with an error."""
        self.record_failure(error.meaning, error.text, symbol)

    def record_failure(self, meaning: ErrorMeaning, reason: str, symbol: str | None) -> None:
        """The same for a query of another thread."""
        if symbol is not None and meaning.error_class is ErrorClass.MARKET:
            self.restrict(symbol, reason)
        self._doubted = self._doubted or meaning in _OF_RULES

    # -- markets that are closed to this owner --------------------------------------------------------------------
    def restrict(self, symbol: str, reason: str, *, stop: bool = False) -> None:
        """The exchange does not let this owner trade a market: no entries there for a day, other orders after growing waits."""
        was_restricted = self.is_restricted(symbol)
        self._wait(symbol, reason, stop=stop)
        now = self._clock.steady_ms()
        closure = self._closures.setdefault((symbol, False), _Closure(reason, 0, now))
        closure.entries_until = now + RESTRICTED_FOR
        if not was_restricted:
            self._log.warning(
                Event.HALTED,
                symbol=symbol,
                limit=Halt.MARKET,
                reason=f"closed to this account: {reason}; excluded for a day, or until `nija resume` or a restart",
            )

    def is_restricted(self, symbol: str) -> bool:
        """Whether a market is closed to this owner, so that the next-ranked one takes its place."""
        closure = self._closures.get((symbol, False))
        return closure is not None and self._clock.steady_ms() < closure.entries_until

    def reopen(self) -> None:
        """The owner resumes: all markets may be tried again."""
        self._closures.clear()

    def each(self, ask: Callable[[set[str]], Mapping[str, T]], symbols: Iterable[str]) -> dict[str, T]:
        """Query many markets at once. A refusal that concerns one market excludes only that one.

        Raises `BrokerError` for any other failure.
        """
        wanted = sorted(symbols)
        try:
            return dict(ask(set(wanted))) if wanted else {}
        except BrokerError as error:
            if error.meaning.error_class is not ErrorClass.MARKET:
                raise
            if len(wanted) == 1:
                self.restrict(wanted[0], error.text)
                return {}
        half = len(wanted) // 2
        return self.each(ask, wanted[:half]) | self.each(ask, wanted[half:])

    # -- markets that take no orders now --------------------------------------------------------------------------
    def _close(self, symbol: str, reason: str, *, stop: bool = False) -> None:
        """Send no such order for a while; log the beginning."""
        was_closed = (symbol, stop) in self._closures or (symbol, not stop) in self._closures
        self._wait(symbol, reason, stop=stop)
        if not was_closed:
            why = f"the exchange accepts no such order now: {reason}; retried with growing waits"
            if symbol == _ACCOUNT:
                self._log.error(Event.HALTED, limit=Halt.ACCOUNT, reason=why)
            else:
                self._log.error(Event.HALTED, symbol=symbol, limit=Halt.MARKET, reason=why)

    def _wait(self, symbol: str, reason: str, *, stop: bool) -> None:
        """Delay the next such order by a growing wait."""
        before = self._closures.get((symbol, stop))
        wait = (_STOPS_AGAIN if stop else _ORDERS_AGAIN).after(before.wait if before is not None else 0)
        entries_until = before.entries_until if before is not None else 0
        self._closures[symbol, stop] = _Closure(reason, wait, self._clock.steady_ms() + wait, entries_until)

    def blocked_by(self, instrument: Instrument) -> str:
        """Why the market accepts no entry now; "" if it does."""
        if instrument.trading is not Trading.ONLINE:
            return f"it is {instrument.trading}"
        for place in (instrument.symbol, _ACCOUNT):
            closure = self._closures.get((place, False))
            if closure is not None and (self._waits(place) or self.is_restricted(place)):
                return closure.why or "the exchange refused an order"
        return ""

    def takes_sales(self, instrument: Instrument) -> bool:
        return instrument.trading in _SALES and not self._waits(instrument.symbol)

    def takes_stops(self, instrument: Instrument) -> bool:
        return instrument.trading in TAKES_STOPS and not self._waits(instrument.symbol, stop=True)

    def _waits(self, symbol: str, *, stop: bool = False) -> bool:
        closure = self._closures.get((symbol, stop))
        return closure is not None and self._clock.steady_ms() < closure.until

    # -- the rules ------------------------------------------------------------------------------------------------
    def is_due(self, held: Iterable[Instrument]) -> bool:
        """Whether to read the rules early: they are in doubt, or a market with an open position is closed."""
        age = self._clock.steady_ms() - self._read_at
        waits = [self._look_again(one.symbol) for one in held if one.trading is not Trading.ONLINE]
        return (self._doubted and age >= _LOOK_AFTER_REFUSAL) or any(age >= wait for wait in waits)

    def _look_again(self, symbol: str) -> int:
        """How long (real ms) after the last reading a closed market is read again."""
        last = self._reported.get(symbol)
        if last is None or last.cover is Cover.FULL or not last.listed:
            return _LOOK_AGAIN
        return _LOOK_NAKED if self._clock.steady_ms() - last.since < _NAKED_FOR else _LOOK_AGAIN

    def read(self, known: dict[str, Instrument], held: Sequence[str], book: Book) -> dict[str, Instrument]:
        """Read the current rules. A `held` market that is no longer listed keeps the rules `known`, after a restart only the size
        step that the `book` remembers, and accepts no orders. Raises `BrokerError`.
        """
        fresh = dict(self._broker.instruments())
        self._read_at, self._doubted = self._clock.steady_ms(), False
        self._unlisted = frozenset(held) - fresh.keys()
        for symbol in held:
            before = known.get(symbol)
            if symbol in self._unlisted:
                lot = book.get_state(_lot(symbol))
                fresh[symbol] = replace(before or _stand_in(symbol, lot), trading=Trading.SUSPENDED)
            book.set_state(_lot(symbol), str(fresh[symbol].lot))
            if fresh[symbol].trading is Trading.ONLINE:
                self._reopen(symbol, was_closed=before is not None and before.trading is not Trading.ONLINE)
            self._compare(before, fresh[symbol])
        return fresh

    def _reopen(self, symbol: str, *, was_closed: bool) -> None:
        """A market with an open position accepts all orders: log it if it was reported as closed."""
        if was_closed:
            for stop in (True, False):
                self._closures.pop((symbol, stop), None)
        if self._reported.pop(symbol, None) is not None:
            self._log.info(
                Event.RESUMED, symbol=symbol, limit=Halt.MARKET, reason="the market accepts all orders again"
            )

    def report(self, market: Instrument, cover: Cover) -> None:
        """Log that a market with an open position does not take all orders, and what rests there: once, and again if that changes."""
        symbol, listed = market.symbol, market.symbol not in self._unlisted
        last = self._reported.get(symbol)
        since = self._clock.steady_ms() if last is None else last.since
        now = self._reported[symbol] = _Reported(market.trading, listed, cover, since)
        if now == last:
            return
        state = f"the market is {market.trading}" if listed else "the exchange no longer lists it"
        self._log.error(
            Event.HALTED,
            symbol=symbol,
            limit=Halt.MARKET,
            reason=f"{state}: the position stays, {cover.value}, until it can be sold",
        )

    def _compare(self, before: Instrument | None, now: Instrument) -> None:
        for name in ("tick", "lot", "min_qty", "min_cost"):
            was, becomes = getattr(before or now, name), getattr(now, name)
            if was != becomes:
                self._log.warning(Event.RULES, symbol=now.symbol, rule=name, was=was, now=becomes)


def _lot(symbol: str) -> str:
    """Name of the stored state: the size step of a market with an open position."""
    return f"lot:{symbol}"


def _stand_in(symbol: str, lot: str | None) -> Instrument:
    """Stand-in rules for an open position whose market this run has not seen listed; without its `lot` they round nothing away."""
    base, quote = symbol.split("-")[:2]
    step = Decimal("0.00000001")
    size = step if lot is None else Decimal(lot)
    kind = Kind.SWAP if symbol.endswith("-SWAP") else Kind.SPOT
    return Instrument(symbol=symbol, base=base, quote=quote, tick=step, lot=size, min_qty=size, kind=kind)
