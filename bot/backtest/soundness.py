"""Checks whether a strategy's backtest can be believed: it must not see later candles, nor depend on where the data begins.

Owns the choice of markets and closes. The checks themselves are in `answers_check` and `rows_check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.answers_check import SIGNALS, AnswersCheck, Market
from bot.backtest.candle_names import BadCandles
from bot.backtest.compile import compiled, plain
from bot.backtest.decisions import decided, room_for, scan
from bot.backtest.findings import Finding, Findings
from bot.backtest.history import History
from bot.backtest.plain import seen
from bot.backtest.rows_check import MOST_ROWS, check_closes, check_columns, check_compiled, check_decisions
from bot.backtest.state import record_of
from bot.domain.text import safe_text
from bot.strategy.base import Evaluation, Strategy
from bot.strategy.exits import Trade
from bot.strategy.guarded import GuardedStrategy

#: The number of closes checked, in all markets together. In each market they include some signals and some consecutive closes.
CLOSES, OF_SIGNALS, IN_A_ROW = 1_000, 30, 50
#: The most markets that are checked, and how many candles beyond those that live keeps each must have.
MARKETS, FEWEST = 10, 50


Text = Callable[..., int]


class Checked(NamedTuple):
    """What was checked, and the faults found."""

    markets: int
    closes: int
    signals: int
    findings: list[Finding]


def check(make: Callable[[], Strategy], histories: Sequence[History], compile_to: Path | None = None) -> Checked:
    """Check a strategy; `make` creates new instances of it. Raises BadCandles if no market has enough candles."""
    strategy, found = make(), Findings()
    markets = _markets(strategy, histories)
    texts = _texts(strategy, compile_to)
    closes, signals = 0, 0
    for market in markets:
        questions = AnswersCheck(make, market, found)
        rows = _rows(strategy, market, CLOSES // len(markets), _signals_of_rows(strategy, market, texts, found))
        asked = questions.ask(rows)
        entered = [(row, one) for row, one in asked if one.side != 0]
        trades = questions.follow(_some(entered, SIGNALS))
        _check_rows(strategy, market, asked, trades, texts, found)
        closes, signals = closes + len(rows), signals + len(entered)
    return Checked(len(markets), closes, signals, found.all())


def _markets(strategy: Strategy, histories: Sequence[History]) -> list[Market]:
    """The markets to check, with the candles that the strategy sees."""
    window = GuardedStrategy(strategy, lambda _: None).window(histories[0].timeframe_ms)
    shown = [(one.symbol, seen(one, fills_gaps=strategy.fills_gaps)) for one in histories]
    enough = [Market(symbol, candles, window) for symbol, candles in shown if len(candles) >= window + FEWEST]
    if not enough:
        longest = max(len(candles) for _, candles in shown)
        raise BadCandles(
            f"no market has more than {longest} candles: {window + FEWEST} are needed to check this strategy"
        )
    return _some(enough, MARKETS)


def _rows(strategy: Strategy, market: Market, count: int, signals: Sequence[int]) -> list[int]:
    """The closes to check: some evenly spread, those of signals, and the last consecutive ones."""
    first, last = max(strategy.required - 1, 1), len(market.candles)
    spread = np.linspace(first, last - 1, count, dtype=np.int64).tolist()
    return sorted({*spread, *_some(signals, OF_SIGNALS), *range(max(last - IN_A_ROW, first), last)})


def _signals_of_rows(strategy: Strategy, market: Market, texts: Sequence[Text], findings: Findings) -> list[int]:
    """The rows with signals among the last ones, by the strategy's rows; empty for a strategy without rows."""
    rows = strategy.rows
    if rows is None:
        return []
    last = len(market.candles)
    first, found, count = max(last - MOST_ROWS, strategy.required - 1, 1), room_for(last), 0
    with _supervised(market, findings):
        # The last row is left out, so that code which reads the next row does not fail here: the check of decisions reports it.
        count = texts[0](
            rows.columns(market.candles), first, last - 1, record_of(rows.params), strategy.risk_settings, found
        )
    return [int(row) for row in found.row[:count]]


def _check_rows(
    strategy: Strategy,
    market: Market,
    asked: Sequence[tuple[int, Evaluation]],
    trades: Sequence[tuple[int, Trade]],
    texts: Sequence[Text],
    findings: Findings,
) -> None:
    if strategy.rows is None:
        return
    with _supervised(market, findings):
        check_columns(strategy.rows, market, findings)
        check_decisions(strategy, market, asked, findings)
        check_closes(strategy, market, trades, findings)
        check_compiled(strategy, market, texts, findings)


@contextmanager
def _supervised(market: Market, findings: Findings) -> Iterator[None]:
    """Report an exception of the strategy's rows as a finding, and go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a supervised boundary: the code is the strategy's own
        words = safe_text(f"{type(error).__name__}: {error}".splitlines()[0])
        findings.add("no answer", "rows", market.symbol, market.closed_at(len(market.candles) - 1), words)


def _texts(strategy: Strategy, compile_to: Path | None) -> list[Text]:
    """The function that finds signals by the strategy's rows, plain and compiled; empty without rows."""
    if strategy.rows is None:
        return []
    scanned: Any = scan
    swaps: Any = {decided: strategy.rows.decided}
    return [plain(scanned, swaps), compiled(scanned, swaps, compile_to)]


def _some(found: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of them, evenly spread."""
    places = np.unique(np.linspace(0, max(len(found) - 1, 0), min(most, len(found)), dtype=np.int64))
    return [found[int(at)] for at in places]
