"""Finds the candle files of a folder by their names: NIJA's and freqtrade's. Does not open them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.domain.candles import parse_timeframe

FORMATS = ("parquet", "feather", "csv", "json", "json.gz")
WANTED = "<BASE>-<QUOTE>-<timeframe>.parquet, .feather or .csv, or a data folder of freqtrade"
_ENDING = rf"\.(?P<format>{'|'.join(map(re.escape, FORMATS))})"
#: BTC-USDT-5m.parquet, BTC-USDT-SWAP-1h.csv
_OURS = re.compile(r"(?P<symbol>[A-Za-z0-9.]+-[A-Za-z0-9.]+(?:-SWAP)?)-(?P<timeframe>\d+[mhd])" + _ENDING)
#: BTC_USDT-5m.feather, and of its futures BTC_USDT_USDT-5m-futures.feather; mark prices have another last word.
_FREQTRADE = re.compile(
    r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)(?P<settled>_[A-Za-z0-9]+)?"
    r"-(?P<timeframe>\d+[mhd])(?(settled)-futures)" + _ENDING
)
#: BTC-USDT-SWAP-funding.csv, and freqtrade's BTC_USDT_USDT-8h-funding_rate.feather.
_OUR_RATES = re.compile(r"(?P<symbol>[A-Za-z0-9.]+-[A-Za-z0-9.]+(?:-SWAP)?)-funding\.(?P<format>parquet|csv)")
_FREQTRADE_RATES = re.compile(
    r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)_[A-Za-z0-9]+-(?P<timeframe>\d+[mhd])-funding_rate" + _ENDING
)


class BadCandles(Exception):
    """Candles that cannot be used. The message is one line that says which, why, and what to do."""


class CandleFile(NamedTuple):
    """What a file's name says: its market, timeframe ("" for NIJA's own funding rates) and format (one of `FORMATS`)."""

    path: Path
    symbol: str
    timeframe: str
    format: str

    @property
    def timeframe_ms(self) -> int:
        return parse_timeframe(self.timeframe)


def candle_files(folder: Path) -> list[CandleFile]:
    """The candle files of a folder, by symbol and timeframe.

    Raises BadCandles where there are none. For a folder that holds only folders, such as freqtrade's `user_data`, the one
    folder below it that has candles is used.
    """
    return _in(_place(folder))


def funding_files(folder: Path) -> dict[str, CandleFile]:
    """The files of funding rates beside the candles of a folder, by symbol. Raises BadCandles where a market has two."""
    found: dict[str, CandleFile] = {}
    for path in sorted(_place(folder).iterdir()):
        file = _rates_named(path)
        if file is not None and file.symbol in found:
            other = found[file.symbol].path.name
            raise BadCandles(f"{file.symbol} has its funding rates twice, in {other} and {path.name}: keep one of them")
        if file is not None:
            found[file.symbol] = file
    return found


def _place(folder: Path) -> Path:
    """The folder that holds the candles."""
    if not folder.is_dir():
        raise BadCandles(f"there is no folder {folder}: give one with candle files named {WANTED}")
    if _in(folder):
        return folder
    below = [place for place in sorted(folder.glob("*/")) + sorted(folder.glob("*/*/")) if _in(place)]
    if len(below) > 1:
        raise BadCandles(f"{folder} has candles of several kinds: give one of {', '.join(map(str, below))}")
    if not below:
        raise BadCandles(f"no candles in {folder}: files named {WANTED} are needed")
    return below[0]


def _in(folder: Path) -> list[CandleFile]:
    named = (_named(path) for path in folder.iterdir() if path.is_file())
    return sorted((file for file in named if file), key=lambda file: (file.symbol, file.timeframe_ms, file.format))


def _named(path: Path) -> CandleFile | None:
    if match := _OURS.fullmatch(path.name):
        symbol = match["symbol"]
    elif match := _FREQTRADE.fullmatch(path.name):
        symbol = f"{match['base']}-{match['quote']}" + ("-SWAP" if match["settled"] else "")
    else:
        return None
    return CandleFile(path, symbol, match["timeframe"], match["format"]) if int(match["timeframe"][:-1]) else None


def _rates_named(path: Path) -> CandleFile | None:
    if match := _OUR_RATES.fullmatch(path.name):
        return CandleFile(path, match["symbol"], "", match["format"])
    if match := _FREQTRADE_RATES.fullmatch(path.name):
        return CandleFile(path, f"{match['base']}-{match['quote']}-SWAP", match["timeframe"], match["format"])
    return None


def files_for(files: Sequence[CandleFile], pairs: Sequence[str], timeframe: str) -> list[CandleFile]:
    """The file to read for each of `pairs` (none: all markets that have one), sorted by name.

    The file of the timeframe itself comes first, else the one of the longest timeframe that divides it. Raises BadCandles for a
    pair without a file, and for two files of the same timeframe.
    """
    known = {file.symbol for file in files}
    for pair in pairs:
        if pair not in known:
            raise BadCandles(f"no candles of {pair} in {files[0].path.parent}: there are {_listed(sorted(known))}")
    chosen = {symbol: _best([file for file in files if file.symbol == symbol], timeframe) for symbol in known}
    for pair in pairs:
        if chosen[pair] is None:
            has = _listed(file.timeframe for file in files if file.symbol == pair)
            raise BadCandles(f"{pair} has candles of {has}: {timeframe} cannot be built from them")
    found = [file for symbol in sorted(pairs or known) if (file := chosen[symbol]) is not None]
    if not found:
        has = _listed(sorted({file.timeframe for file in files}, key=parse_timeframe))
        raise BadCandles(f"{timeframe} cannot be built from the candles in {files[0].path.parent}: there are {has}")
    return found


def _best(files: Sequence[CandleFile], timeframe: str) -> CandleFile | None:
    wanted = parse_timeframe(timeframe)
    fitting = [file for file in files if wanted % file.timeframe_ms == 0]
    longest = max((file.timeframe_ms for file in fitting), default=0)
    best = [file for file in fitting if file.timeframe_ms == longest]
    if len(best) > 1:
        names = " and ".join(file.path.name for file in best)
        raise BadCandles(f"{best[0].symbol} has its {best[0].timeframe} candles twice, in {names}: keep one of them")
    return best[0] if best else None


def _listed(words: Iterable[str]) -> str:
    """The first twelve words, and how many more there are."""
    all_words = list(words)
    shown = ", ".join(all_words[:12])
    return f"{shown} and {len(all_words) - 12} more" if len(all_words) > 12 else shown
