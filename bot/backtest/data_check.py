"""Checks candle files: what is missing, flat, duplicated, impossible or a jump in each, with one verdict per file.

Owns the verdicts. Reports what a backtest would do with a file; changes nothing on disk.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.backtest.candle_files import MAX_HOLES
from bot.backtest.candle_names import BadCandles, CandleFile, candle_files
from bot.backtest.candle_rows import read_rows
from bot.backtest.repair import Repaired, Repairs, in_words, repaired
from bot.domain.candles import Candles
from bot.domain.clock import iso

#: A candle that opens this far (a fraction) from the previous close is a jump.
JUMP = 0.10
CLEAN = Repairs()


@dataclass(frozen=True, slots=True)
class Report:
    """One file. `verdict` is good, repaired, holes (a backtest refuses it unless `--max-holes` allows them) or unusable; `reason`
    says why.

    `flat_share` is the share of candles without volume. `checksum` is the SHA-256 of the candles as a backtest walks them; it
    does not depend on the file format.
    """

    file: str
    symbol: str
    timeframe: str
    verdict: str
    reason: str = ""
    first: str = ""
    last: str = ""
    repairs: Repairs = CLEAN
    flat_share: float = 0.0
    jumps: int = 0
    first_jump: str = ""
    checksum: str = ""

    @property
    def usable(self) -> bool:
        return self.verdict in ("good", "repaired")

    def document(self) -> dict[str, Any]:
        """As JSON."""
        counts = self.repairs._asdict() | {"hole_share": self.repairs.hole_share}
        return {name: value for name, value in asdict(self).items() if name != "repairs"} | counts


def check(folder: Path, max_holes: float = MAX_HOLES) -> list[Report]:
    """A report on each candle file. Raises BadCandles if there are none."""
    return [_report(file, max_holes) for file in candle_files(folder)]


def _report(file: CandleFile, max_holes: float) -> Report:
    name = file.path.name
    try:
        found = repaired(read_rows(file), file.timeframe_ms)
    except BadCandles as error:
        return Report(name, file.symbol, file.timeframe, "unusable", str(error))
    candles, repairs = found.candles, found.repairs
    if not len(candles):
        return Report(
            name, file.symbol, file.timeframe, "unusable", f"none of its candles can be used: {in_words(repairs)}"
        )
    jumps = _jumps(found)
    return Report(
        file=name,
        symbol=file.symbol,
        timeframe=file.timeframe,
        verdict=_verdict(repairs, max_holes),
        reason=in_words(repairs),
        first=iso(int(candles.time[0])),
        last=iso(int(candles.time[-1])),
        repairs=repairs,
        flat_share=float(np.mean(candles.volume == 0.0)),
        jumps=len(jumps),
        first_jump=iso(int(candles.time[jumps[0]])) if len(jumps) else "",
        checksum=checksum(candles),
    )


def _verdict(repairs: Repairs, max_holes: float) -> str:
    if repairs.hole_share > max_holes:
        return "holes"
    return "repaired" if in_words(repairs) else "good"


def _jumps(found: Repaired) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The rows that open far from the previous close, where both candles have trades."""
    candles = found.candles
    before, opening = candles.close[:-1], candles.open[1:]
    traded = ~(found.filled[:-1] | found.filled[1:])
    return np.flatnonzero(traded & (np.abs(opening - before) > JUMP * before)) + 1


def checksum(candles: Candles) -> str:
    """The SHA-256 of times, prices and volumes, in hexadecimal."""
    digest = hashlib.sha256()
    for column in (candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
