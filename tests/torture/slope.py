"""Whether a process grows: memory, threads and open files over time, read from /proc, and their slope per hour.

Owns the sampling of one process and the arithmetic; does not control the process. Linux only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

#: Real seconds after which start-up, first candles and first connections of every kind are over.
WARM_UP = 15 * 60.0
#: Real seconds that the samples after the warm-up must span: a line through less time says nothing.
ENOUGH = 20 * 60.0
_HOUR = 3600.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a process: `at` in seconds since the first sample, memory in MiB, the rest are counts.

    `rss` is the resident memory and `own` the part that the process has written itself. Unlike proportional or unique set
    sizes, neither changes with other processes that share its libraries. `connections` are open database files, one for
    each connection to a SQLite database.
    """

    at: float
    rss: float
    own: float
    threads: float
    handles: float
    sockets: float
    connections: float


#: Growth per hour above which a quantity counts as growing; for counts, less is noise.
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
    """One quantity after the warm-up: first and last sample, minimum and maximum, slope of the line through all samples."""

    name: str
    first: float
    last: float
    least: float
    most: float
    per_hour: float

    @property
    def grows(self) -> bool:
        """Whether the quantity grows faster than noise."""
        return self.per_hour >= LIMITS[self.name]


def look(pid: int, since: float) -> Sample | None:
    """A sample of the process; None if it has ended. `since` is the monotonic time (seconds) of the first sample."""
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
    """The target of a handle; empty if it has been closed."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Slope per hour of the least-squares line through (seconds, value); 0 if all times are the same."""
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
    """The trend of each quantity; empty without samples."""
    if not samples:
        return []
    names = [field.name for field in fields(Sample) if field.name != "at"]
    return [_growth(name, [(sample.at, getattr(sample, name)) for sample in samples]) for name in names]


def _growth(name: str, line: Sequence[tuple[float, float]]) -> Growth:
    values = [value for _, value in line]
    return Growth(name, values[0], values[-1], min(values), max(values), slope(line))


def long_enough(samples: Sequence[Sample]) -> bool:
    """Whether the samples span enough time for a verdict."""
    return bool(samples) and samples[-1].at - samples[0].at >= ENOUGH
