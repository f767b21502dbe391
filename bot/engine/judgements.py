"""Collects the evaluations of each close until they are handed over to be stored for people.

It only collects what decisions have already found, so it cannot change or delay a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.judgement import Condition, Judgement
from bot.strategy.base import Evaluation
from bot.strategy.checks import Value
from bot.strategy.gate_words import explained
from bot.strategy.gates import Blocked, GateResult

#: Stores judgements for the trading thread: returns at once and raises nothing.
Record = Callable[[Sequence[Judgement]], object]


@dataclass(slots=True)
class Judgements:
    """The judgements of one account. A repeated judgement of the same market and close with the same result is kept once."""

    timeframe_ms: int
    record: Record = lambda _: None
    _noted: list[Judgement] = field(default_factory=list)
    _last: dict[str, tuple[int, str]] = field(default_factory=dict)

    def note(
        self,
        symbol: str,
        close: int,
        evaluation: Evaluation | None = None,
        blocked: Blocked | None = None,
        asked: Iterable[GateResult] = (),
    ) -> None:
        """Add one market at one close: the strategy's evaluation, the gates that were checked, and the one that blocks (in
        `asked` or not).
        """
        word = blocked.gate.word if blocked is not None else ""
        if self._last.get(symbol) == (close, word):
            return
        self._last[symbol] = close, word
        made = Judgement(symbol, close, self.timeframe_ms, gates=tuple(map(_passed, _passing(asked))))
        if evaluation is not None:
            made = _of_strategy(made, evaluation)
        self._noted.append(made if blocked is None else _blocked(made, blocked))

    def came_to_nothing(self, symbol: str, close: int, blocked: Blocked | None) -> None:
        """Record the gate that the answer to a judgement's order did not pass, if the judgement is not handed over yet."""
        if blocked is None:
            return
        for index, one in enumerate(self._noted):
            if (one.symbol, one.candle) == (symbol, close):
                self._noted[index] = _blocked(one, blocked)
        self._last[symbol] = close, blocked.gate.word

    def hand_over(self) -> None:
        """Hand over the judgements added since the last call."""
        if self._noted:
            self.record(self._noted)
            self._noted = []


def _of_strategy(made: Judgement, evaluation: Evaluation) -> Judgement:
    return made._replace(
        side=evaluation.side or evaluation.considered,
        signal=evaluation.side != 0,
        reason=evaluation.why,
        conditions=evaluation.conditions,
    )


def _blocked(made: Judgement, blocked: Blocked) -> Judgement:
    gate = Condition(blocked.gate.word, _plain(blocked.value), _plain(blocked.limit), held=False)
    return made._replace(gates=(*made.gates, gate), words=explained(blocked).reason)


def _passing(asked: Iterable[GateResult]) -> Iterator[GateResult]:
    return (one for one in asked if not one.check.blocked)


def _passed(one: GateResult) -> Condition:
    """A gate that let the entry pass; if it checks a state, the state was the required one."""
    value, limit = one.check.value, one.check.limit
    return Condition(one.gate.word, _plain(limit if isinstance(value, str) else value), _plain(limit), held=True)


def _plain(value: Value) -> float | str:
    return value if isinstance(value, str) else float(value)
