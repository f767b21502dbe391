"""Coinbase's REST API: routing, authentication and error responses.

A private call is checked in this order: token, rate limit, key scope, request. Public paths need no token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from bot.sandbox.coinbase import auth, codes, errors
from bot.sandbox.coinbase.account import AccountEndpoints
from bot.sandbox.coinbase.auth import Authenticator
from bot.sandbox.coinbase.consumer import ConsumerEndpoints
from bot.sandbox.coinbase.errors import CoinbaseError, OrderRefused, TooFast, answer, not_found, problem
from bot.sandbox.coinbase.history import HistoryEndpoints
from bot.sandbox.coinbase.limits import Limits
from bot.sandbox.coinbase.public import PublicEndpoints
from bot.sandbox.coinbase.trading import CREATE, TradingEndpoints
from bot.sandbox.coinbase.words import Query, body_of
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.venue import Receive, Request, Response, Scope, Send, Tally

BROKERAGE = "/api/v3/brokerage/"
MAINTENANCE = {
    "html": Response(
        b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body></body>\r\n</html>\r\n",
        503,
        "text/html",
    ),
    "text": Response(b"go/sg/unavailable\n", 503, "text/plain; charset=utf-8"),
    "empty": Response(b"", 502, "text/html"),
}
"""The error pages of an edge without a backend."""
PUBLIC_HEADERS = (("cache-control", "public, max-age=14400"),)
"""A header of public responses that clients must not rely on."""
Public = Callable[[Query, str], Any]
Private = Callable[[Credential, Request, str], Any]


class CoinbaseWire:
    """Coinbase's wire, called by the sandbox's server."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        faults: Faults,
        switches: Switches,
        tally: Tally,
        authenticator: Authenticator,
        limits: Limits,
        public: PublicEndpoints,
        account: AccountEndpoints,
        history: HistoryEndpoints,
        trading: TradingEndpoints,
        consumer: ConsumerEndpoints,
        main: Callable[[], Credential],
        ca_file: Path,
        dice: Random,
        budget_ms: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._switches = switches
        self._tally = tally
        self._authenticator = authenticator
        self._limits = limits
        self._main = main
        self._ca_file = ca_file
        self._dice = dice
        self._budget_ms = budget_ms
        self._trading = trading
        self._cache: dict[str, tuple[int, Response]] = {}
        self._public_calls = self._public_routes(public, consumer)
        self._private_calls = [
            *self._market_routes(public),
            *_account_routes(account, consumer),
            *_order_routes(history, trading),
        ]

    # ---- called by the server ----

    def answer(self, request: Request) -> Response:
        try:
            return self._dispatch(request)
        except TooFast as error:
            self._tally.rejected[error.code] += 1
            return self._later(error.response)
        except CoinbaseError as error:
            self._count_refusal(request, error)
            return error.response

    def failure(self, text: str | None) -> Response:
        """`text` is a whole JSON body, a code with an HTTP status, or a code with which orders are rejected."""
        if text is None:
            return problem("INTERNAL", "internal error")
        if text == errors.UNAUTHORIZED:
            return errors.unauthorized()
        code, _, details = text.partition(":")
        if code in errors.STATUS:
            return problem(code, details or code.lower())
        if code in codes.NEW_ORDER or code in codes.PREVIEW:
            return errors.refusal(OrderRefused(code, details), {}, self._switches.word("refusal_code_in"))
        return Response(text.encode(), 500, "application/json")

    def fate_unknown(self, text: str | None) -> bool:
        return text is None or self.failure(text).status >= 500

    def rate_limited(self) -> Response:
        return self._later(errors.throttled(self._switches.word("rate_limit_style")))

    def _later(self, response: Response) -> Response:
        """The rate-limit response, which may say when to retry."""
        seconds = self._switches.number("retry_after_seconds")
        return replace(response, headers=(("retry-after", str(seconds)),)) if seconds else response

    def maintenance(self, request: Request) -> Response:
        """The edge's response while there is no backend."""
        del request
        return MAINTENANCE[self._switches.word("maintenance_style")]

    def ready(self, address: str) -> dict[str, str]:
        main = self._main()
        return {
            "rest": f"https://{address}",
            "ws": f"wss://{address}/",
            "ws_user": f"wss://{address}/user",
            "api_key": main.key,
            "api_secret": main.secret,
            "ca_file": str(self._ca_file),
        }

    def new_credential(self, account: str) -> Credential:
        kind = self._switches.word("new_key_type")
        return auth.new_credential(account, kind, self._dice, self._exchange.clock.wall_ms())

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the connection: this venue offers REST only."""
        del scope
        await receive()
        await send({"type": "websocket.close", "code": 1013})

    # ---- the two kinds of calls ----

    def _dispatch(self, request: Request) -> Response:
        for method, pattern, public_call in self._public_calls:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._answer_public(request, public_call, match[1] if match.groups() else "")
        for method, pattern, right, private_call in self._private_calls:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._answer_private(request, right, private_call, match[1] if match.groups() else "")
        raise not_found("unknown path")

    def _answer_public(self, request: Request, call: Public, part: str) -> Response:
        if self._switches.on("public_checks_token") and "authorization" in request.headers:
            self._authenticator.admit(request)
        self._limits.charge_address()
        keep_ms, now = self._switches.number("public_cache_ms"), self._budget_ms()
        key = f"{request.path}?{request.query}"
        kept_ms, kept = self._cache.get(key, (0, None))
        if kept is not None and now - kept_ms < keep_ms and "no-cache" not in request.headers.get("cache-control", ""):
            return kept
        fresh = replace(answer(call(Query(request.query), part)), headers=PUBLIC_HEADERS)
        if keep_ms:
            self._cache = {k: row for k, row in self._cache.items() if now - row[0] < keep_ms}
            self._cache[key] = (now, fresh)
        return fresh

    def _answer_private(self, request: Request, right: str, call: Private, part: str) -> Response:
        who = self._authenticator.admit(request)
        self._limits.charge_user(who.account)
        if right:
            self._authenticator.permit(who, right)
        body = call(who, request, part)
        response = self._counted(body) if isinstance(body, Response) else answer(body)
        if self._switches.on("rate_limit_headers"):
            return replace(response, headers=self._limits.headers(who.account))
        return response

    def _counted(self, response: Response) -> Response:
        """The response to an order; rejections are counted by code."""
        code = errors.code_of(response)
        if code:
            self._tally.rejected[code] += 1
        return response

    def _count_refusal(self, request: Request, error: CoinbaseError) -> None:
        self._tally.rejected[error.code] += 1
        if request.path == CREATE and request.method == "POST":
            self._exchange.note_rejection(None)

    # ---- routes ----

    def _public_routes(
        self, public: PublicEndpoints, consumer: ConsumerEndpoints
    ) -> list[tuple[str, re.Pattern[str], Public]]:
        now, wall = self._now, self.wall_ms
        market: list[tuple[str, Public]] = [
            ("market/products", lambda query, _: public.products(query, now())),
            ("market/products/([^/]+)", lambda _, name: public.product(name, now())),
            ("market/product_book", lambda query, _: public.product_book(query, now())),
            (
                "market/products/([^/]+)/candles",
                lambda query, name: public.candles(name, query, now(), f"{BROKERAGE}market/products/{name}/candles"),
            ),
            ("market/products/([^/]+)/ticker", lambda query, name: public.ticker(name, query, now())),
            ("time", lambda _, __: public.time(wall())),
        ]
        older: list[tuple[str, Public]] = [
            ("/v2/time", lambda _, __: consumer.time(wall())),
            ("/v2/currencies", lambda _, __: consumer.currencies()),
            ("/v2/currencies/crypto", lambda _, __: consumer.crypto()),
            ("/v2/exchange-rates", lambda _, __: consumer.rates()),
        ]
        rows = [*((BROKERAGE + path, call) for path, call in market), *older]
        return [("GET", re.compile(path), call) for path, call in rows]

    def _market_routes(self, public: PublicEndpoints) -> list[tuple[str, re.Pattern[str], str, Private]]:
        now = self._now
        rows: list[tuple[str, Private]] = [
            ("products", lambda _, request, __: public.products(Query(request.query), now())),
            ("products/([^/]+)", lambda _, __, name: public.product(name, now())),
            ("product_book", lambda _, request, __: public.product_book(Query(request.query), now())),
            (
                "products/([^/]+)/candles",
                lambda _, request, name: public.candles(name, Query(request.query), now(), request.path),
            ),
            ("products/([^/]+)/ticker", lambda _, request, name: public.ticker(name, Query(request.query), now())),
            ("best_bid_ask", lambda _, request, __: public.best_bid_ask(Query(request.query), now())),
        ]
        return [("GET", re.compile(BROKERAGE + path), "view", call) for path, call in rows]

    def _now(self) -> int:
        return self._exchange.now

    def wall_ms(self) -> int:
        """The venue's clock, which may be wrong."""
        return skewed_wall_ms(self._exchange, self._faults)


