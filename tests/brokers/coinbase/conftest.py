"""What Coinbase's broker tests share: a log that remembers, keys made for the test, a TLS server made of a socket."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.brokers.coinbase import CoinbaseConfig
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.domain.clock import Clock, SystemClock

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "coinbase"
NAME = "organizations/0f0e0d0c-0b0a-4908-8706-050403020100/apiKeys/10111213-1415-4617-9819-1a1b1c1d1e1f"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
PEM = EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
SEED = base64.b64encode(ED_KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode()
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
        self.method, target, _ = lines[0].split(" ")
        self.path, self.query = urlsplit(target).path, parse_qsl(urlsplit(target).query)
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}


class TlsServer:
    """Accepts TLS connections on loopback and answers each request with `answer`; one thread a connection."""

    def __init__(self, authority: trustme.CA) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = ok({})
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"https://{self.host}"
        threading.Thread(target=self._accept, daemon=True).start()

    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with closing(self._context.wrap_socket(plain, server_side=True)) as connection:
                while (request := _read(connection)) is not None:
                    self.requests.append(request)
                    self.answer(connection, request)
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


def _read(connection: socket.socket) -> Request | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += (more := connection.recv(65536))
        if not more:
            return None
    wanted = int(Request(raw).headers.get("content-length", "0"))
    while len(raw.partition(b"\r\n\r\n")[2]) < wanted:
        raw += connection.recv(65536)
    return Request(raw)


def http(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> Answer:
    """Answers every request with this body."""

    def answer(connection: socket.socket, request: Request) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return answer


def ok(answer: Any) -> Answer:
    return http(json.dumps(answer).encode())


def drip(connection: socket.socket, request: Request) -> None:
    """A byte now and then, for ever: no read time-out ever fires."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def payload(name: str) -> Any:
    """A payload of tests/fixtures/coinbase."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[TlsServer]:
    with closing(TlsServer(authority)) as one:
        yield one


@pytest.fixture
def config(tmp_path: Path, server: TlsServer, authority: trustme.CA) -> CoinbaseConfig:
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(root))
    return CoinbaseConfig(NAME, PEM, tmp_path, api_url=server.url, mode="sandbox", ca_file=str(root))


@pytest.fixture
def make_transport(notes: Notes) -> Iterator[Callable[..., CoinbaseTransport]]:
    """Transports that are closed after the test."""
    made: list[CoinbaseTransport] = []

    def make(config: CoinbaseConfig, clock: Clock | None = None) -> CoinbaseTransport:
        made.append(CoinbaseTransport(config, clock or SystemClock(), notes))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
