"""Judgements on disk: every check made at each candle close of each market, kept for 30 days for people to read.

One file per day, account and run, in `explain/<account>/` of the data folder. Each write appends one gzip member of JSON
lines. The files are separate from the databases, so that they cannot endanger them; they may be deleted at any time.
A line is a *form* (the names of a strategy's conditions, written once per file) or a judgement that refers to one.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bot.domain.clock import DAY, iso, parse_iso
from bot.domain.ids import Account
from bot.domain.judgement import Condition, Judgement
from bot.store.database import StoreError

FOLDER = "explain"
#: Days to keep, besides the current one.
DAYS = 30
_SUFFIX = ".jsonl.gz"
_FILE = re.compile(r"(\d{4}-[01]\d-[0-3]\d)\.\d+" + re.escape(_SUFFIX))
#: The format of numbers: enough digits that a value and its limit show their difference.
_NUMBER = "%.10g"
#: The compression level: a higher one costs CPU time and saves hardly anything.
_LEVEL = 6


class Form(NamedTuple):
    """What all judgements of one strategy have in common."""

    timeframe_ms: int
    names: tuple[str, ...]
    needed: tuple[bool, ...]


@dataclass(slots=True)
class DayFile:
    """This run's file for one day of an account."""

    path: Path
    forms: dict[Form, int] = field(default_factory=dict)

    def append(self, judgements: Iterable[Judgement]) -> None:
        """Append these; raises `OSError` when they were not all written, which may leave the file cut off."""
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_size == 0:  # new, or its owner has deleted it
                self.forms.clear()
            lines = [line for one in judgements for line in self._lines(one)]
            member = gzip.compress("".join(lines).encode(), _LEVEL, mtime=0)
            if os.write(handle, member) != len(member):
                raise OSError(0, "only a part was written")
        finally:
            os.close(handle)

    def _lines(self, one: Judgement) -> Iterator[str]:
        form = Form(
            one.timeframe_ms, tuple(row.name for row in one.conditions), tuple(row.needed for row in one.conditions)
        )
        number = self.forms.get(form)
        if number is None:
            number = self.forms[form] = len(self.forms)
            yield _json({"form": number, "timeframe_ms": form.timeframe_ms, "names": form.names, "needed": form.needed})
        yield _line(one, number)


def account_folder(data_dir: Path, account: Account) -> Path:
    """The folder of an account's judgements."""
    return data_dir / FOLDER / re.sub(r"[^\w@.-]", "_", str(account))


def day_file(folder: Path, day: int) -> DayFile:
    """A new file for this run and the day that begins at `day` (market ms). Creates its folder, but not the data folder."""
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, exist_ok=True)
    number = sum(1 for _ in folder.glob(f"{_name(day)}.*{_SUFFIX}"))
    while (path := folder / f"{_name(day)}.{number}{_SUFFIX}").exists():
        number += 1
    return DayFile(path)


def prune(folder: Path, today: int) -> None:
    """Delete files older than 30 days: by market time in this account's `folder`, by the files' age in others."""
    oldest, aged = _name(today - DAYS * DAY), time.time() - (DAYS + 1) * DAY / 1000
    for file in folder.parent.glob(f"*/*{_SUFFIX}"):
        if file.name < oldest if file.parent == folder else file.stat().st_mtime < aged:
            file.unlink(missing_ok=True)


def days_of(folder: Path) -> list[int]:
    """The days that have files (market ms of their beginning), oldest first."""
    names = [found[1] for file in folder.glob(f"*{_SUFFIX}") if (found := _FILE.fullmatch(file.name))]
    return sorted({parse_iso(name) for name in names})


def judgements_of(folder: Path, day: int, symbol: str | None = None) -> Iterator[Judgement]:
    """The judgements of a day, for one market or all, in the order they were written."""
    for file in sorted(folder.glob(f"{_name(day)}.*{_SUFFIX}"), key=lambda one: int(one.name.split(".")[1])):
        yield from _read(file, symbol)


def _read(file: Path, symbol: str | None) -> Iterator[Judgement]:
    """The intact judgements of a file. Its end may be cut off: it is still being written, or its writer was killed or ran out of
    space."""
    wanted = f"[{json.dumps(symbol)}," if symbol is not None else "["
    forms: list[Form] = []
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("{"):
                    row = json.loads(line)
                    forms.append(Form(row["timeframe_ms"], tuple(row["names"]), tuple(row["needed"])))
                elif line.startswith(wanted):
                    yield _judgement(json.loads(line), forms)
    except (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError):
        return
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror}): check its permissions") from error


# -- one line ---------------------------------------------------------------------------------------------------------
def _line(one: Judgement, form: int) -> str:
    """`[symbol, candle, form, side, signal, reason, held, [values], [limits], words, [gates]]`; the last two only with gates."""
    rows = one.conditions
    held = "".join("1" if row.held else "0" for row in rows)
    head = f"[{json.dumps(one.symbol)},{one.candle},{form},{one.side},{int(one.signal)},{json.dumps(one.reason)}"
    columns = f'"{held}",{_column([row.value for row in rows])},{_column([row.limit for row in rows])}'
    if not one.gates:
        return f"{head},{columns}]\n"
    gates = [(row.name, _finite(row.value), _finite(row.limit), int(row.held)) for row in one.gates]
    return f"{head},{columns},{json.dumps(one.words)},{json.dumps(gates)}]\n"


def _column(values: Sequence[float | str]) -> str:
    try:
        if math.isfinite(math.fsum(values)):  # type: ignore[arg-type]
            return "[" + ",".join([_NUMBER % value for value in values]) + "]"
    except (TypeError, OverflowError, ValueError):
        pass  # text, or no finite numbers: one by one
    return json.dumps([_finite(value) for value in values])


def _finite(value: float | str) -> float | str | None:
    """A value for JSON: infinities and NaN become null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _judgement(row: list[Any], forms: Sequence[Form]) -> Judgement:
    symbol, candle, number, side, signal, reason, held, values, limits, *rest = row
    form = forms[number]
    words, gates = rest or ("", ())
    found = zip(form.names, map(_known, values), map(_known, limits), held, form.needed, strict=True)
    conditions = tuple(Condition(name, value, limit, bit == "1", needed) for name, value, limit, bit, needed in found)
    asked = tuple(Condition(name, _known(value), _known(limit), bool(bit)) for name, value, limit, bit in gates)
    return Judgement(symbol, candle, form.timeframe_ms, side, bool(signal), reason, conditions, asked, words)


def _known(value: float | str | None) -> float | str:
    return math.nan if value is None else value


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


def _name(day: int) -> str:
    return iso(day)[:10]
