"""A result as JSON, for programs.

Owns the names of `nija backtest --json`. Numbers are JSON numbers, times ISO 8601 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bot.backtest.numbers import Numbers
from bot.backtest.result import Result
from bot.domain.candles import Times

_SIDES = {1: "long", -1: "short"}


def document(result: Result, head: Mapping[str, Any], numbers: Numbers, others: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything of one backtest. `head` holds the options; `others` are the alternatives."""
    return {
        **head,
        "timeframe_ms": result.timeframe_ms,
        "since": iso_times(np.array([result.since]))[0],
        "until": iso_times(np.array([result.until]))[0],
        "pairs": list(result.pairs),
        "fee": result.fee,
        "spread": result.spread,
        "equity": result.equity,
        "candles": result.candles,
        "trades": trades(result),
        "skips": dict(result.skips),
        "numbers": {**numbers.document(), "beside": others},
        "equity_curve": [list(point) for point in zip(iso_times(result.day), result.day_equity.tolist(), strict=True)],
    }


def trades(result: Result) -> list[dict[str, Any]]:
    """Every trade with its legs; built by columns, because there may be very many."""
    one, first = result.trades, result.trades.first_leg.tolist()
    legs = _legs(result)
    columns = {
        "symbol": [result.pairs[at] for at in one.symbol.tolist()],
        "side": [_SIDES[side] for side in one.side.tolist()],
        "decided_at": iso_times(one.decided_at),
        "entry_time": iso_times(one.entry_time),
        "entry_price": one.entry_price.tolist(),
        "qty": one.qty.tolist(),
        "stop": one.stop.tolist(),
        "score": [None if score != score else _whole(score) for score in one.score.tolist()],  # noqa: PLR0124 - NaN
        "legs": [legs[first[row] : first[row + 1]] for row in range(len(one))],
        "exit_reason": [result.reasons[at] for at in one.exit_reason.tolist()],
        "fee": one.fee.tolist(),
        "funding": one.funding.tolist(),
        "pnl": one.pnl.tolist(),
        "pnl_r": one.pnl_r.tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _legs(result: Result) -> list[dict[str, Any]]:
    legs = result.legs
    columns = {
        "time": iso_times(legs.time),
        "price": legs.price.tolist(),
        "qty": legs.qty.tolist(),
        "fee": legs.fee.tolist(),
        "reason": [result.reasons[at] for at in legs.reason.tolist()],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def iso_times(times: Times) -> list[str]:
    """Times in ms UTC as text, whole seconds. Dates and times of day recur, so each is written once."""
    day, second = np.divmod(times // 1000, 86_400)
    days, which_day = np.unique(day, return_inverse=True)
    seconds, which_second = np.unique(second, return_inverse=True)
    dates = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    clock = [f"T{one // 3600:02}:{one // 60 % 60:02}:{one % 60:02}Z" for one in seconds.tolist()]
    return [dates[at] + clock[on] for at, on in zip(which_day.tolist(), which_second.tolist(), strict=True)]


def _whole(score: float) -> float | int:
    return int(score) if score.is_integer() else score
