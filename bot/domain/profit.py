"""What trading earned: positions as they were opened and closed, and results by day, pair, exchange or reason. Pure.

A result is realised at each sale, by average cost, in dollars at the rate of that moment. A fee is a loss when it is paid. So
every grouping has the same total: the money that moved plus the cost of what is still held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.booking import GIVEN_UP, TAKEN
from bot.domain.clock import SECOND
from bot.domain.money import ZERO
from bot.domain.order import Purpose, Side


class By(StrEnum):
    """How results are grouped; days, ISO weeks and months are in UTC market time."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PAIR = "pair"
    EXCHANGE = "exchange"
    REASON = "reason"

    @property
    def of_time(self) -> bool:
        return self in _FORMATS


_FORMATS = {By.DAY: "%Y-%m-%d", By.WEEK: "%G-W%V", By.MONTH: "%Y-%m"}
#: The reason of a position that is still open.
OPEN = "open"
#: The purposes of legs that are not fills: coins that left without a sale, and remainders too small to sell.
TAKEN_LEG, GIVEN_UP_LEG, DUST_LEG = "taken", "given up", "dust"


@dataclass(frozen=True, slots=True)
class Leg:
    """One change of a position: a fill, or coins that left it without a sale, valued at `price`. `time` in market ms.

    `result_usd` is the result realised, after its fee (`fee_usd`). `quote_usd` is the value of one unit of the quote at that
    time, in dollars. `why` is the reason of its order, `decision_price` the price that it was decided at, None if nobody decided
    or nothing was recorded.
    """

    time: int
    price: Decimal
    qty: Decimal
    fee_usd: Decimal
    purpose: str
    closes: bool
    result_usd: Decimal
    quote_usd: Decimal
    why: str = ""
    decision_price: Decimal | None = None

    @property
    def is_fill(self) -> bool:
        """Whether an order did it."""
        return self.purpose not in (TAKEN_LEG, GIVEN_UP_LEG, DUST_LEG)


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its first fill, with its legs in order of time; `closed_at` is None while it is open.

    `held` is the quantity left and `entry_price` its average cost. `price` is the last known price of its market and `quote_usd`
    the current value of its quote. `ended` is the recorded reason of its end. A sale that belongs to no position (of dust) is a
    trade that was never opened. `decided_at` is the candle close that decided on it (market ms), `stop` its first stop, and `risk`
    the distance from entry to exit that R counts; 0 for what is not known.
    """

    account: str
    symbol: str
    side: Side
    opened_at: int
    closed_at: int | None
    ended: str
    held: Decimal
    entry_price: Decimal
    legs: tuple[Leg, ...]
    price: Decimal
    quote_usd: Decimal
    decided_at: int = 0
    stop: Decimal = ZERO
    risk: Decimal = ZERO

    @property
    def is_position(self) -> bool:
        return any(not leg.closes for leg in self.legs)

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None and self.is_position

    @property
    def qty(self) -> Decimal:
        """The total quantity bought for it (for a short: sold)."""
        return sum((leg.qty for leg in self.legs if not leg.closes), ZERO)

    @property
    def bought_at(self) -> Decimal:
        """The average price of its opening fills."""
        return _average(leg for leg in self.legs if not leg.closes)

    @property
    def sold_at(self) -> Decimal:
        """The average price of its closing legs; 0 without one."""
        return _average(leg for leg in self.legs if leg.closes)

    @property
    def result_usd(self) -> Decimal:
        return sum((leg.result_usd for leg in self.legs), ZERO)

    @property
    def fees_usd(self) -> Decimal:
        return sum((leg.fee_usd for leg in self.legs), ZERO)

    @property
    def open_usd(self) -> Decimal:
        """The result of closing the rest at the last known price, before its fee."""
        return (self.price - self.entry_price) * self.held * self.side.sign * self.quote_usd

    @property
    def holding_usd(self) -> Decimal:
        """The result if nothing had been closed and all purchases were still held, after their own fees only."""
        opening = [leg for leg in self.legs if not leg.closes]
        grown = sum(((self.price - leg.price) * leg.qty for leg in opening), ZERO) * self.side.sign
        return grown * self.quote_usd - sum((leg.fee_usd for leg in opening), ZERO)

    @property
    def reason(self) -> str:
        """Why it ended: what took its coins away, else the last sale's purpose; for an exit, the strategy's own name for it."""
        if self.closed_at is None:
            return OPEN
        if self.ended in (TAKEN, GIVEN_UP):
            return self.ended
        sales = [leg for leg in self.legs if leg.closes and leg.purpose != DUST_LEG]
        if not sales:
            return self.ended or DUST_LEG
        last = sales[-1]
        return last.why.partition(":")[0] if last.purpose == Purpose.EXIT and last.why else last.purpose


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one group, in dollars: positions closed, and how many of them made a profit."""

    key: str
    closed: int = 0
    won: int = 0
    realised_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    open_usd: Decimal = ZERO
    holding_usd: Decimal = ZERO

    def plus(self, other: Row) -> Row:
        """The sum of both, under this row's key."""
        return Row(
            self.key,
            self.closed + other.closed,
            self.won + other.won,
            self.realised_usd + other.realised_usd,
            self.fees_usd + other.fees_usd,
            self.open_usd + other.open_usd,
            self.holding_usd + other.holding_usd,
        )


