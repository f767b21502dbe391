"""Our use of Apprise: turns addresses into services that send a message and report the result.

An address is a secret: most contain a token, some of them in place of the host. So nothing here shows more of an address than
its scheme and a real host name, and Apprise's errors are redacted. Apprise is imported only when it is needed.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from bot.settings.load import ConfigError
from bot.telemetry.alarms import Message
from bot.telemetry.log import one_line
from bot.telemetry.redact import Redactor

THREADS: Final = "notify"
"""The prefix of the names of threads that send."""
_LIBRARY: Final = "apprise"
_HTTP: Final = ("urllib3.connectionpool", "urllib3.util.retry")
_LONGEST_REASON: Final = 200
_HOST: Final = re.compile(r"localhost|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class Overheard(logging.Handler):
    """Catches Apprise's last log message in each thread: Apprise answers only yes or no, and logs the reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        self._said.text = record.getMessage()

    def take(self) -> str:
        said: str = getattr(self._said, "text", "")
        self._said.text = ""
        return said


@dataclass(frozen=True, slots=True)
class Service:
    """One address. `name` may be shown to anybody."""

    name: str
    _plugin: Any
    _overheard: Overheard
    _redact: Redactor

    def send(self, message: Message) -> str:
        """Send a message; returns "" on success, else the reason. May take as long as the service's time-outs."""
        self._overheard.take()
        kind = "failure" if message.bad else "info"
        if self._plugin.notify(title=message.title, body=message.line, notify_type=kind):
            return ""
        return self.safe(self._overheard.take() or "it was not accepted")

    def safe(self, reason: str) -> str:
        """A reason with secrets removed, on one line."""
        return one_line(self._redact(reason))[:_LONGEST_REASON].strip()


@contextmanager
def services(addresses: Sequence[str], redact: Redactor) -> Iterator[list[Service]]:
    """The services of NOTIFY_URLS, while the block runs; raises `ConfigError` for an invalid address."""
    with _quiet() as overheard:
        found = [_service(number, address, overheard, redact) for number, address in enumerate(addresses, 1)]
        for address in addresses:
            redact.learn(*tokens(address))
        yield found


def _service(number: int, address: str, overheard: Overheard, redact: Redactor) -> Service:
    from apprise import Apprise

    plugin = Apprise.instantiate(address, suppress_exceptions=True)
    if plugin is None:
        which = f"number {number}, {scheme(address)}://…"
        rule = "it must be Apprise addresses separated by commas, such as ntfys://ntfy.sh/topic"
        raise ConfigError([f"NOTIFY_URLS contains an invalid address ({which}): {rule}"])
    return Service(shown_name(address, str(plugin.service_name)), plugin, overheard, redact)


def scheme(address: str) -> str:
    return address.partition("://")[0]


def shown_name(address: str, service: str) -> str:
    """Scheme and host. If a token is in the host's place, the service is named instead."""
    host = _host(address)
    return f"{scheme(address)}://{host}" if host else f"{scheme(address)}:// ({service})"


def _host(address: str) -> str:
    place = address.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    host = re.sub(r":\d+$", "", place)
    return host if _HOST.fullmatch(host) else ""


def tokens(address: str) -> set[str]:
    """The parts of an address that must not be shown: its password, its path, and each longer part with a digit."""
    rest = address.partition("://")[2]
    host = _host(address)
    words = {word for word in re.split(r"[/:@?&=#,]+", rest) if len(word) >= 8 and re.search(r"\d", word)}
    path = urlsplit(address).path
    found = words | ({path} if len(path) >= 8 else set())
    login, _, _ = rest.partition("/")[0].rpartition("@")
    _, _, password = login.partition(":")
    return (found | ({password} if password else set())) - {host}


@contextmanager
def _quiet() -> Iterator[Overheard]:
    """Keep Apprise's messages, and those of HTTP libraries in our threads, out of the log: they show addresses."""
    library, overheard = logging.getLogger(_LIBRARY), Overheard()
    before = (library.handlers[:], library.level, library.propagate)
    library.handlers[:], library.propagate = [overheard], False
    library.setLevel(logging.WARNING)
    for name in _HTTP:
        logging.getLogger(name).addFilter(_is_not_ours)
    try:
        yield overheard
    finally:
        library.handlers[:], library.level, library.propagate = before
        for name in _HTTP:
            logging.getLogger(name).removeFilter(_is_not_ours)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not (record.threadName or "").startswith(THREADS)
