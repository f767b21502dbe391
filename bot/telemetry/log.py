"""The log: one line per event, with a word to grep for and then fixed keys, for people or as JSON.

Every line of this process, ours or an SDK's, goes through here; secrets are removed from the finished text,
tracebacks included. Nothing from outside can forge a line: line breaks and control characters are escaped. Writing
never raises into trading.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import TracebackType
from typing import Final, Self, TextIO

from bot.domain.log import Event
from bot.domain.money import as_price, usd
from bot.settings.load import ConfigError
from bot.settings.variables import OperationSettings
from bot.telemetry.log_file import Console, FollowedFile, print_stderr
from bot.telemetry.log_queue import Queued, Sink, drain
from bot.telemetry.redact import HIDDEN, Redactor

LONGEST_VALUE: Final = 2_000
"""The most characters of one value that a line shows; an exchange's error page may be a megabyte."""

_ROOT: Final = "nija"
_PRICES: Final = frozenset({"price", "entry", "stop", "trigger"})
"""Fields that are prices."""
_TALKATIVE: Final = ("urllib3", "requests", "coinbase", "okx", "krakenex", "uvicorn", "websockets", "alembic")
_SILENT: Final = ("sqlalchemy", "asyncio", "numba")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """The content of a line, before it is formatted."""

    word: Event
    broker: str | None
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Said:
    """The content of a line: an event and its broker, or a library's message and its logger."""

    text: str
    source: str | None
    fields: Mapping[str, object]
    is_ours: bool = True


Listener = Callable[[int, LoggedEvent], None]
"""Receives every event with its level, regardless of LOG_LEVEL. The thread that logs calls it, so it must return at once."""


class EventLog:
    """Writes events of one broker, or of the daemon as a whole; satisfies bot.domain.log.Log."""

    def __init__(self, logger: logging.Logger, broker: str | None = None, listener: Listener | None = None) -> None:
        self._logger = logger
        self._broker = broker.upper() if broker else None
        self._listener = listener

    def debug(self, event: Event, /, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: Event, /, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: Event, /, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: Event, /, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def failure(self, event: Event, error: BaseException, /, **fields: object) -> None:
        """Log an error with its traceback; for the supervised boundary of a thread."""
        self._write(logging.ERROR, event, fields, error)

    def _write(
        self, level: int, event: Event, fields: Mapping[str, object], error: BaseException | None = None
    ) -> None:
        logged = LoggedEvent(event, self._broker, fields)
        if self._listener is not None:
            self._listener(level, logged)
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, exc_info=error, extra={"event": logged})


# --- from a record to a line


class LineFormatter(logging.Formatter, ABC):
    """The common part of text and JSON: each value is redacted before it is cut."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        if isinstance(event, LoggedEvent):
            return self.line(record, _Said(event.word, event.broker, event.fields))
        return self.line(record, _Said(self._safe(_message(record)), record.name, {}, is_ours=False))

    @abstractmethod
    def line(self, record: logging.LogRecord, said: _Said) -> str:
        """The finished line, tracebacks included."""

    def _value(self, key: str, value: object) -> str:
        return HIDDEN if self._redact.is_secret_name(key) else self._safe(_written(key, value))

    def _safe(self, text: str) -> str:
        """Redact before cutting: half a secret would not be recognised."""
        text = self._redact(text)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"

    def _traceback(self, record: logging.LogRecord) -> list[str]:
        if not record.exc_info or record.exc_info[1] is None:
            return []
        text = self._redact("".join(traceback.format_exception(record.exc_info[1])))
        return [self._safe(line) for line in text.splitlines()]


class TextFormatter(LineFormatter):
    """`2026-11-22 19:40:01Z INFO  KRAKEN CONNECTED  account=… balance=$3,000.00`; an event's `text` replaces its other fields."""

    def line(self, record: logging.LogRecord, said: _Said) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        level = f"{_LEVELS.get(record.levelname, record.levelname):5}"
        head = " ".join(part for part in (time, level, said.source, said.text) if part)
        values = {"text": said.fields["text"]} if "text" in said.fields else said.fields
        fields = " ".join(self._field(key, value) for key, value in values.items())
        lines = [f"{head}  {fields}" if fields else head]
        lines += [f"    | {line}" for line in self._traceback(record)]
        return self._redact("\n".join(one_line(line) for line in lines))

    def _field(self, key: str, value: object) -> str:
        if key == "text":
            return self._value(key, value)
        if is_dollars(key, value):
            return f"{key.removesuffix('_usd')}={shown(key, value)}"
        text = self._value(key, value)
        quoted = '"' + text.replace('"', '\\"') + '"'
        return f"{key}={quoted if _NEEDS_QUOTES.search(text) else text}"


class JsonFormatter(LineFormatter):
    """One object per line with the same keys; money and quantities are strings. `text` is left out if there are other fields."""

    def line(self, record: logging.LogRecord, said: _Said) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        shown: dict[str, object] = {"time": time.replace("+00:00", "Z"), "level": record.levelname}
        if said.source:
            shown["broker" if said.is_ours else "logger"] = said.source
        shown["event"] = said.text
        values = {key: value for key, value in said.fields.items() if key != "text"} or said.fields
        shown |= {key: self._json(key, value) for key, value in values.items() if key not in shown}
        if lines := self._traceback(record):
            shown["traceback"] = "\n".join(lines)
        return json.dumps(shown)

    def _json(self, key: str, value: object) -> object:
        if isinstance(value, Mapping):
            return {str(name): self._json(str(name), one) for name, one in value.items()}
        return value if value is None or isinstance(value, bool | int) else self._value(key, value)


