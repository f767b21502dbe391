"""What Kraken's broker tests share: a log that remembers, a config on a folder of its own, a server made of a socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bot.brokers.kraken import KrakenConfig
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import Clock, SystemClock

KEY = "a" * 56
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
Answer = Callable[[socket.socket, "Request"], None]


class Notes:
    """A log in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))

    info = warning = error = debug


class Request:
    """One HTTP request as it came over the wire."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.fields = dict(parse_qsl(self.body.decode()))


class SocketServer:
    """Accepts connections on loopback and answers each request with `answer`; one thread a connection."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = ok({})
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection):
            while (request := _read(connection)) is not None:
                self.requests.append(request)
                try:
                    self.answer(connection, request)
                except OSError:
                    return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()


def _read(connection: socket.socket) -> Request | None:
    raw = b""
    try:
        while b"\r\n\r\n" not in raw:
            raw += (more := connection.recv(65536))
            if not more:
                return None
        wanted = int(Request(raw).headers.get("content-length", "0"))
        while len(raw.partition(b"\r\n\r\n")[2]) < wanted:
            raw += connection.recv(65536)
    except OSError:
        return None
    return Request(raw)


def http(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> Answer:
    """Answers every request with this body."""

    def answer(connection: socket.socket, request: Request) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return answer


def ok(result: Any) -> Answer:
    """Kraken's envelope around a result."""
    return http(json.dumps({"error": [], "result": result}).encode())


def refused(*texts: str) -> Answer:
    """Kraken's envelope around errors."""
    return http(json.dumps({"error": list(texts)}).encode())


def drip(connection: socket.socket, request: Request) -> None:
    """A byte now and then, for ever: no read time-out ever fires."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def server() -> Iterator[SocketServer]:
    with closing(SocketServer()) as one:
        yield one


@pytest.fixture
def config(tmp_path: Path, server: SocketServer) -> KrakenConfig:
    return KrakenConfig(KEY, SECRET, tmp_path, api_url=server.url, mode="sandbox")


@pytest.fixture
def make_transport(notes: Notes) -> Iterator[Callable[..., KrakenTransport]]:
    """Transports that are closed after the test."""
    made: list[KrakenTransport] = []

    def make(config: KrakenConfig, clock: Clock | None = None) -> KrakenTransport:
        made.append(KrakenTransport(config, clock or SystemClock(), notes))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
