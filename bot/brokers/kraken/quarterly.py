"""Kraken's candle files, which it offers by hand and not by its API: `PAIR_INTERVAL.csv` in zips, one for all years and one for
each quarter (support.kraken.com, "Downloadable historical OHLCVT data").

Rows are time (s), open, high, low, close, volume, trades, without a header, and only where something was traded. Zips have used
different folders inside, so a file is found by its name alone.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from bot.brokers.common.answers import measure
from bot.brokers.history import Part, Route
from bot.domain.candles import Candles, Row
from bot.domain.clock import MINUTE, SECOND

#: Rows of one part.
_MANY = 20_000


class _File(NamedTuple):
    """A CSV file in a folder (`member` empty) or in a zip."""

    path: Path
    member: str

    @property
    def name(self) -> str:
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def read(path: Path, names: Sequence[str], symbol: str, timeframe_ms: int) -> Iterator[tuple[Route, Part]]:
    """The candles of a market in all files below `path`, a zip or a folder, in parts with the route that each belongs to.

    A timeframe without a file is made of the longest shorter one that divides it. Raises `ValueError` with one line.
    """
    files = _files(path)
    step = _step(files, names, timeframe_ms)
    if step is None:
        shown = " or ".join(f"{name}_{timeframe_ms // MINUTE}.csv" for name in names)
        raise ValueError(f"--import {path}: there is no {shown} in it, for {symbol}")
    wanted = {f"{name}_{step // MINUTE}.csv" for name in names}
    for file in (one for one in files if _base(one) in wanted):
        yield from _parts(file, step, timeframe_ms)


def _files(path: Path) -> list[_File]:
    """Every CSV file below `path`, inside zips as well, in the order of their names."""
    if not path.exists():
        raise ValueError(f"--import {path}: there is no such file or folder")
    places = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [_File(one, "") for one in places if one.suffix == ".csv"]
    for one in (place for place in places if place.suffix == ".zip"):
        with _readable(one.name), zipfile.ZipFile(one) as folder:
            found += [_File(one, member) for member in sorted(folder.namelist()) if member.endswith(".csv")]
    if not found:
        raise ValueError(f"--import {path}: there is no Kraken_OHLCVT zip and no CSV file in it")
    return found


def _base(file: _File) -> str:
    return (file.member or file.path.name).rsplit("/", 1)[-1]


def _step(files: Sequence[_File], names: Sequence[str], timeframe_ms: int) -> int | None:
    """The timeframe to read, for this one."""
    there = {_base(one) for one in files}
    steps = (
        minutes * MINUTE for minutes in range(timeframe_ms // MINUTE, 0, -1) if not timeframe_ms % (minutes * MINUTE)
    )
    return next((step for step in steps if any(f"{name}_{step // MINUTE}.csv" in there for name in names)), None)


def _parts(file: _File, step: int, timeframe_ms: int) -> Iterator[tuple[Route, Part]]:
    """One file, in parts. What lies between two files is not known."""
    rows: list[Row] = []
    for row in _joined(_rows(file), timeframe_ms):
        if len(rows) == _MANY:
            yield _part(rows, row[0], timeframe_ms)
            rows = []
        rows.append(row)
    if rows and step != timeframe_ms:
        rows.pop()  # its last minutes may be in the next file
    if rows:
        yield _part(rows, rows[-1][0] + timeframe_ms, timeframe_ms)


def _part(rows: list[Row], until: int, timeframe_ms: int) -> tuple[Route, Part]:
    return Route("file", rows[0][0], until), Part(Candles.of(timeframe_ms, rows), until, "file")


def _joined(rows: Iterator[tuple[int, float, float, float, float, float]], timeframe_ms: int) -> Iterator[Row]:
    """Rows of the wanted timeframe from rows of the same or a shorter one."""
    made: list[float] = []
    at = -1
    for time, opening, high, low, close, volume in rows:
        begin = time - time % timeframe_ms
        if begin != at:
            if made:
                yield (at, made[0], made[1], made[2], made[3], made[4])
            at, made = begin, [opening, high, low, close, volume]
        else:
            made = [made[0], max(made[1], high), min(made[2], low), close, made[4] + volume]
    if made:
        yield (at, made[0], made[1], made[2], made[3], made[4])


def _rows(file: _File) -> Iterator[tuple[int, float, float, float, float, float]]:
    before = -1
    with _open(file) as lines:
        for number, line in enumerate(lines, 1):
            cells = line.decode("ascii", "replace").strip().split(",")
            if len(cells) < 6 or not cells[0].isdigit() or int(cells[0]) <= before:
                raise ValueError(
                    f"--import {file.name}: line {number} is no row of time, open, high, low, close, volume"
                )
            before = int(cells[0])
            opening, high, low, close, volume = (measure(cell) for cell in cells[1:6])
            yield before * SECOND, opening, high, low, close, volume


@contextmanager
def _open(file: _File) -> Iterator[Iterator[bytes]]:
    """The lines of a file. A zip's CRC is checked at their end."""
    with _readable(file.name):
        if not file.member:
            with file.path.open("rb") as lines:
                yield _lines(lines)
        else:
            with zipfile.ZipFile(file.path) as folder, folder.open(file.member) as lines:
                yield _lines(lines)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    return (line for line in file if line.strip())


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """What is wrong with a file, as one line."""
    try:
        yield
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"--import {name}: it cannot be read, fetch it again ({error})") from None