_LEVELS: Final = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARN", "ERROR": "ERROR", "CRITICAL": "FATAL"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NEEDS_QUOTES: Final = re.compile(r"[\s\"=]|^$")


def one_line(text: str) -> str:
    """Escape line breaks, control characters and bidirectional marks in a text from outside."""
    return _CONTROL.sub(_escaped, text)


def is_dollars(key: str, value: object) -> bool:
    """Whether a field is an amount of dollars, to be formatted as one for people."""
    return key.endswith("_usd") and isinstance(value, Decimal)


def shown(key: str, value: object) -> str:
    """A field's value formatted for people; not redacted yet."""
    return usd(value) if isinstance(value, Decimal) and is_dollars(key, value) else _written(key, value)


def _written(key: str, value: object) -> str:
    """A field's value as text; an average price has as many digits as a price."""
    return as_price(value) if key in _PRICES and isinstance(value, Decimal) and value.is_finite() else _plain(value)


def _escaped(sign: re.Match[str]) -> str:
    return sign.group().encode("unicode_escape").decode()


def _message(record: logging.LogRecord) -> str:
    """A library's message, unformatted if its arguments do not match its text."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return str(value.value) if isinstance(value.value, str) else value.name
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(_plain(item) for item in value)
    return "-" if value is None else str(value)


# --- setting up


class Logs:
    """The process's log while it is open. `close` restores the logging that was set up before. `listener` receives all events."""

    def __init__(self, operation: OperationSettings, redact: Redactor, console: TextIO | None = None) -> None:
        """Raises ConfigError when LOG_FILE cannot be written."""
        self.redact = redact
        self.listener: Listener | None = None
        self._handlers = self._make_handlers(operation, console)
        self._root = logging.getLogger()
        self._before = (self._root.handlers[:], self._root.level)
        self._hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        self._take_over(operation.log_level)

    def event_log(self, broker: str | None = None) -> EventLog:
        name = f"{_ROOT}.{broker.lower()}" if broker else _ROOT
        return EventLog(logging.getLogger(name), broker, self._notify)

    def _notify(self, level: int, event: LoggedEvent) -> None:
        if self.listener is not None:
            self.listener(level, event)

    def close(self) -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks
        logging.captureWarnings(capture=False)
        handlers, level = self._before
        self._root.handlers[:] = handlers
        self._root.setLevel(level)
        drain(self._handlers)
        for handler in self._handlers:
            handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_handlers(self, operation: OperationSettings, console: TextIO | None) -> list[Queued]:
        formatter = (JsonFormatter if operation.log_format == "json" else TextFormatter)(self.redact)
        try:
            file = FollowedFile(operation.log_file)
            file.check()
        except OSError as error:
            why = f"it must be a writable file ({error.strerror})"
            raise ConfigError([f'LOG_FILE is "{operation.log_file}": {why}']) from None
        sinks: list[Sink] = [file]
        if console is not None:
            sinks.append(Console(console))
        handlers = [Queued(sink, _missing) for sink in sinks]
        for handler in handlers:
            handler.setFormatter(formatter)
        return handlers

    def _take_over(self, level: str) -> None:
        self._root.handlers[:] = self._handlers
        self._root.setLevel(logging.WARNING)
        logging.getLogger(_ROOT).setLevel(level)
        for name in _TALKATIVE:
            _route(name, logging.DEBUG if level == "DEBUG" else logging.WARNING)
        for name in _SILENT:
            _route(name, logging.WARNING)
        logging.captureWarnings(capture=True)
        crash = _Crash(self.event_log(), sys.excepthook)
        sys.excepthook = crash.of_program
        threading.excepthook = crash.of_thread
        sys.unraisablehook = crash.unraisable


def _missing(lines: int) -> logging.LogRecord:
    """The line that marks where lines are missing."""
    record = logging.LogRecord(_ROOT, logging.WARNING, "", 0, Event.DROPPED, None, None)
    reason = f"{lines} lines dropped: they came faster than they could be written"
    record.event = LoggedEvent(Event.DROPPED, None, {"lines": lines, "reason": reason})
    return record


def _route(name: str, level: int) -> None:
    """Remove a library's own handlers, which would bypass the redaction."""
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(level)


class _Crash:
    """Logs as an event what Python would print on stderr unredacted."""

    def __init__(self, log: EventLog, print_as_usual: Callable[..., object]) -> None:
        self._log = log
        self._print_as_usual = print_as_usual

    def of_program(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._print_as_usual(kind, error, where)
            return
        self._log.failure(Event.CRASHED, error)
        print_stderr(f"nija crashed ({kind.__name__}); see the log for details")

    def of_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._log.failure(Event.CRASHED, args.exc_value, thread=args.thread and args.thread.name)

    def unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self._log.failure(Event.ERROR_IGNORED, args.exc_value, where=args.err_msg)
