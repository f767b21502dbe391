"""The candles of a page: those of the time that is shown, joined into longer ones where they would be too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.backtest.history import History
from bot.domain.candles import Series
from bot.domain.clock import DAY, HOUR, MINUTE
from bot.page.content import Chart

#: More candles than this are joined: about 35 bytes each.
MOST = 60_000
_STEPS = (
    tuple(one * MINUTE for one in (1, 3, 5, 15, 30)) + tuple(one * HOUR for one in (1, 2, 4, 6, 12)) + (DAY, 7 * DAY)
)


class Charts(NamedTuple):
    """Charts, and a line that says so where their candles are not those of the files."""

    charts: tuple[Chart, ...]
    note: str


def charts(histories: Sequence[History], since: int, until: int, most: int = MOST) -> Charts:
    """The candles that open from `since` to before `until` (ms UTC)."""
    shown = [one for one in (_between(one, since, until) for one in histories) if one is not None]
    count = sum(len(one.open) for one in shown)
    if count <= most:
        return Charts(tuple(shown), "")
    step = next((step for step in _STEPS if step > shown[0].step_ms and _joined_count(shown, step) <= most), _STEPS[-1])
    note = (
        f"These are {count:,} candles of {in_words(shown[0].step_ms)}, more than the {most:,} that a page shows: "
        f"they are joined into candles of {in_words(step)}. Choose fewer pairs or a shorter time to see each."
    )
    return Charts(tuple(joined(one, step) for one in shown), note)


def joined(one: Chart, step: int) -> Chart:
    """The same candles, those of each `step` (ms, a multiple of theirs) in one."""
    number = (one.start + one.step_ms * np.arange(len(one.open), dtype=np.int64)) // step
    first = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    last = np.append(first[1:], len(number)) - 1
    high, low = np.maximum.reduceat(one.high, first), np.minimum.reduceat(one.low, first)
    return Chart(one.pair, int(number[0]) * step, step, one.open[first], high, low, one.close[last])


def in_words(step: int) -> str:
    """A timeframe: `5m`, `4h`, `1d`."""
    for unit, letter in ((DAY, "d"), (HOUR, "h")):
        if step % unit == 0:
            return f"{step // unit}{letter}"
    return f"{step // MINUTE}m"


def _joined_count(of: Sequence[Chart], step: int) -> int:
    return sum(len(one.open) * one.step_ms // step + 2 for one in of)


def _between(one: History, since: int, until: int) -> Chart | None:
    first, last = (int(at) for at in np.searchsorted(one.time, (since, until)))
    if last <= first:
        return None
    columns: list[Series] = [column[first:last] for column in (one.open, one.high, one.low, one.close)]
    return Chart(one.symbol, int(one.time[first]), one.timeframe_ms, *columns)
