"""What every command shares: how an account is named, how errors end, and where the books are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.domain.ids import AccountKey
from bot.settings.load import VENUES, ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from bot.store.reader import Books


def account_key(word: str) -> AccountKey:
    """An account as commands name it: `kraken`, or `kraken:savings` where an exchange has several."""
    try:
        key = AccountKey.parse(word)
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


@contextmanager
def told() -> Iterator[Settings]:
    """The settings, with every error that their owner can mend as one line and an exit status."""
    from bot.runtime.hostlock import AlreadyRuns
    from bot.runtime.sandbox_child import SandboxError
    from bot.store.database import StoreError

    try:
        yield load_settings()
    except ConfigError as error:
        for line in error.lines:
            typer.echo(f"nija: {line}", err=True)
        raise typer.Exit(2) from None
    except (SandboxError, StoreError) as error:
        typer.echo(f"nija: {error}", err=True)
        raise typer.Exit(1) from None
    except AlreadyRuns as error:
        typer.echo(f"nija: {error}", err=True)
        raise typer.Exit(3) from None


def books_of(settings: Settings) -> Books:
    """The books of an installation."""
    from bot.store.reader import Books

    url = settings.operation.database_url
    return Books(settings.operation.data_dir, url.get_secret_value() if url is not None else None)


def tell_unreadable(books: Books, key: AccountKey | None) -> bool:
    """A line for each database that could not be read; whether any of them may be the one that was asked about."""
    for line in books.unreadable.values():
        typer.echo(f"nija: {line}", err=True)
    return books.misses(key)
