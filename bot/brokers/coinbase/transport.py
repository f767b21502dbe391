"""Coinbase's wire: the coinbase-advanced-py client in a sender that is bounded in time, one call at a time.

Owns the session, the waiting for rate budgets and the silence that a refusal asks for. Returns the JSON object of an answer;
raises `BrokerError` with the meaning an order needs (UNKNOWN: it may have been carried out). One POST is one POST.
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
from urllib3.exceptions import HTTPError

from bot.brokers.base import BrokerError, Lane
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.errors import failure, of_status, of_transport
from bot.brokers.coinbase.keys import BadKey, canonical, private_key
from bot.brokers.coinbase.parse_market import server_ms
from bot.brokers.common.answers import BadAnswer, safe_text
from bot.brokers.common.deadline import Deadline, Haste, Overdue, Runner
from bot.brokers.common.keylock import KeyBusy, KeyLock
from bot.brokers.common.rate_limits import Budget, OverBudget, admit
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.domain.clock import SECOND, Clock
from bot.domain.log import Event, Log
from bot.domain.outcome import Meaning

Params = Mapping[str, str | Sequence[str]]

#: Failures after which a question is asked a second time, and real seconds before that.
_ASKED_AGAIN: Mapping[Meaning, float] = MappingProxyType({Meaning.CREDENTIALS: 1.0, Meaning.UNKNOWN: 0.2})
#: A pause that a file asks for is believed up to this (real ms).
_LONGEST_SILENCE = 15 * 60_000
#: How much the clocks must differ (ms) for a refused token to be blamed on that.
_SKEW_BLAMED = 2 * SECOND


def silence() -> None:
    """Take the SDK's own log handlers away: they write to stderr, errors with the whole body."""
    for name in ("coinbase.RESTClient", "coinbase.WSClient"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


class Sender(RESTClient):  # type: ignore[misc]
    """One client of the SDK on a bounded session. The token of each call is the SDK's own."""

    def __init__(self, config: CoinbaseConfig, secret: str, trust: SSLContext) -> None:
        place = urlsplit(config.api_url)
        super().__init__(
            api_key=config.key,
            api_secret=secret,
            base_url=place.netloc + place.path.rstrip("/"),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )
        self.session.close()
        self.session: BoundedSession = BoundedSession(trust)

    def get_openly(self, url: str, params: dict[str, Any]) -> Any:
        """GET without a token."""
        self.is_authenticated = False
        try:
            return self.get(url, params=params, public=True)
        finally:
            self.is_authenticated = True


class CoinbaseTransport:
    """Questions and requests to one portfolio. Used by one thread; `hurry` may be called by another."""

    def __init__(self, config: CoinbaseConfig, clock: Clock, log: Log) -> None:
        silence()
        self._config = config
        self._clock = clock
        self._log = log
        self._haste = Haste(clock.wall_ms)
        self._runner = Runner("coinbase-sender", self._haste)
        self._trust = trusted(config.ca_file)
        self._sender: Sender | None = None
        self._secret = ""
        self._lock = KeyLock.of(config.state_dir, config.mode, "coinbase", config.environment, config.key)
        self._budget = Budget("calls", config.limits.calls, config.limits.calls_decay, clock)

    # -- calls -------------------------------------------------------------------------------------------------
    def public(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer of an endpoint that needs no key, asked without a token: so it answers whatever is wrong with ours."""
        return self._ask("OPEN", path, params or {})

    def private(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The answer of a question."""
        return self._ask("GET", path, params or {})

    def preview(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a POST that changes nothing."""
        return self._ask("POST", path, body)

    def request(self, path: str, body: Mapping[str, Any], lane: Lane) -> dict[str, Any]:
        """The answer of an order request, sent once.

        A `BrokerError` that means UNKNOWN: it may have been taken; any other: nothing happened.
        """
        deadline = self._haste.deadline(self._config.order_seconds)
        try:
            return self._call("POST", path, body, lane, deadline)
        except BrokerError as error:
            if error.meaning is not Meaning.GONE:
                raise self._blamed(error, deadline) from error
            # what is not there is where it was sent to: no verdict on an order
            raise failure(Meaning.UNKNOWN, error.text, unheard=True) from error

    def hurry(self, until: int) -> None:
        """No wait beyond wall time `until`."""
        self._haste.hurry(until)

    def deadline(self, seconds: float) -> Deadline:
        """The end of a row of looks that may take so long together."""
        return self._haste.deadline(seconds)

    def limit_calls(self, seconds: float | None) -> None:
        """No call takes longer than this; None for the usual times."""
        self._haste.limit(seconds)

    def close(self) -> None:
        """Let go of thread, sockets and file; safe to call twice."""
        self._runner.close()
        self._drop()
        self._lock.close()

    # -- one question, one call ----------------------------------------------------------------------------------
    def _ask(self, method: str, path: str, what: Mapping[str, Any]) -> dict[str, Any]:
        """A question may be asked a second time: it changes nothing, and good keys are refused now and then."""
        deadline = self._haste.deadline(self._config.read_seconds)

        def ask() -> dict[str, Any]:
            return self._call(method, path, what, Lane.QUERY, deadline)

        try:
            return ask()
        except BrokerError as error:
            if error.meaning not in _ASKED_AGAIN or not deadline.pause(_ASKED_AGAIN[error.meaning]):
                raise _as_question(error) from error
        try:
            return ask()
        except BrokerError as error:
            raise _as_question(self._blamed(error, deadline)) from error

    def _blamed(self, error: BrokerError, deadline: Deadline) -> BrokerError:
        """A token that was refused may be right and only of the wrong time: Coinbase's clock, which needs none, tells."""
        if error.meaning is not Meaning.CREDENTIALS:
            return error
        try:
            skew = server_ms(self._call("OPEN", "/time", {}, Lane.QUERY, deadline)) - self._clock.wall_ms()
        except (BrokerError, BadAnswer):
            return error
        if abs(skew) <= _SKEW_BLAMED:
            return error
        return failure(Meaning.CLOCK, f"{error.text}: clock off", "clock", seconds=f"{abs(skew) / SECOND:.0f}")

    def _call(self, method: str, path: str, what: Mapping[str, Any], lane: Lane, deadline: Deadline) -> dict[str, Any]:
        sender = self._ready()
        self._stay_quiet(deadline)
        self._admit(lane, deadline)
        url = f"{API_PREFIX}{path}"
        calls: Mapping[str, Callable[[], Any]] = {
            "GET": lambda: sender.get(url, params=dict(what)),
            "OPEN": lambda: sender.get_openly(url, dict(what)),
            "POST": lambda: sender.post(url, data=dict(what)),
        }
        answer = self._send(calls[method], sender, deadline)
        if not isinstance(answer, dict):
            raise failure(Meaning.UNKNOWN, f"an object expected, got {safe_text(answer)[:60]!r}")
        return answer

    def _send(self, call: Callable[[], Any], sender: Sender, deadline: Deadline) -> Any:
        line = sender.session.line
        line.sent = False
        try:
            return self._runner.run(call, deadline)
        except Overdue as error:
            self._drop()
            raise failure(Meaning.UNKNOWN if line.sent else Meaning.BUSY, error, "unreachable") from error
        except requests.HTTPError as error:
            raise self._heed(_of_answer(error.response), deadline) from error
        except (requests.RequestException, HTTPError, OSError, ValueError, RecursionError) as error:
            raise of_transport(error, sent=line.sent) from error

    def _ready(self) -> Sender:
        """A client with a key that can sign; raises with the remedy for one that cannot."""
        if self._sender is None:
            if urlsplit(self._config.api_url).scheme != "https":
                raise failure(Meaning.REJECTED, "not an https address", "url")
            if not self._secret:
                self._secret = self._readable()
            self._sender = Sender(self._config, self._secret, self._trust)
        return self._sender

    def _readable(self) -> str:
        try:
            return canonical(private_key(self._config.secret))
        except BadKey as error:
            raise failure(Meaning.CREDENTIALS, error, "pem") from error

    def _drop(self) -> None:
        """Cut an overdue call off, so that it cannot leave later; the next call starts with a fresh session."""
        if self._sender is not None:
            self._sender.session.line.cut()
            self._sender.session.close()
            self._sender = None

    # -- restraint ---------------------------------------------------------------------------------------------
    def _admit(self, lane: Lane, deadline: Deadline) -> None:
        """Wait for room in the budget; no room in time means that nothing was sent."""
        try:
            admit(self._budget, 1.0, lane, deadline, self._clock)
        except OverBudget as error:
            raise failure(Meaning.RATE_LIMITED, error, "throttled", error.wait_ms) from error

    def _heed(self, error: BrokerError, deadline: Deadline) -> BrokerError:
        """Remember, for every program with this key, how long the venue wants to be left alone."""
        if error.meaning is Meaning.RATE_LIMITED:
            self._budget.exhaust()
            try:
                with self._lock.held(deadline) as file:
                    file.keep_quiet(self._clock.steady_ms(), error.retry_after_ms)
            except KeyBusy:
                self._log.warning(Event.PAUSE_NOT_SHARED, venue="coinbase", reason=error.text)
        return error

    def _stay_quiet(self, deadline: Deadline) -> None:
        """Refuse at once, without a call, while the venue wants silence."""
        try:
            with self._lock.held(deadline) as file:
                left = min(file.quiet_ms(self._clock.steady_ms()), _LONGEST_SILENCE)
        except KeyBusy as error:
            raise failure(Meaning.BUSY, error, "in_use") from error
        if left > 0:
            raise failure(Meaning.RATE_LIMITED, "Coinbase asked for a pause", "throttled", left)


def _as_question(error: BrokerError) -> BrokerError:
    """A question whose answer did not come has only failed: UNKNOWN is for requests that change something, and for words that
    nobody wrote down.
    """
    if error.meaning is not Meaning.UNKNOWN or error.unheard:
        return error
    return BrokerError(error.venue, Meaning.BUSY, error.text, remedy=error.remedy)


def _of_answer(answer: requests.Response) -> BrokerError:
    return of_status(answer.status_code, answer.text, answer.headers.get("Retry-After"))
