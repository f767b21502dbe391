"""The only way to call a strategy: it lets no exception and no invalid answer through.

Defines what a valid answer is. A strategy is a user's file, and its mistakes must affect only one symbol at one candle. So any
error is reported with its source line, and the answer is None. The calling thread goes on protecting positions and trading other
symbols.
"""

from __future__ import annotations

import inspect
import math
import re
import threading
import time
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from traceback import extract_tb, format_exception_only
from typing import NamedTuple, TypeVar

from bot.domain.candles import Candles
from bot.domain.judgement import Condition
from bot.domain.order import Numbers, Purpose
from bot.domain.text import LONGEST_TEXT, safe_text
from bot.strategy.base import Close, Costs, Ended, Evaluation, Exit, Strategy, Terms, Trade, TradedRange
from bot.strategy.contained import contained
from bot.strategy.exits import ExitLegs

T = TypeVar("T")

#: The seconds after which an answer is slow: the thread that waits for it looks after the account's positions.
SLOW = 2.0
#: The most numbers that a strategy may keep with a trade.
MOST_KEPT = 50
#: The most conditions that a strategy may report.
MOST_CONDITIONS = 100
#: The most candles per market that a strategy may request: exchanges return some hundred per request.
MOST_CANDLES = 20_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class StrategyError(NamedTuple):
    """An error of a strategy: `where` is file:line, `question` the method that was called."""

    strategy: str
    symbol: str
    question: str
    where: str
    reason: str


class InvalidAnswer(Exception):
    """An invalid answer; the message says why."""


class GuardedStrategy:
    """A strategy whose answers are checked; None if it could not answer, after `report` was called with the error. `report_slow` is
    called for an answer that took long."""

    def __init__(
        self,
        rule: Strategy,
        report: Callable[[StrategyError], None],
        report_slow: Callable[[StrategyError], None] = lambda _: None,
    ) -> None:
        self.rule = rule
        self.legs: ExitLegs = rule.legs
        """The legs as they were checked, so that the strategy cannot change them later."""
        self._report = report
        self._report_slow = report_slow

    def window(self, timeframe_ms: int) -> int:
        """How many closed candles to keep, at least as many as required; NIJA's default if the strategy cannot answer."""
        found = self._ask("", "window", lambda: self.rule.window(timeframe_ms), _count)
        return max(Strategy.window(self.rule, timeframe_ms) if found is None else found, self.rule.required)

    def evaluate(self, symbol: str, candles: Candles) -> Evaluation | None:
        """The decision at the last close; no signal while there are fewer candles than the strategy requires."""
        if len(candles) < max(self.rule.required, 1):
            closed_at, close = (candles.closed_at, float(candles.close[-1])) if len(candles) else (0, 0.0)
            return Evaluation(0, closed_at, close, why="not ready")
        return self._ask(
            symbol, "evaluate", lambda: self.rule.evaluate(candles), lambda found: _decision(found, candles)
        )

    def may_return(self, symbol: str, candles: Candles, last: Ended) -> bool | None:
        """Whether a signal may be taken, given how the last trade ended."""
        return self._ask(symbol, "may_return", lambda: self.rule.may_return(candles, last), _yes_or_no)

    def terms(self, symbol: str, evaluation: Evaluation, price: float, costs: Costs) -> Terms | None:
        """The requirements for a trade at `price`."""
        return self._ask(symbol, "terms", lambda: self.rule.terms(evaluation, price, costs), _terms)

    def size_pct(self, symbol: str, evaluation: Evaluation) -> float | None:
        """The size in percent of equity, at most MAX_POSITION_PCT."""

        def answer() -> float:
            return min(_percent(self.rule.size_pct(evaluation)), self.rule.risk_settings.max_position_pct)

        return self._ask(symbol, "size_pct", answer, _percent)

    def rank(self, symbol: str, candles: Candles) -> float | None:
        """The rank of a market; None also if it is not to be traded."""
        return self._ask(symbol, "rank", lambda: self.rule.rank(symbol, candles), _rank)

    def on_close(self, symbol: str, trade: Trade, candles: Candles) -> Close | None:
        """Whether to exit at this close, and otherwise where the stop should be."""
        close = float(candles.close[-1])
        return self._ask(
            symbol, "on_close", lambda: self.rule.on_close(trade, candles), lambda found: _close(found, trade, close)
        )

    def on_price(self, symbol: str, trade: Trade, look: TradedRange) -> list[Exit] | None:
        """What to sell at the targets that the price has reached, in order."""
        return self._ask(
            symbol,
            "on_price",
            lambda: self.rule.on_price(trade, look),
            lambda found: _sales(found, trade, look, self.legs),
        )

    def _ask(self, symbol: str, question: str, answer: Callable[[], object], clean: Callable[[object], T]) -> T | None:
        began = time.monotonic()
        try:
            with contained():
                return clean(answer())
        except InvalidAnswer as error:
            where, reason = _defined_at(self.rule, question), str(error)
        except BaseException as error:  # a supervised boundary: a strategy's error affects one symbol only
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C, which Python raises in the main thread only
            where, reason = _raised_at(self.rule, question, error), "".join(format_exception_only(error)).strip()
        finally:
            if (seconds := time.monotonic() - began) > SLOW:
                of = type(self.rule).__name__, symbol, question, _defined_at(self.rule, question)
                self._report_slow(StrategyError(*of, f"took {seconds:.1f} s"))
        self._report(StrategyError(type(self.rule).__name__, symbol, question, where, safe_text(reason)))
        return None


