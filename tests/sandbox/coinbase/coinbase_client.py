"""Coinbase in this process, on a clock that the test controls: requests are signed and answered without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import jwt

from bot.sandbox.clock import SandboxClock
from bot.sandbox.coinbase.auth import private_key
from bot.sandbox.coinbase.venue import open_venue
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.values import Order
from bot.sandbox.core.venue import Request, Response, Setting

START_MS = 1_780_000_000_000
BROKERAGE = "/api/v3/brokerage/"
HOST = "localhost:9443"


class Wall:
    """Real time, set by the test."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class CoinbaseClient:
    """A new Coinbase. `seconds` advances both clocks; prices are strings on the wire and Decimals here."""

    def __init__(self, folder: Path, journal: Journal | None = None, seed: int = 1, pairs: int | None = 2) -> None:
        self.wall = Wall()
        self.clock = SandboxClock(START_MS, 1.0, lockstep=True, wall=self.wall)
        setting = Setting(
            clock=self.clock,
            journal=journal or Journal(None),
            seed=seed,
            start_ms=START_MS,
            pairs=pairs,
            candles=None,
            fee_tier=None,
            dice=Random(f"test-{seed}"),
            beside=folder / "sandbox",
        )
        self.venue = open_venue(setting)
        self.exchange = self.venue.exchange
        self.number = 0

    @property
    def key(self) -> Credential:
        found = self.venue.keyring.main()
        assert found is not None
        return found

    @property
    def last(self) -> Decimal:
        return self.exchange.market.last("BTC-USD", self.clock.market_ms())

    def switch(self, name: str, value: bool | int | str) -> None:
        self.venue.switches.set(name, value)

    def seconds(self, seconds: float) -> None:
        self.wall.ms += int(seconds * 1000)
        self.clock.advance(seconds)
        self.exchange.settle()
        self.exchange.commit()

    def real_seconds(self, seconds: float) -> None:
        """Stops the market."""
        self.wall.ms += int(seconds * 1000)
        self.exchange.settle()
        self.exchange.commit()

    # ---- tokens ----

    def token(
        self,
        method: str,
        path: str,
        *,
        key: Credential | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token as the SDK creates it; a claim of None is left out."""
        who = key or self.key
        now = self.wall.ms // 1000
        stated = {"sub": who.key, "iss": "cdp", "nbf": now, "exp": now + 120, "uri": f"{method} {HOST}{path}", **claims}
        algorithm = "ES256" if "EC PRIVATE" in who.secret else "EdDSA"
        self.number += 1
        return jwt.encode(
            {name: value for name, value in stated.items() if value is not None},
            private_key(who.secret),
            algorithm=algorithm,
            headers={"kid": who.key, "nonce": f"{self.number:064x}", **(header or {})},
        )

    # ---- requests ----

    def send(self, method: str, path: str, query: str = "", body: bytes = b"", token: str | None = None) -> Response:
        """One raw request; an empty token sends no token."""
        text = self.token(method, path) if token is None else token
        headers = {"host": HOST, **({"authorization": f"Bearer {text}"} if text else {})}
        with self.exchange.lock:
            self.exchange.settle()
            try:
                return self.venue.wire.answer(Request(method, path, query, headers, body))
            finally:
                self.exchange.commit()

    def get(self, path: str, query: Mapping[str, Any] | None = None, **words: Any) -> Any:
        """The response of a read that must succeed; lists repeat their key."""
        response = self.send("GET", BROKERAGE + path, urlencode({**(query or {}), **words}, doseq=True))
        assert response.status == 200, response.body
        return json.loads(response.body)

    def post(self, path: str, **body: Any) -> Any:
        """The response of a POST that must be HTTP 200."""
        response = self.send("POST", BROKERAGE + path, body=json.dumps(body).encode())
        assert response.status == 200, response.body
        return json.loads(response.body)

    def refused(self, method: str, path: str, query: str = "", **body: Any) -> tuple[int, str]:
        """Status and text of a request that must fail with an HTTP status."""
        response = self.send(method, BROKERAGE + path, query, json.dumps(body).encode())
        assert response.status >= 400, response.body
        return response.status, response.body.decode()

    # ---- orders ----

    def create(
        self, configuration: Mapping[str, Any], side: str = "BUY", client_id: str | None = None, **body: Any
    ) -> Any:
        """The response to an order of BTC-USD, whatever it is."""
        self.number += 1
        asked = {
            "client_order_id": f"id-{self.number}" if client_id is None else client_id,
            "product_id": "BTC-USD",
            "side": side,
            "order_configuration": configuration,
            **body,
        }
        return self.post("orders", **asked)

    def place(
        self, configuration: Mapping[str, Any], side: str = "BUY", client_id: str | None = None, **body: Any
    ) -> Order:
        """An order that must be accepted."""
        answer = self.create(configuration, side, client_id, **body)
        assert answer["success"] is True, answer
        return self.exchange.state.orders[answer["success_response"]["order_id"]]

    def refusal(self, configuration: Mapping[str, Any], side: str = "BUY", **body: Any) -> Any:
        """The error_response of an order that must be rejected."""
        answer = self.create(configuration, side, **body)
        assert answer["success"] is False, answer
        return answer["error_response"]

    def buy(self, size: str = "0.005", **body: Any) -> Order:
        order = self.place({"market_market_ioc": {"base_size": size}}, **body)
        self.real_seconds(1)
        return order

    def limit(self, factor: str, size: str = "0.005", side: str = "BUY", **body: Any) -> Order:
        """A GTC limit order at that distance from the market."""
        return self.place({"limit_limit_gtc": {"base_size": size, "limit_price": self.away(factor)}}, side, **body)

    def order(self, order: Order) -> dict[str, Any]:
        """The order as the venue shows it."""
        shown: dict[str, Any] = self.get(f"orders/historical/{order.id}")["order"]
        return shown

    def wallet(self, currency: str) -> tuple[Decimal, Decimal]:
        """Available and held."""
        row = next(row for row in self.get("accounts", limit=250)["accounts"] if row["currency"] == currency)
        return Decimal(row["available_balance"]["value"]), Decimal(row["hold"]["value"])

    def away(self, factor: str) -> str:
        """A price at that distance from the market, on the tick."""
        return str((self.last * Decimal(factor)).quantize(Decimal("0.01")))

    def jump(self, factor: str) -> None:
        self.exchange.set_price("BTC-USD", Decimal(self.away(factor)))
        self.exchange.commit()