def skewed_wall_ms(exchange: Exchange, faults: Faults) -> int:
    """Wall time by the venue's clock."""
    fault = faults.standing(FaultKind.CLOCK_SKEW)
    shift = 0.0 if fault is None else fault.seconds if fault.seconds is not None else 60.0
    return exchange.clock.wall_ms() + int(shift * 1000)


def _account_routes(
    desk: AccountEndpoints, consumer: ConsumerEndpoints
) -> list[tuple[str, re.Pattern[str], str, Private]]:
    by_query = {
        "accounts": desk.accounts,
        "key_permissions": desk.key_permissions,
        "portfolios": desk.portfolios,
        "transaction_summary": desk.transaction_summary,
    }
    rows: list[tuple[str, str, Private]] = [
        (BROKERAGE + path, "" if path == "key_permissions" else "view", _with_query(call))
        for path, call in by_query.items()
    ]
    rows += [
        (f"{BROKERAGE}accounts/([^/]+)", "view", lambda who, _, uuid: desk.account(who, uuid)),
        (f"{BROKERAGE}portfolios/([^/]+)", "view", lambda who, _, uuid: desk.breakdown(who, uuid)),
        ("/v2/accounts", "view", _with_query(consumer.accounts)),
    ]
    return [("GET", re.compile(path), right, call) for path, right, call in rows]


