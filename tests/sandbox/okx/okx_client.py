"""OKX in this process, on clocks that the test controls: requests are signed and answered without a socket."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from bot.sandbox.clock import SandboxClock
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.truth import ledger
from bot.sandbox.core.venue import Request, Response, Setting
from bot.sandbox.okx.auth import prehash, sign
from bot.sandbox.okx.venue import open_venue

START_MS = 1_780_000_000_000
Row = dict[str, Any]


class Wall:
    """Real time, set by the test."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class OkxClient:
    """A new OKX. `seconds` advances both clocks; prices are strings on the wire and Decimals here."""

    def __init__(self, seed: int = 1, journal: Journal | None = None, pairs: int | None = 1) -> None:
        self.wall = Wall()
        self.clock = SandboxClock(START_MS, 1.0, lockstep=True, wall=self.wall)
        setting = Setting(
            self.clock, journal or Journal(None), seed, START_MS, pairs, None, None, Random(f"test-{seed}")
        )
        self.venue = open_venue(setting)
        self.exchange = self.venue.exchange
        self.venue.switches.set("rate_limit_percent", 100_000)

    @property
    def key(self) -> Credential:
        found = self.venue.keyring.main()
        assert found is not None
        return found

    @property
    def last(self) -> Decimal:
        return self.exchange.market.last("BTC-USDT", self.clock.market_ms())

    def away(self, percent: int) -> str:
        """The market's price moved by a percentage, on the tick."""
        return f"{self.last * (100 + percent) / 100:.1f}"

    def seconds(self, seconds: float) -> None:
        """Advances both clocks."""
        self.wall.ms += int(seconds * 1000)
        self.clock.advance(seconds)
        self.exchange.settle()
        self.exchange.commit()

    def price(self, price: Decimal | str, symbol: str = "BTC-USDT") -> None:
        """Makes the market jump."""
        self.exchange.set_price(symbol, Decimal(price))
        self.exchange.commit()

    def stamp(self) -> str:
        moment = datetime.fromtimestamp(self.wall.ms / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.wall.ms % 1000:03d}Z"

    def request(self, method: str, path: str, query: Row | None = None, body: Any = None, **headers: Any) -> Request:
        """A signed request; `headers` (underscores for hyphens) replace the usual ones, or drop them if empty."""
        raw = b"" if body is None else json.dumps(body).encode()
        usual = {
            "ok-access-key": self.key.key,
            "ok-access-passphrase": self.key.passphrase,
            "ok-access-timestamp": self.stamp(),
            "content-type": "application/json",
        }
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        request = Request(method, f"/api/v5/{path}", urlencode(query or {}), {**usual, **given}, raw)
        request.headers.setdefault("ok-access-sign", sign(self.key.secret, prehash(request)))
        return request

    def send(self, request: Request) -> Response:
        self.exchange.settle()
        try:
            return self.venue.wire.answer(request)
        finally:
            self.exchange.commit()

    def ask(self, path: str, **query: Any) -> list[Any]:
        """The data of a read that must succeed."""
        answer = json.loads(self.send(self.request("GET", path, query)).body)
        assert answer["code"] == "0", answer
        rows: list[Any] = answer["data"]
        return rows

    def post(self, path: str, body: Any, **headers: Any) -> Row:
        """The whole response to a POST."""
        answer: Row = json.loads(self.send(self.request("POST", path, body=body, **headers)).body)
        return answer

    def order(self, side: str, sz: str, px: str | None = None, **words: Any) -> Row:
        """Places an order of BTC-USDT (a limit order if there is a price) and returns its row."""
        body = {
            "instId": "BTC-USDT",
            "tdMode": "cash",
            "side": side,
            "sz": sz,
            "ordType": "market" if px is None else "limit",
        }
        priced = {} if px is None else {"px": px}
        row: Row = self.post("trade/order", {**body, **priced, **words})["data"][0]
        return row

    def buy(self, sz: str = "0.01", **words: Any) -> Row:
        """Buys coins at the market; returns the order's row from trade/order."""
        placed = self.order("buy", sz, tgtCcy="base_ccy", **words)
        assert placed["sCode"] == "0", placed
        return self.show(placed["ordId"])

    def show(self, order_id: str, symbol: str = "BTC-USDT") -> Row:
        row: Row = self.ask("trade/order", instId=symbol, ordId=order_id)[0]
        return row

    def algo(self, side: str, sz: str, kind: str = "conditional", **words: Any) -> Row:
        """Places an algo order of BTC-USDT and returns its row."""
        body = {"instId": "BTC-USDT", "tdMode": "cash", "side": side, "sz": sz, "ordType": kind, **words}
        row: Row = self.post("trade/order-algo", body)["data"][0]
        return row

    def swap(self, side: str, sz: str, px: str | None = None, **words: Any) -> Row:
        return self.order(side, sz, px, **{"instId": "BTC-USDT-SWAP", "tdMode": "cross", **words})

    def coins(self, name: str = "BTC") -> Decimal:
        found = [row for row in self.ask("account/balance")[0]["details"] if row["ccy"] == name]
        return Decimal(found[0]["availBal"]) if found else Decimal(0)

    def ledger(self) -> dict[str, Any]:
        return ledger(self.venue)

    def code_of(self, path: str, **query: Any) -> str:
        """The code of a read that may fail."""
        code: str = json.loads(self.send(self.request("GET", path, query)).body)["code"]
        return code