@dataclass(frozen=True, slots=True)
class Expectancy:
    """The average result of closed positions: of all, of the winners and of the losers; None if there are none."""

    mean: Decimal | None
    win: Decimal | None
    loss: Decimal | None


def rows(trades: Iterable[Trade], by: By, now: int, since: int = 0, until: int | None = None) -> list[Row]:
    """Results by group since a market time, to before `until`. Open positions count at `now`. Time groups are in order of time,
    others in order of their result, best first.
    """
    found: dict[str, Row] = defaultdict(lambda: Row(""))
    for trade in trades:
        for at, part in _parts(trade, now, since):
            if until is not None and at >= until:
                continue
            key = _key(trade, by, at)
            found[key] = replace(found[key].plus(part), key=key)
    if by.of_time:
        return sorted(found.values(), key=lambda row: row.key)
    return sorted(found.values(), key=lambda row: (-row.realised_usd - row.open_usd, row.key))


def total(of: Iterable[Row]) -> Row:
    """The sum of all groups."""
    whole = Row("total")
    for row in of:
        whole = whole.plus(row)
    return whole


def expectancy(trades: Iterable[Trade], since: int = 0) -> Expectancy:
    """The expectancy of positions closed since a market time."""
    results = [trade.result_usd for trade in closed_since(trades, since)]
    return Expectancy(
        _mean(results), _mean([one for one in results if one > 0]), _mean([one for one in results if one <= 0])
    )


def closed_since(trades: Iterable[Trade], since: int = 0, until: int | None = None) -> list[Trade]:
    """Positions closed since a market time, to before `until`, oldest first."""
    found = [
        trade
        for trade in trades
        if trade.is_closed and trade.closed_at is not None and since <= trade.closed_at < (until or trade.closed_at + 1)
    ]
    return sorted(found, key=lambda trade: (trade.closed_at or 0, trade.opened_at, trade.symbol))


def _parts(trade: Trade, now: int, since: int) -> Iterable[tuple[int, Row]]:
    """The contributions of a trade to the results, each with its market time."""
    for leg in trade.legs:
        if leg.time >= since:
            yield leg.time, Row("", realised_usd=leg.result_usd, fees_usd=leg.fee_usd)
    if trade.closed_at is None:
        yield now, Row("", open_usd=trade.open_usd, holding_usd=trade.holding_usd)
    elif trade.is_position and trade.closed_at >= since:
        won = int(trade.result_usd > 0)
        yield trade.closed_at, Row("", closed=1, won=won, holding_usd=trade.holding_usd)


def _key(trade: Trade, by: By, at: int) -> str:
    if by in _FORMATS:
        return datetime.fromtimestamp(at // SECOND, UTC).strftime(_FORMATS[by])
    names: dict[By, Callable[[], str]] = {
        By.PAIR: lambda: trade.symbol,
        By.EXCHANGE: lambda: trade.account,
        By.REASON: lambda: trade.reason,
    }
    return names[by]()


def _average(legs: Iterable[Leg]) -> Decimal:
    parts = list(legs)
    qty = sum((leg.qty for leg in parts), ZERO)
    return sum((leg.qty * leg.price for leg in parts), ZERO) / qty if qty else ZERO


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, ZERO) / len(values) if values else None
