"""Which events ring, how often, and what is said when it is over."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest

from bot.operate.alarms import AGAIN, ALARMS, HELD, LONGEST_LINE, MEMORY, Bell, Message, rules_for
from bot.operate.log import LoggedEvent
from bot.operate.redact import Redactor

NOON = 1_767_268_800_000
ERROR, WARNING, INFO = logging.ERROR, logging.WARNING, logging.INFO


class Room:
    """A bell and its clock."""

    def __init__(self) -> None:
        self.bell = Bell("LIVE", Redactor(["s3cret-of-the-owner"]))
        self.now = NOON

    def hear(self, level: int, word: str, broker: str | None = "KRAKEN", **fields: object) -> list[Message]:
        event = LoggedEvent(word, broker, fields)
        return self.bell.hear(rules_for(level, event), event, self.now)

    def later(self, ms: int) -> list[Message]:
        self.now += ms
        return self.bell.over(self.now)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.mark.parametrize(
    ("level", "word", "fields", "title"),
    [
        (ERROR, "NAKED", {"symbol": "BTC-USD", "reason": "no stop"}, "position without its stop"),
        (ERROR, "UNKNOWN", {"client_id": "nj1", "symbol": "BTC-USD"}, "order of unknown fate"),
        (ERROR, "HALTED", {"limit": "MAX_DRAWDOWN_PCT", "reason": "lost"}, "halted"),
        (ERROR, "HALTED", {"limit": "one NIJA", "reason": "another"}, "another NIJA on this account"),
        (ERROR, "LOCKED", {"reason": "locked"}, "another NIJA on this account"),
        (ERROR, "FAILED", {"reason": "wrong key"}, "failed"),
        (ERROR, "STUCK", {"silent_s": 61}, "failed"),
        (WARNING, "ERROR", {"reason": "no answer", "in_a_row": 10}, "failed"),
        (ERROR, "CRASHED", {"reason": "starts again"}, "crashed"),
        (ERROR, "HALTED", {"limit": "the disk", "reason": "full"}, "disk trouble"),
        (ERROR, "HALTED", {"limit": "market", "symbol": "BTC-USD", "reason": "closed"}, "halted"),
        (ERROR, "GONE", {"symbol": "BTC-USD"}, "coins left the account"),
        (INFO, "DAY", {"day": "2026-01-01", "equity_usd": Decimal(10)}, "the day"),
        (WARNING, "UNWATCHED", {"reason": "2 positions: nobody watches them"}, "positions that nobody watches"),
    ],
)
def test_what_is_an_alarm(room: Room, level: int, word: str, fields: dict[str, object], title: str) -> None:
    (message,) = room.hear(level, word, **fields)
    assert message.title == f"NIJA LIVE KRAKEN: {title}"
    assert "\n" not in message.title + message.line


@pytest.mark.parametrize(
    ("level", "word", "fields"),
    [
        (WARNING, "UNKNOWN", {"client_id": "nj1"}),
        (INFO, "HALTED", {"reason": "flat"}),
        (WARNING, "ERROR", {"in_a_row": 1}),
        (INFO, "ENTRY", {"symbol": "BTC-USD"}),
        (ERROR, "SOMETHING", {}),
        (INFO, "COMMAND", {"verb": "pause", "result": "paused"}),
    ],
)
def test_what_is_none(room: Room, level: int, word: str, fields: dict[str, object]) -> None:
    assert room.hear(level, word, **fields) == []
    assert room.later(HELD * 2) == []


def test_the_same_alarm_is_told_once_an_hour_and_counted(room: Room) -> None:
    assert room.hear(ERROR, "FAILED", reason="no answer")
    for _ in range(5):
        room.now += AGAIN // 6
        assert room.hear(ERROR, "FAILED", reason="no answer") == []
    room.now += AGAIN // 6
    (again,) = room.hear(ERROR, "FAILED", reason="no answer")
    assert "and 5 more" in again.line
    assert (room.bell.rung, room.bell.kept_back) == (2, 5)


def test_alarms_of_other_brokers_and_subjects_are_others(room: Room) -> None:
    assert room.hear(ERROR, "NAKED", symbol="BTC-USD")
    assert room.hear(ERROR, "NAKED", symbol="ETH-USD")
    assert room.hear(ERROR, "NAKED", symbol="BTC-USD", broker="OKX")
    assert room.hear(ERROR, "NAKED", symbol="BTC-USD") == []
    assert room.hear(ERROR, "HALTED", limit="market", symbol="BTC-USD")
    assert room.hear(ERROR, "HALTED", limit="market", symbol="ETH-USD")
    assert room.hear(ERROR, "HALTED", limit="MAX_DRAWDOWN_PCT")


@pytest.mark.parametrize(
    ("begin", "end", "fields", "over"),
    [
        ("NAKED", "COVERED", {"symbol": "BTC-USD"}, "position covered or closed"),
        ("UNKNOWN", "CERTAIN", {"client_id": "nj1"}, "the order's fate is known"),
        ("HALTED", "RESUMED", {"limit": "MAX_DAILY_LOSS_PCT"}, "takes entries again"),
        ("FAILED", "RECOVERED", {}, "works again"),
        ("HALTED", "RESUMED", {"limit": "the disk"}, "disk well again"),
        ("HALTED", "RESUMED", {"limit": "market", "symbol": "BTC-USD"}, "takes entries again"),
    ],
)
def test_its_end_is_told_when_it_has_held(
    room: Room, begin: str, end: str, fields: dict[str, object], over: str
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
    room.hear(ERROR, "FAILED")
    room.hear(INFO, "RECOVERED")
    room.now += HELD // 2
    assert room.hear(ERROR, "FAILED") == []
    assert room.later(HELD * 3) == []


def test_an_end_without_a_beginning_is_silent(room: Room) -> None:
    room.hear(INFO, "RECOVERED")
    assert room.later(HELD) == []


def test_the_owners_word_ends_the_second_instance(room: Room) -> None:
    room.hear(ERROR, "HALTED", limit="one NIJA")
    room.hear(INFO, "COMMAND", verb="resume", result="resumed")
    assert [message.title for message in room.later(HELD)] == ["NIJA LIVE KRAKEN: the only NIJA again"]


def test_the_day_is_told_in_a_trader_s_words(room: Room) -> None:
    (message,) = room.hear(
        INFO, "DAY", day="2026-01-05", equity_usd=Decimal("5010.2"), result_usd=Decimal("-3.5"), trades=12,
        open_positions=3, fees_usd=Decimal("0.0123"),
    )  # fmt: skip
    assert message.line.startswith(
        "day 2026-01-05, equity $5,010.20, result -$3.50, trades 12, open positions 3, fees $0.01230"
    )
    assert not message.bad


def test_no_secret_and_nothing_that_breaks_a_line(room: Room) -> None:
    (message,) = room.hear(
        ERROR, "FAILED", reason="bad\r\n\x1b[2Jkey s3cret-of-the-owner\u202e", api_key="abcdef", remedy="x" * 9_000
    )
    assert "s3cret" not in message.line
    assert "abcdef" not in message.line
    assert not set("\r\n\x1b\u202e") & set(message.line)
    assert len(message.line) < LONGEST_LINE + 100


def test_memory_has_an_end(room: Room) -> None:
    for number in range(MEMORY + 50):
        room.hear(ERROR, "UNKNOWN", client_id=f"nj{number}")
    assert len(room.bell._alarms) == MEMORY


def test_every_word_of_the_table_is_logged_somewhere() -> None:
    """A table that waits for a word which nobody says would be silent for ever."""
    from pathlib import Path

    text = "".join(
        path.read_text() for path in (Path(__file__).resolve().parents[2] / "bot").rglob("*.py")
        if path.name != "alarms.py" and "sandbox" not in path.parts
    )  # fmt: skip
    assert [word for word in ALARMS if f'"{word}"' not in text] == []
