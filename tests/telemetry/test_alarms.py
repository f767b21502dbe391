"""Which events ring, how often, and what is said when it is over."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest

from bot.domain.log import Event, Halt
from bot.domain.log_fields import SPECS
from bot.telemetry.alarms import AGAIN, ALARMS, HELD, LONGEST_LINE, MEMORY, AlarmTracker, Message, Rule, rules_for
from bot.telemetry.log import LoggedEvent
from bot.telemetry.redact import Redactor

NOON = 1_767_268_800_000
ERROR, WARNING, INFO = logging.ERROR, logging.WARNING, logging.INFO


class Room:
    """A bell and its clock."""

    def __init__(self) -> None:
        self.tracker = AlarmTracker("LIVE", Redactor(["s3cret-of-the-owner"]))
        self.now = NOON

    def hear(self, level: int, event: Event, broker: str | None = "KRAKEN", **fields: object) -> list[Message]:
        event = LoggedEvent(event, broker, fields)
        return self.tracker.hear(rules_for(level, event), event, self.now)

    def later(self, ms: int) -> list[Message]:
        self.now += ms
        return self.tracker.over(self.now)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.mark.parametrize(
    ("level", "event", "fields", "title"),
    [
        (ERROR, Event.NAKED, {"symbol": "BTC-USD", "reason": "no stop"}, "position without its stop"),
        (ERROR, Event.UNKNOWN, {"client_id": "nj1", "symbol": "BTC-USD"}, "order of unknown fate"),
        (ERROR, Event.HALTED, {"limit": Halt.DRAWDOWN, "reason": "lost"}, "halted"),
        (ERROR, Event.HALTED, {"limit": Halt.SECOND_INSTANCE, "reason": "another"}, "another NIJA on this account"),
        (ERROR, Event.LOCKED, {"reason": "locked"}, "another NIJA on this account"),
        (ERROR, Event.FAILED, {"reason": "wrong key"}, "failed"),
        (ERROR, Event.STUCK, {"silent_s": 61}, "failed"),
        (WARNING, Event.ERROR, {"reason": "no answer", "in_a_row": 10}, "failed"),
        (ERROR, Event.CRASHED, {"reason": "starts again"}, "crashed"),
        (
            ERROR,
            Event.STRATEGY,
            {"strategy": "Mine", "symbol": "BTC-USD", "where": "mine.py:12", "reason": "KeyError"},
            "the strategy made a mistake",
        ),
        (ERROR, Event.HALTED, {"limit": Halt.DISK, "reason": "full"}, "disk trouble"),
        (ERROR, Event.HALTED, {"limit": Halt.MARKET, "symbol": "BTC-USD", "reason": "closed"}, "halted"),
        (ERROR, Event.GONE, {"symbol": "BTC-USD"}, "coins or contracts are gone"),
        (INFO, Event.DAY, {"day": "2026-01-01", "equity_usd": Decimal(10)}, "the day"),
        (WARNING, Event.UNWATCHED, {"reason": "2 positions: nobody watches them"}, "positions that nobody watches"),
    ],
)
def test_what_is_an_alarm(room: Room, level: int, event: Event, fields: dict[str, object], title: str) -> None:
    (message,) = room.hear(level, event, **fields)
    assert message.title == f"NIJA LIVE KRAKEN: {title}"
    assert "\n" not in message.title + message.line


@pytest.mark.parametrize(
    ("level", "event", "fields"),
    [
        (WARNING, Event.UNKNOWN, {"client_id": "nj1"}),
        (INFO, Event.HALTED, {"limit": Halt.OPERATOR, "reason": "flat"}),
        (WARNING, Event.ERROR, {"in_a_row": 1}),
        (INFO, Event.ENTRY, {"symbol": "BTC-USD"}),
        (ERROR, Event.DROPPED, {}),
        (INFO, Event.COMMAND, {"verb": "pause", "result": "paused"}),
    ],
)
def test_what_is_none(room: Room, level: int, event: Event, fields: dict[str, object]) -> None:
    assert room.hear(level, event, **fields) == []
    assert room.later(HELD * 2) == []


def test_a_line_ends_with_what_to_do(room: Room) -> None:
    (message,) = room.hear(ERROR, Event.NAKED, symbol="BTC-USD", reason="no stop", remedy="look at it", for_s=10)
    assert message.line.startswith("BTC-USD: no stop (for 10 s); look at it [")


def test_the_same_alarm_is_told_once_an_hour_and_counted(room: Room) -> None:
    assert room.hear(ERROR, Event.FAILED, reason="no answer")
    for _ in range(5):
        room.now += AGAIN // 6
        assert room.hear(ERROR, Event.FAILED, reason="no answer") == []
    room.now += AGAIN // 6
    (again,) = room.hear(ERROR, Event.FAILED, reason="no answer")
    assert "and 5 more" in again.line
    assert (room.tracker.rung, room.tracker.kept_back) == (2, 5)


def test_alarms_of_other_brokers_and_subjects_are_others(room: Room) -> None:
    assert room.hear(ERROR, Event.NAKED, symbol="BTC-USD")
    assert room.hear(ERROR, Event.NAKED, symbol="ETH-USD")
    assert room.hear(ERROR, Event.NAKED, symbol="BTC-USD", broker="OKX")
    assert room.hear(ERROR, Event.NAKED, symbol="BTC-USD") == []
    assert room.hear(ERROR, Event.HALTED, limit=Halt.MARKET, symbol="BTC-USD")
    assert room.hear(ERROR, Event.HALTED, limit=Halt.MARKET, symbol="ETH-USD")
    assert room.hear(ERROR, Event.HALTED, limit=Halt.DRAWDOWN)


@pytest.mark.parametrize(
    ("begin", "end", "fields", "over"),
    [
        (Event.NAKED, Event.COVERED, {"symbol": "BTC-USD"}, "position covered or closed"),
        (Event.UNKNOWN, Event.CERTAIN, {"client_id": "nj1"}, "the order's fate is known"),
        (Event.HALTED, Event.RESUMED, {"limit": Halt.DAILY_LOSS}, "takes entries again"),
        (Event.FAILED, Event.RECOVERED, {}, "works again"),
        (Event.HALTED, Event.RESUMED, {"limit": Halt.DISK}, "disk well again"),
        (Event.HALTED, Event.RESUMED, {"limit": Halt.MARKET, "symbol": "BTC-USD"}, "takes entries again"),
    ],
)
def test_its_end_is_told_when_it_has_held(
    room: Room, begin: Event, end: Event, fields: dict[str, object], over: str
) -> None:
    room.hear(ERROR, begin, **fields)
    assert room.hear(INFO, end, **fields) == []
    assert room.later(HELD - 1) == []
    (message,) = room.later(1)
    assert message.title.endswith(f": {over}")
    assert not message.bad
    assert room.later(HELD) == []
    assert room.hear(ERROR, begin, **fields), "what was over rings at once"


def test_what_comes_back_soon_never_was_over(room: Room) -> None:
    room.hear(ERROR, Event.FAILED)
    room.hear(INFO, Event.RECOVERED)
    room.now += HELD // 2
    assert room.hear(ERROR, Event.FAILED) == []
    assert room.later(HELD * 3) == []


def test_an_end_without_a_beginning_is_silent(room: Room) -> None:
    room.hear(INFO, Event.RECOVERED)
    assert room.later(HELD) == []


def test_the_owners_word_ends_the_second_instance(room: Room) -> None:
    room.hear(ERROR, Event.HALTED, limit=Halt.SECOND_INSTANCE)
    room.hear(INFO, Event.RESUMED, limit=Halt.SECOND_INSTANCE)
    assert [message.title for message in room.later(HELD)] == ["NIJA LIVE KRAKEN: the only NIJA again"]


def test_the_day_is_told_in_a_trader_s_words(room: Room) -> None:
    (message,) = room.hear(
        INFO, Event.DAY, day="2026-01-05", equity_usd=Decimal("5010.2"), result_usd=Decimal("-3.5"), trades=12,
        open_positions=3, fees_usd=Decimal("0.0123"),
    )  # fmt: skip
    assert message.line.startswith(
        "day 2026-01-05, equity $5,010.20, result -$3.50, trades 12, open positions 3, fees $0.0123"
    )
    assert not message.bad


def test_no_secret_and_nothing_that_breaks_a_line(room: Room) -> None:
    (message,) = room.hear(
        ERROR, Event.FAILED, reason="bad\r\n\x1b[2Jkey s3cret-of-the-owner\u202e", api_key="abcdef", remedy="x" * 9_000
    )
    assert "s3cret" not in message.line
    assert "abcdef" not in message.line
    assert not set("\r\n\x1b\u202e") & set(message.line)
    assert len(message.line) < LONGEST_LINE + 100


def test_memory_has_an_end(room: Room) -> None:
    for number in range(MEMORY + 50):
        room.hear(ERROR, Event.UNKNOWN, client_id=f"nj{number}")
    assert len(room.tracker._alarms) == MEMORY


@pytest.mark.parametrize(("event", "rule"), [(event, rule) for event in ALARMS for rule in ALARMS[event]])
def test_no_rule_waits_for_what_no_event_carries(event: Event, rule: Rule) -> None:
    spec = SPECS[event]
    assert {*rule.subject, *(("limit",) if rule.halt else ())} <= spec.required | spec.optional
    assert any(getattr(logging, level.upper()) >= rule.level for level in spec.levels)


def test_what_halts_trading_has_an_alarm_and_an_end() -> None:
    for event in (Event.HALTED, Event.RESUMED):
        assert [rule.halt for rule in ALARMS[event]] == list(Halt)
