"""The markets of a strategy with its own universe: ranked by candles from before the period, chosen once, kept across a restart."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles
from bot.domain.clock import DAY
from bot.domain.outcome import ErrorMeaning
from bot.engine.order_manager import OrderManager
from bot.engine.ranking import Ranking
from bot.strategy.base import Evaluation, Strategy, Universe
from bot.strategy.guarded import GuardedStrategy, StrategyError
from bot.strategy.periods import before, began
from tests.notes import Notes

MONTH = Universe(most=2, among=4, candles=3, period="month")
FIRST = 1_767_225_600_000  # 2026-01-01T00:00:00Z
NOW = FIRST + 5 * DAY + 7
TRADED = ["A-USD", "B-USD", "C-USD", "D-USD", "E-USD"]


class ByVolume(Strategy):
    """Highest volume first; below 10 a market is not traded."""

    universe = MONTH

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Candles] = {}

    def evaluate(self, candles: Candles) -> Evaluation:
        raise NotImplementedError

    def rank(self, symbol: str, candles: Candles) -> float | None:
        self.seen[symbol] = candles
        volume = float(candles.volume.sum())
        return volume if volume >= 10.0 else None


class Scene:
    """The parts of an order manager that a ranking needs; markets have one candle per day until `now`, with the given volume."""

    def __init__(self, **volumes: float) -> None:
        self.volumes = {f"{coin}-USD": volume for coin, volume in volumes.items()}
        self.now = NOW
        self.state: dict[str, str] = {}
        self.fails: dict[str, BrokerError] = {}
        self.asked: list[tuple[str, int]] = []
        self.restricted: set[str] = set()
        self.troubles: list[StrategyError] = []
        self.rule: Strategy = ByVolume()
        self.clock = self.book = self.broker = self.markets = self
        self.log = Notes()

    def market_ms(self) -> int:
        return self.now

    def get_state(self, name: str) -> str | None:
        return self.state.get(name)

    def set_state(self, name: str, value: str) -> None:
        self.state[name] = value

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        self.asked.append((symbol, count))
        if symbol in self.fails:
            raise self.fails[symbol]
        days = range(self.now // DAY - count, self.now // DAY)
        return Candles.of(DAY, [(day * DAY, 1, 1, 1, 1, self.volumes[symbol]) for day in days])

    def record_error(self, error: BrokerError, symbol: str) -> None:
        if error.meaning is ErrorMeaning.RESTRICTED:
            self.restricted.add(symbol)

    def is_restricted(self, symbol: str) -> bool:
        return symbol in self.restricted

    def ranking(self) -> Ranking:
        return Ranking(cast("OrderManager", cast("Any", self)), GuardedStrategy(self.rule, self.troubles.append))


def test_the_best_of_the_most_traded_are_chosen_by_candles_of_before_the_period() -> None:
    scene = Scene(A=5.0, B=1.0, C=7.0, D=4.0, E=99.0)
    assert scene.ranking().chosen(TRADED) == ["C-USD", "A-USD"]
    assert [symbol for symbol, _ in scene.asked] == TRADED[:4]
    candles = cast("ByVolume", scene.rule).seen["A-USD"]
    assert (len(candles), candles.closed_at) == (3, FIRST)


def test_a_choice_holds_for_its_period_and_over_a_restart() -> None:
    scene = Scene(A=5.0, B=6.0, C=7.0, D=8.0)
    chosen = scene.ranking().chosen(TRADED)
    scene.asked.clear()
    scene.volumes["A-USD"] = 50.0
    scene.now = FIRST + 31 * DAY - 1
    assert scene.ranking().chosen(TRADED) == chosen == ["D-USD", "C-USD"]
    assert scene.asked == []
    scene.now += 1
    assert scene.ranking().chosen(TRADED) == ["A-USD", "D-USD"]


def test_another_strategy_chooses_for_itself() -> None:
    scene = Scene(A=5.0, B=6.0, C=7.0, D=8.0)
    scene.state["universe"] = f"Other {FIRST} A-USD"
    assert scene.ranking().chosen(TRADED) == ["D-USD", "C-USD"]


def test_a_chosen_market_that_cannot_be_traded_now_is_left_out() -> None:
    scene = Scene(A=5.0, B=6.0, C=7.0, D=8.0)
    scene.ranking().chosen(TRADED)
    assert scene.ranking().chosen(["A-USD", "C-USD"]) == ["C-USD"]


def test_equals_go_by_name() -> None:
    scene = Scene(A=4.0, B=5.0, C=5.0, D=5.0)
    assert scene.ranking().chosen(TRADED) == ["B-USD", "C-USD"]


def test_turnover_ranks_where_a_strategy_does_not() -> None:
    scene = Scene()
    scene.rule.universe = None
    assert scene.ranking().chosen(TRADED) == TRADED
    assert scene.asked == []


def test_a_market_that_is_closed_to_this_owner_is_not_ranked_and_no_answer_is_waited_for() -> None:
    scene = Scene(A=50.0, B=6.0, C=7.0, D=8.0)
    ranking = scene.ranking()
    scene.fails = {
        "A-USD": BrokerError("kraken", ErrorMeaning.RESTRICTED, "no"),
        "C-USD": BrokerError("kraken", ErrorMeaning.BUSY, "later"),
    }
    with pytest.raises(BrokerError, match="later"):
        ranking.chosen(TRADED)
    scene.fails = {}
    assert ranking.chosen(TRADED) == ["D-USD", "C-USD"]
    assert [symbol for symbol, _ in scene.asked] == ["A-USD", "B-USD", "C-USD", "C-USD", "D-USD"]


def test_a_rank_that_cannot_be_told_is_told_of() -> None:
    class Broken(ByVolume):
        def rank(self, symbol: str, candles: Candles) -> float | None:
            return super().rank(symbol, candles) if symbol != "D-USD" else float("nan")

    scene = Scene(A=5.0, B=6.0, C=7.0, D=8.0)
    scene.rule = Broken()
    assert scene.ranking().chosen(TRADED) == ["C-USD", "B-USD"]
    assert [(error.symbol, error.question) for error in scene.troubles] == [("D-USD", "rank")]


@pytest.mark.parametrize(
    ("now", "period", "start"),
    [
        (FIRST, "month", FIRST),
        (FIRST - 1, "month", FIRST - 31 * DAY),
        (NOW, "month", FIRST),
        (NOW, "day", FIRST + 5 * DAY),
        (FIRST + 58 * DAY + DAY // 2, "month", FIRST + 31 * DAY),
        (FIRST + 59 * DAY, "month", FIRST + 59 * DAY),
    ],
)
def test_when_a_period_began(now: int, period: Any, start: int) -> None:
    assert began(now, MONTH._replace(period=period)) == start


def test_only_what_had_closed_when_the_period_began_is_looked_at() -> None:
    candles = Candles.of(DAY, [(FIRST + n * DAY, 1, 1, 1, 1, 1) for n in (-3, -1, 0, 1)])
    assert [int(time) for time in before(candles, FIRST).time] == [FIRST - 3 * DAY, FIRST - DAY]


def test_an_owners_list_replaces_the_choice_and_keeps_its_order() -> None:
    scene = Scene(A=5.0, B=1.0)
    assert scene.ranking().chosen(["A-USD", "B-USD"], ["C-USD", "B-USD", "A-USD"]) == ["B-USD", "A-USD"]
    assert scene.asked == []
