"""The settings in force: those that a running NIJA read at its start, or those that the next start would use.

A running daemon keeps the settings it read, with secrets masked, in a file in its data folder: `.env` may have changed since,
and a command runs in another environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bot.domain.candles import parse_timeframe
from bot.domain.events import Lasts
from bot.domain.log import Event, Log
from bot.engine.account_engine import TradingPlan
from bot.engine.denials import denied
from bot.runtime.heartbeat_file import running_daemon
from bot.runtime.parameters import in_words
from bot.runtime.sandbox_child import is_alive
from bot.settings.load import Settings
from bot.settings.shown import DEFAULT, Setting, listed
from bot.store import account_state
from bot.store.reader import Books
from bot.telemetry.status_file import StatusFile

NAME = "settings.json"
#: The row of the parameters that `nija optimize` wrote.
PARAMETERS = "strategy parameters"


def planned(settings: Settings, plan: TradingPlan) -> list[Setting]:
    """The settings that a start would use; a strategy may override the timeframe and the number of slots."""
    own = {}
    if parse_timeframe(settings.trading.timeframe) != plan.timeframe_ms:
        own["TIMEFRAME"] = str(plan.strategy.timeframe)
    if settings.limits.max_open_positions != plan.limits.max_open_positions:
        own["MAX_OPEN_POSITIONS"] = str(plan.limits.max_open_positions)
    rows = [Setting(one.name, own[one.name], "strategy") if one.name in own else one for one in listed(settings)]
    tuned = plan.strategy.tuned
    written = Setting(PARAMETERS, "", DEFAULT) if tuned is None else Setting(PARAMETERS, in_words(tuned), tuned.file)
    return [*rows, written]


def keep(data_dir: Path, rows: Iterable[Setting], log: Log) -> None:
    """Write the settings of this daemon to its file, for commands given while it is running."""

    def failed(reason: str) -> None:
        log.warning(Event.SETTINGS, reason=f"{reason}; `nija settings` shows .env")

    StatusFile(data_dir / NAME, failed).write({"pid": os.getpid(), "settings": list(rows)})


def of_running(data_dir: Path) -> list[Setting] | None:
    """The settings of the daemon that is running on this data folder; None if none is, or it could not write them."""
    if running_daemon(data_dir) is None:
        return None
    try:
        content = json.loads((data_dir / NAME).read_text())
        rows = [Setting(*map(str, row)) for row in content["settings"]]
        pid = int(content["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if is_alive(pid) else None


def changed(running: Sequence[Setting], now: Sequence[Setting]) -> Iterator[str]:
    """A line for each setting that the next start would read differently."""
    used = {one.name: one for one in running}
    for one in now:
        if one.name in used and used[one.name].value != one.value:
            yield f'{one.name} is "{one.value}" ({one.source}) from the next start: NIJA is running with "{used[one.name].value}"'


def by_command(books: Books, *, running: bool) -> Iterator[Setting]:
    """What the owner has set by command: pauses, and denied markets and coins. Without a `running` NIJA, only what outlives a
    restart. Raises `StoreError`.
    """
    for seen in books.accounts():
        fact = (books.read(seen, account_state.all_of) or {}).get
        if fact("paused"):
            yield Setting(f"{seen.account.key} paused", "true", "command")
        for lasts in Lasts if running else (Lasts.FOR_GOOD,):
            for name in sorted(denied(fact, lasts)):
                yield Setting(f"{seen.account.key} denied", f"{name} {lasts}", "command")
