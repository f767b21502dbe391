"""Calls a venue's SDK client on its own thread: bounded in time, cut off when overdue, every request sent once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import requests
from urllib3.exceptions import HTTPError

from bot.brokers.base import BrokerError
from bot.brokers.common.deadline import Deadline, Overdue, Runner, WaitLimit
from bot.brokers.common.failures import Failures
from bot.brokers.common.wire import BoundedSession
from bot.domain.outcome import ErrorMeaning

#: What sockets, TLS and parsing raise, also inside the SDKs, if there is no usable answer.
_NO_ANSWER = (requests.RequestException, HTTPError, OSError, ValueError, TypeError, KeyError, RecursionError)


class Client(Protocol):
    """One session of an SDK. Its calls raise `refused` if the HTTP status is not a success."""

    session: BoundedSession
    refused: type[Exception]

    def refusal(self, error: Exception) -> BrokerError:
        """The `BrokerError` for such an answer."""
        ...


C = TypeVar("C", bound=Client)
T = TypeVar("T")


class Sender(Generic[C]):
    """Calls from one thread, on a client created on first use. `name` names its purpose."""

    def __init__(self, make: Callable[[], C], wait_limit: WaitLimit, failure: Failures, name: str = "sender") -> None:
        self._make = make
        self._failure = failure
        self._runner = Runner(f"{failure.venue}-{name}", wait_limit)
        self._client: C | None = None
        self._closed = False

    def call(self, ask: Callable[[C], T], deadline: Deadline) -> T:
        """The client's answer. Raises `BrokerError`; UNKNOWN once any part of the request may have been sent."""
        client = self._ready()
        sockets = client.session.sockets
        sockets.sent = False
        try:
            return self._runner.run(lambda: ask(client), deadline)
        except Overdue as error:
            self._cut()
            meaning = ErrorMeaning.UNKNOWN if sockets.sent else ErrorMeaning.BUSY
            raise self._failure(meaning, error, "unreachable") from error
        except client.refused as error:
            raise client.refusal(error) from error
        except _NO_ANSWER as error:
            raise self._failure.of_transport(error, sent=sockets.sent) from error

    def close(self) -> None:
        """Release thread and sockets; nothing is sent afterwards. Safe to call twice."""
        self._closed = True
        self._runner.close()
        self._cut()

    def _ready(self) -> C:
        if self._closed:
            raise self._failure(ErrorMeaning.BUSY, "not sent: the connection was closed")
        if self._client is None:
            self._client = self._make()
        return self._client

    def _cut(self) -> None:
        """Cut off an overdue call, so that it cannot be sent later. The next call starts with a new session."""
        if self._client is not None:
            self._client.session.sockets.cut()
            self._client.session.close()
            self._client = None
