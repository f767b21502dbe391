"""Which events are alarms, and when a message about them is sent.

One table says which log events begin an alarm and which end one. A continuing alarm is repeated once an hour. Its end is sent
once it has lasted for a while, so that the last message is always true. Pure: events and times in, messages out; sends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from bot.domain.log import Event, Halt
from bot.domain.status import MANY_ERRORS
from bot.telemetry.log import LoggedEvent, one_line, shown
from bot.telemetry.redact import HIDDEN, Redactor

#: Wall ms between two messages about a continuing alarm.
AGAIN: Final = 60 * 60_000
#: Wall ms for which an alarm must be over before its end is sent; if it returns sooner, it counts as the same alarm.
HELD: Final = 60_000
#: Alarms to remember; the oldest are forgotten first.
MEMORY: Final = 1_000
LONGEST_LINE: Final = 500


class Kind(Enum):
    """The kinds of alarms, each with its title at the beginning and at the end ("" if the end is not sent)."""

    NAKED = ("position without its stop", "position covered or closed")
    UNKNOWN = ("order of unknown fate", "the order's fate is known")
    HALTED = ("halted", "takes entries again")
    FAILED = ("failed", "works again")
    DISK = ("disk trouble", "disk well again")
    SECOND = ("another NIJA on this account", "the only NIJA again")
    GONE = ("coins or contracts are gone", "")
    UNWATCHED = ("positions that nobody watches", "")
    CRASHED = ("crashed", "")
    STRATEGY = ("the strategy made a mistake", "")
    DAY = ("the day", "")

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def over(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Rule:
    """How an event affects an alarm: it begins one or, with `ends`, ends one.

    `subject` names the fields that distinguish alarms of one kind. An event must have at least `level`, carry the `halt` if one
    is given, and satisfy `wanted`.
    """

    kind: Kind
    subject: tuple[str, ...] = ()
    ends: bool = False
    level: int = logging.INFO
    halt: Halt | None = None
    wanted: Callable[[Mapping[str, object]], bool] = lambda fields: True  # noqa: ARG005

    def fits(self, level: int, fields: Mapping[str, object]) -> bool:
        return level >= self.level and self.halt in (None, fields.get("limit")) and self.wanted(fields)


_ERROR: Final = logging.ERROR


def _many(fields: Mapping[str, object]) -> bool:
    errors = fields.get("in_a_row")
    return isinstance(errors, int) and errors >= MANY_ERRORS


#: Halts with an alarm of their own.
_HALTS: Final = {Halt.SECOND_INSTANCE: Kind.SECOND, Halt.DISK: Kind.DISK}


def _of_halts(*, ends: bool, level: int = logging.INFO) -> tuple[Rule, ...]:
    return tuple(Rule(_HALTS.get(halt, Kind.HALTED), ("limit", "symbol"), ends, level, halt) for halt in Halt)


ALARMS: Final[Mapping[Event, tuple[Rule, ...]]] = MappingProxyType(
    {
        Event.NAKED: (Rule(Kind.NAKED, ("symbol",), level=_ERROR),),
        Event.COVERED: (Rule(Kind.NAKED, ("symbol",), ends=True),),
        Event.UNKNOWN: (Rule(Kind.UNKNOWN, ("client_id",), level=_ERROR),),
        Event.CERTAIN: (Rule(Kind.UNKNOWN, ("client_id",), ends=True),),
        Event.HALTED: _of_halts(ends=False, level=_ERROR),
        Event.RESUMED: _of_halts(ends=True),
        Event.FAILED: (Rule(Kind.FAILED, level=_ERROR),),
        Event.STUCK: (Rule(Kind.FAILED, level=_ERROR),),
        Event.ERROR: (Rule(Kind.FAILED, level=logging.WARNING, wanted=_many),),
        Event.RECOVERED: (Rule(Kind.FAILED, ends=True),),
        Event.CRASHED: (Rule(Kind.CRASHED, level=_ERROR),),
        Event.STRATEGY: (Rule(Kind.STRATEGY, ("where",), level=_ERROR),),
        Event.LOCKED: (Rule(Kind.SECOND, level=_ERROR),),
        Event.GONE: (Rule(Kind.GONE, ("symbol",), level=_ERROR),),
        Event.UNWATCHED: (Rule(Kind.UNWATCHED, level=logging.WARNING),),
        Event.DAY: (Rule(Kind.DAY, ("day",)),),
    }
)
"""The rules for each event; every rule that fits applies."""


def rules_for(level: int, event: LoggedEvent) -> tuple[Rule, ...]:
    """The rules that fit an event; usually none. Must be fast, because the trading thread calls it."""
    return tuple(rule for rule in ALARMS.get(event.word, ()) if rule.fits(level, event.fields))


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send: one title, one line. Not `bad` if it ends an alarm or only reports.

    `broker`, `at` (wall ms) and `text` are for the alarm file; a message that only reports has no `text`.
    """

    title: str
    line: str
    bad: bool
    broker: str = ""
    at: int = 0
    text: str = ""


