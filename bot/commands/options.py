"""What commands share: their options, loading the settings with errors as one line, and the databases that they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.show import complain, refuse_both
from bot.domain.ids import AccountKey
from bot.settings.load import VENUES, ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from bot.store.reader import Books


def account_key(word: str) -> AccountKey:
    """An account's name on the command line, in any case: `kraken`, or `kraken:savings` if an exchange has several."""
    try:
        key = AccountKey.parse(word.lower())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if key.venue not in VENUES:
        raise typer.BadParameter(f"'{key.venue}' is not one of {', '.join(VENUES)}.")
    return key


METAVAR = f"[{'|'.join(VENUES)}]"
Broker = Annotated[
    AccountKey | None,
    typer.Argument(
        parser=account_key, metavar=METAVAR, help="one exchange, or an account as kraken:savings; default: all"
    ),
]
OneBroker = Annotated[
    AccountKey | None,
    typer.Option("--broker", parser=account_key, metavar=METAVAR, help="one exchange or account only"),
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


@contextmanager
def configured(*, to_running: bool = False) -> Iterator[Settings]:
    """The settings, with what is wrong with them, or with an option, as lines and exit status 2.

    With `to_running`, settings that concern the next start only do not keep a command from a NIJA that is running.
    """
    try:
        yield _in_use() if to_running else load_settings()
    except ConfigError as error:
        for line in error.lines:
            complain(line)
        raise typer.Exit(2) from None


def _in_use() -> Settings:
    from bot.runtime.heartbeat_file import running_daemon

    try:
        return load_settings()
    except ConfigError as error:
        if error.usable is None or running_daemon(error.usable.operation.data_dir) is None:
            raise
        for line in error.lines:
            complain(line)
        complain("NIJA is running with its earlier settings; it would not start again with these")
        return error.usable


@contextmanager
def reporting_errors(*, to_running: bool = False) -> Iterator[Settings]:
    """The settings as `configured` gives them, with every error that their owner can mend as one line and an exit status."""
    from bot.runtime.hostlock import AlreadyRuns
    from bot.runtime.sandbox_child import SandboxError
    from bot.store.database import StoreError

    with configured(to_running=to_running) as settings:
        try:
            yield settings
        except (SandboxError, StoreError) as error:
            complain(str(error))
            raise typer.Exit(1) from None
        except AlreadyRuns as error:
            complain(str(error))
            raise typer.Exit(3) from None


@contextmanager
def asked(
    broker: AccountKey | None, *, as_json: bool, as_csv: bool, to_running: bool = True
) -> Iterator[tuple[Settings, Books, AccountKey | None]]:
    """What a read-only command needs. Exits with 1 at the end if a database that it asked for could not be read."""
    from bot.commands.which import books_of, meant
    from bot.runtime.heartbeat_file import out_of_reach

    with reporting_errors(to_running=to_running) as settings:
        refuse_both(as_json=as_json, as_csv=as_csv)
        if why := out_of_reach(settings.operation.data_dir):
            complain(why)
        books = books_of(settings)
        key = meant(broker, settings, books)
        yield settings, books, key
        if report_unreadable(books, key):
            raise typer.Exit(1)


def report_unreadable(books: Books, key: AccountKey | None) -> bool:
    """Print a line for each database that could not be read; returns whether one of them may be that of `key`."""
    for line in books.unreadable.values():
        complain(line)
    return books.misses(key)
