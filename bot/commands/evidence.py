"""How a backtest becomes evidence: its terms, its candles and its verdict, in a file that the daemon and the checks read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.clock import system_ms
from bot.runtime.evidence import Evidence, Terms, keep

if TYPE_CHECKING:
    from bot.backtest.history import History
    from bot.backtest.numbers import Numbers
    from bot.backtest.result import Result

#: The numbers that are kept beside the verdict.
KEPT = (
    *("won", "win_rate", "expectancy_r", "interval_r", "profit_factor", "pnl", "total_return", "cagr", "sharpe"),
    *("max_drawdown", "drawdown_days", "exposure", "turnover_year", "fees", "spread_paid", "funding"),
)


def keep_evidence(
    data_dir: Path,
    terms: Terms,
    histories: Sequence[History],
    result: Result,
    found: Numbers,
    broker: str | None,
    data: Path,
) -> str:
    """Write it, and say in one line where it is, or why it is nowhere: the result on the screen is as good without."""
    numbers = found.document()
    made = Evidence(
        terms=terms,
        made=system_ms(),
        broker=broker,
        spread=result.spread,
        equity=result.equity,
        since=result.since,
        until=result.until,
        pairs=result.pairs,
        candles=result.candles,
        data=str(data),
        checksum=_checksum(histories),
        verdict=str(found.verdict),
        sentence=found.sentence,
        trades=found.trades,
        numbers={name: numbers[name] for name in KEPT},
    )
    troubles: list[str] = []
    file = keep(data_dir, made, troubles.append)
    return f"not kept as evidence: {troubles[0]}" if troubles else f"kept as evidence: {file}"


def _checksum(histories: Sequence[History]) -> str:
    """One for all markets, of those that `nija data check` shows."""
    from bot.backtest.data_check import checksum

    rows = [f"{one.symbol} {checksum(one.candles)}\n" for one in histories]
    return hashlib.sha256("".join(rows).encode()).hexdigest()
