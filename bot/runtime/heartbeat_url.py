"""HEARTBEAT_URL: a ping every minute to an outside service, which raises the alarm when the pings stop.

It follows the convention of healthchecks services: the plain address means well, `/fail` and `/start` are added to its path,
and the body is a short text. Its own thread sends; the supervisor only leaves the newest statuses here. No ping is sent while
the brokers' state is uncertain, or when no status has arrived for a while: missing pings raise the alarm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from ssl import SSLContext
from typing import Final
from urllib.parse import unquote, urlsplit

import requests
from urllib3.util import make_headers

from bot import __version__
from bot.brokers.common.wire import BoundedSession, trusted
from bot.domain.log import Event, Log
from bot.domain.status import BrokerStatus, Health, health_of_all
from bot.settings.load import ConfigError
from bot.settings.variables import OperationSettings
from bot.telemetry.heartbeat import Observer
from bot.telemetry.log import one_line
from bot.telemetry.messenger import shown_name, tokens
from bot.telemetry.redact import Redactor
from bot.telemetry.status import to_sentence

#: Real seconds between two pings of the same kind (PERIOD), and before a ping of another kind or a retry (SOON). A service
#: rejects more than five pings a minute.
PERIOD: Final = 60.0
SOON: Final = 15.0
#: Real seconds for which a broker must be ill before a failure is sent: what a restart fixes needs no alarm.
HOLD: Final = 10.0
#: Real seconds after which the last statuses are too old to be passed on.
STALE: Final = 15.0
#: Real seconds after which a ping is aborted, whatever its time-outs: an answer that trickles in can outlast them.
LATE: Final = 20.0
LONGEST_TEXT: Final = 500
_TURN: Final = 1.0


class Signal(StrEnum):
    """A kind of ping: the suffix to the path of the address."""

    START = "/start"
    WELL = ""
    FAIL = "/fail"


class Rhythm:
    """Decides which ping is due when. Times are real seconds. Pure."""

    def __init__(self) -> None:
        self._ill_since: float | None = None
        self._last: Signal | None = None
        self._next = dict.fromkeys(Signal, 0.0)

    def due(self, health: Health, now: float) -> Signal | None:
        """The ping that is due now, if any."""
        if health is not Health.ILL:
            self._ill_since = None
        elif self._ill_since is None:
            self._ill_since = now
        signal = Signal.START if self._last is None else self._signal(health, now)
        return signal if signal is not None and now >= self._next[signal] else None

    def sent(self, signal: Signal, now: float, *, accepted: bool) -> None:
        """Record that a ping was sent."""
        self._last = signal
        self._next = dict.fromkeys(Signal, now + (0.0 if signal is Signal.START else SOON))
        self._next[signal] = now + (PERIOD if accepted else SOON)

    def _signal(self, health: Health, now: float) -> Signal | None:
        if health is Health.WELL:
            return Signal.WELL
        held = self._ill_since is not None and now - self._ill_since >= HOLD
        return Signal.FAIL if held else None


class HeartbeatUrl:
    """Sends pings to one address. The address is secret; `name` may be shown to anybody."""

    def __init__(self, address: str, trust: SSLContext, log: Log, redact: Redactor) -> None:
        self.name = shown_name(address, "a service")
        self._address = address
        self._trust = trust
        self._log = log
        self._redact = redact
        self._rhythm = Rhythm()
        self._stop = threading.Event()
        self._latest: tuple[Sequence[BrokerStatus], float] | None = None
        self._under_way: tuple[BoundedSession, float] | None = None
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="heartbeat-url", daemon=True)
        self._thread.start()

    # -- the supervisor's thread ----------------------------------------------------------------------------------
    def observe(self, statuses: Sequence[BrokerStatus]) -> None:
        """Store the newest statuses, and abort a ping that takes too long."""
        self._latest = statuses, time.monotonic()
        under_way = self._under_way
        if under_way is not None and time.monotonic() - under_way[1] > LATE:
            under_way[0].sockets.cut()

    def stopping(self) -> None:
        """Send no more pings: the service notices when the daemon is gone."""
        self._stop.set()
        if (under_way := self._under_way) is not None:
            under_way[0].sockets.cut()

    # -- the thread that sends --------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._stop.wait(_TURN):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - supervised boundary: a failed ping concerns only this thread
                self._report(f"{type(error).__name__}: {error}")

    def _look(self) -> None:
        now, latest = time.monotonic(), self._latest
        if latest is None or now - latest[1] > STALE:
            return
        signal = self._rhythm.due(health_of_all(latest[0]), now)
        if signal is None:
            return
        trouble = self._ping(signal, one_line(self._redact(to_sentence(latest[0])))[:LONGEST_TEXT])
        self._rhythm.sent(signal, time.monotonic(), accepted=not trouble)
        if not self._stop.is_set():
            self._report(trouble)

    def _ping(self, signal: Signal, text: str) -> str:
        """Send a ping; returns why it was not accepted, "" if it was."""
        place = urlsplit(self._address)
        where = place._replace(path=place.path.rstrip("/") + signal)
        login = make_headers(basic_auth=unquote(place.netloc.rpartition("@")[0])) if "@" in place.netloc else {}
        words = {"User-Agent": f"nija/{__version__}", "Content-Type": "text/plain; charset=utf-8", **login}
        with BoundedSession(self._trust, pool_size=1) as session:
            began = time.monotonic()
            self._under_way = session, began
            try:
                answer = session.request("POST", where.geturl(), data=text, headers=words)
            except requests.RequestException as error:
                return _reason(error, cut=time.monotonic() - began > LATE)
            finally:
                self._under_way = None
        said = answer.text.strip()
        if not answer.ok:
            return f"HTTP {answer.status_code} {answer.reason}"
        return (
            said[3:] if said.startswith("OK (") else ""
        )  # with 200, too, it may say "(not found)" or "(rate limited)"

    def _report(self, trouble: str) -> None:
        """Log the first failure in a row, and the end of the failures."""
        if trouble:
            self._lost += 1
            if self._lost == 1:
                reason = one_line(self._redact(trouble))[:LONGEST_TEXT]
                self._log.warning(Event.HEARTBEAT, service=self.name, reason=f"a ping was not accepted: {reason}")
        elif self._lost:
            self._log.info(Event.HEARTBEAT, service=self.name, reason="pings are accepted again", lost=self._lost)
            self._lost = 0


def _reason(error: requests.RequestException, *, cut: bool) -> str:
    """Why there was no answer; `cut` means that the ping was aborted."""
    if isinstance(error, requests.TooManyRedirects):
        return "the answer redirects to another address, which is not followed: set HEARTBEAT_URL to that address"
    if cut or isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted, or TLS failed ({error})"
    return f"it cannot be reached ({error})"


@contextmanager
def pinging(operation: OperationSettings, log: Log, redact: Redactor) -> Iterator[list[Observer]]:
    """Send pings to HEARTBEAT_URL, if it is set, while the block runs. Raises `ConfigError` for an unreadable NIJA_CA_FILE."""
    if operation.heartbeat_url is None:
        yield []
        return
    address = operation.heartbeat_url.get_secret_value()
    redact.learn(*tokens(address))
    try:
        trust = trusted(None if operation.ca_file is None else str(operation.ca_file))
    except OSError as error:
        raise ConfigError(
            [f'NIJA_CA_FILE is "{error.filename}": it must be a readable PEM file of certificates']
        ) from None
    pinger = HeartbeatUrl(address, trust, log, redact)
    log.info(Event.HEARTBEAT, service=pinger.name, reason="a ping every minute while all is well")
    try:
        yield [pinger]
    finally:
        pinger.stopping()
