"""What trading earned: positions as they were opened and closed, and their results by day, pair, exchange or reason. Pure.

A result is realised by average cost, on the day of each sale, in dollars at the rate of that moment; a fee is a loss when it is
paid. So the sums of any grouping are the same, and they are the money that moved plus the cost of what is still held.
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
    """What results are grouped by; days, ISO weeks and months are those of UTC, in market time."""

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
#: The reason of a position that is not closed.
OPEN = "open"
#: The purposes of legs that are no fill: coins that left without a sale, and rests too small to be sold.
TAKEN_LEG, GIVEN_UP_LEG, DUST_LEG = "taken", "given up", "dust"


@dataclass(frozen=True, slots=True)
class Leg:
    """One change of a position: a fill, or coins that left it without a sale, valued at `price`. `time` in market ms.

    `result_usd` is what it realised, its fee (`fee_usd`) included; `quote_usd` the dollars for one unit of the quote then; `why`
    the words of its order.
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


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its first fill on, with all its legs by time; `closed_at` is None while it is open.

    `held` is what is left of it and `entry_price` what that had cost on average. `price` is the last that is known of its market
    and `quote_usd` its quote's worth now. `ended` says why it ended, as the book has it. A sale that no position stands for (of
    dust) is a trade that was never opened.
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

    @property
    def is_position(self) -> bool:
        return any(not leg.closes for leg in self.legs)

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None and self.is_position

    @property
    def qty(self) -> Decimal:
        """All that was ever bought for it (of a short: sold)."""
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
        """What closing the rest at the last known price would earn before its fee."""
        return (self.price - self.entry_price) * self.held * self.side.sign * self.quote_usd

    @property
    def holding_usd(self) -> Decimal:
        """What its purchases would have earned by now if nothing of them had been closed: their fees paid, no other."""
        opening = [leg for leg in self.legs if not leg.closes]
        grown = sum(((self.price - leg.price) * leg.qty for leg in opening), ZERO) * self.side.sign
        return grown * self.quote_usd - sum((leg.fee_usd for leg in opening), ZERO)

    @property
    def reason(self) -> str:
        """Why it ended: what took its coins away, else the last sale's purpose; of an exit the strategy's own word for it."""
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
    """The results of one group: positions closed, and how many of them earned something; dollars."""

    key: str
    closed: int = 0
    won: int = 0
    realised_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    open_usd: Decimal = ZERO
    holding_usd: Decimal = ZERO

    def plus(self, other: Row) -> Row:
        """Both together, under this one's key."""
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
    """What a closed position earned on average, and those that won and lost; None where there is none."""

    mean: Decimal | None
    win: Decimal | None
    loss: Decimal | None


def rows(trades: Iterable[Trade], by: By, now: int, since: int = 0) -> list[Row]:
    """Results by group, of what happened since a market time. What is open counts `now`; groups of time come in order, others by
    what they earned.
    """
    found: dict[str, Row] = defaultdict(lambda: Row(""))
    for trade in trades:
        for at, part in _parts(trade, now, since):
            key = _key(trade, by, at)
            found[key] = replace(found[key].plus(part), key=key)
    if by.of_time:
        return sorted(found.values(), key=lambda row: row.key)
    return sorted(found.values(), key=lambda row: (-row.realised_usd - row.open_usd, row.key))


def total(of: Iterable[Row]) -> Row:
    """All groups together."""
    whole = Row("total")
    for row in of:
        whole = whole.plus(row)
    return whole


def expectancy(trades: Iterable[Trade], since: int = 0) -> Expectancy:
    """Of positions that were closed since a market time."""
    results = [trade.result_usd for trade in closed_since(trades, since)]
    return Expectancy(
        _mean(results), _mean([one for one in results if one > 0]), _mean([one for one in results if one <= 0])
    )


def closed_since(trades: Iterable[Trade], since: int = 0) -> list[Trade]:
    """Positions that were closed since a market time, the oldest first."""
    found = [trade for trade in trades if trade.is_closed and (trade.closed_at or 0) >= since]
    return sorted(found, key=lambda trade: (trade.closed_at or 0, trade.opened_at, trade.symbol))


def _parts(trade: Trade, now: int, since: int) -> Iterable[tuple[int, Row]]:
    """What a trade adds to results, and at which market time."""
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
