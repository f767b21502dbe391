"""The commands that only show something: each reads what the daemon has written, and works whether it runs or not."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bot.commands.options import AsJson, OneBroker, asked
from bot.commands.show import say_csv, say_json

app = typer.Typer(rich_markup_mode=None)


@app.command()
def status(
    broker: OneBroker = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="one line for each account, for spreadsheets")] = False,
) -> None:
    """Show how things are: what runs, each account's state and why, its money, results, positions and alarms."""
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
    """Show what NIJA believes: orders, fills, positions, stops. Reads the database only."""
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
