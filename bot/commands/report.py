"""`nija report`: a page, or a document, of what the ledger has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from bot.backtest.comparison import Comparison
from bot.commands.comparison import beside_backtest, blocked_signals, judgements
from bot.commands.files import check_place, write_json, write_page
from bot.commands.research import research_tools
from bot.commands.results import Results, profit_document, trades_document
from bot.domain.clock import iso
from bot.domain.ids import AccountKey
from bot.domain.money import ZERO, plain, to_places
from bot.domain.profit import By, Trade
from bot.domain.slippage import PricedFill, Slippage, priced_fills, slippage
from bot.page.live_result import result_of
from bot.runtime.chosen import strategy_of, timeframe_of
from bot.settings.load import ConfigError, Settings
from bot.store.health import status_of
from bot.store.reader import Books
from bot.store.trades import read_trades

if TYPE_CHECKING:
    from bot.backtest.history import History
    from bot.page.of_ledger import Traded

#: Decimals of amounts that are the result of a division.
DECIMALS = 8


class Wanted(NamedTuple):
    """The options of a report. Times in market ms."""

    out: Path | None = None
    json: Path | None = None
    since: int = 0
    until: int | None = None
    data: Path | None = None
    compare: bool = False


def report(settings: Settings, books: Books, key: AccountKey | None, wanted: Wanted) -> None:
    """Write what was asked for. What its user can mend raises `ConfigError`."""
    if wanted.out is None and wanted.json is None:
        raise ConfigError(["nothing to write: give --out report.html for a page, --json report.json for programs"])
    if wanted.compare and wanted.data is None:
        raise ConfigError(["--compare needs the candles of the same days: give --data and their folder"])
    with research_tools():
        try:
            _report(settings, books, key, wanted)
        except ValueError as error:
            raise ConfigError([str(error)]) from None


def _report(settings: Settings, books: Books, key: AccountKey | None, wanted: Wanted) -> None:
    if wanted.out is not None:
        check_place(wanted.out, "--out")
    results = Results(read_trades(books, key), wanted.since, wanted.until)
    found = traded(settings, books, results, key, wanted.data)
    if wanted.compare and wanted.data is not None:
        found = found._replace(comparison=comparison(settings, books, found, results, wanted.data))
    if wanted.json is not None:
        write_json(wanted.json, document(found, results))
    if wanted.out is not None:
        from bot.page.of_ledger import page

        write_page(wanted.out, page(found), "--out")
        typer.echo(f"{wanted.out}: open it in a browser")


def traded(settings: Settings, books: Books, results: Results, key: AccountKey | None, data: Path | None) -> Traded:
    """What the ledger has; raises `ConfigError` if that is nothing."""
    from bot.backtest.numbers import numbers
    from bot.page.of_ledger import Traded

    inside = [one for one in results.trades if one.legs and _is_inside(one, results)]
    if not inside:
        when = "yet" if not results.since and results.until is None else "in that time"
        raise ConfigError([f"there are no trades {when}: nothing to report"])
    equity = equity_of(books, key)
    result = result_of(results.trades, equity, results.since, results.until, results.as_of)
    return Traded(
        accounts=[str(account.account.key) for account in results.accounts],
        trades=results.trades,
        since=results.since,
        until=results.until,
        as_of=results.as_of,
        equity=equity,
        whose=results.whose,
        result=result,
        numbers=numbers(result),
        histories=[] if data is None else histories(settings, data, {one.symbol for one in inside}),
        skips=blocked_signals(
            [judgements(settings.operation.data_dir, one, result.since, result.until) for one in results.accounts]
        ),
    )


def comparison(settings: Settings, books: Books, found: Traded, results: Results, data: Path) -> Comparison:
    """The trades of all accounts beside backtests of the same days; raises `ConfigError` where that cannot be made."""
    from bot.backtest.run import BacktestError

    made = Comparison((), 0.0, 0.0)
    for account in results.accounts:
        key = account.account.key
        of = result_of(account.trades, equity_of(books, key), results.since, results.until, account.as_of)
        if of.equity <= 0.0 and not account.trades:
            continue
        if of.equity <= 0.0:
            raise ConfigError(
                [f"--compare: the equity of {key} is not known: start NIJA once, or choose with --broker"]
            )
        try:
            other = beside_backtest(settings, account, of.equity, found.result.since, found.result.until, data)
        except BacktestError as error:
            raise ConfigError([str(error)]) from None
        made = made if other is None else made.plus(other)
    return made


def document(found: Traded, results: Results) -> dict[str, Any]:
    """The JSON: `numbers` as those of a backtest; money of the ledger is decimal text, as in `nija profit` and `nija trades`."""
    from bot.backtest.document import iso_times

    result = found.result
    fills = priced_fills(found.trades, found.since, found.until)
    since, until = iso_times(np.array([result.since, result.until]))
    return {
        "since": since,
        "until": until,
        "play": found.whose,
        "accounts": list(found.accounts),
        "numbers": found.numbers.document(),
        "profit": {by.value: profit_document(results, by) for by in (By.EXCHANGE, By.PAIR, By.DAY, By.MONTH)},
        "slippage": [_slippage(row) for row in slippage(fills, lambda fill: fill.leg.purpose)],
        "fills": [_fill(fill) for fill in fills],
        "trades": trades_document(results.closed()),
        "skips": dict(found.skips),
        **({} if found.comparison is None else {"comparison": found.comparison.document()}),
        "equity_curve": [list(point) for point in zip(iso_times(result.day), result.day_equity.tolist(), strict=True)],
    }


def _slippage(row: Slippage) -> dict[str, Any]:
    amounts = {name: _text(getattr(row, name)) for name in ("usd", "mean_bp", "worst_bp")}
    return {"purpose": row.key, "fills": row.fills} | amounts


def _fill(fill: PricedFill) -> dict[str, Any]:
    leg = fill.leg
    return {
        "broker": fill.account,
        "symbol": fill.symbol,
        "side": str(fill.side),
        "purpose": leg.purpose,
        "time": iso(leg.time),
        "qty": plain(leg.qty),
        "price": plain(leg.price),
        "decision_price": None if leg.decision_price is None else plain(leg.decision_price),
        "slippage_usd": _text(fill.slippage_usd),
        "slippage_bp": _text(fill.slippage_bp),
        "fee_usd": plain(leg.fee_usd),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(to_places(value, DECIMALS))


def histories(settings: Settings, data: Path, symbols: Collection[str]) -> Sequence[History]:
    """The candles of those markets that the folder has, in the timeframe that is traded."""
    from bot.backtest.candle_files import load
    from bot.backtest.candle_names import candle_files

    known = {file.symbol for file in candle_files(data)} & set(symbols)
    if not known:
        raise ConfigError([f"--data {data}: it has no candles of {', '.join(sorted(symbols))}"])
    timeframe = timeframe_of(settings.trading, strategy_of(settings))
    return load(data, sorted(known), timeframe, max_holes=1.0).histories


def _is_inside(trade: Trade, results: Results) -> bool:
    began = results.until is None or trade.opened_at < results.until
    return began and (trade.closed_at is None or trade.closed_at >= results.since)


def equity_of(books: Books, key: AccountKey | None) -> Decimal | None:
    """The equity of the accounts (dollars), as last measured; None if that of one is unknown."""
    found = []
    for seen in books.accounts():
        if key in (None, seen.account.key):
            status = books.read(seen, partial(status_of, seen.account))
            if status is None or not status.measured_at:
                return None
            found.append(status.equity_usd)
    return sum(found, ZERO) if found else None