# -- answers ----------------------------------------------------------------------------------------------------------
def _decision(found: object, candles: Candles) -> Evaluation:
    if not isinstance(found, Evaluation):
        raise InvalidAnswer(f"an Evaluation is needed, not {_shown(found)}")
    if found.side not in (-1, 0, 1):
        raise InvalidAnswer(f"side is {_shown(found.side)}: 1, -1 or 0 is needed")
    if found.considered not in (-1, 0, 1):
        raise InvalidAnswer(f"considered is {_shown(found.considered)}: 1, -1 or 0 is needed")
    found = found._replace(considered=int(found.considered), conditions=_conditions(found.conditions))
    if found.side == 0:
        return found._replace(why=safe_text(found.why))
    side, close, stop, out_at = int(found.side), _price(found.close, "close"), _price(found.stop, "stop"), found.out_at
    if found.closed_at != candles.closed_at or close != float(candles.close[-1]):
        raise InvalidAnswer(f"closed_at {found.closed_at} and close {close:g} are not those of the last candle")
    if side * (close - stop) <= 0.0:
        raise InvalidAnswer(f"the stop {stop:g} is on the wrong side of the close {close:g}")
    if side * (close - out_at) <= 0.0 or side * (out_at - stop) < 0.0:
        raise InvalidAnswer(f"risk_price {_shown(out_at)} is not between the stop {stop:g} and the close {close:g}")
    return found._replace(
        side=side,
        closed_at=int(found.closed_at),
        close=close,
        stop=stop,
        momentum=_number(found.momentum, "momentum"),
        risk_price=float(found.risk_price),
        score=None if found.score is None else _number(found.score, "score"),
        why=safe_text(found.why),
        kept=_kept(found.kept),
        facts=tuple((str(name), float(value)) for name, value in found.facts if math.isfinite(value)),
    )


def _close(found: object, trade: Trade, close: float) -> Close:
    if not isinstance(found, Close):
        raise InvalidAnswer(f"a Close is needed, not {_shown(found)}")
    stop = _price(found.stop, "stop")
    if trade.side * (stop - trade.stop) > 0.0 and trade.side * (stop - close) > trade.tick:
        raise InvalidAnswer(f"the stop {stop:g} is on the wrong side of the close {close:g}")
    if found.exit and (not isinstance(found.exit, str) or not _NAME.fullmatch(found.exit) or _is_reserved(found.exit)):
        raise InvalidAnswer(
            f"the exit's name is {_shown(found.exit)}: lower-case letters, digits and _ are needed, and no name that NIJA uses"
        )
    kept = None if found.kept is None else _kept(found.kept)
    return Close(stop, str(found.exit or ""), safe_text(found.words), kept)


def _sales(found: object, trade: Trade, look: TradedRange, legs: ExitLegs) -> list[Exit]:
    if not isinstance(found, list | tuple) or not all(isinstance(one, Exit) for one in found):
        raise InvalidAnswer(f"a list of Exit is needed, not {_shown(found)}")
    held, stage = trade.held, trade.stage
    for one in found:
        if one.stage not in range(max(stage, 1), len(legs) + 1):
            raise InvalidAnswer(
                f"stage is {_shown(one.stage)}: there are {len(legs)} legs, and {stage} targets were reached"
            )
        if not isinstance(one.lots, Integral) or not 0 <= int(one.lots) <= held:
            raise InvalidAnswer(f"lots is {_shown(one.lots)} where {held} are held")
        if int(one.lots) == 0 and one.stage == stage:
            raise InvalidAnswer(f"no lots at target {stage}, which was already reached: there is nothing to do")
        price, best = _price(one.price, "price"), look.high if trade.side > 0 else look.low
        if trade.side * (price - best) > 0.0:
            raise InvalidAnswer(f"the price {price:g} is beyond {best:g}, the best price traded")
        held, stage = held - int(one.lots), int(one.stage)
    return [Exit(int(one.stage), int(one.lots), float(one.price)) for one in found]


