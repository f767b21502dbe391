"""Shared by OKX's broker tests: a config with its own folder, and OKX's envelopes from a server on a socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import Clock, SystemClock, system_ms
from tests.brokers.kraken.conftest import Answer, Notes, Request, SocketServer, http

KEY = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
SECRET = "22582BD0CFF14C41EDBF1AB98506286D"
PHRASE = "pass phrase $#"
RECORDED = Path(__file__).resolve().parents[3].parent / "shared" / "exchanges" / "recorded" / "okx"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "okx"


def ok(*rows: Any) -> Answer:
    """OKX's envelope around rows."""
    return http(json.dumps({"code": "0", "msg": "", "data": list(rows)}).encode())


def refused(code: str, text: str = "", status: str = "200 OK") -> Answer:
    """OKX's envelope for a request that failed as a whole."""
    return http(json.dumps({"code": code, "msg": text, "data": []}).encode(), status)


def row_refused(code: str, text: str = "") -> Answer:
    """OKX's answer to a refused order: HTTP 200, with the reason in the row."""
    row = {"ordId": "", "clOrdId": "x", "sCode": code, "sMsg": text}
    return http(json.dumps({"code": "1", "msg": "All operations failed", "data": [row]}).encode())


class Script:
    """The server's answer at each endpoint, and the requests made there. Other endpoints answer with no rows."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self.says: dict[str, Answer] = {
            "/api/v5/public/time": server_time(),
            "/api/v5/account/config": ok(*fixture("config")),
            "/api/v5/account/instruments": markets("BTC-USDT"),
            "/api/v5/account/balance": wallet(USDT="3000"),
        }
        server.answer = self._answer

    def _answer(self, connection: socket.socket, request: Request) -> None:
        self.says.get(endpoint(request), ok())(connection, request)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self._server.requests if endpoint(request) == path]

    def sent(self, path: str) -> list[Any]:
        """The bodies of the POST requests at this endpoint."""
        return [json.loads(request.body) for request in self.asked(path) if request.method == "POST"]


def endpoint(request: Request) -> str:
    return request.path.partition("?")[0]


def server_time(ahead: int = 0) -> Answer:
    """A clock that is `ahead` of ours (ms)."""

    def answer(connection: socket.socket, request: Request) -> None:
        ok({"ts": str(system_ms() + ahead)})(connection, request)

    return answer


def wallet(**held: str) -> Answer:
    """A trading account with this much of each currency."""
    details = [{"ccy": asset, "availBal": amount, "cashBal": amount} for asset, amount in held.items()]
    return ok({"details": details})


def markets(*symbols: str, **changes: Any) -> Answer:
    """Listings of these markets, derived from those in our fixtures."""
    (spot,) = [row for row in fixture("instruments_spot") if row["instId"] == "BTC-USDT"]
    (swap,) = [row for row in fixture("instruments_swap") if row["instId"] == "BTC-USDT-SWAP"]
    rows = {
        symbol: (swap if symbol.endswith("-SWAP") else spot | {"tradeQuoteCcyList": []}) | {"instId": symbol} | changes
        for symbol in symbols
    }

    def answer(connection: socket.socket, request: Request) -> None:
        kind = parse_qs(request.path.partition("?")[2])["instType"][0]
        ok(*(row for row in rows.values() if row["instType"] == kind))(connection, request)

    return answer


def fixture(name: str) -> Any:
    """The `data` of one of the project's own payloads."""
    return json.loads((FIXTURES / f"{name}.json").read_text())["data"]


def recorded(name: str) -> Any:
    """The `data` of a payload recorded at the exchange; skips the test if it is not available."""
    path = RECORDED / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded payload {name} is not here")
    return json.loads(path.read_text())["data"]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def server() -> Iterator[SocketServer]:
    with closing(SocketServer()) as one:
        one.answer = ok()
        yield one


@pytest.fixture
def script(server: SocketServer) -> Script:
    return Script(server)


@pytest.fixture
def config(tmp_path: Path, server: SocketServer) -> OkxConfig:
    return OkxConfig(KEY, SECRET, PHRASE, tmp_path, api_url=server.url, mode="sandbox")


@pytest.fixture
def make_transport() -> Iterator[Callable[..., OkxTransport]]:
    """Creates transports and closes them after the test."""
    made: list[OkxTransport] = []

    def make(config: OkxConfig, clock: Clock | None = None) -> OkxTransport:
        made.append(OkxTransport(config, clock or SystemClock(), Notes()))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
