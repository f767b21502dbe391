"""What was earned: `nija profit` and `nija trades`, for people, programs and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from bot.commands import show
from bot.domain.clock import iso
from bot.domain.money import HUNDRED, ZERO, as_price, plain, shortened, to_places
from bot.domain.profit import DUST_LEG, By, Expectancy, Leg, Row, Trade, closed_since, expectancy, rows, total
from bot.store.trades import AccountTrades

#: Columns of `nija profit --csv`, and the fields of its JSON.
PROFIT = ("key", "closed", "won", "realised_usd", "fees_usd", "open_usd", "holding_usd")
#: Columns of `nija trades --csv`: a line for each leg.
LEGS = (
    *("broker", "symbol", "side", "opened_at", "closed_at", "reason"),
    *("time", "purpose", "qty", "price", "fee_usd", "result_usd"),
)
#: Positions to show on a terminal.
LATEST = 20
#: Digits of an average price, and decimals of dollars, in output for programs.
_DIGITS, _DECIMALS = 12, 8
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Results:
    """The trades of some accounts `since` a market time, to before `until`; `as_of` is the market time of the newest data."""

    accounts: Sequence[AccountTrades]
    since: int = 0
    until: int | None = None

    @property
    def trades(self) -> list[Trade]:
        return [trade for account in self.accounts for trade in account.trades]

    @property
    def as_of(self) -> int:
        return max((account.as_of for account in self.accounts), default=0)

    @property
    def whose(self) -> str:
        """Whose money it is, unless it is the owner's."""
        return ", ".join(sorted({owner for one in self.accounts if (owner := show.whose(one.account.mode))}))

    def rows(self, by: By) -> list[Row]:
        return rows(self.trades, by, self.as_of, self.since, self.until)

    def closed(self) -> list[Trade]:
        return closed_since(self.trades, self.since, self.until)

    def expectancy(self) -> Expectancy:
        return expectancy(self.trades, self.since)


# -- profit -----------------------------------------------------------------------------------------------------------
def profit_document(results: Results, by: By) -> dict[str, Any]:
    """The JSON of `nija profit`."""
    found = results.rows(by)
    whole = _row(total(found))
    del whole["key"]
    return {"by": by.value, "rows": [_row(row) for row in found], "total": whole}


def profit_rows(results: Results, by: By) -> list[dict[str, Any]]:
    """The lines of `nija profit --csv`, without a total."""
    return [_row(row) for row in results.rows(by)]


def _row(row: Row) -> dict[str, Any]:
    money = {name: _usd(getattr(row, name)) for name in PROFIT if name.endswith("_usd")}
    return {"key": row.key, "closed": row.closed, "won": row.won} | money


def show_profit(results: Results, by: By) -> None:
    """One screen: a line for each group, their sum, and what the columns mean."""
    if results.whose:
        show.say(results.whose)
    if not results.trades:
        show.say("There are no trades yet.")
        return
    found = results.rows(by)
    lines = [_cells(row) for row in (*found, total(found))]
    names = (by.value, "closed", "won", "realised", "fees", "open", "holding")
    show.table(show.columns(",".join(names), ",".join(names[1:])), lines)
    show.say("", *_explained(results))


def _cells(row: Row) -> list[str]:
    won = f"{row.won * HUNDRED / row.closed:.0f} %" if row.closed else "-"
    money = (row.realised_usd, row.fees_usd, row.open_usd, row.holding_usd)
    return [row.key, str(row.closed), won, *(show.cents(amount) for amount in money)]


#: What the columns mean.
_MEANING = (
    "realised: sales at average cost, less all fees, your own sales included",
    "open: what closing the rest would add, before its fee",
    "holding: what the same purchases would have earned, had nothing been sold",
    "in dollars, at the prices of {as_of}; days are UTC",
)


def _explained(results: Results) -> list[str]:
    meaning = [line.format(as_of=show.moment(results.as_of)) for line in _MEANING]
    found = results.expectancy()
    if found.mean is None:
        return meaning
    win, loss = ("-" if one is None else show.cents(one) for one in (found.win, found.loss))
    return [f"expectancy: {show.cents(found.mean)} per closed position (won: {win}, lost: {loss})", *meaning]


# -- trades -----------------------------------------------------------------------------------------------------------
def trades_document(trades: Iterable[Trade]) -> list[dict[str, Any]]:
    """The JSON of `nija trades`."""
    return [_trade(trade) for trade in trades]


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "broker": trade.account,
        "symbol": trade.symbol,
        "side": str(trade.side),
        "opened_at": iso(trade.opened_at),
        "closed_at": iso(trade.closed_at or 0),
        "qty": plain(trade.qty),
        "entry_price": _price(trade.bought_at),
        "exit_price": _price(trade.sold_at),
        "legs": [
            {
                "time": iso(leg.time),
                "price": _price(leg.price),
                "qty": plain(leg.qty),
                "fee_usd": _usd(leg.fee_usd),
                "purpose": leg.purpose,
            }
            for leg in trade.legs
        ],
        "result_usd": _usd(trade.result_usd),
        "fees_usd": _usd(trade.fees_usd),
        "reason": trade.reason,
    }


def legs_rows(trades: Iterable[Trade]) -> list[dict[str, Any]]:
    """The lines of `nija trades --csv`: a line for each leg, so that its results add up to the trade's."""
    found = []
    for trade in trades:
        whole = _trade(trade)
        for leg, leg_row in zip(trade.legs, whole["legs"], strict=True):
            found.append(whole | leg_row | {"result_usd": _usd(leg.result_usd)})
    return found


def show_trades(results: Results) -> None:
    """The newest closed positions, each with its legs."""
    if results.whose:
        show.say(results.whose)
    closed = results.closed()
    if not closed:
        show.say("No position has been closed yet." if not results.since else "No position has been closed since then.")
        return
    latest = closed[-LATEST:]
    title = f"the last {len(latest)} of {len(closed)} closed positions (--csv and --json have all)"
    show.table(
        show.columns("closed (UTC), broker, pair, result, reason, legs", "result"),
        [_line(trade) for trade in latest],
        title if len(latest) < len(closed) else "closed positions",
    )
    show.say("", "result: dollars, all fees paid. legs: what was done, at which average price.")


def _line(trade: Trade) -> list[str]:
    legs = ", ".join(f"{purpose} {as_price(price)}" for purpose, price in _merged(trade.legs))
    pair = f"{trade.symbol} {'long' if trade.side.sign > 0 else 'short'}"
    closed = show.moment(trade.closed_at or 0)[: len("2026-01-31 18:00")]
    return [closed, trade.account, pair, show.cents(trade.result_usd), trade.reason, legs]


def _merged(legs: Iterable[Leg]) -> Iterator[tuple[str, Decimal]]:
    """Purposes in order, each with its average price; dust worth less than a cent is left out."""
    for purpose, group in groupby(legs, key=lambda leg: leg.purpose):
        same = list(group)
        value = sum((leg.qty * leg.price for leg in same), ZERO)
        if purpose != DUST_LEG or value >= CENT:
            yield purpose, value / sum((leg.qty for leg in same), ZERO)


def _usd(amount: Decimal) -> str:
    return plain(to_places(amount, _DECIMALS))


def _price(price: Decimal) -> str:
    return plain(shortened(price, _DIGITS))
