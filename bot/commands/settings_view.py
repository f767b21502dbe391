"""The settings for people and for programs: their values in force, their sources, and warnings about likely mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bot.commands.show import columns, complain, say_json, table
from bot.runtime.daemon import narrowed, trading_plan
from bot.runtime.in_force import by_command, changed, of_running, planned
from bot.settings.env_file import exposure
from bot.settings.load import Mode, Settings, credential_sets, resolve_mode
from bot.settings.shown import DEFAULT, Setting
from bot.store.database import StoreError
from bot.store.reader import Books


def show(settings: Settings, books: Books, *, as_json: bool) -> None:
    """Print the settings in force, and on stderr the warnings of a start. Raises `ConfigError` as a start would."""
    plan = trading_plan(settings)
    warnings = [*_warnings(settings), *narrowed(settings, plan)]
    now = planned(settings, plan)
    running = of_running(settings.operation.data_dir)
    rows = now if running is None else running
    with suppress(StoreError):  # reported by `books.unreadable`
        rows = [*rows, *by_command(books, running=running is not None)]
    if as_json:
        say_json([row._asdict() for row in rows])
    else:
        _table(rows, running=running is not None)
    for line in (*warnings, *(changed(running, now) if running is not None else ())):
        complain(line)


def _warnings(settings: Settings) -> Iterator[str]:
    """The warnings that a start would give about these settings."""
    mode = resolve_mode(settings)
    yield from settings.warnings
    yield from (one.line() for one in credential_sets(settings) if mode is Mode.LIVE and one.incomplete)
    if exposed := exposure(settings.home / ".env") if mode is Mode.LIVE else "":
        yield exposed


def _table(rows: list[Setting], *, running: bool) -> None:
    """Print the settings that differ from the defaults first, then the defaults."""
    first = sorted(rows, key=lambda one: one.source == DEFAULT)
    title = "what the running NIJA uses:" if running else "NIJA is not running; what its next start uses:"
    table(columns("name, value, from"), [(one.name, one.value or "-", one.source) for one in first], title)
