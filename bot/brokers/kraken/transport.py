"""Kraken's transport: krakenex, with one nonce and one call at a time per key.

Owns the nonce, the waiting for rate budgets and Kraken's envelope, whose `result` it returns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from ssl import SSLContext
from typing import Any

import krakenex
import requests

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.answers import plain_words
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.keylock import KeyFile
from bot.brokers.common.transport import Transport
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.errors import DENIED, explain, failure
from bot.brokers.kraken.limits import Charge, KrakenLimits, question_cost
from bot.domain.clock import Clock
from bot.domain.log import Event, Log
from bot.domain.outcome import ErrorMeaning
from bot.domain.text import safe_text

_TIMEOUTS = (CONNECT_SECONDS, READ_SECONDS)
#: Queries whose answer has no result if there is nothing: the balances of an account that never held anything.
_MAY_LACK_RESULT = frozenset({"BalanceEx"})
#: How far the second nonce jumps ahead after the first was refused.
_NONCE_LEAP = 10_000
#: Real seconds that a query waits for room when something else may be more urgent.
_A_MOMENT = 1.0
#: Real seconds that a sale waits for room for all its queries: at the slowest decay, a full counter frees room for six.
_LONGEST_FOR_ROOM = 20.0


def _no_constant(text: str) -> Decimal:
    raise ValueError(f"{text} is not JSON")


class KrakenClient(krakenex.API):  # type: ignore[misc]
    """One krakenex session. The holder of the key's lock sets its nonce."""

    refused = requests.HTTPError

    def __init__(self, config: KrakenConfig, trust: SSLContext) -> None:
        super().__init__(config.key, config.secret)
        self.uri = config.api_url.rstrip("/")
        agent = self.session.headers["User-Agent"]
        self.session.close()
        self.session: BoundedSession = BoundedSession(trust)
        self.session.headers["User-Agent"] = agent
        self.json_options(parse_float=Decimal, parse_constant=_no_constant)
        self.nonce = 0

    def _nonce(self) -> int:
        return self.nonce

    def refusal(self, error: Exception) -> BrokerError:
        """A status other than 200 comes from Kraken's edge, which may have forwarded the request before it failed.

        It says nothing about our key: Kraken reports a bad key with status 200.
        """
        answer: requests.Response = error.response  # type: ignore[attr-defined]
        text = f"HTTP {answer.status_code} {answer.reason}"
        if answer.status_code == 429:
            return failure(ErrorMeaning.RATE_LIMITED, text, "throttled")
        return failure(ErrorMeaning.UNKNOWN, text, "unreachable")


