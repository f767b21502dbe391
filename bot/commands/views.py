"""The read-only commands: each reads what the daemon has written, and works whether or not it is running."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from bot.commands.options import AsJson, OneBroker, asked
from bot.commands.show import say, say_csv, say_json
from bot.domain.clock import parse_iso

app = typer.Typer(rich_markup_mode=None)


def market(word: str) -> str:
    """A market as it is written everywhere: `BTC-USD`, `BTC-USDT-SWAP`."""
    symbol = word.upper().replace("/", "-")
    if not re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+){1,2}", symbol):
        raise typer.BadParameter(f"'{word}' is not a market: write it as BTC-USD.")
    return symbol


def moment(word: str) -> int:
    """A time in UTC, as the log writes it or as ISO 8601, in ms."""
    try:
        return parse_iso(word)
    except ValueError:
        raise typer.BadParameter(f"'{word}' is not a time: write it as 2026-01-31T13:05 (UTC).") from None


@app.command()
def status(
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="one line for each account, for spreadsheets")] = False,
) -> None:
    """Show the current state: whether NIJA is running, each account's status and why, its money, results, positions and alarms."""
    from bot.commands import status_view
    from bot.commands.presence import presence
    from bot.commands.status import COLUMNS, csv_rows
    from bot.commands.status import status as document

    with asked(broker, as_json=as_json, as_csv=as_csv) as (settings, books, key):
        here = presence(settings, books)
        content = document(settings, books, here, key)
        if as_csv:
            say_csv(COLUMNS, csv_rows(content["accounts"]))
        elif as_json:
            say_json(content)
        else:
            status_view.show(content, here)


@app.command()
def ledger(
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="the fills, for accountants")] = False,
    every: Annotated[bool, typer.Option("--all", help="earlier accounts too")] = False,
) -> None:
    """Show NIJA's records: orders, fills, positions, stops. Reads only the database."""
    from bot.commands import ledger_view
    from bot.commands.presence import presence, with_presence
    from bot.store.report import document, write_csv

    with asked(broker, as_json=as_json, as_csv=as_csv) as (settings, books, key):
        if as_csv:
            write_csv(books, sys.stdout, key, every=every)
            return
        here = presence(settings, books)
        content = with_presence(document(books, key, every=every), here)
        if as_json:
            say_json(content)
        else:
            ledger_view.show(content, here)


@app.command()
def settings(as_json: AsJson = False) -> None:
    """Show the settings in force and where each comes from (default, .env, environment, strategy, command), secrets masked."""
    from bot.commands.settings_view import show

    with asked(None, as_json=as_json, as_csv=False, to_running=False) as (found, books, _):
        show(found, books, as_json=as_json)


@app.command()
def explain(
    symbol: Annotated[
        str | None, typer.Argument(parser=market, metavar="[SYMBOL]", help="a market, such as BTC-USD; default: counts")
    ] = None,
    at: Annotated[
        int | None, typer.Option(parser=moment, metavar="TIME", help="one close only: the newest at that time (UTC)")
    ] = None,
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="one line for each condition, for spreadsheets")] = False,
) -> None:
    """Show why NIJA did or did not trade a market at each close of the last 30 days, with every number; or today's counts by gate."""
    from bot.commands import explain as found
    from bot.commands import explain_view

    if symbol is None and at is not None:
        raise typer.BadParameter("a market is needed with --at, such as BTC-USD.")
    with asked(broker, as_json=as_json, as_csv=as_csv) as (settings, books, key):
        data_dir = settings.operation.data_dir
        if symbol is None:
            counted = found.counts(data_dir, books, key)
            if as_csv:
                say_csv(found.COUNT_COLUMNS, found.count_lines(counted))
            elif as_json:
                say_json(found.count_document(counted))
            elif counted:
                explain_view.show_counts(counted)
            else:
                say("no close has been judged yet")
            return
        decided = found.decisions(data_dir, books, key, symbol, at)
        if as_csv:
            say_csv(found.COLUMNS, found.lines(decided))
        elif as_json:
            say_json(found.document(decided))
        elif not decided:
            say(explain_view.nothing(symbol, at, found.markets(data_dir, books, key)))
        elif at is None:
            explain_view.show_closes(symbol, decided)
        else:
            explain_view.show_close(symbol, decided)
