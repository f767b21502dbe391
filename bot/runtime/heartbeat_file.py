"""`heartbeat.json` in the data folder: how a running daemon's brokers are, also those that no account is known of yet.

The database knows accounts; a broker that fails before its account is known is only here.
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

#: Wall ms after which the file is not a living daemon's word any more; it is written every two seconds.
FRESH = 15 * SECOND
NAME = "heartbeat.json"


class HeartbeatFile:
    """The file as the daemon writes it; a folder that takes no file, or is gone, is told of once."""

    def __init__(self, data_dir: Path, clock: Clock, log: Log) -> None:
        self._file = data_dir / NAME
        self._clock = clock
        self._log = log
        self._silent = False
        self._started = clock.wall_ms()

    def write(self, statuses: Iterable[BrokerStatus], *, stopped: bool) -> None:
        """Who lives, and since when nobody heard of them. A folder that somebody removed is not made again."""
        content = {
            "pid": os.getpid(),
            "started": iso(self._started),
            "time": iso(self._clock.wall_ms()),
            "stopped": stopped,
            "brokers": {str(one.key): to_heartbeat(one) for one in statuses},
        }
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(content))
            fresh.replace(self._file)
        except OSError as error:
            if not self._silent:
                self._log.warning(Event.HEARTBEAT, reason=f"{self._file} cannot be written: {error.strerror}")
            self._silent = True
        else:
            self._silent = False


@dataclass(frozen=True, slots=True)
class LastWord:
    """The last report of the daemon of a data folder: whether it is still running, its process, when it started and when it
    reported (wall ms), and the state of each broker.
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
    """How the brokers are of the daemon that runs on this data folder now; None when none does."""
    word = last_word(data_dir)
    return word.brokers if word is not None and word.running else None


def out_of_reach(data_dir: Path) -> str | None:
    """Why the daemon that runs on this data folder neither sees what is ordered in it nor tells anything there; None when it
    does, or none runs.
    """
    pid = holder_of(place(data_dir))
    if pid is None or (data_dir.exists() and holder_of(itself(data_dir)) == pid):
        return None
    return (
        f"NIJA runs (process {pid}) and cannot be reached: its data folder {data_dir} was removed or replaced; put it back, or"
        " stop that process and start NIJA again"
    )


def at_work(data_dir: Path) -> list[AccountKey]:
    """The accounts that a running daemon works at now: all that have not failed."""
    brokers = running_daemon(data_dir) or {}
    return [key for key, report in brokers.items() if report.status is not Status.FAILED]
