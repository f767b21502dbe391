"""What a command's user can mend, as one line on stderr and an exit status: see `cli`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bot.settings.load import ConfigError, Settings, load_settings


@contextmanager
def configured() -> Iterator[Settings]:
    """The settings, with what is wrong with them, or with an option, as lines and exit status 2."""
    try:
        yield load_settings()
    except ConfigError as error:
        for line in error.lines:
            typer.echo(f"nija: {line}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def told() -> Iterator[Settings]:
    """The settings, with every error that their owner can mend as one line and an exit status."""
    from bot.runtime.hostlock import AlreadyRuns
    from bot.runtime.sandbox_child import SandboxError
    from bot.store.database import StoreError

    with configured() as settings:
        try:
            yield settings
        except (SandboxError, StoreError) as error:
            typer.echo(f"nija: {error}", err=True)
            raise typer.Exit(1) from None
        except AlreadyRuns as error:
            typer.echo(f"nija: {error}", err=True)
            raise typer.Exit(3) from None
