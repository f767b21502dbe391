"""One pooled HTTPS session, bounded in time and size, that can be cut off from another thread.

Owns the sockets of one sender. No proxies or credentials from the environment, no redirects, no retries, no unbounded
bodies. Knows whether any part of a request may have left this host. Knows no venue.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from json import dumps as json_bytes
from traceback import clear_frames
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_encoding_from_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

#: Larger (bytes) than any real answer of a venue.
MAX_BODY = 10 * 1024 * 1024
CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
_CHUNK = 64 * 1024


class TooLarge(requests.RequestException):
    """The body is larger than any real answer."""


class CutOff(requests.ConnectionError):
    """The call was abandoned: nothing more may be sent on this session."""


class LiveSockets:
    """The live sockets of one session. `sent`: whether bytes of the current request may have been sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._cut = False
        self.sent = False

    def opened(self, sock: socket.socket | None) -> None:
        """Register a new connection; raises `CutOff` if the session was cut off meanwhile."""
        with self._lock:
            if sock is not None and not self._cut:
                self._sockets = {known for known in self._sockets if known.fileno() >= 0} | {sock}
        self.check()

    def check(self) -> None:
        """Raise `CutOff` if the session was cut off."""
        if self._cut:
            raise CutOff("the call was abandoned before it was sent")

    def cut(self) -> None:
        """Shut down every socket. Any thread may call this: a call waiting on a socket ends, and no new one begins."""
        with self._lock:
            self._cut = True
            sockets, self._sockets = self._sockets, set()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already


class Answer(requests.Response):
    """A complete answer, whose JSON is parsed only once."""

    def __init__(self, url: str, answer: BaseHTTPResponse, body: bytes) -> None:
        super().__init__()
        self.url, self.status_code, self.reason = url, answer.status, answer.reason or ""
        self.headers = CaseInsensitiveDict(answer.headers)
        self.encoding = get_encoding_from_headers(self.headers)
        self.raw = BytesIO(body)
        self._content = body
        self._parsed: dict[str, Any] = {}

    def json(self, **options: Any) -> Any:
        """The parsed body; raises `requests.JSONDecodeError`."""
        how = repr(sorted(options))
        if how not in self._parsed:
            self._parsed[how] = super().json(**options)
        return self._parsed[how]


def trusted(ca_file: str | None = None) -> ssl.SSLContext:
    """The usual trust roots plus `ca_file`. Takes a megabyte, so several sessions should share one.

    Raises an `OSError` that names the unusable file; OpenSSL's own error does not.
    """
    trust = ssl.create_default_context()
    for file in (DEFAULT_CA_BUNDLE_PATH, ca_file):
        try:
            if file is not None:
                trust.load_verify_locations(file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, file) from error
    return trust


class BoundedSession(requests.Session):
    """A session with the bounds above: the `requests` interface that SDKs call, on urllib3's pools. `sockets.cut` abandons a call
    from outside.
    """

    def __init__(self, trust: ssl.SSLContext, pool_size: int = 2, max_body: int = MAX_BODY) -> None:
        super().__init__()
        self.sockets = LiveSockets()
        self._max_body = max_body
        self._pool_size = pool_size
        self._trust = trust
        self._pools: dict[str, HTTPConnectionPool] = {}

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | str | bytes | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
        allow_redirects: bool = False,  # noqa: ARG002 - `get` passes it; nothing here follows a redirect
    ) -> requests.Response:
        """Send one request once and read the whole answer. Raises if it redirects or is too large.

        Also raises what requests raises: `ConnectionError`, `Timeout`, `SSLError`, `ContentDecodingError`.
        """
        self.sockets.sent = False
        self.sockets.check()
        place = urlsplit(url)
        query = "&".join(part for part in (place.query, _form(params or {})) if part)
        target = (place.path or "/") + (f"?{query}" if query else "")
        body, kind = _body(data, json)
        connect, read = timeout or (CONNECT_SECONDS, READ_SECONDS)
        words: dict[str, Any] = {**self.headers, **kind, **(headers or {})}
        try:
            answer = self._pool(place).urlopen(
                method,
                target,
                body=body,
                headers=words,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=Timeout(connect=connect, read=read),
                preload_content=False,
            )
            return Answer(url, answer, self._read(answer))
        except (HTTPError, OSError) as error:
            clear_frames(error.__traceback__)  # urllib3's frames refer to the error, and the error to them
            raise _in_requests_words(error) from error

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.close()
        super().close()

    def _pool(self, place: SplitResult) -> HTTPConnectionPool:
        origin = f"{place.scheme}://{place.netloc}"
        if origin not in self._pools:
            self._pools[origin] = _tapped_pool(place, self.sockets, self._trust, self._pool_size)
        return self._pools[origin]

    def _read(self, answer: BaseHTTPResponse) -> bytes:
        """The body. A connection whose answer is not read to the end is closed."""
        body = bytearray()
        with closing(answer):
            if answer.get_redirect_location():
                raise requests.TooManyRedirects("the answer points to another address")
            for chunk in answer.stream(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_body:
                    raise TooLarge(f"the answer has more than {self._max_body} bytes")
            answer.release_conn()
        return bytes(body)


def _form(fields: Mapping[str, Any]) -> str:
    """Fields encoded as a query or form; those that are None are omitted."""
    return urlencode({name: value for name, value in fields.items() if value is not None}, doseq=True)


def _body(data: Mapping[str, Any] | str | bytes | None, content: object) -> tuple[bytes | None, dict[str, str]]:
    """The bytes of a body and its content-type header."""
    if isinstance(data, bytes):
        return data, {}
    if isinstance(data, str):
        return data.encode(), {}
    if data is not None:
        return _form(data).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if content is not None:
        return json_bytes(content, allow_nan=False).encode(), {"Content-Type": "application/json"}
    return None, {}


def _in_requests_words(error: HTTPError | OSError) -> Exception:
    """A failure of urllib3 or of the socket as the matching `requests` exception."""
    if isinstance(error, requests.RequestException):
        return error
    if isinstance(error, SSLError | ssl.SSLError):
        return requests.exceptions.SSLError(error)
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return requests.ConnectTimeout(error)
    if isinstance(error, ReadTimeoutError):
        return requests.ReadTimeout(error)
    if isinstance(error, DecodeError):
        return requests.exceptions.ContentDecodingError(error)
    return requests.ConnectionError(error)


def _tapped_pool(place: SplitResult, sockets: LiveSockets, trust: ssl.SSLContext, size: int) -> HTTPConnectionPool:
    """The pool of connections to one host, which report to `sockets`."""

    class Plain(HTTPConnection):
        def __str__(self) -> str:
            """As errors name it."""
            return f"{self.host}:{self.port}"

        def connect(self) -> None:
            super().connect()
            sockets.opened(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            sockets.check()
            sockets.sent = True
            super().send(data)

    class Secure(Plain, HTTPSConnection):
        pass

    pool: HTTPConnectionPool
    if place.scheme == "https":
        pool = HTTPSConnectionPool(place.hostname or "", place.port, maxsize=size, ssl_context=trust)
        pool.ConnectionCls = Secure
    else:
        pool = HTTPConnectionPool(place.hostname or "", place.port, maxsize=size)
        pool.ConnectionCls = Plain
    return pool
