"""Coinbase's transport: the coinbase-advanced-py client. Every POST is sent once.

Owns the waiting for the rate budget, and the check of the clock after a refused token. Returns the JSON object of an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from ssl import SSLContext
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import requests
from coinbase.constants import API_PREFIX
from coinbase.rest import RESTClient

from bot.brokers.base import BrokerError, Priority
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.errors import failure, of_status
from bot.brokers.coinbase.keys import BadKey, canonical, private_key
from bot.brokers.coinbase.parse_market import server_ms
from bot.brokers.common.answers import BadAnswer
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.rate_limits import Budget, admit
from bot.brokers.common.transport import Again, Transport
from bot.brokers.common.venue_clock import SKEW_SHOWN
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.domain.clock import SECOND, Clock
from bot.domain.log import Log
from bot.domain.outcome import ErrorMeaning
from bot.domain.text import safe_text

Params = Mapping[str, str | Sequence[str]]

#: Coinbase occasionally refuses a valid key, so that is retried too. It counts calls by the second: a query refused for its rate waits
#: one out, otherwise a start with many queries would never finish if Coinbase allows less than it documents.
_AGAIN: Again = MappingProxyType(
    {ErrorMeaning.CREDENTIALS: (1.0,), ErrorMeaning.UNKNOWN: (0.2,), ErrorMeaning.RATE_LIMITED: (1.0, 1.0, 1.0)}
)


def silence() -> None:
    """Remove the SDK's own log handlers: they write to stderr, errors with the whole body."""
    for name in ("coinbase.RESTClient", "coinbase.WSClient"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


class CoinbaseClient(RESTClient):  # type: ignore[misc]
    """One SDK client on a bounded session. The SDK creates the token of each call."""

    refused = requests.HTTPError

    def __init__(self, config: CoinbaseConfig, secret: str, trust: SSLContext) -> None:
        place = urlsplit(config.api_url)
        super().__init__(
            api_key=config.key or None,
            api_secret=secret or None,
            base_url=place.netloc + place.path.rstrip("/"),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )
        self._has_key = bool(config.key)
        self.session.close()
        self.session: BoundedSession = BoundedSession(trust)

    def get_openly(self, url: str, params: dict[str, Any]) -> Any:
        """GET without a token."""
        self.is_authenticated = False
        try:
            return self.get(url, params=params, public=True)
        finally:
            self.is_authenticated = self._has_key

    def refusal(self, error: Exception) -> BrokerError:
        """The error for a status other than 200."""
        answer: requests.Response = error.response  # type: ignore[attr-defined]
        return of_status(answer.status_code, answer.text, answer.headers.get("Retry-After"))


class CoinbaseTransport(Transport[CoinbaseClient]):
    """Queries and requests to one portfolio. Used by one thread; another may call `hurry`."""

    def __init__(self, config: CoinbaseConfig, clock: Clock, log: Log) -> None:
        silence()
        self._config = config
        self._trust = trusted(config.ca_file)
        self._secret = ""
        limits = config.limits
        self._budget = Budget("calls", limits.calls, limits.calls_decay, clock)
        self._open_budget = Budget("calls without a key", limits.open_calls, limits.open_calls_decay, clock)
        self._last = self._budget
        super().__init__(config, clock, log, failure, self._make)

    def _make(self) -> CoinbaseClient:
        """A new client; raises `BrokerError` with a remedy if the address or the key is unusable. Without any key, only public
        endpoints can be called.
        """
        if urlsplit(self._config.api_url).scheme != "https":
            raise failure(ErrorMeaning.REJECTED, "not an https address", "url")
        try:
            if self._config.key or self._config.secret:
                self._secret = self._secret or canonical(private_key(self._config.secret))
        except BadKey as error:
            raise failure(ErrorMeaning.CREDENTIALS, error, "pem") from error
        return CoinbaseClient(self._config, self._secret, self._trust)

    # -- calls -------------------------------------------------------------------------------------------------
    def public(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer of a public endpoint, queried without a token, so that it works even if ours is refused."""
        deadline = self._wait_limit.deadline(self._config.read_seconds)
        return self._question(lambda: self._open(path, params or {}, deadline), deadline, _AGAIN)

    def private(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer to a query."""
        return self._ask(lambda client: client.get(f"{API_PREFIX}{path}", params=dict(params or {})))

    def preview(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a POST that changes nothing."""
        return self._ask(lambda client: client.post(f"{API_PREFIX}{path}", data=dict(body)))

    def request(self, path: str, body: Mapping[str, Any], priority: Priority) -> dict[str, Any]:
        """The answer to an order request, sent once.

        A `BrokerError` with UNKNOWN: it may have been accepted. With any other meaning: nothing happened.
        """
        deadline = self._wait_limit.deadline(self._config.order_seconds)
        try:
            return self._signed(lambda client: client.post(f"{API_PREFIX}{path}", data=dict(body)), priority, deadline)
        except BrokerError as error:
            if error.meaning is ErrorMeaning.GONE:  # a 404 is about the address, not about the order
                raise failure(ErrorMeaning.UNKNOWN, error.text, unheard=True) from error
            self._blame_clock(error, deadline)
            raise

    # -- one call ------------------------------------------------------------------------------------------------
    def _ask(self, call: Callable[[CoinbaseClient], Any]) -> dict[str, Any]:
        deadline = self._wait_limit.deadline(self._config.read_seconds)
        try:
            return self._question(lambda: self._signed(call, self._priority, deadline), deadline, _AGAIN)
        except BrokerError as error:
            self._blame_clock(error, deadline)
            raise

    def _signed(self, call: Callable[[CoinbaseClient], Any], priority: Priority, deadline: Deadline) -> dict[str, Any]:
        """One call with a token. The key is not held meanwhile, because tokens may arrive in any order."""
        with self._turn(deadline):
            pass
        return self._sent(call, self._budget, priority, deadline)

    def _open(self, path: str, params: Params, deadline: Deadline) -> dict[str, Any]:
        self._request_pause.check()
        return self._sent(
            lambda client: client.get_openly(f"{API_PREFIX}{path}", dict(params)),
            self._open_budget,
            self._priority,
            deadline,
        )

    def _sent(
        self, call: Callable[[CoinbaseClient], Any], budget: Budget, priority: Priority, deadline: Deadline
    ) -> dict[str, Any]:
        self._last = budget
        self._admitted(lambda: admit(budget, 1.0, priority, deadline, self._clock))
        with self._recording_refusals(deadline):
            answer = self._sender.call(call, deadline)
        if not isinstance(answer, dict):
            raise failure(ErrorMeaning.UNKNOWN, f"an object expected, got {safe_text(answer)[:60]!r}")
        return answer

    def _blame_clock(self, error: BrokerError, deadline: Deadline) -> None:
        """If a token was refused because the clocks differ, raise CLOCK instead. Reading Coinbase's clock needs no token."""
        if error.meaning is not ErrorMeaning.CREDENTIALS:
            return
        try:
            skew = server_ms(self._open("/time", {}, deadline)) - self._clock.wall_ms()
        except (BrokerError, BadAnswer):
            return
        if abs(skew) > SKEW_SHOWN:
            text, seconds = f"{error.text}: clock off", f"{abs(skew) / SECOND:.0f}"
            raise failure(ErrorMeaning.CLOCK, text, "clock", seconds=seconds) from error

    def _refused(self) -> None:
        self._last.exhaust()
