"""Shared by Kraken's broker tests: a log that keeps its lines, a config with its own folder, and a server on a socket."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import Clock, SystemClock, system_ms
from bot.domain.ids import ClientIds
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce
from tests.notes import Notes

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kraken"
BTC = "BTC-USD"
KEY = "a" * 56
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
Answer = Callable[[socket.socket, "Request"], None]


class Request:
    """One HTTP request as received."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.fields = dict(parse_qsl(self.body.decode()))


class SocketServer:
    """Accepts connections on loopback and answers each request with `answer`; one thread per connection."""

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
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
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


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())["result"]


@dataclass(frozen=True)
class By:
    """An answer that depends on the request."""

    of: Callable[[dict[str, str]], Any]


class Answers:
    """Answers by method name: a result, a `By` that depends on the request's fields, or a complete answer."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self.by_method: dict[str, Any] = {"Assets": fixture("assets"), "AssetPairs": fixture("asset_pairs")}
        self.asked: list[tuple[str, dict[str, str]]] = []
        server.answer = self._answer

    def __setitem__(self, method: str, answer: Any) -> None:
        self.by_method[method] = answer

    def fields(self, method: str) -> list[dict[str, str]]:
        """What was sent to a method, without nonces."""
        return [fields for name, fields in self.asked if name == method]

    def _answer(self, connection: socket.socket, request: Request) -> None:
        url = urlsplit(request.path)
        method, fields = url.path.rsplit("/", 1)[-1], dict(parse_qsl(url.query)) | request.fields
        fields.pop("nonce", None)
        self.asked.append((method, fields))
        answer = self.by_method[method]
        result = answer.of(fields) if isinstance(answer, By) else answer
        (result if callable(result) else ok(result))(connection, request)


def entry(**more: Any) -> Intent:
    client_id, now = ClientIds("tst", system_ms, random.Random()).next(), system_ms()
    shape: dict[str, Any] = {
        "side": Side.BUY, "qty": Decimal("0.10"), "type": OrderType.LIMIT, "tif": TimeInForce.IOC, "deadline": now + 5_000,
        "limit_price": Decimal("25000.10"), "attached_stop": Decimal(24000),
    }  # fmt: skip
    shape |= {"purpose": Purpose.ENTRY, **more}
    return Intent(client_id, client_id, symbol=BTC, created_at=now, sent_at=now, **shape)


def stop() -> Intent:
    """A resting stop."""
    return entry(
        type=OrderType.STOP, trigger_price=Decimal(24000), limit_price=None, attached_stop=None, side=Side.SELL
    )


def failure(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


def trade(number: int) -> dict[str, Any]:
    row: dict[str, Any] = fixture("trades_history")["trades"]["TAAAAA-AAAAA-AAAAA2"]
    return row | {"time": 1767225600 + number}


def connectable(answers: Answers, info: Any) -> None:
    answers["Time"] = By(lambda fields: {"unixtime": system_ms() // 1000, "rfc1123": ""})
    answers["SystemStatus"] = {"status": "online", "timestamp": ""}
    answers["GetApiKeyInfo"] = info
    answers["BalanceEx"] = fixture("balance_ex")


def drip(connection: socket.socket, request: Request) -> None:
    """Sends a byte now and then without end, so that no read time-out ever fires."""
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
    """Creates transports and closes them after the test."""
    made: list[KrakenTransport] = []

    def make(config: KrakenConfig, clock: Clock | None = None) -> KrakenTransport:
        made.append(KrakenTransport(config, clock or SystemClock(), notes))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def answers(server: SocketServer) -> Answers:
    return Answers(server)


@pytest.fixture
def broker(config: KrakenConfig, notes: Notes) -> Iterator[KrakenBroker]:
    one = KrakenBroker(config, SystemClock(), notes)
    yield one
    one.close()