@dataclass(slots=True)
class _Alarm:
    """A current alarm. `sent_at` is when its last message was sent, `over_since` when it ended (0 while it lasts), in wall ms; `more`
    counts the occurrences since that message.
    """

    sent_at: int
    more: int = 0
    over_since: int = 0
    end: LoggedEvent | None = None


_Key = tuple[Kind, str, str]


class AlarmTracker:
    """Decides which events are sent as alarms. `whose` is part of every title (LIVE, SANDBOX). Belongs to one thread."""

    def __init__(self, whose: str, redact: Redactor) -> None:
        self._whose = whose
        self._redact = redact
        self._alarms: dict[_Key, _Alarm] = {}
        self.rung = 0
        """The number of messages so far."""
        self.kept_back = 0
        """The number of alarms not sent because the same alarm was sent less than an hour before."""

    def hear(self, rules: tuple[Rule, ...], event: LoggedEvent, now: int) -> list[Message]:
        """Take in an event with its rules, at wall time `now`; returns the messages to send for it."""
        messages: list[Message] = []
        for rule in rules:
            subject = " ".join(str(event.fields.get(name, "")) for name in rule.subject)
            key = (rule.kind, event.broker or "", subject)
            if rule.ends:
                self._end(key, event, now)
            elif (message := self._begin(key, event, now)) is not None:
                messages.append(message)
        return messages

    def over(self, now: int, *, held: int = HELD) -> list[Message]:
        """The messages for alarms that have been over since wall time `now - held`."""
        ended = [key for key, one in self._alarms.items() if one.end is not None and now - one.over_since >= held]
        messages = []
        for key in ended:
            alarm = self._alarms.pop(key)
            if alarm.end is not None and key[0].over:
                messages.append(self._message(key[0].over, alarm.end, alarm.over_since, alarm.more, bad=False))
        return messages

    def _begin(self, key: _Key, event: LoggedEvent, now: int) -> Message | None:
        alarm = self._alarms.pop(key, None)
        if alarm is not None and now - alarm.sent_at < AGAIN:
            alarm.more, alarm.end = alarm.more + 1, None
            self._alarms[key] = alarm
            self.kept_back += 1
            return None
        self._alarms[key] = _Alarm(sent_at=now)
        while len(self._alarms) > MEMORY:
            self._alarms.pop(next(iter(self._alarms)))
        more = alarm.more if alarm is not None else 0
        return self._message(key[0].title, event, now, more, bad=key[0] is not Kind.DAY)

    def _end(self, key: _Key, event: LoggedEvent, now: int) -> None:
        alarm = self._alarms.get(key)
        if alarm is not None and alarm.end is None:
            alarm.end, alarm.over_since = event, now

    def _message(self, what: str, event: LoggedEvent, now: int, more: int, *, bad: bool) -> Message:
        self.rung += 1
        title = " ".join(part for part in ("NIJA", self._whose, event.broker or "") if part)
        line = one_line(self._redact(_line(event, self._redact)))[:LONGEST_LINE]
        counted = f" (and {more} more since the last message)" if more else ""
        at = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        text = "" if what == Kind.DAY.title else f"{what}: {line}{counted}"
        return Message(f"{title}: {what}", f"{line}{counted} [{at}]", bad, event.broker or "", now, text)


def _line(event: LoggedEvent, redact: Redactor) -> str:
    """An event's text for people: its symbol, its reason, then the other fields."""
    fields = {key: HIDDEN if redact.is_secret_name(key) else shown(key, value) for key, value in event.fields.items()}
    symbol, reason, remedy = (fields.pop(name, "") for name in ("symbol", "reason", "remedy"))
    rest = ", ".join(_named(key, value) for key, value in fields.items() if value)
    said = ": ".join(part for part in (symbol, reason) if part)
    line = f"{said} ({rest})" if said and rest else said or rest or event.word.lower()
    return f"{line}; {remedy}" if remedy else line


def _named(field: str, value: str) -> str:
    """A field in words: `in a row 10`, `for 10 s`."""
    name = field.removesuffix("_usd").replace("_", " ")
    return f"{name.removesuffix(' s')} {value} s" if name.endswith(" s") else f"{name} {value}"
