"""Whether the coins and contracts of our positions are still there: the owner may have sold, withdrawn or closed them by hand, and the
exchange may have liquidated a contract.

Two things confirm what is missing: a sale in the exchange's own history, and a sale of ours that the exchange refuses for lack of
coins or contracts. Confirmed missing ones are not offered for sale again, get no new stop, and count as gone after a second check
soon; at a start, one check suffices if the history shows the sale. A sale that is not ours is booked as the owner's.

A balance alone proves nothing: exchanges have sent other accounts' balances for hours, and left out wallets for days. So it changes no
protection. Coins may have been withdrawn, which no history of trades shows; so they count as gone after hours of such balances.
Contracts cannot be withdrawn, so they never do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bot.brokers.base import BrokerError
from bot.domain.backoff import Backoff
from bot.domain.booking import TAKEN
from bot.domain.clock import HOUR, MINUTE, SECOND
from bot.domain.instrument import Balance
from bot.domain.log import Event
from bot.domain.money import ZERO, plain
from bot.domain.order import OrderRecord, OrderStatus, Purpose, Side
from bot.domain.outcome import ErrorMeaning
from bot.domain.position import Position
from bot.engine.owner_trades import OwnerTrades, Sale, Trades, part_of
from bot.engine.results import log_end

if TYPE_CHECKING:
    from bot.engine.order_manager import OrderManager

#: Real ms between the first check that misses something and the one that counts it as gone, if it is confirmed; and if not.
SECOND_LOOK, UNCONFIRMED = 20 * SECOND, 6 * HOUR
#: Real ms between two readings of the owner's trades while nothing confirms what a balance says: that can take many pages.
READ_AGAIN = 10 * MINUTE
#: The waits after consecutive sales that were refused for lack of coins.
AGAIN = Backoff(250, 2, MINUTE)


@dataclass(frozen=True, slots=True)
class _CoinCheck:
    """The first check that found coins of a position missing, in steady and in market time (ms). `read`: when the owner's trades
    were last read (steady); `witnessed`: confirmed by more than a balance; `told`: the owner knows that it is not.
    """

    steady: int
    market: int
    missing: Decimal
    read: int
    witnessed: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class _Refused:
    """Orders that were refused for lack of coins: when the last was (steady ms), and the wait until the next (real ms)."""

    at: int
    wait: int


class _Shares(NamedTuple):
    """What is there of each position, and what is left of that coin or contract after it, by symbol."""

    there: dict[str, Decimal]
    left: dict[str, Decimal]


class Coins:
    """Tracks which coins and contracts of an account's positions are there."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._owner = OwnerTrades(oms)
        self._counted = False
        self._looks: dict[str, _CoinCheck] = {}  # by the position's entry, because the next position has other coins
        self._refused: dict[tuple[str, bool], _Refused] = {}  # by symbol, separately for stops

    # -- what follows from it -----------------------------------------------------------------------------------------
    def lacking(self, position: Position) -> Decimal:
        """The quantity of a position that is confirmed missing, by more than a balance."""
        look = self._looks.get(position.entry_id)
        return min(look.missing, position.qty) if look is not None and look.witnessed else ZERO

    def to_guard(self, position: Position, covered: Decimal) -> Decimal:
        """The quantity that stops should protect. Missing coins get no new stop, but a resting stop stays until they count as
        gone.
        """
        return max(position.qty - self.lacking(position), min(covered, position.qty))

    def waits(self, symbol: str) -> bool:
        """Whether a sale was refused for lack of coins too recently to try again."""
        last = self._refused.get((symbol, False))
        return last is not None and self._oms.clock.steady_ms() - last.at < last.wait

    def worth(self, balances: Mapping[str, Balance]) -> dict[str, Decimal]:
        """The quantity of each position that is in the account, by symbol; the rest has been sold or has left."""
        contracts = self._contracts()
        there = self._shared_out(balances, contracts).there
        if any(there[one.symbol] < one.qty for one in self._positions() if not self._is_contract(one)):
            elsewhere = self._oms.broker.unavailable_balances()
            there = self._shared_out(balances, contracts, elsewhere).there
        return there

    # -- looking ------------------------------------------------------------------------------------------------------
    def is_due(self) -> bool:
        """Whether the second check of confirmed missing coins is due."""
        now = self._oms.clock.steady_ms()
        return any(look.witnessed and now - look.steady >= SECOND_LOOK for look in self._looks.values())

    def count(self, balances: Mapping[str, Balance]) -> None:
        """Check all positions once. At the first check after a start, the exchange's history can replace the second check."""
        positions = self._positions()
        still = {position.entry_id for position in positions}
        self._looks = {entry: look for entry, look in self._looks.items() if entry in still}
        shares = self._shared_out(balances, self._contracts())
        for position in positions:
            missing = position.qty - shares.there[position.symbol]
            if missing == 0:
                self._owner.note_his_own(position, shares.left[position.symbol])
            self._judge(position, missing, starting=not self._counted)
        self._counted = True

    def sent(self, record: OrderRecord, position: Position) -> None:
        """Handle the outcome of an order that was to sell or protect a position. If it was refused for lack of coins or
        contracts, check what is there instead of trying again.
        """
        stop = record.purpose is Purpose.STOP
        if not is_for_want_of_coins(record):
            self._refused.pop((position.symbol, stop), None)
            return
        before = self._refused.get((position.symbol, stop))
        wait = AGAIN.after(before.wait if before is not None else 0)
        self._refused[position.symbol, stop] = _Refused(self._oms.clock.steady_ms(), wait)
        if stop and before is None:
            return  # the exchange may not have released the coins of the previous stop yet
        try:
            there = self._shared_out(self._oms.broker.balances(), self._contracts()).there
            missing = position.qty - there[position.symbol] if position.symbol in there else ZERO
            self._judge(position, missing, refused=True)
        except BrokerError as error:
            self._oms.log.warning(Event.WATCH, symbol=position.symbol, reason=error.text)

    def _positions(self) -> Sequence[Position]:
        return self._oms.book.positions()

    def _is_contract(self, position: Position) -> bool:
        return self._oms.instruments[position.symbol].shortable

    def _contracts(self) -> Mapping[tuple[str, Side], Decimal]:
        """The contracts in the account, requested only if the book has any."""
        return self._oms.broker.contracts() if any(map(self._is_contract, self._positions())) else {}

    def _shared_out(
        self,
        balances: Mapping[str, Balance],
        contracts: Mapping[tuple[str, Side], Decimal],
        elsewhere: Mapping[str, Decimal] | None = None,
    ) -> _Shares:
        """What is there of each position. Positions in the same coin share it, oldest first."""
        coins = defaultdict(Decimal, {asset: balance.total for asset, balance in balances.items()})
        for asset, amount in (elsewhere or {}).items():
            coins[asset] += amount
        found = _Shares({}, {})
        for one in self._positions():
            contract = self._is_contract(one)
            held = contracts.get((one.symbol, one.side), ZERO) if contract else coins[one.base]
            found.there[one.symbol] = min(one.qty, held)
            found.left[one.symbol] = held - found.there[one.symbol]
            if not contract:
                coins[one.base] = found.left[one.symbol]
        return found

    def _judge(self, position: Position, missing: Decimal, *, starting: bool = False, refused: bool = False) -> None:
        """Write off what two checks have missed, as of the first, so that our own sales in between do not count."""
        oms, entry = self._oms, position.entry_id
        if missing < oms.instruments[position.symbol].lot or oms.closing_in_doubt(position.symbol) > 0:
            self._looks.pop(entry, None)
            return
        now = _CoinCheck(steady := oms.clock.steady_ms(), oms.clock.market_ms(), missing, steady)
        first = self._looks.get(entry, now)
        again = steady - first.steady >= SECOND_LOOK
        contract = self._is_contract(position)
        withdrawn = steady - first.steady >= UNCONFIRMED and not contract
        due = first.witnessed or refused or withdrawn or not first.told or steady - first.read >= READ_AGAIN
        read = first is now or (again and due)
        sales, shown = self._owner.of(position, missing, contract=contract) if read else Trades()
        witnessed = first.witnessed or refused or shown
        self._looks[entry] = replace(
            first, witnessed=witnessed, told=first.told or again, read=steady if read else first.read
        )
        if not first.witnessed and witnessed:
            self._report(position, missing, sales[0].why if shown else "")
        elif again and not witnessed and not first.told:
            self._report_unconfirmed(position, missing)
        if (again and witnessed) or (starting and shown) or withdrawn:
            self._believe(position, first, min(first.missing, missing), sales)

    def _report(self, position: Position, missing: Decimal, why: str) -> None:
        """Log once per position what is done about what is missing; `why` it was sold, if the exchange shows that."""
        contract = self._is_contract(position)
        where = "the exchange does not show these contracts" if contract else "the balance does not show these coins"
        why = why or f"and the exchange refuses to {'close' if contract else 'sell'} them"
        self._oms.log.warning(
            Event.MISSING,
            symbol=position.symbol,
            qty=missing,
            reason=f"{where}, {why}: neither sold nor protected until checked once more",
        )

    def _report_unconfirmed(self, position: Position, missing: Decimal) -> None:
        """Log once per position that only a balance misses it."""
        contract = self._is_contract(position)
        later = "" if contract else f", and they count as gone after {UNCONFIRMED // HOUR} hours of this"
        self._oms.log.warning(
            Event.MISSING,
            symbol=position.symbol,
            qty=missing,
            reason=f"the exchange does not show these {'contracts' if contract else 'coins'}, and no sale of them: they stay"
            f" protected{later}; if you have moved them, `nija sell {position.symbol}` settles it at once",
        )

    # -- believing ----------------------------------------------------------------------------------------------------
    def _believe(self, position: Position, first: _CoinCheck, missing: Decimal, sales: Sequence[Sale]) -> None:
        oms, symbol = self._oms, position.symbol
        contract = self._is_contract(position)
        gone = missing if contract else missing - oms.broker.unavailable_balances().get(position.base, ZERO)
        self._looks.pop(position.entry_id, None)
        self._refused.pop((symbol, False), None)
        if gone < oms.instruments[symbol].lot:
            return
        sold = self._book_sales(position, gone, sales)
        how = sales[0].why if sales else ""
        if sold < gone and oms.book.position(symbol) is not None:
            worth = oms.valuation.worth(position)
            oms.book.write_off(symbol, gone - sold, first.market, TAKEN, worth)
            left = "were closed" if contract else "left the account"
            how = f"they {left} without a sale that the exchange shows, and count at {plain(worth.price)}"
        if sold:
            self._close_rest(symbol, sales[0])
        oms.log.error(Event.GONE, symbol=symbol, qty=gone, sold=sold, reason=f"{how}: the position shrinks")

    def _book_sales(self, position: Position, gone: Decimal, sales: Sequence[Sale]) -> Decimal:
        """Book the owner's sales, newest first, as far as they took what was ours; returns that quantity."""
        sold = ZERO
        for fill, why in sales:
            part = self._oms.valuation.in_dollars(part_of(fill, min(fill.qty, gone - sold)))
            if part.qty <= 0:
                break
            quote_usd = self._oms.valuation.at(position.symbol, part.price).quote_usd
            booking = self._oms.book.sold_by_owner(position.symbol, part, quote_usd, why)
            sold += part.qty
            if self._oms.on_fill is not None:
                self._oms.on_fill(booking)
        return sold

    def _close_rest(self, symbol: str, sale: Sale) -> None:
        """Turn a remainder of the owner's sale that is too small to sell into dust. The owner ended the position, so it is not a
        result of the strategy.
        """
        oms = self._oms
        left = oms.book.position(symbol)
        if left is None or oms.instruments[symbol].size(left.qty) >= oms.instruments[symbol].min_qty:
            return
        price = sale.fill.price
        ended = oms.book.close(symbol, oms.clock.market_ms(), Purpose.OWNER, oms.valuation.at(symbol, price))
        oms.log.info(Event.DUST, symbol=symbol, qty=left.qty, reason=f"the rest of a position: {sale.why}")
        log_end(oms, ended, Purpose.OWNER, price, f"{sale.why}; the rest is dust")


def is_for_want_of_coins(record: OrderRecord) -> bool:
    """Whether the exchange refused an order for lack of money or coins (`OrderManager.submit` puts the meaning before its
    message).
    """
    return record.status is OrderStatus.REJECTED and record.reason.partition(":")[0] == ErrorMeaning.FUNDS
