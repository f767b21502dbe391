"""Shared by Coinbase's broker tests: a log that keeps its lines, generated keys, and a TLS server on a socket."""

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

from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.domain.clock import Clock, SystemClock, system_ms
from tests.notes import Notes

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "coinbase"
NAME = "organizations/0f0e0d0c-0b0a-4908-8706-050403020100/apiKeys/10111213-1415-4617-9819-1a1b1c1d1e1f"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
PEM = EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
SEED = base64.b64encode(ED_KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode()
Answer = Callable[[socket.socket, "Request"], None]


class Request:
    """One HTTP request as received."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.method, target, _ = lines[0].split(" ")
        self.path, self.query = urlsplit(target).path, parse_qsl(urlsplit(target).query)
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}


class TlsServer:
    """Accepts TLS connections on loopback and answers each request with `answer`; one thread per connection."""

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


class Depending:
    """An answer that depends on the request."""

    def __init__(self, say: Callable[[Request], Any]) -> None:
        self.say = say


class Script:
    """Answers by the last word of the path, else from `DEFAULTS`: JSON, an `Answer`, or a `Depending`."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {**DEFAULTS, **answers}

    def __call__(self, connection: socket.socket, request: Request) -> None:
        said: Any = self.answers[_route(request)]
        if isinstance(said, Depending):
            said = said.say(request)
        answer: Answer = said if callable(said) else ok(said)
        answer(connection, request)


def _route(request: Request) -> str:
    """`products`, `orders`, `batch_cancel`, `batch` …: the last word of the path; `order` for one by its id."""
    last = request.path.rsplit("/", 1)[-1]
    return "order" if "/historical/" in request.path and last not in ("batch", "fills") else last


def product(name: str, **more: Any) -> dict[str, Any]:
    base, quote = name.split("-")
    return {
        "product_id": name,
        "base_currency_id": base,
        "quote_currency_id": quote,
        "product_type": "SPOT",
        "product_venue": "CBE",
        "status": "online",
        "price": "100",
        "volume_24h": "1000000",
        "price_increment": "0.01",
        "quote_increment": "0.01",
        "base_increment": "0.0001",
        "base_min_size": "0.0001",
        "quote_min_size": "1",
        **more,
    }


def book(name: str, bid: str = "100.00", ask: str = "100.02") -> dict[str, Any]:
    return {
        "product_id": name,
        "bids": [{"price": bid, "size": "1"}],
        "asks": [{"price": ask, "size": "1"}],
        "time": "2026-11-28T10:00:00Z",
    }


#: An empty account at an exchange with two markets.
DEFAULTS: dict[str, Any] = {
    "time": Depending(lambda _: {"epochMillis": str(system_ms())}),
    "products": {"products": [product("BTC-USD"), product("ETH-USD")]},
    "best_bid_ask": {"pricebooks": [book("BTC-USD"), book("ETH-USD")]},
    "accounts": {"accounts": [], "has_next": False, "cursor": ""},
    "batch": {"orders": [], "has_next": False, "cursor": ""},
    "fills": {"fills": [], "cursor": ""},
    "preview": {"errs": [], "preview_id": "p"},
    "order": http(b'{"error":"NOT_FOUND","message":"order with this orderID was not found"}', "404 Not Found"),
}


def drip(connection: socket.socket, request: Request) -> None:
    """Sends a byte now and then without end, so that no read time-out ever fires."""
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
def broker(config: CoinbaseConfig, notes: Notes) -> Iterator[CoinbaseBroker]:
    """A broker that talks to `server` but has not run `connect`, so that the test makes every call."""
    with closing(CoinbaseBroker(config, SystemClock(), notes)) as one:
        yield one


@pytest.fixture
def make_transport(notes: Notes) -> Iterator[Callable[..., CoinbaseTransport]]:
    """Creates transports and closes them after the test."""
    made: list[CoinbaseTransport] = []

    def make(config: CoinbaseConfig, clock: Clock | None = None) -> CoinbaseTransport:
        made.append(CoinbaseTransport(config, clock or SystemClock(), notes))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
