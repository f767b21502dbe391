"""Kraken's wire: krakenex in a sender that is bounded in time, with one nonce and one call at a time per key.

Owns the session, the nonce, the waiting for rate budgets and the silence that a lockout asks for. Returns the `result` of
Kraken's envelope; raises `BrokerError` with the meaning an order needs (UNKNOWN: it may have been carried out).
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
from urllib3.exceptions import HTTPError

from bot.brokers.base import BrokerError, Lane, NoRoom
from bot.brokers.common.answers import safe_text
from bot.brokers.common.deadline import Deadline, Haste, Overdue, Runner
from bot.brokers.common.keylock import KeyBusy, KeyFile, KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.wire import CONNECT_SECONDS, READ_SECONDS, BoundedSession, trusted
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.errors import DENIED, LOCKOUT_MS, REMEDIES, VENUE, explain, failure, of_transport, plain_words
from bot.brokers.kraken.limits import Charge, KrakenLimits, question_cost
from bot.domain.clock import Clock, Pause
from bot.domain.log import Event, Log
from bot.domain.outcome import Meaning

_TIMEOUTS = (CONNECT_SECONDS, READ_SECONDS)
#: How far the second nonce jumps after the first was refused.
_NONCE_LEAP = 10_000
#: Real seconds that a question waits for room where something else may be more urgent.
_A_MOMENT = 1.0
#: Real seconds that a sale waits for room for all of its questions: at the slowest pace, a full counter makes room for six.
_LONGEST_FOR_ROOM = 20.0


def _no_constant(text: str) -> Decimal:
    raise ValueError(f"{text} is not JSON")


class Sender(krakenex.API):  # type: ignore[misc]
    """One krakenex session. Its nonce is handed in by whoever holds the key's lock."""

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


