"""What a download has read so far: one SQLite file for each candle file, until that is written.

A part is stored in one transaction together with the span that it covers, so a killed download loses at most the part that it was
reading. The first candle of a time stays; a later one of another source is only compared with it.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from bot.domain.candles import Candles, Series, Times
from bot.download.spans import Span, merged

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS candle (
    time INTEGER PRIMARY KEY, open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL, source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS span (start INTEGER NOT NULL, end INTEGER NOT NULL, source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS digest (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
"""
#: Relative differences up to here come from rounding.
_ALIKE = 1e-9
#: Rows that are read at once.
_MANY = 50_000


class Difference(NamedTuple):
    """How the candles of two sources compare: how many, how many differ, and the largest relative differences."""

    compared: int = 0
    differ: int = 0
    price: float = 0.0
    volume: float = 0.0

    def __add__(self, other: object) -> Difference:
        if not isinstance(other, Difference):
            return NotImplemented
        price, volume = max(self.price, other.price), max(self.volume, other.volume)
        return Difference(self.compared + other.compared, self.differ + other.differ, price, volume)


class Stored(NamedTuple):
    """Everything that was read: candles in the order of time with the source of each, and what each source covers."""

    time: Times
    prices: Series
    """Rows of open, high, low, close, volume."""
    sources: list[str]
    spans: list[tuple[Span, str]]
    digests: dict[str, str]


class Staging:
    """The parts read so far. Raises `sqlite3.Error` where the disk fails."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._db = sqlite3.connect(file)
        with self._db:
            self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @classmethod
    def beside(cls, candles: Path) -> Path:
        """Where the parts of a candle file are."""
        return candles.with_name(f".{candles.stem}.part")

    def about(self, name: str) -> str | None:
        """A fact about the download."""
        row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def spans(self) -> list[Span]:
        """The time that is known."""
        return merged(Span(*row) for row in self._db.execute("SELECT start, end FROM span"))

    def add(self, candles: Candles, span: Span, source: str, digest: tuple[str, str] | None = None) -> Difference:
        """Keep the candles that open in `span`, which is known from now on, and compare all of them with those kept before."""
        found = self._compared(candles)
        inside = candles[int(candles.time.searchsorted(span.start)) : int(candles.time.searchsorted(span.end))]
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO candle VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((*inside.candle(row), source) for row in range(len(inside))),
            )
            if span.end > span.start:
                self._cover(span, source)
            if digest is not None:
                self._db.execute("INSERT OR REPLACE INTO digest VALUES (?, ?)", digest)
        return found

    def _cover(self, span: Span, source: str) -> None:
        """Note what is known, in as few rows as possible."""
        longer = "UPDATE span SET end = ? WHERE end = ? AND source = ?"
        if not self._db.execute(longer, (span.end, span.start, source)).rowcount:
            self._db.execute("INSERT INTO span VALUES (?, ?, ?)", (*span, source))

    def _compared(self, candles: Candles) -> Difference:
        if not len(candles):
            return Difference()
        ends = int(candles.time[0]), int(candles.time[-1])
        query = "SELECT time, open, high, low, close, volume FROM candle WHERE time BETWEEN ? AND ?"
        known = np.array(self._db.execute(query, ends).fetchall(), np.float64).reshape(-1, 6)
        _, ours, theirs = np.intersect1d(candles.time, known[:, 0].astype(np.int64), return_indices=True)
        if not len(ours):
            return Difference()
        return difference(
            np.column_stack([getattr(candles, name)[ours] for name in ("open", "high", "low", "close", "volume")]),
            known[theirs, 1:],
        )

    def stored(self) -> Stored:
        """Everything, in the order of time."""
        count = int(self._db.execute("SELECT COUNT(*) FROM candle").fetchone()[0])
        time, prices = np.empty(count, np.int64), np.empty((count, 5), np.float64)
        sources: list[str] = []
        query = "SELECT time, open, high, low, close, volume, source FROM candle ORDER BY time"
        found = self._db.execute(query)
        while rows := found.fetchmany(_MANY):  # years of minutes are millions
            at = slice(len(sources), len(sources) + len(rows))
            time[at] = [row[0] for row in rows]
            prices[at] = [row[1:6] for row in rows]
            sources += [sys.intern(row[6]) for row in rows]
        spans = self._db.execute("SELECT start, end, source FROM span ORDER BY start, rowid").fetchall()
        return Stored(
            time,
            prices,
            sources,
            [(Span(start, end), str(source)) for start, end, source in spans],
            dict(self._db.execute("SELECT name, sha256 FROM digest ORDER BY name").fetchall()),
        )

    def remove(self) -> None:
        """The candle file has all of it."""
        self._db.close()
        self._file.unlink(missing_ok=True)


def difference(ours: Series, theirs: Series) -> Difference:
    """Two tables of the same candles, row by row."""
    scale = np.maximum(np.abs(theirs), 1e-300)
    off = np.abs(ours - theirs) / scale
    price, volume = off[:, :4].max(axis=1), off[:, 4]
    differ = (price > _ALIKE) | (volume > _ALIKE)
    return Difference(len(off), int(differ.sum()), float(price.max()), float(volume.max()))
