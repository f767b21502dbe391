"""The control API: reads each venue's true state and injects faults.

JSON over a loopback port of its own, with a bearer token. An invalid call answers 400 with one line that says why.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.core import truth
from bot.sandbox.core.credentials import MAIN
from bot.sandbox.core.execution import Refused
from bot.sandbox.core.times import iso, parse_iso
from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from bot.sandbox.core.venue import Venue
from bot.sandbox.service import SandboxService

#: Longest wait (real seconds) of a request for the clock.
LONGEST_QUESTION = 5.0

Answer = dict[str, Any]
Call = Callable[["Control", Request, Answer], Awaitable[Answer]]


class BadCall(Exception):
    """The call is invalid; the message is one line."""


class Control:
    """The control API of one sandbox."""

    def __init__(self, service: SandboxService, token: str) -> None:
        self._service = service
        self._token = token

    def app(self) -> Starlette:
        calls: list[tuple[str, str, Call]] = [
            ("GET", "ledger", Control.ledger),
            ("GET", "clock", Control.clock),
            ("POST", "manual", Control.manual),
            ("POST", "deposit", Control.deposit),
            ("POST", "price", Control.price),
            ("POST", "advance", Control.advance),
            ("POST", "ack", Control.ack),
            ("POST", "faults", Control.arm),
            ("GET", "faults", Control.faults),
            ("DELETE", "faults", Control.disarm),
            ("POST", "switches", Control.switch),
            ("GET", "switches", Control.switches),
            ("POST", "keys", Control.keys),
            ("POST", "accounts", Control.accounts),
            ("GET", "exposure", Control.exposure),
            ("GET", "timeline", Control.timeline),
        ]
        return Starlette(routes=[Route(f"/sandbox/{n}", self._guarded(c), methods=[m]) for m, n, c in calls])

    def _guarded(self, call: Call) -> Callable[[Request], Awaitable[Response]]:
        """Checks the token and runs the call; errors are answered with one line."""

        async def answer(request: Request) -> Response:
            offered = request.headers.get("authorization", "")
            if not hmac.compare_digest(offered.encode(), f"Bearer {self._token}".encode()):
                return _json({"error": "a bearer token is needed: the ready file has it"}, 401)
            try:
                return _json(await call(self, request, await _words(request)))
            except (BadCall, ValueError, TypeError) as error:
                return _json({"error": str(error)}, 400)
            except Refused as refused:
                return _json({"error": f"refused: {refused}"}, 400)

        return answer

    # ---- state ----

    async def ledger(self, request: Request, _: Answer) -> Answer:
        venue = self._asked(request)
        with venue.exchange.lock:
            venue.exchange.settle()
            venue.exchange.commit()
            return truth.ledger(venue)

    async def exposure(self, request: Request, _: Answer) -> Answer:
        venue = self._asked(request)
        with venue.exchange.lock:
            venue.exchange.settle()
            venue.exchange.commit()
            now = venue.exchange.clock.wall_ms()
            return {symbol: e.report(now) for symbol, e in venue.exchange.state.exposure.items()}

    async def timeline(self, request: Request, _: Answer) -> Answer:
        venue = self._asked(request)
        since = int(request.query_params.get("since", "0"))
        with venue.exchange.lock:
            return {"events": venue.exchange.state.timeline.since(since)}

    async def clock(self, request: Request, _: Answer) -> Answer:
        daemon = request.query_params.get("daemon")
        if daemon is not None:
            self._service.daemons.seen(daemon)
        after, seconds = request.query_params.get("after"), float(request.query_params.get("seconds", "0"))
        if after is not None and self._service.plan.lockstep:
            await self._service.daemons.moved_past(parse_iso(after), min(seconds, LONGEST_QUESTION))
        return {**self._service.times(), "lockstep": self._service.plan.lockstep}

    # ---- trades by hand ----

    async def manual(self, _: Request, words: Answer) -> Answer:
        """The owner trades at the market, or with a `price` leaves a limit order."""
        venue = self._named(words)
        symbol, side = self._symbol(venue, words), Side(_text(words, "side"))
        qty = _amount(words, "qty")
        if qty <= 0:
            raise BadCall("qty must be above 0")
        account = words.get("account", MAIN)
        price = _amount(words, "price") if "price" in words else None
        kind = Kind.MARKET if price is None else Kind.LIMIT
        ticket = Ticket(account, symbol, side, kind, qty=qty, price=price, origin=Origin.MANUAL)
        with venue.exchange.lock:
            venue.exchange.settle()
            order = venue.exchange.place(ticket)
            venue.exchange.commit()
        return {"id": order.id, "status": order.status.value, "filled": str(order.filled)}

    async def deposit(self, _: Request, words: Answer) -> Answer:
        venue = self._named(words)
        account, asset = words.get("account", MAIN), _text(words, "asset")
        with venue.exchange.lock:
            venue.exchange.settle()
            venue.exchange.deposit(account, asset, _amount(words, "amount"))
            venue.exchange.commit()
            return {"balance": str(venue.exchange.state.account(account).total[asset])}

    async def price(self, _: Request, words: Answer) -> Answer:
        venue = self._named(words)
        symbol, price = self._symbol(venue, words), _amount(words, "price")
        if price <= 0:
            raise BadCall("price must be above 0")
        with venue.exchange.lock:
            venue.exchange.set_price(symbol, price)
            venue.exchange.commit()
        return {"symbol": symbol, "price": str(price), "market_time": self._service.times()["market_time"]}

    # ---- time ----

    async def advance(self, _: Request, words: Answer) -> Answer:
        if not self._service.plan.lockstep:
            raise BadCall("the market runs on its own; start the sandbox with --lockstep to advance it")
        seconds = words.get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise BadCall("seconds must be a number, 0 or more")
        now, daemons = self._service.clock.market_ms(), self._service.daemons
        target = now + round(seconds * 1000)
        while True:
            now = await run_in_threadpool(self._service.advance, (daemons.stop_before(target) - now) / 1000)
            daemons.move(now)
            await daemons.all_at(now)
            if now >= target:
                return {"market_time": iso(now)}

    async def ack(self, _: Request, words: Answer) -> Answer:
        """A daemon has finished its work up to `market_time`. If it names a `wake` time, the market must stop there."""
        wake = parse_iso(_text(words, "wake")) if words.get("wake") is not None else 0
        self._service.daemons.ack(str(words.get("daemon", "")), parse_iso(_text(words, "market_time")), wake)
        return {"ok": True}

    # ---- faults ----

    async def arm(self, _: Request, words: Answer) -> Answer:
        venue = self._named(words)
        fault = venue.faults.arm(words)
        await self._follow(venue)
        return {"id": fault.id}

    async def faults(self, request: Request, _: Answer) -> Answer:
        return {"faults": [row for venue in self._some(request) for row in venue.faults.rows()]}

    async def disarm(self, request: Request, _: Answer) -> Answer:
        disarmed = 0
        for venue in self._some(request):
            disarmed += venue.faults.disarm()
            await self._follow(venue)
        return {"disarmed": disarmed}

    async def _follow(self, venue: Venue) -> None:
        await run_in_threadpool(self._service.servers[venue.name].follow_faults)

    async def switch(self, _: Request, words: Answer) -> Answer:
        venue = self._named(words)
        if "value" not in words:
            raise BadCall("value is missing")
        venue.switches.set(_text(words, "name"), words["value"])
        return {"switches": venue.switches.all()}

    async def switches(self, request: Request, _: Answer) -> Answer:
        return {venue.name: venue.switches.all() for venue in self._some(request)}

    async def keys(self, _: Request, words: Answer) -> Answer:
        venue = self._named(words)
        permissions = words.get("permissions", ["view", "trade"])
        permissions = permissions.split() if isinstance(permissions, str) else permissions
        with venue.exchange.lock:
            wanted = words.get("api_key")
            key = venue.keyring.main() if wanted is None else venue.keyring.find(wanted)
            if key is None:
                raise BadCall(f"no such api_key at {venue.name}")
            venue.keyring.permit(key, permissions, bool(words.get("ip_bound", True)))
        return {"api_key": key.key, "permissions": key.permissions, "ip_bound": key.ip_bound}

    async def accounts(self, _: Request, words: Answer) -> Answer:
        """Opens another account with its own money, or another key for an existing account."""
        venue = self._named(words)
        with venue.exchange.lock:
            venue.exchange.settle()
            if words.get("same_account", False):
                name = words.get("account", MAIN)
                credential = venue.keyring.add(venue.wire.new_credential(name))
            else:
                name = f"account-{len(venue.exchange.state.accounts) + 1}"
                credential = venue.open_account(name)
            venue.exchange.commit()
        secrets = {"api_key": credential.key, "api_secret": credential.secret}
        return {"account": name, **secrets, **({"passphrase": credential.passphrase} if credential.passphrase else {})}

    # ---- parameters of a call ----

    def _venue(self, name: object) -> Venue:
        if name not in self._service.venues:
            raise BadCall(f"no venue {name!r}; open are {', '.join(self._service.venues)}")
        return self._service.venues[str(name)]

    def _asked(self, request: Request) -> Venue:
        return self._venue(request.query_params.get("venue"))

    def _some(self, request: Request) -> list[Venue]:
        name = request.query_params.get("venue")
        return list(self._service.venues.values()) if name is None else [self._venue(name)]

    def _named(self, words: Answer) -> Venue:
        return self._venue(words.get("venue"))

    def _symbol(self, venue: Venue, words: Answer) -> str:
        symbol = _text(words, "symbol")
        if symbol not in venue.exchange.instruments:
            raise BadCall(f"{venue.name} does not list {symbol!r}")
        return symbol


async def _words(request: Request) -> Answer:
    body = await request.body()
    if not body:
        return {}
    try:
        words = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCall(f"the body is not JSON: {error}") from error
    if not isinstance(words, dict):
        raise BadCall("the body must be a JSON object")
    return words


def _text(words: Answer, name: str) -> str:
    value = words.get(name)
    if not isinstance(value, str) or not value:
        raise BadCall(f"{name} must be a string")
    return value


def _amount(words: Answer, name: str) -> Decimal:
    value = words.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadCall(f"{name} must be a decimal string")
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise BadCall(f"{name} must be a decimal string, not {value!r}") from error
    if not amount.is_finite():
        raise BadCall(f"{name} must be finite")
    return amount


def _json(answer: Answer, status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")