class KrakenTransport:
    """Questions and requests to one Kraken account. Used by one thread; `hurry` may be called by another."""

    def __init__(self, config: KrakenConfig, clock: Clock, log: Log) -> None:
        self._config = config
        self._clock = clock
        self._log = log
        self._haste = Haste(clock.wall_ms)
        self._runner = Runner("kraken-sender", self._haste)
        self._trust = trusted(config.ca_file)
        self._sender = Sender(config, self._trust)
        self._lock = KeyLock.of(config.state_dir, config.mode, "kraken", config.environment, config.key)
        self._limits = KrakenLimits(config.tier, clock, log)
        self._lane = Lane.QUERY
        self._is_brief = False
        self.vouch: Callable[[], object] | None = None
        """Raises what the key lacks now, by the venue's list of its rights; set once connecting has found them all."""
        self._lockout = Pause(clock)
        self._throttle = Pause(clock)

    # -- public and private calls ------------------------------------------------------------------------------
    def public(self, method: str, data: Mapping[str, str] | None = None) -> Any:
        """The `result` of a public endpoint."""
        deadline, fields = self._haste.deadline(self._config.read_seconds), dict(data or {})
        try:
            return _read(lambda: self._public(method, fields, deadline))
        except BrokerError as error:
            if not _is_denied(error):
                raise
            raise _closed(error, fields.get("pair", "")) from error

    def private(self, method: str, data: Mapping[str, str] | None = None, *, behind: bool = False) -> Any:
        """The `result` of a private question. One that comes `behind` all others is asked only if there is room at once."""
        deadline, fields = self._haste.deadline(self._config.read_seconds), dict(data or {})
        lane = Lane.ENTRY if behind else self._lane
        brief = behind or (self._is_brief and lane is not Lane.EXIT)
        room = self._haste.deadline(_A_MOMENT) if brief else deadline

        def ask() -> Any:
            self._stay_quiet()
            self._recall(deadline)
            _admitted(lambda: self._limits.question(method, room, lane))
            return self._private(method, fields, deadline, cost=question_cost(method))

        return self._allowed(lambda: _read(ask), fields.get("pair", ""), method)

    def request(self, method: str, data: Mapping[str, str], charge: Charge, latest: int) -> Any:
        """The `result` of an order request, sent once and not after wall time `latest`.

        A `BrokerError` that means UNKNOWN: it may have been taken; any other: nothing happened.
        """
        deadline = self._haste.deadline(self._config.order_seconds)

        def send() -> Any:
            self._stay_quiet()
            _admitted(lambda: self._limits.order(charge, deadline))
            return self._private(method, dict(data), deadline, latest)

        return self._allowed(send, charge.pair, method)

    @contextmanager
    def urgently(self) -> Iterator[None]:
        """Questions that are asked within go before all others."""
        before, self._lane = self._lane, Lane.EXIT
        try:
            yield
        finally:
            self._lane = before

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """Questions that are asked within, and are not urgent, wait for room for a moment only."""
        before, self._is_brief = self._is_brief, True
        try:
            yield
        finally:
            self._is_brief = before

    def make_room(self, questions: int) -> None:
        """Wait until so many private questions have room at once."""
        deadline = self._haste.deadline(_LONGEST_FOR_ROOM)
        self._recall(deadline)
        _admitted(lambda: self._limits.room(questions, deadline))

    def hurry(self, until: int) -> None:
        """No wait beyond wall time `until`."""
        self._haste.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        """No call takes longer than this; None for the usual times."""
        self._haste.limit(seconds)

    def close(self) -> None:
        """Let go of thread, sockets and lock; safe to call twice."""
        self._runner.close()
        self._sender.session.line.cut()
        self._sender.close()
        self._lock.close()

    # -- one call ----------------------------------------------------------------------------------------------
    def _public(self, method: str, data: dict[str, str], deadline: Deadline) -> Any:
        self._stay_quiet()
        _admitted(lambda: self._limits.public(method, data.get("pair", ""), deadline))
        sender = self._sender
        return self._result(self._send(lambda: sender.query_public(method, data, _TIMEOUTS), deadline))

    def _private(
        self, method: str, data: dict[str, str], deadline: Deadline, latest: int | None = None, cost: float = 0.0
    ) -> Any:
        try:
            with self._lock.held(deadline) as file:
                self._limits.recall(file.spent, cost)
                if latest is not None and self._clock.wall_ms() > latest:
                    raise failure(Meaning.BUSY, "not sent: its deadline passed while it waited for its turn")
                return self._with_nonce(method, data, deadline, file)
        except KeyBusy as error:
            raise failure(Meaning.BUSY, error, "in_use") from error

    def _with_nonce(self, method: str, data: dict[str, str], deadline: Deadline, file: KeyFile) -> Any:
        """Send under the key's lock; once more with a larger nonce when the first was refused (nothing happened then)."""
        self._lockout.extend(min(file.quiet_ms(self._clock.steady_ms()), LOCKOUT_MS))
        self._stay_quiet()
        file.spent = self._limits.spent
        try:
            return self._signed(method, data, deadline, file.next_nonce(self._clock.wall_ms()))
        except BrokerError as error:
            if error.meaning is not Meaning.NONCE:
                raise
            self._log.warning(Event.NONCE_REFUSED, venue="kraken", method=method)
            return self._signed(method, data, deadline, file.next_nonce(self._clock.wall_ms(), _NONCE_LEAP))
        finally:
            file.keep_quiet(self._clock.steady_ms(), self._lockout.left())
            file.spent = self._limits.spent

    def _recall(self, deadline: Deadline) -> None:
        """What earlier lives, and other programs of this host, have used of the key's counter."""
        try:
            with self._lock.held(deadline) as file:
                self._limits.recall(file.spent)
        except KeyBusy as error:
            raise failure(Meaning.BUSY, error, "in_use") from error

    def _allowed(self, ask: Callable[[], Any], about: str, method: str) -> Any:
        """The answer; a denial to a key that has every right is about the market that was asked `about`, if about any."""
        try:
            return ask()
        except BrokerError as error:
            if not _is_denied(error) or self.vouch is None or method == "GetApiKeyInfo":
                raise
            self.vouch()
            raise _closed(error, about) from error

    def _signed(self, method: str, data: dict[str, str], deadline: Deadline, nonce: int) -> Any:
        sender = self._sender
        sender.nonce = nonce
        return self._result(self._send(lambda: sender.query_private(method, dict(data), _TIMEOUTS), deadline))

    def _send(self, call: Callable[[], Any], deadline: Deadline) -> Any:
        session = self._sender.session
        session.line.sent = False
        try:
            return self._runner.run(call, deadline)
        except Overdue as error:
            self._renew()
            raise failure(Meaning.UNKNOWN if session.line.sent else Meaning.BUSY, error, "unreachable") from error
        except requests.HTTPError as error:
            raise _of_status(error) from error
        except (requests.RequestException, HTTPError, OSError, ValueError, RecursionError) as error:
            raise of_transport(error, sent=session.line.sent) from error

    def _renew(self) -> None:
        """Cut the overdue call off, so that it cannot leave later, and start with a fresh session."""
        self._sender.session.line.cut()
        self._sender.close()
        self._sender = Sender(self._config, self._trust)

    def _result(self, answer: Any) -> Any:
        """The envelope's `result`; its errors raised. An answer without either is no answer."""
        if not isinstance(answer, dict) or not isinstance(answer.get("error"), list):
            raise failure(Meaning.UNKNOWN, f"not Kraken's envelope: {json.dumps(answer, default=str)[:80]}")
        errors = [str(text) for text in answer["error"] if not str(text).startswith("W")]
        if errors:
            raise self._heed(explain(errors, self._clock.wall_ms()))
        for warning in answer["error"]:
            self._log.warning(Event.VENUE_WARNING, venue="kraken", text=safe_text(warning))
        if answer.get("result") is None:
            raise failure(Meaning.UNKNOWN, "an answer without a result")
        return answer["result"]

    # -- restraint ---------------------------------------------------------------------------------------------
    def _heed(self, error: BrokerError) -> BrokerError:
        """Remember how long the venue wants to be left alone, and that its counter is full."""
        if error.meaning is Meaning.LOCKED_OUT:
            self._lockout.begin(error.retry_after_ms)
        elif error.meaning is Meaning.RATE_LIMITED:
            self._throttle.begin(error.retry_after_ms)
            self._limits.refused()
        return error

    def _stay_quiet(self) -> None:
        """Refuse at once, without a call, while the venue wants silence."""
        if left := self._lockout.left():
            raise failure(Meaning.LOCKED_OUT, "locked out: not calling", "lockout", left)
        if left := self._throttle.left():
            raise failure(Meaning.RATE_LIMITED, "Kraken asked for a pause", "throttled", left)