class KrakenTransport(Transport[KrakenClient]):
    """Queries and requests to one Kraken account. Used by one thread; another may call `hurry`."""

    def __init__(self, config: KrakenConfig, clock: Clock, log: Log) -> None:
        trust = trusted(config.ca_file)
        super().__init__(config, clock, log, failure, lambda: KrakenClient(config, trust))
        self._config = config
        self._limits = KrakenLimits(config.tier, clock, log)
        self._is_brief = False
        self.vouch: Callable[[], object] | None = None
        """Raises if the key now lacks a permission; set once connecting has found them all."""

    def split_off(self) -> None:
        super().split_off()
        self._limits, self._is_brief = self._limits.beside(), False

    # -- public and private calls ------------------------------------------------------------------------------
    def public(self, method: str, data: Mapping[str, str] | None = None, cost: float = 1.0) -> Any:
        """The `result` of a public endpoint; `cost` is what the call counts in our budget."""
        deadline, fields = self._wait_limit.deadline(self._config.read_seconds), dict(data or {})
        about = fields.get("pair", "")

        def ask() -> Any:
            self._request_pause.check()
            self._admitted(lambda: self._limits.public(method, about, deadline, self._priority, cost))
            with self._recording_refusals(deadline):
                return self._result(
                    self._sender.call(lambda client: client.query_public(method, fields, _TIMEOUTS), deadline)
                )

        try:
            return self._question(ask, deadline, {})
        except BrokerError as error:
            if not _is_denied(error):
                raise
            raise _closed(error, about) from error

    def private(self, method: str, data: Mapping[str, str] | None = None, *, behind: bool = False) -> Any:
        """The `result` of a private query. With `behind` it has low priority and waits for room only for a moment."""
        deadline, fields = self._wait_limit.deadline(self._config.read_seconds), dict(data or {})
        priority = Priority.ENTRY if behind else self._priority
        brief = behind or (self._is_brief and priority is not Priority.EXIT)
        room = self._wait_limit.deadline(_A_MOMENT) if brief else deadline

        def ask() -> Any:
            self._request_pause.check()
            self._recall(deadline)
            self._admitted(lambda: self._limits.question(method, room, priority))
            return self._private(method, fields, deadline, cost=question_cost(method))

        return self._allowed(lambda: self._question(ask, deadline, {}), fields.get("pair", ""), method)

    def request(self, method: str, data: Mapping[str, str], charge: Charge, latest: int) -> Any:
        """The `result` of an order request, sent once and not after wall time `latest` (ms).

        A `BrokerError` with UNKNOWN: it may have been accepted. With any other meaning: nothing happened.
        """
        deadline = self._wait_limit.deadline(self._config.order_seconds)

        def send() -> Any:
            self._request_pause.check()
            self._admitted(lambda: self._limits.order(charge, deadline))
            return self._private(method, dict(data), deadline, latest)

        return self._allowed(send, charge.pair, method)

    @contextmanager
    def urgently(self) -> Iterator[None]:
        """Queries made inside this context go before all others."""
        before, self._priority = self._priority, Priority.EXIT
        try:
            yield
        finally:
            self._priority = before

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """Queries made inside this context wait only a moment for room, unless they are urgent."""
        before, self._is_brief = self._is_brief, True
        try:
            yield
        finally:
            self._is_brief = before

    def make_room(self, questions: int) -> None:
        """Wait until this many private queries have room at once."""
        deadline = self._wait_limit.deadline(_LONGEST_FOR_ROOM)
        self._recall(deadline)
        self._admitted(lambda: self._limits.room(questions, deadline))

    # -- one call ----------------------------------------------------------------------------------------------
    def _private(
        self, method: str, data: dict[str, str], deadline: Deadline, latest: int | None = None, cost: float = 0.0
    ) -> Any:
        with self._turn(deadline) as file:
            self._limits.recall(file.spent, cost)
            self._check_in_time(latest)
            file.spent = self._limits.spent
            try:
                with self._recording_refusals(deadline, file):
                    return self._with_nonce(method, data, deadline, file)
            finally:
                file.spent = self._limits.spent

    def _with_nonce(self, method: str, data: dict[str, str], deadline: Deadline, file: KeyFile) -> Any:
        """Send under the key's lock. If the nonce is refused, nothing happened: send once more with a larger one."""
        try:
            return self._signed(method, data, deadline, file.next_nonce(self._clock.wall_ms()))
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.NONCE:
                raise
            self._log.warning(Event.NONCE_REFUSED, venue="kraken", method=method)
            return self._signed(method, data, deadline, file.next_nonce(self._clock.wall_ms(), _NONCE_LEAP))

    def _signed(self, method: str, data: dict[str, str], deadline: Deadline, nonce: int) -> Any:
        def send(client: KrakenClient) -> Any:
            client.nonce = nonce
            return client.query_private(method, dict(data), _TIMEOUTS)

        answer = self._sender.call(send, deadline)
        return {} if method in _MAY_LACK_RESULT and answer == {"error": []} else self._result(answer)

    def _recall(self, deadline: Deadline) -> None:
        """Update the key's counter with what earlier runs and other programs on this host have used."""
        with self._key(deadline) as file:
            self._limits.recall(file.spent)

    def _refused(self) -> None:
        self._limits.refused()

    def _allowed(self, ask: Callable[[], Any], about: str, method: str) -> Any:
        """The answer to `ask`. If a key with all permissions is denied, the denial is about the market `about`, if any."""
        try:
            return ask()
        except BrokerError as error:
            if not _is_denied(error) or self.vouch is None or method == "GetApiKeyInfo":
                raise
            self.vouch()
            raise _closed(error, about) from error

    def _result(self, answer: Any) -> Any:
        """The envelope's `result`; raises its errors. An answer with neither is UNKNOWN."""
        if not isinstance(answer, dict) or not isinstance(answer.get("error"), list):
            raise failure(ErrorMeaning.UNKNOWN, f"not Kraken's envelope: {json.dumps(answer, default=str)[:80]}")
        errors = [str(text) for text in answer["error"] if not str(text).startswith("W")]
        if errors:
            raise explain(errors, self._clock.wall_ms())
        for warning in answer["error"]:
            self._log.warning(Event.VENUE_WARNING, venue="kraken", text=safe_text(warning))
        if answer.get("result") is None:
            raise failure(ErrorMeaning.UNKNOWN, "an answer without a result")
        return answer["result"]


def _is_denied(error: BrokerError) -> bool:
    return error.meaning is ErrorMeaning.PERMISSION and plain_words(error.text) == plain_words(DENIED)


def _closed(error: BrokerError, about: str) -> BrokerError:
    """A denial that is not about the key: it is about the market `about`, or if "" about this query only."""
    return failure(ErrorMeaning.RESTRICTED, error.text, "closed") if about else failure(ErrorMeaning.BUSY, error.text)
