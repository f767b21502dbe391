"""Kraken in this process, on a clock that the test controls: requests are signed and answered without a socket."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from bot.sandbox.clock import SandboxClock
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.values import Order
from bot.sandbox.core.venue import Request, Setting
from bot.sandbox.kraken.auth import sign
from bot.sandbox.kraken.venue import open_venue

START_MS = 1_780_000_000_000


class Wall:
    """Real time, set by the test."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class KrakenClient:
    """A new Kraken. `seconds` advances both clocks; prices are strings on the wire and Decimals here."""

    def __init__(self, seed: int = 1, journal: Journal | None = None, pairs: int | None = 1) -> None:
        self.wall = Wall()
        self.clock = SandboxClock(START_MS, 1.0, lockstep=True, wall=self.wall)
        setting = Setting(
            self.clock, journal or Journal(None), seed, START_MS, pairs, None, None, Random(f"test-{seed}")
        )
        self.venue = open_venue(setting)
        self.exchange = self.venue.exchange
        self.nonce = 0

    @property
    def key(self) -> Credential:
        found = self.venue.keyring.main()
        assert found is not None
        return found

    @property
    def last(self) -> Decimal:
        return self.exchange.market.last("BTC-USD", self.clock.market_ms())

    def seconds(self, seconds: float) -> None:
        self.wall.ms += int(seconds * 1000)
        self.clock.advance(seconds)
        self.exchange.settle()
        self.exchange.commit()

    def send(self, method: str, body: bytes, nonce: str, kind: str = "form", **headers: str) -> dict[str, Any]:
        path = f"/0/private/{method}"
        signed = {
            "api-key": self.key.key,
            "api-sign": sign(self.key.secret, path, nonce, body),
            "content-type": "application/json" if kind == "json" else "application/x-www-form-urlencoded",
        }
        return self._answer(Request("POST", path, "", {**signed, **headers}, body))

    def ask(self, method: str, **words: object) -> dict[str, Any]:
        """A private call as a form; `close__price` stands for `close[price]`."""
        self.nonce += 1
        named = {_bracketed(name): value for name, value in words.items()}
        return self.send(method, urlencode({**named, "nonce": self.nonce}).encode(), str(self.nonce))

    def ask_json(self, method: str, **words: object) -> dict[str, Any]:
        self.nonce += 1
        body = json.dumps({**words, "nonce": str(self.nonce)}).encode()
        return self.send(method, body, str(self.nonce), "json")

    def result(self, method: str, **words: object) -> Any:
        """The result of a call that must succeed."""
        answer = self.ask(method, **words)
        assert answer["error"] == [], answer
        return answer["result"]

    def error(self, method: str, **words: object) -> str:
        """The error of a call that must fail."""
        answer = self.ask(method, **words)
        assert len(answer["error"]) == 1, answer
        return str(answer["error"][0])

    def public(self, method: str, **words: object) -> dict[str, Any]:
        return self._answer(Request("GET", f"/0/public/{method}", urlencode(words), {}, b""))

    def buy(self, volume: str = "0.005", **words: object) -> Order:
        """A market buy of bitcoin."""
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": volume, **words}
        return self.exchange.state.orders[self.result("AddOrder", **order)["txid"][0]]

    def sell(self, **words: object) -> Order:
        order = {"pair": "XBTUSD", "type": "sell", **words}
        return self.exchange.state.orders[self.result("AddOrder", **order)["txid"][0]]

    def away(self, factor: str) -> str:
        """A price at that distance from the market, on the tick."""
        return str((self.last * Decimal(factor)).quantize(Decimal("0.1")))

    def jump(self, factor: str) -> None:
        self.exchange.set_price("BTC-USD", Decimal(self.away(factor)))
        self.exchange.commit()

    def _answer(self, request: Request) -> dict[str, Any]:
        with self.exchange.lock:
            self.exchange.settle()
            response = self.venue.wire.answer(request)
            self.exchange.commit()
        assert response.status == 200
        answer: dict[str, Any] = json.loads(response.body)
        return answer


def _bracketed(name: str) -> str:
    head, *rest = name.split("__")
    return head + "".join(f"[{part}]" for part in rest)
