"""What was judged at each close, kept until it is handed over to whoever writes it down for people.

Takes what the decision has found anyway, and asks nothing itself: nothing here can change or delay what is traded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.judgement import Condition, Judgement
from bot.strategy.base import Evaluation
from bot.strategy.checks import Value
from bot.strategy.gate_words import explained
from bot.strategy.gates import Asked, Blocked

#: Takes judgements off the hands of whoever trades: returns at once and raises nothing.
Record = Callable[[Sequence[Judgement]], object]


@dataclass(slots=True)
class Judgements:
    """Those of one account. A market that is judged again at the same close, to the same end, is noted once."""

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
        asked: Iterable[Asked] = (),
    ) -> None:
        """One market at one close: what the strategy said, which gates were asked, and the one that blocks (in `asked` or not)."""
        word = blocked.gate.word if blocked is not None else ""
        if self._last.get(symbol) == (close, word):
            return
        self._last[symbol] = close, word
        made = Judgement(symbol, close, self.timeframe_ms, gates=tuple(map(_passed, _passing(asked))))
        if evaluation is not None:
            made = _of_strategy(made, evaluation)
        self._noted.append(made if blocked is None else _blocked(made, blocked))

    def came_to_nothing(self, symbol: str, close: int, blocked: Blocked | None) -> None:
        """The order of a judgement that is still here: the gate that its answer did not pass."""
        if blocked is None:
            return
        for index, one in enumerate(self._noted):
            if (one.symbol, one.candle) == (symbol, close):
                self._noted[index] = _blocked(one, blocked)
        self._last[symbol] = close, blocked.gate.word

    def hand_over(self) -> None:
        """What was noted since the last time."""
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


def _passing(asked: Iterable[Asked]) -> Iterator[Asked]:
    return (one for one in asked if not one.check.blocked)


def _passed(one: Asked) -> Condition:
    """A gate that let the entry pass: where it asks for a state, that was as it must be."""
    value, limit = one.check.value, one.check.limit
    return Condition(one.gate.word, _plain(limit if isinstance(value, str) else value), _plain(limit), held=True)


def _plain(value: Value) -> float | str:
    return value if isinstance(value, str) else float(value)
