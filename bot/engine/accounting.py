"""Accounting: what the account is worth for trading, and what trading earned.

Equity is quote cash, free and held, plus our own positions at the price they would sell for; foreign coins never count. Results
come only from our fills and positions, so a deposit is not a profit and a withdrawal is not a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.domain.clock import day_start
from bot.domain.instrument import DOLLARS, Balance, Ticker, Trading
from bot.domain.money import ONE, ZERO
from bot.domain.order import OrderRecord, Purpose
from bot.domain.position import Position, closing_price
from bot.engine.order_manager import OrderManager
from bot.engine.records import at_stake
from bot.engine.risk import Losses
from bot.engine.track_record import TrackRecord, measured_against
from bot.engine.universe import MarketCriteria, spendable

#: If the price of a position moved by more than this share since the last measurement, the track record changes only when a
#: second measurement agrees.
SUDDEN = Decimal("0.2")
_TRACK = "track"


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """One measurement of the account, at steady time `at`, in dollars. `result` is the total result of trading, with open
    positions at current prices. `free` is the spendable cash by quote, `other` all other assets, `prices` the closing price of
    each position. `useful` is the equity without cash that can buy nothing here.
    """

    at: int
    balance: Decimal
    equity: Decimal
    unrealised: Decimal
    exposure: Decimal
    losses: Losses
    free: Mapping[str, Decimal]
    other: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    useful: Decimal
    result: Decimal


class Accounting:
    """Measures one account; raises `BrokerError` if the exchange does not answer."""

    def __init__(self, oms: OrderManager, criteria: MarketCriteria) -> None:
        self._oms = oms
        self._criteria = criteria
        self._before: Mapping[str, Decimal] = {}

    def measure(self, balances: Mapping[str, Balance] | None = None) -> AccountSnapshot:
        """Measure the account from current balances and prices and from the book; `balances` if they were just read."""
        oms = self._oms
        at = oms.clock.steady_ms()
        balances = oms.broker.balances() if balances is None else balances
        positions = oms.book.positions()
        quoted = {one.symbol for one in positions if self._is_quoted(one.symbol)}
        rates = oms.valuation.rates([*quoted, *(f"-{asset}" for asset, held in balances.items() if held.total)])
        tickers = self._tickers(quoted | rates) if quoted | rates else {}
        prices = {one.symbol: closing_price(one, tickers) for one in positions}
        unrealised = sum((one.unrealised(prices[one.symbol]) for one in positions), ZERO)
        there = oms.coins.worth(balances)
        worth = sum((self._worth(one, prices[one.symbol], there) for one in positions), ZERO)
        balance = sum((held.total for asset, held in balances.items() if asset in DOLLARS), ZERO)
        result = oms.book.realised_since(0) + unrealised
        certain = quoted <= tickers.keys() and not self._is_sudden(prices)
        unsettled = oms.book.unsettled()
        money = measured_against(balance + worth, invested(positions, unsettled, prices))
        oms.valuation.learn(prices, tickers, rates)
        return AccountSnapshot(
            at=at,
            balance=balance,
            equity=balance + worth,
            unrealised=unrealised,
            exposure=sum(exposures(positions, unsettled, prices).values(), ZERO),
            losses=self._tracked(result, money, certain=certain).losses,
            free={asset: held.free for asset, held in balances.items() if asset in DOLLARS},
            other=_foreign(balances, positions, oms.book.dust()),
            prices=prices,
            useful=balance + worth - self._useless(balances),
            result=result,
        )

    def _useless(self, balances: Mapping[str, Balance]) -> Decimal:
        """Cash in currencies that none of the owner's markets accepts."""
        pays = spendable(self._oms.instruments.values(), self._criteria)
        return sum((held.total for asset, held in balances.items() if asset in DOLLARS - pays), ZERO)

    def _is_quoted(self, symbol: str) -> bool:
        """Suspended and delisted markets have no quote; asking for one may fail the request for all others, too."""
        return self._oms.instruments[symbol].trading is not Trading.SUSPENDED

    def _tickers(self, symbols: set[str]) -> Mapping[str, Ticker]:
        try:
            return self._oms.markets.each(self._oms.prices.tickers, symbols)
        except BrokerError as error:
            self._oms.markets.record_error(error)
            raise

    def forget_peak(self) -> None:
        """The operator resumes after a drawdown, which is measured from now on."""
        known = self._oms.book.get_state(_TRACK)
        if known is not None:
            self._oms.book.set_state(_TRACK, TrackRecord.read(known).restarted().written())

    def _worth(self, position: Position, price: Decimal, there: Mapping[str, Decimal]) -> Decimal:
        """What a position adds to equity: for spot, the value of the coins that are `there`; for a swap, the unrealised result of
        those contracts. (What the owner has sold or closed is already part of the cash.)
        """
        held = there[position.symbol]
        if self._oms.instruments[position.symbol].shortable:
            return replace(position, qty=held).unrealised(price)
        return held * price

    def _is_sudden(self, prices: Mapping[str, Decimal]) -> bool:
        """Whether a price has jumped since the last measurement: one wrong quote must not halt the account for good."""
        before, self._before = self._before, prices
        return any(abs(price / before.get(symbol, price) - ONE) > SUDDEN for symbol, price in prices.items())

    def _tracked(self, result: Decimal, money: Decimal, *, certain: bool) -> TrackRecord:
        """The track record after this measurement; unchanged if the measurement is not `certain`.

        It is stored with the cycle's next change, with its report at the latest: a measurement lost in a crash does not count.
        """
        book = self._oms.book
        today = day_start(self._oms.clock.market_ms())
        known = book.get_state(_TRACK)
        if known is None:
            track = TrackRecord.begun(result, money, today)
        elif certain:
            track = TrackRecord.read(known).after(result, money, today, book.realised_since(today))
        else:
            return TrackRecord.read(known)
        book.set_state_deferred(_TRACK, track.written())
        return track


