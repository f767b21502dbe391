"""Whether a process grows: its memory, threads and open files over time, read from /proc, and their slope per hour.

Owns the reading of one process and the arithmetic; decides nothing about what the process does. Linux only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

#: Starts, first candles and first connections of every kind are over after so long (real seconds).
WARM_UP = 15 * 60.0
#: A line through less time than this says nothing: what is measured after the warm-up must last so long (real seconds).
ENOUGH = 20 * 60.0
_HOUR = 3600.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: `at` in seconds since the first look, memory in MiB, the rest are counts.

    `rss` is what the process has in memory, `own` of it what it has written itself: what other processes do that share its
    libraries changes neither, as it would proportional or unique sizes.
    `connections` are open database files, one for each connection to a SQLite database.
    """

    at: float
    rss: float
    own: float
    threads: float
    handles: float
    sockets: float
    connections: float


#: What grows by so much an hour is growing; of the counts so little is noise.
LIMITS = {
    "rss": 1.0,
    "own": 1.0,
    "threads": 1.0,
    "handles": 1.0,
    "sockets": 1.0,
    "connections": 1.0,
}


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of one quantity after the warm-up: first and last sample, least and most, slope of the line through all."""

    name: str
    first: float
    last: float
    least: float
    most: float
    per_hour: float

    @property
    def grows(self) -> bool:
        """Whether this process would not last for ever."""
        return self.per_hour >= LIMITS[self.name]


def look(pid: int, since: float) -> Sample | None:
    """What the process holds now; None when it is gone. `since` is the monotonic time (seconds) of the first look."""
    folder = Path("/proc") / str(pid)
    try:
        rollup = _kilobytes((folder / "smaps_rollup").read_text())
        threads = len(list((folder / "task").iterdir()))
        files = [target for target in map(_target, (folder / "fd").iterdir()) if target]
    except (OSError, KeyError):
        return None
    return Sample(
        at=time.monotonic() - since,
        rss=rollup["Rss"] / _MIB,
        own=rollup["Private_Dirty"] / _MIB,
        threads=threads,
        handles=len(files),
        sockets=sum(name.startswith("socket:") for name in files),
        connections=sum(name.endswith(".db") for name in files),
    )


def _kilobytes(text: str) -> dict[str, int]:
    """The lines `Name:   12 kB` of a smaps_rollup, in bytes."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def _target(link: Path) -> str:
    """Where a handle leads; empty when it was closed meanwhile."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """The line of least squares through (seconds, value): its rise per hour, 0 when all times are the same."""
    if not samples:
        return 0.0
    middle = sum(at for at, _ in samples) / len(samples)
    mean = sum(value for _, value in samples) / len(samples)
    spread = sum((at - middle) ** 2 for at, _ in samples)
    rise = sum((at - middle) * (value - mean) for at, value in samples)
    return rise / spread * _HOUR if spread else 0.0


def settled(samples: Sequence[Sample], warm_up: float = WARM_UP) -> list[Sample]:
    """The samples after the warm-up."""
    return [sample for sample in samples if sample.at >= warm_up]


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """How each quantity went; empty without samples."""
    if not samples:
        return []
    names = [field.name for field in fields(Sample) if field.name != "at"]
    return [_growth(name, [(sample.at, getattr(sample, name)) for sample in samples]) for name in names]


def _growth(name: str, line: Sequence[tuple[float, float]]) -> Growth:
    values = [value for _, value in line]
    return Growth(name, values[0], values[-1], min(values), max(values), slope(line))


def long_enough(samples: Sequence[Sample]) -> bool:
    """Whether the samples last long enough for a verdict."""
    return bool(samples) and samples[-1].at - samples[0].at >= ENOUGH
