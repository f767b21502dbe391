"""`heartbeat.json` in the data folder: how a running daemon's brokers are, also those that no account is known of yet.

The database knows accounts; a broker that fails before its account is known is only here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.clock import SECOND, Clock, iso, parse_iso, system_ms
from bot.domain.ids import AccountKey
from bot.domain.log import Event, Log
from bot.hostlock import holder_of, itself, place
from bot.operate.health import Status
from bot.sandbox_child import is_alive

#: Wall ms after which the file is not a living daemon's word any more; it is written every two seconds.
FRESH = 15 * SECOND
NAME = "heartbeat.json"


@dataclass(frozen=True, slots=True)
class Beat:
    """One broker of a running daemon."""

    status: str
    reason: str
    remedy: str
    silent_ms: int
    stuck: bool
    cycles: int
    mode: str = ""
    account: str = ""
    """The account that it trades; "" before it is known."""

    @property
    def connecting(self) -> bool:
        """Whether it has neither connected nor failed since the daemon started."""
        return self.reason == "connecting"


@dataclass(frozen=True, slots=True)
class DaemonWord:
    """A running daemon: its process and its brokers."""

    pid: int
    brokers: Mapping[AccountKey, Beat] = field(default_factory=dict)


class HeartbeatFile:
    """The file as the daemon writes it; a folder that takes no file, or is gone, is told of once."""

    def __init__(self, data_dir: Path, clock: Clock, log: Log) -> None:
        self._file = data_dir / NAME
        self._clock = clock
        self._log = log
        self._silent = False

    def write(self, brokers: Mapping[str, object], *, stopped: bool) -> None:
        """Who lives, and since when nobody heard of them. A folder that somebody removed is not made again."""
        content = {
            "pid": os.getpid(),
            "time": iso(self._clock.wall_ms()),
            "stopped": stopped,
            "brokers": brokers,
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


def running_daemon(data_dir: Path) -> DaemonWord | None:
    """The word of the daemon that runs on this data folder now; None when none does."""
    try:
        content = json.loads((data_dir / NAME).read_text())
        beats = {AccountKey.parse(key): _beat(row) for key, row in content["brokers"].items()}
        word = DaemonWord(int(content["pid"]), beats)
        fresh = not content["stopped"] and system_ms() - parse_iso(content["time"]) < FRESH
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return word if fresh and is_alive(word.pid) else None


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
    word = running_daemon(data_dir)
    return [] if word is None else [key for key, beat in word.brokers.items() if beat.status != Status.FAILED]


def _beat(row: Mapping[str, Any]) -> Beat:
    return Beat(
        status=str(row["status"]),
        reason=str(row["reason"]),
        remedy=str(row.get("remedy", "")),
        silent_ms=int(row["silent_ms"]),
        stuck=bool(row["stuck"]),
        cycles=int(row["cycles"]),
        mode=str(row.get("mode", "")),
        account=str(row.get("account", "")),
    )