def exposures(
    positions: Sequence[Position], unsettled: Sequence[OrderRecord], prices: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Exposure in dollars by base coin, over all markets of the coin: open positions (at `prices`, else at cost) and what
    unsettled entries may still buy.
    """
    found: dict[str, Decimal] = {}
    for one in positions:
        found[one.base] = found.get(one.base, ZERO) + one.value(prices.get(one.symbol, one.entry_price))
    for record in unsettled:
        if record.purpose is Purpose.ENTRY:
            base = base_of(record.symbol)
            found[base] = found.get(base, ZERO) + in_doubt(record)
    return found


def invested(positions: Sequence[Position], unsettled: Sequence[OrderRecord], prices: Mapping[str, Decimal]) -> Decimal:
    """What the money in open positions is worth now, in dollars (a short's cost and result, as if it were paid in full), and what
    unsettled entries may still cost.
    """
    held = (one.value(one.entry_price) + one.unrealised(prices[one.symbol]) for one in positions)
    entering = (in_doubt(record) for record in unsettled if record.purpose is Purpose.ENTRY)
    return sum((max(worth, ZERO) for worth in held), ZERO) + sum(entering, ZERO)


def in_doubt(record: OrderRecord) -> Decimal:
    """Dollars that an unsettled entry may still cost."""
    price = record.limit_price or record.avg_price or (record.decision.close if record.decision else ZERO)
    return at_stake(record) * price


def slots_taken(positions: Sequence[Position], unsettled: Sequence[OrderRecord]) -> int:
    """The number of base coins that are held or that an unsettled entry may have bought."""
    entering = {base_of(record.symbol) for record in unsettled if record.purpose is Purpose.ENTRY}
    return len({one.base for one in positions} | entering)


def base_of(symbol: str) -> str:
    return symbol.split("-", 1)[0]


def _foreign(
    balances: Mapping[str, Balance], positions: Sequence[Position], dust: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Coins in the account that our fills did not buy: reported, never touched."""
    ours: dict[str, Decimal] = dict(dust)
    for position in positions:
        ours[position.base] = ours.get(position.base, ZERO) + position.qty
    return {
        asset: held.total - ours.get(asset, ZERO)
        for asset, held in balances.items()
        if asset not in DOLLARS and held.total > ours.get(asset, ZERO)
    }
