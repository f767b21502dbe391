"""OKX's wire: the okx package's client in a sender that is bounded in time and sends every request exactly once.

Owns the session, the key's lock, the waiting for rate budgets and the time after which OKX must not act (`expTime`).
Returns the `data` of OKX's envelope; raises `BrokerError` with the meaning an order needs (UNKNOWN: it may have been done).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from ssl import SSLContext
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import requests
from urllib3.exceptions import HTTPError

from bot.brokers.base import BrokerError, Lane
from bot.brokers.common.deadline import Deadline, Haste, Overdue, Runner
from bot.brokers.common.keylock import KeyBusy, KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.brokers.okx import envelope as wire
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import failure, of_transport
from bot.brokers.okx.limits import OkxLimits
from bot.domain.clock import Clock
from bot.domain.outcome import Meaning

T = TypeVar("T")

#: How often a question is asked that OKX finds too much.
_TRIES = 4

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def load_client() -> ModuleType:
    """A copy of the okx package's client module, for one sender alone.

    The package's `__init__` loads a second package that prints and writes into site-packages, so it is not run; and since
    the client takes its HTTP only from its module's global `requests`, each sender has a module of its own to put one in.
    """
    package = importlib.util.find_spec("okx")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the okx package (2.1.2) is not installed")
    path = Path(package.submodule_search_locations[0]) / "api" / "_client.py"
    spec = importlib.util.spec_from_file_location("okx.api._client", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Answer(NamedTuple):
    status: int
    reason: str
    body: requests.Response


class _Http:
    """What the client takes for `requests`: one pooled session with time-outs, without proxies, redirects or repeats."""

    exceptions = requests.exceptions

    def __init__(self, session: BoundedSession) -> None:
        self._session = session
        self.expires: int | None = None
        self.answer: _Answer | None = None

    def get(self, url: str, headers: Mapping[str, str], proxies: object) -> requests.Response:  # noqa: ARG002
        return self._send("GET", url, dict(headers), None)

    def post(self, url: str, data: str, headers: Mapping[str, str], proxies: object) -> requests.Response:  # noqa: ARG002
        extra = {} if self.expires is None else {"expTime": str(self.expires)}
        return self._send("POST", url, {**headers, **extra}, data)

    def _send(self, method: str, url: str, headers: dict[str, str], data: str | None) -> requests.Response:
        self.answer = None
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        response = self._session.request(method, url, headers=headers, data=data, timeout=timeout)
        self.answer = _Answer(response.status_code, response.reason, response)
        return response


class Sender:
    """One session of the okx client. `call` may be left behind with its thread: `cut` then ends it."""

    def __init__(self, config: OkxConfig, trust: SSLContext) -> None:
        sdk = load_client()
        self.session = BoundedSession(trust)
        self._http = _Http(self.session)
        sdk.requests = self._http  # type: ignore[attr-defined]
        self.refused: type[Exception] = sdk.ResponseStatusError
        self._client = sdk.Client(
            key=config.key,
            secret=config.secret,
            passphrase=config.phrase,
            flag="1" if config.demo else "0",
            proxy_host=config.api_url,
            retry_num=1,
        )

    def call(self, method: str, path: str, fields: Body, expires: int | None) -> Any:
        """The envelope of one request, sent once; raises what the client raises."""
        self._http.expires = expires
        if isinstance(fields, Mapping):
            return self._client.send_request(path, method, proxy_host=None, **fields)
        return self._client.send_request(path, method, list(fields), proxy_host=None)

    def sign(self, prehash: str, secret: str) -> str:
        """The client's signature of a text."""
        return str(self._client._get_sign(prehash, secret).decode())  # noqa: SLF001

    @property
    def answer(self) -> _Answer | None:
        """What came back last, whatever the client made of it."""
        return self._http.answer

    def cut(self) -> None:
        """Nothing leaves or arrives any more."""
        self.session.line.cut()
        self.session.close()


