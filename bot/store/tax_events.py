"""The events that tax software needs: every fill, and coins that left the account without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from bot.domain.booking import DUST, GIVEN_UP
from bot.domain.ids import AccountKey
from bot.domain.money import ONE, ZERO, plain, usd
from bot.domain.order import Side
from bot.store.account_transaction import Row, Transaction
from bot.store.reader import Books, Seen
from bot.store.trades import FILLS, POSITIONS, WRITE_OFFS


@dataclass(frozen=True, slots=True)
class TaxEvent:
    """One fill; without a `fill_id`, coins that left the account (`withdrawn`), valued at `price`.

    `currency` is what was actually paid or received, worth `quote_usd` dollars per unit; `realised` is the result in it, fee
    included. Times are market ms.
    """

    account: str
    time: int
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    currency: str
    fee: Decimal
    fee_asset: str
    fee_usd: Decimal
    quote_usd: Decimal
    realised: Decimal
    purpose: str
    fill_id: str
    note: str = ""

    @property
    def withdrawn(self) -> bool:
        return not self.fill_id

    @property
    def base(self) -> str:
        return self.symbol.split("-", 1)[0]

    @property
    def is_contract(self) -> bool:
        return self.symbol.endswith("-SWAP")


def read_tax_events(books: Books, key: AccountKey | None = None, since: int = 0) -> list[TaxEvent]:
    """The events of the current accounts, or of one, since a market time; oldest first."""
    found: list[TaxEvent] = []
    for seen in books.accounts():
        if key in (None, seen.account.key):
            found += books.read(seen, partial(_events, seen)) or ()
    return sorted((event for event in found if event.time >= since), key=lambda event: event.time)


def _events(seen: Seen, tx: Transaction) -> list[TaxEvent]:
    account = str(seen.account.key)
    held = {row["id"]: row for row in tx.rows(POSITIONS)}
    gone = tx.rows(WRITE_OFFS)
    fills = tx.rows(FILLS)
    notes = _dust_notes(gone, fills, held)
    events = [_fill(account, row, notes.get(row["id"], "")) for row in fills]
    return events + [_withdrawal(account, row, held[row["position_id"]]) for row in gone if _is_withdrawal(row)]


def _is_withdrawal(row: Row) -> bool:
    return row["why"] not in (DUST, GIVEN_UP) and row["price"] is not None


def _dust_notes(gone: list[Row], fills: list[Row], held: Mapping[int, Row]) -> dict[int, str]:
    """A note on the dust that each closed position left, by the row number of its last fill."""
    last = {row["position_id"]: row["id"] for row in fills}
    notes = {}
    for row in gone:
        number = last.get(row["position_id"])
        if row["why"] == DUST and number is not None:
            coin = held[row["position_id"]]["symbol"].split("-", 1)[0]
            worth = usd(row["qty"] * row["price"] * (row["quote_usd"] or ONE))
            notes[number] = f"leaves {plain(row['qty'])} {coin} as dust, worth {worth} at the time"
    return notes


def _fill(account: str, row: Row, note: str) -> TaxEvent:
    quote = row["symbol"].split("-")[1]
    currency = row["pay_in"] or quote
    rate = row["quote_usd"] or ONE
    return TaxEvent(
        account=account,
        time=row["time"],
        symbol=row["symbol"],
        side=row["side"],
        qty=row["qty"],
        price=row["price"],
        currency=currency,
        fee=row["fee"],
        fee_asset=currency if row["fee_asset"] == quote else row["fee_asset"],
        fee_usd=row["fee_usd"],
        quote_usd=rate,
        realised=(row["realised_usd"] or ZERO) / rate,
        purpose=str(row["purpose"]),
        fill_id=row["fill_id"],
        note=note,
    )


def _withdrawal(account: str, row: Row, position: Row) -> TaxEvent:
    symbol = position["symbol"]
    return TaxEvent(
        account=account,
        time=row["at"],
        symbol=symbol,
        side=position["side"].opposite,
        qty=row["qty"],
        price=row["price"],
        currency=symbol.split("-")[1],
        fee=ZERO,
        fee_asset="",
        fee_usd=ZERO,
        quote_usd=row["quote_usd"] or ONE,
        realised=row["realised"] or ZERO,
        purpose="taken",
        fill_id="",
    )
