"""Compares `nija profit` with the money that moved at the exchange, to the cent.

For every coin: realised profit = the money of the fills at the venue, including the owner's sales of NIJA's coins,
+ coins still held at their cost + coins that left without a sale at their written-off value. In units of the quote,
since NIJA sets the dollar rates of stablecoins itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from bot.domain.ids import AccountKey
from bot.domain.profit import DUST_LEG, By, Trade, rows, total
from bot.store.database import Store
from bot.store.reader import Books
from bot.store.schema import dust
from bot.store.tax_events import TaxEvent, read_tax_events
from bot.store.trades import read_trades
from tests.torture.agreement import sold_gross

Doc = Mapping[str, Any]
ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass
class _Sum:
    """One coin: the result in the book, the result at the exchange, and coins that the book does not account for."""

    booked: Decimal = ZERO
    true: Decimal = ZERO
    stray: Decimal = ZERO
    price: Decimal = ZERO


@dataclass(frozen=True)
class Believed:
    """An account's book."""

    trades: Sequence[Trade]
    events: Sequence[TaxEvent]
    dust: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)


def read(books: Books, key: AccountKey) -> Believed:
    """The book of one account; by coin, its dust and the cost of that in dollars."""
    trades = [trade for account in read_trades(books, key) for trade in account.trades]
    left = {}
    for seen in books.accounts():
        if seen.account.key == key:
            with closing(Store.look(seen.where)) as store, store.reading() as connection:
                query = select(dust.c.coin, dust.c.qty, dust.c.cost_usd).where(dust.c.account_id == seen.number)
                left = {coin: (qty, cost or ZERO) for coin, qty, cost in connection.execute(query)}
    return Believed(trades, read_tax_events(books, key), left)


def taken(believed: Believed) -> dict[str, Decimal]:
    """Coins that left positions without a sale shown by the exchange."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for event in believed.events:
        if event.withdrawn:
            found[event.base] += event.qty
    return found


def figures(believed: Believed) -> dict[str, str]:
    """For the table: number and result of closed positions, and the part that the owner sold by hand."""
    closed = sum(trade.is_closed for trade in believed.trades)
    earned = sum((trade.result_usd for trade in believed.trades), ZERO)
    by_hand = sum(event.purpose == "owner" for event in believed.events)
    gone = sum(event.withdrawn for event in believed.events)
    return {"closed": str(closed), "realised": f"{earned:.2f}", "sold by hand": str(by_hand), "unseen": str(gone)}


def unearned(believed: Believed, truth: Doc) -> list[str]:
    """A line for each coin whose result does not match the money, and for totals that depend on the grouping."""
    sums: dict[str, _Sum] = defaultdict(_Sum)
    _book(believed, sums)
    _money(believed, truth, sums)
    gross = sold_gross(truth)
    lines = [
        f"coins of {coin}: {one.stray} more at the exchange than results account for"
        for coin, one in sums.items()
        if one.stray > 0 or -one.stray > gross.get(coin, ZERO)
    ]
    for coin, one in sums.items():
        apart = one.booked - one.true - one.stray * one.price
        if abs(apart) > CENT / 2 + abs(one.stray * one.price) / 10:
            lines.append(f"earned with {coin}: book {one.booked:.4f}, exchange {one.booked - apart:.4f}")
    whole = sum((one.booked - one.true - one.stray * one.price for one in sums.values()), ZERO)
    if not lines and abs(whole) > CENT:
        lines.append(f"earned in all: {whole:.4f} more in the book than at the exchange")
    return lines + _grouped(believed.trades)


def _book(believed: Believed, sums: dict[str, _Sum]) -> None:
    for trade in believed.trades:
        coin = trade.symbol.split("-")[0]
        one, spot = sums[coin], not trade.symbol.endswith("-SWAP")
        one.booked += sum((leg.result_usd / leg.quote_usd for leg in trade.legs), ZERO)
        one.true += trade.held * trade.entry_price * trade.side.sign
        one.stray -= trade.held if spot else ZERO
        for leg in trade.legs:
            if leg.purpose in ("taken", "given up") or (leg.purpose == DUST_LEG and not spot):
                one.true += leg.qty * leg.price * trade.side.sign
                one.stray -= leg.qty if spot else ZERO
    for coin, (qty, cost) in believed.dust.items():
        sums[coin].true += cost
        sums[coin].stray -= qty


def _money(believed: Believed, truth: Doc, sums: dict[str, _Sum]) -> None:
    ours = {order["id"] for order in truth["orders"] if order["origin"] != "manual"}
    by_hand = {event.fill_id: event.qty for event in believed.events if event.purpose == "owner"}
    for fill in truth["fills"]:
        qty, price = Decimal(fill["qty"]), Decimal(fill["price"])
        part = Decimal(1) if fill["order_id"] in ours else by_hand.get(fill["id"], ZERO) / qty
        if not part:
            continue
        base, quote = fill["symbol"].split("-")[:2]
        one, sign = sums[base], 1 if fill["side"] == "sell" else -1
        fee = Decimal(fill["fee"])
        one.true += part * (sign * qty * price - (fee if fill["fee_asset"] == quote else ZERO))
        if not fill["symbol"].endswith("-SWAP"):
            one.stray += part * (-sign * qty - (fee if fill["fee_asset"] == base else ZERO))
        one.price = price


def _grouped(trades: Sequence[Trade]) -> list[str]:
    now = max((leg.time for trade in trades for leg in trade.legs), default=0)
    totals = {by: total(rows(trades, by, now)) for by in By}
    first = totals[By.DAY]
    names = ("closed", "won", "realised_usd", "fees_usd", "open_usd", "holding_usd")
    return [
        f"by {by} {name} is {getattr(one, name)}, by day {getattr(first, name)}"
        for by, one in totals.items()
        for name in names
        if abs(getattr(one, name) - getattr(first, name)) > CENT / 1_000_000
    ]