class OkxTransport:
    """Questions and requests to one OKX account. Used by one thread; `hurry` may be called by another."""

    def __init__(self, config: OkxConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._haste = Haste(clock.wall_ms)
        self._runner = Runner("okx-sender", self._haste)
        self._trust = trusted(config.ca_file)
        self._sender = Sender(config, self._trust)
        self._lock = KeyLock.of(config.state_dir, config.mode, "okx", config.environment, config.key)
        self._limits = OkxLimits(clock)

    def public(self, path: str, **fields: str) -> list[Any]:
        """The `data` of an endpoint that needs no key."""
        deadline = self._haste.deadline(self._config.read_seconds)

        def ask() -> list[Any]:
            self._admit("GET", path, fields, Lane.QUERY, deadline)
            return self._opened(wire.rows, self._call("GET", path, fields, deadline))

        return _read(ask, deadline)

    def private(self, path: str, **fields: str) -> list[Any]:
        """The `data` of a private question."""
        deadline = self._haste.deadline(self._config.read_seconds)

        def ask() -> list[Any]:
            self._admit("GET", path, fields, Lane.QUERY, deadline)
            answer = self._alone(lambda: self._call("GET", path, fields, deadline), deadline)
            return self._opened(wire.rows, answer)

        return _read(ask, deadline)

    def request(
        self, path: str, fields: Body, lane: Lane, latest: int, expires: int | None = None
    ) -> Mapping[str, Any]:
        """The one row of a request that may change something, sent once and not after wall time `latest`.

        `expires` is the venue's time (ms) after which OKX drops it. A `BrokerError` that means UNKNOWN: it may have been
        taken; any other: nothing happened.
        """
        deadline = self._haste.deadline(self._config.order_seconds)
        self._admit("POST", path, fields, lane, deadline)

        def send() -> Any:
            if self._clock.wall_ms() > latest:
                raise failure(Meaning.BUSY, "not sent: its deadline passed while it waited for its turn")
            return self._call("POST", path, fields, deadline, expires)

        return self._opened(wire.result, self._alone(send, deadline))

    def pause(self, seconds: float) -> bool:
        """Wait so long, less when the daemon is in a hurry; whether there is time left."""
        return self._haste.deadline(seconds + 1).pause(seconds)

    def hurry(self, until: int) -> None:
        """No wait beyond wall time `until`."""
        self._haste.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        """No call takes longer than this; None for the usual times."""
        self._haste.limit(seconds)

    def close(self) -> None:
        """Let go of thread, sockets and lock; safe to call twice."""
        self._runner.close()
        self._sender.cut()
        self._lock.close()

    # -- one call ----------------------------------------------------------------------------------------------------
    def _admit(self, method: str, path: str, fields: Body, lane: Lane, deadline: Deadline) -> None:
        about = fields if isinstance(fields, Mapping) else fields[0]
        try:
            self._limits.spend(method, path, str(about.get("instId", "")), lane, deadline)
        except OverBudget as error:
            raise failure(Meaning.RATE_LIMITED, error, "throttled", error.wait_ms) from error

    def _alone(self, call: Callable[[], Any], deadline: Deadline) -> Any:
        try:
            with self._lock.held(deadline):
                return call()
        except KeyBusy as error:
            raise failure(Meaning.BUSY, error, "in_use") from error

    def _call(self, method: str, path: str, fields: Body, deadline: Deadline, expires: int | None = None) -> Any:
        """The envelope that one request brought back."""
        sender = self._sender
        sender.session.line.sent = False
        try:
            return self._runner.run(lambda: sender.call(method, path, fields, expires), deadline)
        except Overdue as error:
            self._renew()
            raise failure(
                Meaning.UNKNOWN if sender.session.line.sent else Meaning.BUSY, error, "unreachable"
            ) from error
        except sender.refused as error:
            raise self._heed(self._of_failure(sender)) from error
        except (
            requests.RequestException,
            HTTPError,
            OSError,
            ValueError,
            TypeError,
            KeyError,
            RecursionError,
        ) as error:
            raise of_transport(error, sent=sender.session.line.sent) from error

    def _renew(self) -> None:
        """Cut the overdue call off, so that it cannot leave later, and start with a fresh session."""
        self._sender.cut()
        self._sender = Sender(self._config, self._trust)

    def _opened(self, contents: Callable[[Any, str], T], envelope: Any) -> T:
        try:
            return contents(envelope, self._config.api_url)
        except BrokerError as error:
            self._heed(error)
            raise

    def _of_failure(self, sender: Sender) -> BrokerError:
        """What a status other than 2xx says."""
        answer = sender.answer
        if answer is None:
            return failure(Meaning.UNKNOWN, "a refusal without an answer")
        try:
            body = answer.body.json()
        except (ValueError, RecursionError):
            body = None
        return wire.of_failure(answer.status, answer.reason, body, self._config.api_url)

    def _heed(self, error: BrokerError) -> BrokerError:
        """Remember that the venue's counter is full."""
        if error.meaning is Meaning.RATE_LIMITED:
            self._limits.refused()
        return error


def _read(ask: Callable[[], list[Any]], deadline: Deadline) -> list[Any]:
    """A question whose answer did not come has only failed: UNKNOWN is for requests that change something, and for words that
    are unheard of.

    One that came too soon after others is asked again after the pause that OKX wants: a start that asks for much would
    else begin anew each time, and never end where OKX allows less than it says.
    """
    for left in reversed(range(_TRIES)):
        try:
            return ask()
        except BrokerError as error:
            if error.meaning is Meaning.UNKNOWN and not error.unheard:
                raise BrokerError(error.venue, Meaning.BUSY, error.text, remedy=error.remedy) from error
            if error.meaning is not Meaning.RATE_LIMITED or not left or not deadline.pause(error.retry_after_ms / 1000):
                raise
    raise AssertionError("the last try returns or raises")
