"""Checks that a strategy answers from closed candles alone, close by close.

Owns the variants of each question: with and without later candles in the same arrays, in forward and in reverse order, with as
many candles as live keeps and with more. The answers must be the same in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bot.backtest.findings import NEAR, Findings, difference
from bot.domain.candles import Candles
from bot.strategy import exits
from bot.strategy.base import Close, Evaluation, Strategy
from bot.strategy.exits import Trade
from bot.strategy.guarded import GuardedStrategy, StrategyError

#: How many signals are followed in each market, and for how many closes. From the middle close on, one target counts as reached.
SIGNALS, CLOSES = 8, 20
LOOK_AHEAD = "look-ahead"
START = "depends on where data begins"

Answer = Mapping[str, object]


class Market(NamedTuple):
    """One market as live would show it: all of its closed candles, and how many of them a decision sees (`window`)."""

    symbol: str
    candles: Candles
    window: int

    def shown(self, row: int, count: int) -> Candles:
        """Up to `count` candles, the last of them at `row`. The underlying arrays also hold later ones."""
        return self.candles[max(row + 1 - count, 0) : row + 1]

    def closed_at(self, row: int) -> int:
        return int(self.candles.time[row]) + self.candles.timeframe_ms

    def close(self, row: int) -> float:
        return float(self.candles.close[row])


def cut_off(candles: Candles) -> Candles:
    """A copy of the candles, so that no other candles can be reached through their arrays."""
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return Candles(candles.timeframe_ms, candles.time.copy(), *(column.copy() for column in columns))


class AnswersCheck:
    """Checks one strategy in one market, with a new instance for each variant. Differences go to `findings`."""

    def __init__(self, make: Callable[[], Strategy], market: Market, findings: Findings) -> None:
        self._market = market
        self._findings = findings
        self._first, self._second = (GuardedStrategy(make(), self._trouble) for _ in range(2))
        self._longer = GuardedStrategy(make(), self._trouble)
        self._required = self._first.rule.required
        self._at = 0

    def ask(self, rows: Sequence[int]) -> list[tuple[int, Evaluation]]:
        """Ask for a decision at each row in every variant; returns the answers that the strategy could give, by row."""
        market = self._market
        found = [(row, self._evaluated(self._first, row, market.shown(row, market.window))) for row in rows]
        for row, one in reversed(found):
            shown = market.shown(row, market.window)
            self._compare("evaluate", LOOK_AHEAD, row, one, self._evaluated(self._second, row, cut_off(shown)), 0.0)
        for row, one in found:
            longer = market.shown(row, 2 * market.window)
            self._compare("evaluate", START, row, one, self._evaluated(self._longer, row, longer), NEAR)
            fewest = self._evaluated(self._longer, row, market.shown(row, self._required))
            if fewest is not None and fewest.side != 0:
                self._compare("evaluate", START, row, one, fewest, NEAR)
        return [(row, one) for row, one in found if one is not None]

    def follow(self, signals: Sequence[tuple[int, Evaluation]]) -> list[tuple[int, Trade]]:
        """Ask in every variant what each close after a signal means for its trade; returns the trades as asked about, by row."""
        market = self._market
        asked: list[tuple[int, Trade]] = []
        for row, evaluation in signals:
            trade = opened(evaluation)
            for at in range(row + 1, min(row + 1 + CLOSES, len(market.candles))):
                if at == row + CLOSES // 2:
                    trade = exits.moved(trade, trade.stop, trade.held, min(1, len(self._first.legs)))
                asked.append((at, trade))
                one = self._closed(self._first, at, trade, market.shown(at, market.window))
                other = self._closed(self._second, at, trade, cut_off(market.shown(at, market.window)))
                longer = self._closed(self._longer, at, trade, market.shown(at, 2 * market.window))
                self._compare("on_close", LOOK_AHEAD, at, one, other, 0.0)
                self._compare("on_close", START, at, one, longer, NEAR)
                if one is None or one.exit:
                    break
                trade = after(trade, one)
        return asked

    def _evaluated(self, strategy: GuardedStrategy, row: int, candles: Candles) -> Evaluation | None:
        self._at = row
        return strategy.evaluate(self._market.symbol, candles)

    def _closed(self, strategy: GuardedStrategy, row: int, trade: Trade, candles: Candles) -> Close | None:
        self._at = row
        return strategy.on_close(self._market.symbol, trade, candles)

    def _compare(
        self,
        where: str,
        kind: str,
        row: int,
        one: Evaluation | Close | None,
        other: Evaluation | Close | None,
        near: float,
    ) -> None:
        if one is None or other is None:
            return  # the missing answer is a finding of its own
        found = difference(answer(one), answer(other), near, self._market.close(row))
        if found:
            known = "with more earlier candles" if kind == START else "without later candles, or in another order"
            self._findings.add(kind, where, self._market.symbol, self._market.closed_at(row), f"{found} {known}")

    def _trouble(self, error: StrategyError) -> None:
        words = f"{error.where}: {error.reason}"
        self._findings.add("no answer", error.question, self._market.symbol, self._market.closed_at(self._at), words)


def answer(found: Evaluation | Close) -> Answer:
    """The fields of an answer by name."""
    if isinstance(found, Close):
        return {"exit": found.exit, "stop": found.stop} | {f"kept {name}": value for name, value in found.kept or ()}
    named = {"side": found.side, "score": found.score} | {f"kept {name}": value for name, value in found.kept}
    if found.side != 0:
        named |= {"stop": found.stop, "risk_price": found.risk_price, "momentum": found.momentum}
    return named | {f"fact {name}": value for name, value in found.facts}


def opened(evaluation: Evaluation) -> Trade:
    """A trade entered at the close of its signal."""
    close, lots = evaluation.close, 1_000_000
    trade = exits.opened(evaluation.side, close, evaluation.stop, evaluation.out_at, 0.001, lots, 1, 0.0)
    return trade._replace(decided_at=evaluation.closed_at, kept=evaluation.kept)


def after(trade: Trade, close: Close) -> Trade:
    """The trade after a close."""
    moved = exits.moved(trade, exits.tighter(trade.side, trade.stop, close.stop), trade.held, trade.stage)
    return moved if close.kept is None else moved._replace(kept=close.kept)
