"""OKX's transport: the okx package's client, made to send every request exactly once.

Owns the waiting for rate budgets, the time after which OKX must not act (`expTime`) and OKX's envelope, whose `data` it returns.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from ssl import SSLContext
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import requests

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.transport import Again, Transport
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.brokers.okx import envelope as wire
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import failure
from bot.brokers.okx.limits import OkxLimits
from bot.domain.clock import Clock
from bot.domain.log import Log
from bot.domain.outcome import ErrorMeaning

#: OKX counts calls in windows of two seconds. A query refused for its rate waits one out: otherwise a start with many queries
#: would fail and restart each time, and never finish if OKX allows less than it documents.
_AGAIN: Again = MappingProxyType({ErrorMeaning.RATE_LIMITED: (2.0, 2.0, 2.0)})

#: Real seconds for a file of some megabytes.
_FILE_SECONDS = 60.0

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def load_client() -> ModuleType:
    """A separate copy of the okx package's client module, for one sender.

    The package's `__init__` loads a second package that prints and writes into site-packages, so it is not run. The client
    takes its HTTP from its module's global `requests`, so each sender needs its own copy in which to replace that.
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
    """Replaces `requests` in the client: one pooled session with time-outs, without proxies, redirects or retries."""

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


class OkxClient:
    """One session of the okx client."""

    def __init__(self, config: OkxConfig, trust: SSLContext) -> None:
        sdk = load_client()
        self.session = BoundedSession(trust)
        self._host = config.api_url
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
        """The envelope returned by one request, sent once; raises what the client raises."""
        self._http.expires = expires
        if isinstance(fields, Mapping):
            return self._client.send_request(path, method, proxy_host=None, **fields)
        return self._client.send_request(path, method, list(fields), proxy_host=None)

    def fetch(self, url: str) -> bytes | None:
        """A file, requested without a signature; None if there is none."""
        answer = self.session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.content

    def sign(self, prehash: str, secret: str) -> str:
        """The client's signature for a text."""
        return str(self._client._get_sign(prehash, secret).decode())  # noqa: SLF001

    def refusal(self, error: Exception) -> BrokerError:  # noqa: ARG002 - the client's error does not have the body
        """The error for a status other than 2xx."""
        answer = self._http.answer
        if answer is None:
            return failure(ErrorMeaning.UNKNOWN, "a refusal without an answer")
        try:
            body = answer.body.json()
        except (ValueError, RecursionError):
            body = None
        return wire.of_failure(answer.status, answer.reason, body, self._host)


class OkxTransport(Transport[OkxClient]):
    """Queries and requests to one OKX account. Used by one thread; another may call `hurry`."""

    def __init__(self, config: OkxConfig, clock: Clock, log: Log) -> None:
        trust = trusted(config.ca_file)
        super().__init__(config, clock, log, failure, lambda: OkxClient(config, trust))
        self._config = config
        self._limits = OkxLimits(clock)

    def split_off(self) -> None:
        super().split_off()
        self._limits = self._limits.beside()

    def public(self, path: str, **fields: str) -> list[Any]:
        """The `data` of an endpoint that needs no key."""
        deadline = self._wait_limit.deadline(self._config.read_seconds)

        def ask() -> list[Any]:
            self._admit("GET", path, fields, self._priority, deadline)
            return self._rows(path, fields, deadline)

        return self._question(ask, deadline, _AGAIN)

    def file(self, url: str) -> bytes | None:
        """A file that a public endpoint has named, None if it is not there; the caller has checked its address."""
        deadline = self._wait_limit.deadline(_FILE_SECONDS)

        def ask() -> bytes | None:
            self._admitted(lambda: self._limits.spend("GET", "files", "", self._priority, deadline))
            with self._recording_refusals(deadline):
                return self._sender.call(lambda client: client.fetch(url), deadline)

        return self._question(ask, deadline, _AGAIN)

    def private(self, path: str, **fields: str) -> list[Any]:
        """The `data` of a private query."""
        deadline = self._wait_limit.deadline(self._config.read_seconds)

        def ask() -> list[Any]:
            self._admit("GET", path, fields, self._priority, deadline)
            with self._turn(deadline):
                return self._rows(path, fields, deadline)

        return self._question(ask, deadline, _AGAIN)

    def request(
        self, path: str, fields: Body, priority: Priority, latest: int, expires: int | None = None
    ) -> Mapping[str, Any]:
        """The one row of a request that may change something, sent once and not after wall time `latest` (ms).

        `expires` is the venue's time (ms) after which OKX drops it. A `BrokerError` with UNKNOWN: it may have been accepted.
        With any other meaning: nothing happened.
        """
        deadline = self._wait_limit.deadline(self._config.order_seconds)
        self._admit("POST", path, fields, priority, deadline)
        with self._turn(deadline):
            self._check_in_time(latest)
            with self._recording_refusals(deadline):
                return wire.result(self._call("POST", path, fields, deadline, expires), self._config.api_url)

    # -- one call ----------------------------------------------------------------------------------------------------
    def _admit(self, method: str, path: str, fields: Body, priority: Priority, deadline: Deadline) -> None:
        about = fields if isinstance(fields, Mapping) else fields[0]
        market = str(about.get("instId", ""))
        self._admitted(lambda: self._limits.spend(method, path, market, priority, deadline))

    def _rows(self, path: str, fields: Body, deadline: Deadline) -> list[Any]:
        with self._recording_refusals(deadline):
            return wire.rows(self._call("GET", path, fields, deadline), self._config.api_url)

    def _call(self, method: str, path: str, fields: Body, deadline: Deadline, expires: int | None = None) -> Any:
        """The envelope returned by one call."""
        return self._sender.call(lambda client: client.call(method, path, fields, expires), deadline)

    def _refused(self) -> None:
        self._limits.refused()
