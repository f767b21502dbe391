"""One pooled HTTPS session that can be trusted with money: bounded in time and size, and cut off when it must be.

Owns the sockets of one sender. No proxies or credentials from the environment, no redirects, no retries, no bodies
without end; knows whether a request may have left the house at all. Knows no venue.
"""

from __future__ import annotations

import socket
import ssl
import threading
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

#: No honest answer of a venue is larger.
MAX_BODY = 10 * 1024 * 1024
CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
_CHUNK = 64 * 1024


class TooLarge(requests.RequestException):
    """The body is larger than any honest answer."""


class CutOff(requests.ConnectionError):
    """The call was given up: nothing may leave on this line any more."""


class Line:
    """The live sockets of one session: `sent` says whether bytes of the present request may have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._cut = False
        self.sent = False

    def opened(self, sock: socket.socket | None) -> None:
        """A connection was made; raises `CutOff` when the line was cut meanwhile."""
        with self._lock:
            if sock is not None and not self._cut:
                self._sockets = {known for known in self._sockets if known.fileno() >= 0} | {sock}
        self.check()

    def check(self) -> None:
        """Raise `CutOff` when the line was cut."""
        if self._cut:
            raise CutOff("the call was given up before it was sent")

    def cut(self) -> None:
        """Shut every socket down, from whatever thread; a call that waits on one ends, and no new one begins."""
        with self._lock:
            self._cut = True
            sockets, self._sockets = self._sockets, set()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already: just what we want


class BoundedSession(requests.Session):
    """A requests session with the bounds above. `line` is cut to give up a call from outside.

    `ca_file` is a trust root in addition to the usual ones.
    """

    def __init__(self, ca_file: str | None = None, pool_size: int = 2, max_body: int = MAX_BODY) -> None:
        super().__init__()
        self.trust_env = False
        self.line = Line()
        self._max_body = max_body
        for scheme in ("https://", "http://"):
            self.mount(scheme, _TappedAdapter(self.line, pool_size, ca_file))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """The whole answer, read here and now; an answer that redirects or is too large raises."""
        options |= {"stream": True, "allow_redirects": False}
        options["timeout"] = options.get("timeout") or (CONNECT_SECONDS, READ_SECONDS)
        self.line.sent = False
        self.line.check()
        with super().send(request, **options) as answer:
            if answer.is_redirect:
                raise requests.TooManyRedirects("the answer points to another address")
            return _kept(answer, self._body(answer))

    def _body(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._max_body:
                raise TooLarge(f"the answer has more than {self._max_body} bytes")
        return bytes(body)


def _kept(answer: requests.Response, body: bytes) -> requests.Response:
    """The answer with its body in memory."""
    kept = requests.Response()
    kept.status_code, kept.reason, kept.url = answer.status_code, answer.reason, answer.url
    kept.headers, kept.encoding, kept.request = answer.headers, answer.encoding, answer.request
    kept.elapsed, kept.raw = answer.elapsed, BytesIO(body)
    return kept


class _TappedAdapter(HTTPAdapter):
    """An adapter whose connections report to the line."""

    def __init__(self, line: Line, pool_size: int, ca_file: str | None) -> None:
        self._line = line
        self._trust = ssl.create_default_context()
        if ca_file is not None:
            self._trust.load_verify_locations(ca_file)
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._trust)
        self.poolmanager.pool_classes_by_scheme = _tapped_pools(self._line)


def _tapped_pools(line: Line) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            line.opened(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            line.check()
            line.sent = True
            super().send(data)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            line.opened(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            line.check()
            line.sent = True
            super().send(data)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
