"""`evidence/` in the data folder: what backtests found, a file for each, and on which terms.

Owns the form of these files. Commands write them, the daemon and the checks read them; what a file is worth for an account is
judged in `evidence_judged`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bot.domain.candles import parse_timeframe
from bot.domain.clock import iso, parse_iso
from bot.telemetry.status_file import StatusFile

FOLDER = "evidence"
SCHEMA = 1

#: What a backtest found and when, as against what was asked of it.
_FOUND = ("made", "verdict", "sentence", "trades", "numbers")


class Terms(NamedTuple):
    """On what terms a rule is tested, or traded. Results on other terms are results of something else.

    `source` is the digest of the rule's text, `fee` the taker's a side as a fraction, `limits` the owner's by setting (a value of
    None: no such limit) or None for a test without them; `shorts`: whether it sells short.
    """

    rule: str
    source: str
    params: Mapping[str, Any]
    timeframe: str
    fee: float
    limits: Mapping[str, float | None] | None
    slots: int
    shorts: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """One backtest. `made`, `since` and `until` are ms UTC, `data` the folder of its candles as it was typed, `checksum` theirs.

    `verdict` is one word (`earns`, `loses`, `open`, `too few`), `sentence` the same with its numbers; `numbers` are more of them,
    for people and programs.
    """

    terms: Terms
    made: int
    broker: str | None
    spread: float
    equity: float
    since: int
    until: int
    pairs: tuple[str, ...]
    candles: int
    data: str
    checksum: str
    verdict: str
    sentence: str
    trades: int
    numbers: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        del found["terms"]
        times = {name: iso(getattr(self, name)) for name in ("made", "since", "until")}
        return {"schema": SCHEMA, **self.terms._asdict(), **found, **times}


def _finite(value: Any) -> float:
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} is no finite number")
    return float(value)


def keep(data_dir: Path, one: Evidence, report: Callable[[str], None]) -> Path:
    """Write a file, readable by its owner alone; the same backtest made again replaces its file. `report` gets the reason where it
    cannot be written.
    """
    content = one.document()
    asked = {name: value for name, value in content.items() if name not in _FOUND}
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
    folder = data_dir / FOLDER
    file = folder / f"{one.terms.rule.rpartition(':')[2]}-{one.terms.timeframe}-{key}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        report(f"{folder} cannot be made: {error.strerror}")
    else:
        StatusFile(file, report).write(content)
    return file


def unreadable(data_dir: Path) -> Sequence[str]:
    """A line for each file that cannot be read now."""
    folder = EvidenceFolder(data_dir)
    folder.read()
    return folder.unreadable


class EvidenceFolder:
    """Reads the folder, and only again when a file in it has changed."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._seen: object = None
        self.known: list[Evidence] = []
        self.unreadable: list[str] = []
        """A line for each file that cannot be read, and so counts as none."""

    def read(self) -> bool:
        """Read what is there now; returns whether anything has changed."""
        files: list[tuple[str, int, int]] = []
        trouble = ""
        try:
            files = sorted(self._files())
        except FileNotFoundError:
            pass  # no backtest yet
        except OSError as error:
            trouble = _no_evidence(self._folder, error.strerror)
        if self._seen == (files, trouble):
            return False
        self._seen = files, trouble
        self.known, self.unreadable = [], [trouble] if trouble else []
        for name, *_ in files:
            self._take(self._folder / name)
        return True

    def _take(self, file: Path) -> None:
        try:
            self.known.append(_read(file.read_text(encoding="utf-8")))
        except OSError as error:
            self.unreadable.append(_no_evidence(file, error.strerror))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.unreadable.append(_no_evidence(file, f"{type(error).__name__}: {error}"))

    def _files(self) -> Iterator[tuple[str, int, int]]:
        """Name, time of change and size of each file; raises OSError."""
        with os.scandir(self._folder) as entries:
            for one in entries:
                if one.name.endswith(".json"):
                    with suppress(FileNotFoundError):  # removed meanwhile
                        found = one.stat()
                        yield one.name, found.st_mtime_ns, found.st_size


def _no_evidence(place: Path, why: str | None) -> str:
    return f"{place} cannot be read and counts as no evidence ({why}): make its backtest again, or remove it"


def _read(text: str) -> Evidence:
    row = json.loads(text)
    if row["schema"] != SCHEMA:
        raise ValueError(f"its schema is {row['schema']}, not {SCHEMA}")
    limits = row["limits"]
    parse_timeframe(row["timeframe"])
    terms = Terms(
        rule=str(row["rule"]),
        source=str(row["source"]),
        params=dict(row["params"]),
        timeframe=str(row["timeframe"]),
        fee=_finite(row["fee"]),
        limits=None
        if limits is None
        else {name: None if value is None else _finite(value) for name, value in limits.items()},
        slots=int(row["slots"]),
        shorts=bool(row["shorts"]),
    )
    return Evidence(
        terms=terms,
        made=parse_iso(row["made"]),
        broker=row["broker"],
        spread=float(row["spread"]),
        equity=float(row["equity"]),
        since=parse_iso(row["since"]),
        until=parse_iso(row["until"]),
        pairs=tuple(map(str, row["pairs"])),
        candles=int(row["candles"]),
        data=str(row["data"]),
        checksum=str(row["checksum"]),
        verdict=str(row["verdict"]),
        sentence=str(row["sentence"]),
        trades=int(row["trades"]),
        numbers=dict(row["numbers"]),
    )
