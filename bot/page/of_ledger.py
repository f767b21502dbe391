"""The page of a ledger: what trading really earned, and what it really paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bot.backtest.comparison import Comparison, Difference
from bot.backtest.figures import Figure, figures, money, ratio, share
from bot.backtest.history import History
from bot.backtest.numbers import Numbers
from bot.backtest.result import Result
from bot.domain.clock import iso
from bot.domain.profit import By, Row, Trade, closed_since, rows, total
from bot.domain.slippage import PricedFill, Slippage, priced_fills, slippage
from bot.page.candles import charts
from bot.page.content import Cell, Column, Kind, Listing, Page, Table, bins
from bot.page.live_result import equity_points, number, reason_of, sales_of
from bot.page.sections import counts, days, groups, money_cell, months, tiles

EQUITY_NOTE = (
    "Equity (right) after each fill, or at the end of each UTC day where there are many: what the accounts have now, less what was "
    "earned since. Deposits and withdrawals are not known, and open positions count at the end only. Drawdown (left) is below its "
    "best moment."
)
SLIPPAGE_NOTE = (
    "The price paid against the price decided on: the close of the deciding candle for an entry, the trigger for a stop, the market's "
    "price at the decision for other sales. Above zero is a loss. It is in the results already."
)
_SIDES = {1: "long", -1: "short"}
_RESULTS = ("closed", "won", "realised", "fees", "open")


class Traded(NamedTuple):
    """What a ledger has of some accounts in a time. `until` (market ms) is None for all there is. `equity` is that of the accounts now
    (dollars; None: unknown). `whose` says whose money it is, unless it is the owner's. `result` and `numbers` are of the closed
    positions, `skips` counts closes by the gate that blocked.
    """

    accounts: Sequence[str]
    trades: Sequence[Trade]
    since: int
    until: int | None
    as_of: int
    equity: Decimal | None
    whose: str
    result: Result
    numbers: Numbers
    histories: Sequence[History] = ()
    skips: Mapping[str, int] = {}
    comparison: Comparison | None = None

    def by(self, by: By) -> list[Row]:
        return rows(self.trades, by, self.as_of, self.since, self.until)


def page(of: Traded) -> Page:
    """Everything of the ledger."""
    result, found = of.result, of.numbers
    fills = priced_fills(of.trades, of.since, of.until)
    shown = charts(of.histories, result.since, result.until)
    return Page(
        title="Live" if not of.whose else "Sandbox",
        play=of.whose,
        subtitle=f"{', '.join(of.accounts)}, {days(result)}",
        verdict=found.verdict.name.lower(),
        sentence=found.sentence,
        tiles=_tiles(of, fills),
        equity=equity_points(of.trades, result, of.equity, of.as_of),
        equity_note=EQUITY_NOTE,
        figures=[one for one in figures(found) if one.name != "spread"],
        tested_title="What this covers",
        tested=[
            Figure("accounts", ", ".join(of.accounts)),
            Figure("time", f"{iso(result.since)[:16]}Z to {iso(result.until)[:16]}Z, market time"),
            Figure("pairs", ", ".join(sorted({trade.symbol for trade in of.trades}))),
            Figure("fee", f"{result.fee:.4%} a side, on average"),
        ],
        months=months(result, found),
        results=bins(result.trades.pnl_r),
        trades=_trades(closed_since(of.trades, of.since, of.until)),
        tables=_tables(of, fills),
        charts=shown.charts,
        charts_note=shown.note
        or ("" if shown.charts else "Candles are shown with --data and a folder of candle files."),
        listings=[_fills(fills), *([] if of.comparison is None else [_differences(of.comparison)])],
        differences=None if of.comparison is None else _causes(of.comparison),
    )


def _tiles(of: Traded, fills: Sequence[PricedFill]) -> list[Figure]:
    whole = total(of.by(By.EXCHANGE))
    paid = sum((fill.slippage_usd or Decimal(0) for fill in fills), Decimal(0))
    own = [
        Figure("realised", money(number(whole.realised_usd))),
        Figure("open", money(number(whole.open_usd))),
        Figure("fees", money(number(whole.fees_usd))),
        Figure("slippage", money(number(paid))),
    ]
    return own + [one for one in tiles(of.numbers) if one.name not in ("result", "fees", "return", "profit factor")]


def _tables(of: Traded, fills: Sequence[PricedFill]) -> list[Table]:
    found = [
        _results("By exchange", "exchange", of.by(By.EXCHANGE)),
        _results("By pair", "pair", of.by(By.PAIR)),
        _results("By day", "day", of.by(By.DAY)),
        groups("By exit", "exit", of.numbers.by_reason),
        _slippage("Slippage by purpose", "purpose", slippage(fills, lambda fill: fill.leg.purpose), SLIPPAGE_NOTE),
        _slippage("Slippage by exchange", "exchange", slippage(fills, lambda fill: fill.account)),
        _slippage("Slippage by pair", "pair", slippage(fills, lambda fill: fill.symbol)),
    ]
    if of.skips:
        note = "What each gate asks is in docs/operations.md. The files of the last 30 days count."
        found.append(counts("Signals that a gate blocked", ("gate", "signals"), of.skips.items(), note))
    return found


def _results(title: str, name: str, of: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.key),
            Cell(f"{row.closed:,}"),
            Cell(share(row.won / row.closed) if row.closed else "-"),
            money_cell(number(row.realised_usd)),
            Cell(money(number(row.fees_usd))),
            money_cell(number(row.open_usd)),
        ]
        for row in of
    ]
    return Table(title, (name, *_RESULTS), lines, long=True)


def _slippage(title: str, name: str, of: Sequence[Slippage], note: str = "") -> Table:
    lines = [
        [
            Cell(row.key),
            Cell(f"{row.fills:,}"),
            Cell(money(number(row.usd))),
            Cell(ratio(number(row.mean_bp), 1)),
            Cell(ratio(number(row.worst_bp), 1)),
        ]
        for row in of
    ]
    return Table(title, (name, "fills", "cost", "mean, bp", "worst, bp"), lines, note, long=True)


def _trades(closed: Sequence[Trade]) -> Listing:
    reasons = [name for trade in closed for name in (trade.reason, *map(reason_of, sales_of(trade)))]
    names = list(
        dict.fromkeys(
            [*(trade.symbol for trade in closed), *(trade.account for trade in closed), "long", "short", *reasons]
        )
    )
    place = {name: at for at, name in enumerate(names)}
    in_r = [
        trade.result_usd / (trade.risk * trade.qty * trade.legs[0].quote_usd) if trade.risk else None
        for trade in closed
    ]
    columns = (
        Column("entry_time", "entered", Kind.TIME, [trade.opened_at for trade in closed]),
        Column("broker", "exchange", Kind.NAME, [place[trade.account] for trade in closed]),
        Column("symbol", "pair", Kind.NAME, [place[trade.symbol] for trade in closed]),
        Column("side", "side", Kind.NAME, [place[_SIDES[trade.side.sign]] for trade in closed]),
        Column("pnl", "result", Kind.MONEY, [number(trade.result_usd) for trade in closed]),
        Column("pnl_r", "R", Kind.SIGNED, [None if one is None else number(one) for one in in_r]),
        Column("exit_reason", "reason", Kind.NAME, [place[trade.reason] for trade in closed]),
        Column("entry_price", "entry", Kind.NUMBER, [number(trade.bought_at) for trade in closed]),
        Column("stop", "stop", Kind.NUMBER, [number(trade.stop) or None for trade in closed]),
        Column("exit_price", "exit", Kind.NUMBER, [number(trade.sold_at) for trade in closed]),
        Column("exit_time", "ended", Kind.TIME, [trade.closed_at or 0 for trade in closed]),
        Column("qty", "size", Kind.NUMBER, [number(trade.qty) for trade in closed]),
        Column("fees", "fees", Kind.AMOUNT, [number(trade.fees_usd) for trade in closed]),
        Column("direction", "", Kind.HIDDEN, [trade.side.sign for trade in closed]),
        Column("legs", "", Kind.HIDDEN, [_legs(trade, place) for trade in closed]),
    )
    return Listing(
        "Closed positions",
        "trades.csv",
        names,
        columns,
        "Results and fees in dollars. Exit: the average price of its sales.",
    )


def _legs(trade: Trade, place: Mapping[str, int]) -> list[tuple[int, float, int]]:
    return [(leg.time // 1000, number(leg.price), place[reason_of(leg)]) for leg in sales_of(trade)]


def _fills(fills: Sequence[PricedFill]) -> Listing:
    names = list(
        dict.fromkeys(
            name for fill in fills for name in (fill.account, fill.symbol, str(fill.side), str(fill.leg.purpose))
        )
    )
    place = {name: at for at, name in enumerate(names)}
    costs = [fill.slippage_usd for fill in fills]
    points = [fill.slippage_bp for fill in fills]
    decided = [fill.leg.decision_price for fill in fills]
    columns = (
        Column("time", "time", Kind.TIME, [fill.leg.time for fill in fills]),
        Column("broker", "exchange", Kind.NAME, [place[fill.account] for fill in fills]),
        Column("symbol", "pair", Kind.NAME, [place[fill.symbol] for fill in fills]),
        Column("side", "side", Kind.NAME, [place[str(fill.side)] for fill in fills]),
        Column("purpose", "purpose", Kind.NAME, [place[str(fill.leg.purpose)] for fill in fills]),
        Column("qty", "size", Kind.NUMBER, [number(fill.leg.qty) for fill in fills]),
        Column("decision_price", "decided on", Kind.NUMBER, [None if one is None else number(one) for one in decided]),
        Column("price", "paid", Kind.NUMBER, [number(fill.leg.price) for fill in fills]),
        Column("slippage_usd", "slippage, USD", Kind.FINE, [None if one is None else number(one) for one in costs]),
        Column("slippage_bp", "bp", Kind.AMOUNT, [None if one is None else number(one) for one in points]),
        Column("fee_usd", "fee", Kind.AMOUNT, [number(fill.leg.fee_usd) for fill in fills]),
    )
    return Listing("Fills", "fills.csv", names, columns, SLIPPAGE_NOTE)


def _causes(of: Comparison) -> Table:
    lines = [[Cell(str(cause)), Cell(f"{number:,}"), money_cell(apart)] for cause, number, apart in of.by_cause]
    lines.append([Cell("all"), Cell(f"{len(of.differences):,}"), money_cell(of.live_pnl - of.backtest_pnl)])
    note = (
        f"Live earned {of.live_pnl:,.2f}, the backtest of the same days {of.backtest_pnl:,.2f}. Each trade of either side is below, "
        "with its cause."
    )
    return Table("Live beside a backtest", ("cause", "trades", "live less backtest"), lines, note)


def _differences(of: Comparison) -> Listing:
    names = list(
        dict.fromkeys(
            name for one in of.differences for name in (one.account, one.symbol, one.live, one.backtest, _cause(one))
        )
    )
    place = {name: at for at, name in enumerate(names)}

    def named(values: Iterable[str]) -> list[int]:
        return [place[value] for value in values]

    columns = (
        Column("decided_at", "decided", Kind.TIME, [one.decided_at for one in of.differences]),
        Column("broker", "exchange", Kind.NAME, named(one.account for one in of.differences)),
        Column("symbol", "pair", Kind.NAME, named(one.symbol for one in of.differences)),
        Column("live", "live", Kind.NAME, named(one.live for one in of.differences)),
        Column("backtest", "backtest", Kind.NAME, named(one.backtest for one in of.differences)),
        Column("apart", "live less backtest", Kind.MONEY, [one.apart for one in of.differences]),
        Column("cause", "cause", Kind.NAME, named(map(_cause, of.differences))),
    )
    return Listing("Live and backtest, trade by trade", "comparison.csv", names, columns)


def _cause(one: Difference) -> str:
    return f"{one.cause} ({one.detail})" if one.detail else str(one.cause)