def _order_routes(
    history: HistoryEndpoints, trading: TradingEndpoints
) -> list[tuple[str, re.Pattern[str], str, Private]]:
    reads: list[tuple[str, Private]] = [
        ("orders/historical/batch", _with_query(history.orders)),
        ("orders/historical/fills", _with_query(history.fills)),
        ("orders/historical/([^/]+)", lambda who, _, order_id: history.order(who, order_id)),
    ]
    writes: list[tuple[str, str, Callable[[Credential, dict[str, Any]], Any]]] = [
        ("orders", "trade", trading.create),
        ("orders/preview", "view", trading.preview),
        ("orders/batch_cancel", "trade", trading.cancel),
        ("orders/edit", "trade", trading.edit),
        ("orders/edit_preview", "view", trading.edit_preview),
    ]
    return [
        *(("GET", re.compile(BROKERAGE + path), "view", call) for path, call in reads),
        *(("POST", re.compile(BROKERAGE + path), right, _with_body(call)) for path, right, call in writes),
    ]


def _with_query(call: Callable[[Credential, Query], Any]) -> Private:
    return lambda who, request, _: call(who, Query(request.query))


def _with_body(call: Callable[[Credential, dict[str, Any]], Any]) -> Private:
    return lambda who, request, _: call(who, body_of(request))