def _admitted(wait: Callable[[], None]) -> None:
    """Wait for room in a budget; no room in time means that nothing was sent."""
    try:
        wait()
    except OverBudget as error:
        line = REMEDIES["throttled"]
        raise NoRoom(VENUE, Meaning.RATE_LIMITED, str(error), remedy=line, retry_after_ms=error.wait_ms) from error


def _read(ask: Callable[[], Any]) -> Any:
    """A question whose answer did not come has only failed: UNKNOWN is for requests that change something."""
    try:
        return ask()
    except BrokerError as error:
        if error.meaning is not Meaning.UNKNOWN:
            raise
        raise BrokerError(error.venue, Meaning.BUSY, error.text, remedy=error.remedy, unheard=error.unheard) from error


def _is_denied(error: BrokerError) -> bool:
    return error.meaning is Meaning.PERMISSION and plain_words(error.text) == plain_words(DENIED)


def _closed(error: BrokerError, about: str) -> BrokerError:
    """A denial that does not speak of the key: of the market asked about, else of this question only."""
    return failure(Meaning.RESTRICTED, error.text, "closed") if about else failure(Meaning.BUSY, error.text)


def _of_status(error: requests.HTTPError) -> BrokerError:
    """A status other than 200 comes from the edge, which may have passed the request on before it failed.

    None of them says anything of our key: what is wrong with a key Kraken says with status 200.
    """
    status = error.response.status_code
    text = f"HTTP {status} {error.response.reason}"
    return (
        failure(Meaning.RATE_LIMITED, text, "throttled")
        if status == 429
        else failure(Meaning.UNKNOWN, text, "unreachable")
    )
