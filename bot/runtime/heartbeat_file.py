"""`heartbeat.json` in the data folder: the status of a running daemon's brokers.

It includes brokers whose account is not known yet; those have no row in the database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.domain.clock import SECOND, Clock, iso, parse_iso, system_ms
from bot.domain.ids import AccountKey
from bot.domain.log import Event, Log
from bot.domain.status import BrokerStatus, Status
from bot.runtime.hostlock import holder_of, itself, place
from bot.runtime.sandbox_child import is_alive
from bot.telemetry.status import from_heartbeat, to_heartbeat
from bot.telemetry.status_file import StatusFile

#: Wall ms after which the file no longer counts as that of a live daemon, which writes it every two seconds.
FRESH = 15 * SECOND
NAME = "heartbeat.json"


class HeartbeatFile:
    """Writes the file for the daemon. Other users' monitors may read it."""

    def __init__(self, data_dir: Path, clock: Clock, log: Log) -> None:
        self._file = StatusFile(data_dir / NAME, lambda reason: log.warning(Event.HEARTBEAT, reason=reason), 0o644)
        self._clock = clock
        self._started = clock.wall_ms()

    def write(self, statuses: Iterable[BrokerStatus], *, stopped: bool) -> None:
        """Write the brokers' statuses."""
        content = {
            "pid": os.getpid(),
            "started": iso(self._started),
            "time": iso(self._clock.wall_ms()),
            "stopped": stopped,
            "brokers": {str(one.key): to_heartbeat(one) for one in statuses},
        }
        self._file.write(content)


@dataclass(frozen=True, slots=True)
class LastWord:
    """The last report of the daemon of a data folder: whether it is still running, its process id, when it started and when it
    reported (wall ms), and the status of each broker.
    """

    running: bool
    pid: int
    started: int
    at: int
    brokers: Mapping[AccountKey, BrokerStatus]


def last_word(data_dir: Path) -> LastWord | None:
    """The last report of a daemon on this data folder; None if there never was one, or it cannot be read."""
    try:
        content = json.loads((data_dir / NAME).read_text())
        pid, at = int(content["pid"]), parse_iso(content["time"])
        said = [from_heartbeat(AccountKey.parse(key), row) for key, row in content["brokers"].items()]
        started = parse_iso(content.get("started", content["time"]))
        fresh = not content["stopped"] and system_ms() - at < FRESH
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return LastWord(fresh and is_alive(pid), pid, started, at, {one.key: one for one in said})


def running_daemon(data_dir: Path) -> Mapping[AccountKey, BrokerStatus] | None:
    """The brokers' statuses of the daemon that is running on this data folder; None if none is."""
    word = last_word(data_dir)
    return word.brokers if word is not None and word.running else None


def out_of_reach(data_dir: Path) -> str | None:
    """Why the daemon that is running on this data folder can neither receive commands nor report there; None if it can, or none
    is running.
    """
    pid = holder_of(place(data_dir))
    if pid is None or (data_dir.exists() and holder_of(itself(data_dir)) == pid):
        return None
    return (
        f"NIJA is running (process {pid}) but cannot be reached: its data folder {data_dir} was removed or replaced; put it back, or"
        " stop that process and start NIJA again"
    )


def at_work(data_dir: Path) -> list[AccountKey]:
    """The accounts that a running daemon is trading now: all that have not failed."""
    brokers = running_daemon(data_dir) or {}
    return [key for key, report in brokers.items() if report.status is not Status.FAILED]
