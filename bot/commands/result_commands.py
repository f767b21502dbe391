"""`nija profit`, `nija trades` and `nija report` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.options import AsJson, OneBroker, asked
from bot.commands.show import complain, say_csv, say_json, whose
from bot.commands.tax import COLUMNS, Program, tax_rows
from bot.domain.clock import parse_iso
from bot.domain.profit import By
from bot.settings.load import ConfigError

if TYPE_CHECKING:
    from bot.commands.results import Results
    from bot.domain.ids import AccountKey
    from bot.store.reader import Books

app = typer.Typer(rich_markup_mode=None)


def _time(word: str) -> int:
    """Market ms of a day or a time."""
    try:
        return parse_iso(word)
    except ValueError:
        raise typer.BadParameter(f"'{word}' is not a time: write 2026-01-31 or 2026-01-31T18:00:00Z (UTC).") from None


Since = Annotated[
    int | None, typer.Option(parser=_time, metavar="TIME", help="from this day or time on, as 2026-01-31 (UTC)")
]
Until = Annotated[
    int | None, typer.Option(parser=_time, metavar="TIME", help="what happened before this day or time (UTC)")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="for spreadsheets")]


@app.command()
def profit(
    by: Annotated[By, typer.Option(help="what results are grouped by")] = By.EXCHANGE,
    since: Since = None,
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what was earned: closed positions, fees, what is open, and what holding would have brought."""
    from bot.commands import results
    from bot.store.trades import read_trades

    with asked(broker, as_json=as_json, as_csv=as_csv) as (_, books, key):
        found = results.Results(read_trades(books, key), since or 0)
        _mark_play(books, key, marked=as_csv or as_json)
        if as_csv:
            say_csv(results.PROFIT, results.profit_rows(found, by))
        elif as_json:
            say_json(results.profit_document(found, by))
        else:
            results.show_profit(found, by)


@app.command()
def trades(
    since: Since = None,
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    tax: Annotated[Program | None, typer.Option(help="every fill as CSV, in the columns of a tax program")] = None,
) -> None:
    """Show each closed position with its legs, or write every fill for a tax program."""
    from bot.commands import results
    from bot.store.tax_events import read_tax_events
    from bot.store.trades import read_trades

    with asked(broker, as_json=as_json, as_csv=as_csv) as (_, books, key):
        if as_json and tax is not None:
            raise ConfigError(["--tax writes CSV: leave --json out"])
        _mark_play(books, key, marked=as_csv or as_json or tax is not None)
        if tax is not None:
            say_csv(COLUMNS[tax], tax_rows(tax, read_tax_events(books, key, since or 0)))
        else:
            _show_trades(results.Results(read_trades(books, key), since or 0), as_json=as_json, as_csv=as_csv)


@app.command()
def report(
    out: Annotated[Path | None, typer.Option(help="the page for a browser, as report.html")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="a file for programs")] = None,
    since: Since = None,
    until: Until = None,
    broker: OneBroker = None,
    data: Annotated[Path | None, typer.Option(help="a folder of candle files, to show the trades in them")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="beside a backtest of the same days (with --data)")
    ] = False,
) -> None:
    """Write a page of what was traded: results, fees, and the price paid against the price decided on."""
    from bot.commands.report import Wanted
    from bot.commands.report import report as write

    with asked(broker, as_json=False, as_csv=False) as (settings, books, key):
        write(settings, books, key, Wanted(out, as_json, since or 0, until, data, compare))


def _mark_play(books: Books, key: AccountKey | None, *, marked: bool) -> None:
    """Say on standard error that it is play money; the files for programs have no place for it."""
    modes = {seen.account.mode for seen in books.accounts() if key in (None, seen.account.key)} if marked else set()
    for play in sorted(filter(None, map(whose, modes))):
        complain(f"this is {play}")


def _show_trades(found: Results, *, as_json: bool, as_csv: bool) -> None:
    from bot.commands import results

    if as_csv:
        say_csv(results.LEGS, results.legs_rows(found.closed()))
    elif as_json:
        say_json(results.trades_document(found.closed()))
    else:
        results.show_trades(found)
