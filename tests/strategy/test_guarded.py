"""What a strategy may answer: everything else is reported with the line to look at, and is no answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_UP, Context, DefaultContext, getcontext, setcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candles import Candles
from bot.strategy.base import Close, Condition, Ended, Evaluation, Exit, ExitLeg, Strategy, Trade, TradedRange
from bot.strategy.guarded import MOST_CONDITIONS, MOST_KEPT, GuardedStrategy, StrategyError
from bot.strategy.params import RiskSettings
from tests.strategy.given import FIVE_MINUTES, LONG_TRADE, MIDNIGHT, SHORT_TRADE

CANDLES = Candles.of(FIVE_MINUTES, [(MIDNIGHT + n * FIVE_MINUTES, 100, 101, 99, 100, 5) for n in range(3)])
LONG = Evaluation(1, CANDLES.closed_at, 100.0, 98.0)
LOOK = TradedRange(100.0, 106.0, 100.0)
SYMBOL = "BTC-USD"
ADX = Condition("adx", math.nan, 20.0, held=False)


class Answering(Strategy):
    """Answers every question with what a test has put into it; calls it, if it can be called."""

    required = 1

    def __init__(self, answer: object = LONG) -> None:
        super().__init__(RiskSettings(max_position_pct=10.0))
        self.answer = answer

    def _answer(self) -> Any:
        return self.answer() if callable(self.answer) else self.answer

    def evaluate(self, candles: Candles) -> Evaluation:
        return self._answer()

    def size_pct(self, evaluation: Evaluation) -> float:
        return self._answer()

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        return self._answer()

    def on_price(self, trade: Trade, look: TradedRange) -> list[Exit]:
        return self._answer()

    def may_return(self, candles: Candles, last: Ended) -> bool:
        return self._answer()

    def rank(self, symbol: str, candles: Candles) -> float | None:
        return self._answer()

    def window(self, timeframe_ms: int) -> int:
        return self._answer()


def asked(answer: object, ask: Callable[[GuardedStrategy], object]) -> tuple[object, list[StrategyError]]:
    troubles: list[StrategyError] = []
    return ask(GuardedStrategy(Answering(answer), troubles.append)), troubles


QUESTIONS: dict[str, Callable[[GuardedStrategy], object]] = {
    "evaluate": lambda rule: rule.evaluate(SYMBOL, CANDLES),
    "size_pct": lambda rule: rule.size_pct(SYMBOL, LONG),
    "on_close": lambda rule: rule.on_close(SYMBOL, LONG_TRADE, CANDLES),
    "on_price": lambda rule: rule.on_price(SYMBOL, LONG_TRADE, LOOK),
    "may_return": lambda rule: rule.may_return(SYMBOL, CANDLES, Ended(0, "stop")),
    "rank": lambda rule: rule.rank(SYMBOL, CANDLES),
}


def fails() -> None:
    raise KeyError("no such column")


@pytest.mark.parametrize("question", QUESTIONS)
def test_whatever_is_raised_is_told_with_strategy_symbol_and_line(question: str) -> None:
    found, (error,) = asked(fails, QUESTIONS[question])
    assert found is None
    line = fails.__code__.co_firstlineno + 1
    assert error == StrategyError(
        "Answering", SYMBOL, question, f"strategy/{Path(__file__).name}:{line}", "KeyError: 'no such column'"
    )


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("answer", ["soon", object(), {"side": 1}, np.array([1.0, 2.0]), (1, 2, 3)])
def test_an_answer_of_another_kind_is_told_with_the_line_of_the_question(question: str, answer: object) -> None:
    found, (error,) = asked(answer, QUESTIONS[question])
    assert found is None
    line = getattr(Answering, question).__code__.co_firstlineno
    assert (error.symbol, error.where) == (SYMBOL, f"strategy/{Path(__file__).name}:{line}")


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Panic(BaseException):
    """As libraries written in other languages raise it."""


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("error", [Wordless(), Panic("index out of bounds"), SystemExit(0), GeneratorExit()])
def test_nothing_that_is_raised_gets_past(question: str, error: BaseException) -> None:
    def fails() -> None:
        raise error

    found, (trouble,) = asked(fails, QUESTIONS[question])
    assert found is None
    assert type(error).__name__ in trouble.reason


@pytest.mark.parametrize("question", QUESTIONS)
def test_how_a_strategy_counts_is_not_how_nija_counts_money(question: str) -> None:
    def coarse() -> object:
        setcontext(Context(prec=4, rounding=ROUND_UP))
        DefaultContext.prec = 4  # of threads that begin later
        np.seterr(all="raise")
        return LONG

    before, of_arrays = getcontext().copy(), np.geterr()
    asked(coarse, QUESTIONS[question])
    assert (getcontext().prec, getcontext().rounding) == (before.prec, before.rounding)
    assert DefaultContext.prec == 28
    assert np.geterr() == of_arrays


def test_a_strategy_that_raises_ctrl_c_ends_no_thread_of_an_account() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as threads:
        found, (trouble,) = threads.submit(asked, interrupted, QUESTIONS["evaluate"]).result()
    assert found is None
    assert "KeyboardInterrupt" in trouble.reason


def test_an_answer_that_takes_long_counts_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[StrategyError] = []
    guarded = GuardedStrategy(Answering(LONG), lambda _: None, slow.append)
    assert guarded.evaluate(SYMBOL, CANDLES) == LONG
    assert slow == []
    monkeypatch.setattr("bot.strategy.guarded.SLOW", -1.0)
    assert guarded.evaluate(SYMBOL, CANDLES) == LONG
    (told,) = slow
    assert (told.question, told.reason) == ("evaluate", "took 0.0 s")
    assert told.where.startswith("strategy/test_guarded.py:")


WORDS = [("\ud800", "\\ud800"), ("a\0b", "a\\x00b"), ("a\nb", "a\\nb"), ("x" * 10**6, "x" * 250), (None, "None")]


@pytest.mark.parametrize(("words", "kept"), WORDS, ids=["half a sign", "no sign", "two lines", "a book", "none"])
def test_words_are_made_fit_for_book_and_log(words: Any, kept: str) -> None:
    """PostgreSQL takes no text with a zero byte, and no database half a sign."""
    found, _ = asked(LONG._replace(why=words), QUESTIONS["evaluate"])
    assert isinstance(found, Evaluation)
    assert found.why == kept
    closed, _ = asked(Close(98.0, "channel", words), QUESTIONS["on_close"])
    assert isinstance(closed, Close)
    assert closed.words == kept


def test_the_end_of_the_daemon_is_not_a_strategys_trouble() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(stop, QUESTIONS["evaluate"])


NAN, INF = math.nan, math.inf
SHORT = LONG._replace(side=-1, stop=102.0)

WRONG_DECISIONS: list[tuple[str, Evaluation, str]] = [
    ("no such side", LONG._replace(side=2), "side is 2"),
    ("a side in words", LONG._replace(side="long"), "side is 'long'"),  # type: ignore[arg-type]
    ("another candle", LONG._replace(closed_at=CANDLES.closed_at - FIVE_MINUTES), "are not those of the last candle"),
    ("another close", LONG._replace(close=100.1), "are not those of the last candle"),
    ("no stop", LONG._replace(stop=NAN), "stop is nan: a finite number"),
    ("an endless stop", LONG._replace(stop=-INF), "stop is -inf: a finite number"),
    ("no price", LONG._replace(stop=-1.0), "stop is -1: a price above 0"),
    ("a stop in words", LONG._replace(stop="98"), "stop is '98'"),  # type: ignore[arg-type]
    ("a stop at the close", LONG._replace(stop=100.0), "on the wrong side"),
    ("a stop above it", LONG._replace(stop=101.0), "on the wrong side"),
    ("a short's stop below it", SHORT._replace(stop=99.0), "on the wrong side"),
    ("at risk beyond the stop", LONG._replace(risk_price=97.0), "not between the stop"),
    ("at risk at the close", LONG._replace(risk_price=100.0), "not between the stop"),
    ("a short at risk beyond its stop", SHORT._replace(risk_price=103.0), "not between the stop"),
    ("no momentum", LONG._replace(momentum=NAN), "momentum is nan"),
    ("no score", LONG._replace(score=INF), "score is inf"),
    ("kept as a mapping", LONG._replace(kept={"a": 1.0}), "kept is {'a': 1.0}"),  # type: ignore[arg-type]
    ("kept without a name", LONG._replace(kept=((1.0, 2.0),)), "kept holds (1.0, 2.0)"),  # type: ignore[arg-type]
    ("kept without a number", LONG._replace(kept=(("high", NAN),)), "high is nan"),
    ("considered no side", LONG._replace(considered=3), "considered is 3"),
    ("conditions as a list", LONG._replace(conditions=[]), "conditions is []"),  # type: ignore[arg-type]
    ("a condition as a plain tuple", LONG._replace(conditions=(("adx", 1.0, 2.0, True),)), "conditions holds ('adx'"),  # type: ignore[arg-type]
    ("a condition in words", LONG._replace(conditions=(Condition("adx", "high", 2.0, True),)), "of two numbers"),
    ("too many conditions", LONG._replace(conditions=(ADX,) * (MOST_CONDITIONS + 1)), "conditions is"),
    ("kept too much", LONG._replace(kept=tuple((str(n), 1.0) for n in range(MOST_KEPT + 1))), "kept is"),
]


@pytest.mark.parametrize(
    ("answer", "reason"), [row[1:] for row in WRONG_DECISIONS], ids=[row[0] for row in WRONG_DECISIONS]
)
def test_a_decision_that_cannot_be_is_none(answer: Evaluation, reason: str) -> None:
    found, (error,) = asked(answer, QUESTIONS["evaluate"])
    assert found is None
    assert reason in error.reason


def test_no_side_needs_nothing_else() -> None:
    flat = Evaluation(0, 0, NAN)
    assert asked(flat, QUESTIONS["evaluate"]) == (flat, [])


@pytest.mark.parametrize("side", [LONG, Evaluation(0, 0, NAN)], ids=["a signal", "none"])
def test_conditions_become_plain_ones_and_an_unknown_number_is_one(side: Evaluation) -> None:
    odd = Condition("two\nlines", np.float64(1), Fraction(2), np.bool_(True))  # type: ignore[arg-type]
    found, troubles = asked(side._replace(conditions=(ADX, odd), considered=np.int64(-1)), QUESTIONS["evaluate"])
    assert troubles == []
    assert isinstance(found, Evaluation)
    assert repr(found.conditions) == repr((ADX, Condition("two\\nlines", 1.0, 2.0, held=True)))
    assert found.considered == -1


def test_an_evaluation_of_four_values_is_enough() -> None:
    found, troubles = asked(LONG, QUESTIONS["evaluate"])
    assert isinstance(found, Evaluation)
    assert troubles == []
    assert (found.out_at, found.momentum, found.score, found.why, found.kept) == (98.0, 0.0, None, "", ())


def test_numbers_of_other_kinds_become_plain_ones() -> None:
    """What numpy makes is written to the book and the log as what it stands for."""
    odd = Evaluation(
        np.int64(1), np.int64(CANDLES.closed_at), np.float64(100), Fraction(98), np.float32(0.5), 99, 4,
        kept=(("high", np.float64(101)),), facts=(("a", np.float64(1)), ("b", NAN)),
    )  # fmt: skip
    found, troubles = asked(odd, QUESTIONS["evaluate"])
    assert troubles == []
    assert repr(found) == repr(
        Evaluation(1, CANDLES.closed_at, 100.0, 98.0, 0.5, 99.0, 4.0, kept=(("high", 101.0),), facts=(("a", 1.0),))
    )


def test_too_few_candles_are_not_shown_to_the_strategy() -> None:
    class Patient(Answering):
        required = 4

    found = GuardedStrategy(Patient(fails), lambda error: pytest.fail(str(error))).evaluate(SYMBOL, CANDLES)
    assert found is not None
    assert (found.side, found.closed_at, found.why) == (0, CANDLES.closed_at, "not ready")


@pytest.mark.parametrize(("percent", "used"), [(5, 5.0), (10.0, 10.0), (11.0, 10.0), (100.0, 10.0)])
def test_a_size_is_never_more_than_the_owner_allows(percent: float, used: float) -> None:
    assert asked(percent, QUESTIONS["size_pct"]) == (used, [])


@pytest.mark.parametrize("percent", [0.0, -1.0, 100.1, NAN, INF, None, "5"])
def test_no_share_of_equity_is_no_size(percent: object) -> None:
    found, troubles = asked(percent, QUESTIONS["size_pct"])
    assert (found, len(troubles)) == (None, 1)


# the trade's stop is at 98, the close at 100
CLOSES: list[tuple[str, Close, str]] = [
    ("hold", Close(98.0), ""),
    ("looser", Close(97.0), ""),
    ("tighter", Close(99.9), ""),
    ("a tick beyond a close where the grid put it", Close(100.5), ""),
    ("out by its own reason", Close(98.0, "channel", "below 99"), ""),
    ("something kept", Close(98.0, kept=(("high", 101.0),)), ""),
    ("beyond the close", Close(100.51), "on the wrong side"),
    ("no stop", Close(NAN), "stop is nan"),
    ("a stop of nothing", Close(0.0), "a price above 0"),
    ("a reason that is a sentence", Close(98.0, "below the channel"), "the exit's name"),
    ("a reason of the house", Close(98.0, "stop"), "the exit's name"),
    ("a target as a reason", Close(98.0, "tp7"), "the exit's name"),
    ("a number as a reason", Close(98.0, 3), "the exit's name"),  # type: ignore[arg-type]
    ("kept as a list", Close(98.0, kept=[("high", 1.0)]), "kept is"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("answer", "reason"), [row[1:] for row in CLOSES], ids=[row[0] for row in CLOSES])
def test_what_a_close_may_mean(answer: Close, reason: str) -> None:
    troubles: list[StrategyError] = []
    trade = LONG_TRADE._replace(tick=0.5)
    found = GuardedStrategy(Answering(answer), troubles.append).on_close(SYMBOL, trade, CANDLES)
    if not reason:
        assert (found, troubles) == (answer, [])
    else:
        assert found is None
        assert reason in troubles[0].reason


def test_a_shorts_stop_below_the_close_is_wrong() -> None:
    troubles: list[StrategyError] = []
    assert GuardedStrategy(Answering(Close(99.0)), troubles.append).on_close(SYMBOL, SHORT_TRADE, CANDLES) is None
    assert "on the wrong side" in troubles[0].reason


SALES: list[tuple[str, Any, str]] = [
    ("nothing", [], ""),
    ("the first leg", [Exit(1, 50, 101.8)], ""),
    ("two legs", (Exit(1, 50, 101.8), Exit(2, 25, 103.8)), ""),
    ("a leg that merged", [Exit(1, 0, 101.8)], ""),
    ("a leg that there is not", [Exit(4, 10, 101.8)], "there are 3 legs"),
    ("the stop is not its care", [Exit(0, 100, 98.0)], "there are 3 legs"),
    ("an order of its own", [Exit(2, 25, 103.8), Exit(1, 50, 101.8)], "there are 3 legs"),
    ("more than is held", [Exit(1, 60, 101.8), Exit(2, 60, 103.8)], "where 40 are held"),
    ("less than nothing", [Exit(1, -1, 101.8)], "lots is -1"),
    ("half a lot", [Exit(1, 0.5, 101.8)], "lots is 0.5"),  # type: ignore[arg-type]
    ("no price", [Exit(1, 50, NAN)], "price is nan"),
    ("a price that nobody paid", [Exit(1, 50, 106.1)], "the price 106.1 is beyond 106"),
    ("no lots of the next target, which merges", [Exit(1, 0, 101.8), Exit(2, 0, 103.8)], ""),
    ("no lots twice", [Exit(1, 0, 101.8), Exit(1, 0, 101.8)], "no lots at target 1"),
    ("None", None, "a list of Exit"),
    ("pairs", [(1, 50)], "a list of Exit"),
]


@pytest.mark.parametrize(("answer", "reason"), [row[1:] for row in SALES], ids=[row[0] for row in SALES])
def test_what_a_price_may_call_for(answer: Any, reason: str) -> None:
    found, troubles = asked(answer, QUESTIONS["on_price"])
    if not reason:
        assert (found, troubles) == (list(answer), [])
    else:
        assert found is None
        assert reason in troubles[0].reason


def test_a_window_that_it_cannot_name_is_the_default() -> None:
    found, troubles = asked(fails, lambda rule: rule.window(FIVE_MINUTES))
    assert found == 720
    assert [error.question for error in troubles] == ["window"]


@given(st.floats(), st.floats(), st.floats(), st.sampled_from([1, -1]))
def test_no_answer_gets_past_that_would_sell_at_once_or_rest_nowhere(
    stop: float, risk_price: float, momentum: float, side: int
) -> None:
    answer = Evaluation(side, CANDLES.closed_at, 100.0, stop, momentum, risk_price)
    found = GuardedStrategy(Answering(answer), lambda error: None).evaluate(SYMBOL, CANDLES)
    if found is not None:
        assert side * (100.0 - found.stop) > 0.0
        assert 0.0 < found.stop < math.inf
        assert side * (found.out_at - found.stop) >= 0.0
        assert side * (100.0 - found.out_at) > 0.0


@pytest.mark.parametrize("candles", [0, -5, 10**9, 2.5, None])
def test_a_window_that_no_exchange_could_fill_is_the_default(candles: object) -> None:
    found, troubles = asked(candles, lambda rule: rule.window(FIVE_MINUTES))
    assert (found, len(troubles)) == (720, 1)


def test_a_window_holds_what_is_required() -> None:
    class Patient(Answering):
        required = 1000

    assert GuardedStrategy(Patient(720), lambda error: pytest.fail(str(error))).window(FIVE_MINUTES) == 1000


def test_legs_are_the_strategys_own() -> None:
    class Laddered(Answering):
        legs = (ExitLeg(0.5, 1.0),)

    troubles: list[StrategyError] = []
    rule = GuardedStrategy(Laddered([Exit(2, 10, 104.0)]), troubles.append)
    assert rule.legs == (ExitLeg(0.5, 1.0),)
    assert rule.on_price(SYMBOL, LONG_TRADE, LOOK) is None
    assert "there are 1 legs" in troubles[0].reason
    rule.rule.legs = ()
    assert rule.legs == (ExitLeg(0.5, 1.0),)