def _kept(found: object) -> Numbers:
    if not isinstance(found, tuple) or len(found) > MOST_KEPT:
        raise InvalidAnswer(
            f"kept is {_shown(found)}: a tuple of at most {MOST_KEPT} pairs of name and number is needed"
        )
    for pair in found:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise InvalidAnswer(f"kept holds {_shown(pair)}: pairs of name and number are needed")
    return tuple((name, _number(value, name)) for name, value in found)


def _conditions(found: object) -> tuple[Condition, ...]:
    """The conditions, checked. NaN is allowed as the value of an unknown number."""
    if not isinstance(found, tuple) or len(found) > MOST_CONDITIONS:
        raise InvalidAnswer(f"conditions is {_shown(found)}: a tuple of at most {MOST_CONDITIONS} Condition is needed")
    return found if all(map(_is_plain, found)) else tuple(map(_condition, found))


def _is_plain(one: object) -> bool:
    """Whether a condition needs no conversion, as most do. A fast path, because there are many per close."""
    if type(one) is not Condition:
        return False
    name, value, limit, held, needed = one
    numbers = type(value) is float and type(limit) is float and type(held) is bool and type(needed) is bool
    return numbers and type(name) is str and len(name) <= LONGEST_TEXT and name.isprintable()


def _condition(one: object) -> Condition:
    if not isinstance(one, Condition) or not all(isinstance(number, Real) for number in one[1:3]):
        raise InvalidAnswer(f"conditions holds {_shown(one)}: a Condition of two numbers is needed")
    name, value, limit, held, needed = one
    return Condition(safe_text(name), float(value), float(limit), bool(held), bool(needed))


def _number(found: object, name: str) -> float:
    if not isinstance(found, Real) or not math.isfinite(found):
        raise InvalidAnswer(f"{name} is {_shown(found)}: a finite number is needed")
    return float(found)


def _price(found: object, name: str) -> float:
    price = _number(found, name)
    if price <= 0.0:
        raise InvalidAnswer(f"{name} is {price:g}: a price above 0 is needed")
    return price


def _percent(found: object) -> float:
    percent = _number(found, "the size")
    if not 0.0 < percent <= 100.0:
        raise InvalidAnswer(f"the size is {percent:g} % of equity: above 0, and 100 at most, is needed")
    return percent


def _rank(found: object) -> float | None:
    return None if found is None else _number(found, "the rank")


def _count(found: object) -> int:
    if not isinstance(found, Integral) or not 1 <= int(found) <= MOST_CANDLES:
        raise InvalidAnswer(f"{_shown(found)} is not a number of candles from 1 to {MOST_CANDLES}")
    return int(found)


def _yes_or_no(found: object) -> bool:
    if found not in (True, False):
        raise InvalidAnswer(f"True or False is needed, not {_shown(found)}")
    return bool(found)


def _terms(found: object) -> Terms:
    if not isinstance(found, Terms):
        raise InvalidAnswer(f"Terms are needed, not {_shown(found)}")
    if not all(isinstance(value, Real) for value in found) or math.isnan(found.widest):
        raise InvalidAnswer(f"the terms are {_shown(found)}: numbers are needed")
    least = _number(found.least, "least")
    return Terms(_price(found.stop, "stop"), float(found.widest), float(found.target), least)


def _is_reserved(name: str) -> bool:
    """Whether a name is reserved for another way in which a trade can end."""
    try:
        return Purpose(name) is not Purpose.EXIT
    except ValueError:
        return name == "end"


def _shown(value: object) -> str:
    return repr(value)[:80]


# -- where ------------------------------------------------------------------------------------------------------------
def _raised_at(rule: Strategy, question: str, error: BaseException) -> str:
    """The innermost line of the strategy's own files in the traceback, as file:line; if there is none, the line where the method
    is defined.
    """
    own = {file for one in type(rule).__mro__ if one not in Strategy.__mro__ and (file := _file(one)) is not None}
    frames = reversed(extract_tb(error.__traceback__))
    found = next((frame for frame in frames if frame.filename in own), None)
    return _defined_at(rule, question) if found is None else f"{_short(found.filename)}:{found.lineno}"


def _defined_at(rule: Strategy, question: str) -> str:
    """The line at which a strategy defines a method, as file:line."""
    code = getattr(getattr(type(rule), question, None), "__code__", None)
    return "?" if code is None else f"{_short(code.co_filename)}:{code.co_firstlineno}"


def _file(kind: type) -> str | None:
    try:
        return inspect.getfile(kind)
    except (OSError, TypeError):
        return None


def _short(file: str) -> str:
    return "/".join(Path(file).parts[-2:])
