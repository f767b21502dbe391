"""OKX's REST API under `/api/v5/`: routing, checks and the envelope.

A private call is checked in this order: key, signature, permission, rate limit, body and, for orders, expTime.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.venue import Receive, Request, Response, Scope, Send, Tally
from bot.sandbox.okx import archive, auth
from bot.sandbox.okx.account import AccountEndpoints
from bot.sandbox.okx.algos import AlgoEndpoints
from bot.sandbox.okx.archive import Archive
from bot.sandbox.okx.auth import Authenticator
from bot.sandbox.okx.books import Books
from bot.sandbox.okx.errors import (
    FATE_UNKNOWN,
    IN_ROW,
    RATE_LIMIT,
    UNAVAILABLE,
    OkxError,
    bad,
    codes_in,
    refusal,
    row_of,
    row_refusal,
    rows_answer,
    success,
)
from bot.sandbox.okx.limits import Limits
from bot.sandbox.okx.profile import ProfileEndpoints
from bot.sandbox.okx.public import PublicEndpoints
from bot.sandbox.okx.trading import TradingEndpoints
from bot.sandbox.okx.words import Words, body_of, query_of

ROOT = "/api/v5/"
Ask = Callable[[Credential, Words], list[Any]]
Act = Callable[[Credential, list[Words]], list[Any]]
TIMED = frozenset({"trade/order", "trade/batch-orders", "trade/amend-order", "trade/amend-batch-orders"})
PLACING = frozenset({"trade/order", "trade/batch-orders", "trade/order-algo"})
BARE_ALGOS = frozenset({"trade/order-algo", "trade/cancel-algos"})
"""Endpoints whose row errors may come under code 0."""
NOT_FOUND = b'{"code":404,"data":{},"msg":"Not Found"}'
"""The only response whose code is a number and whose data is an object."""
CLOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Endpoints:
    """The objects that answer requests."""

    public: PublicEndpoints
    archive: Archive
    account: AccountEndpoints
    profile: ProfileEndpoints
    books: Books
    trading: TradingEndpoints
    algos: AlgoEndpoints


class OkxWire:
    """OKX's wire, called by the sandbox's server."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        switches: Switches,
        faults: Faults,
        tally: Tally,
        authenticator: Authenticator,
        limits: Limits,
        endpoints: Endpoints,
        main: Callable[[], Credential],
        dice: Random,
    ) -> None:
        self._exchange = exchange
        self._switches = switches
        self._faults = faults
        self._tally = tally
        self._authenticator = authenticator
        self._limits = limits
        self._endpoints = endpoints
        self._main = main
        self._dice = dice
        self._asks = _asks(endpoints)
        self._sets = _sets(endpoints)
        self._acts = _acts(endpoints)

    # ---- called by the server ----

    def answer(self, request: Request) -> Response:
        self._endpoints.trading.watch_dead_men()
        try:
            return self._dispatch(request)
        except OkxError as error:
            self._tally.rejected[error.code] += 1
            if request.method == "POST" and request.path.removeprefix(ROOT) in PLACING:
                self._exchange.note_rejection(_client_id(request))
            return refusal(error)

    def failure(self, text: str | None) -> Response:
        """`text` is a code, `row:` and a code, or a whole JSON body; by default, the switches' busy response."""
        if text is None:
            error = OkxError(self._switches.word("busy_code"), status=self._switches.number("busy_status"))
            return refusal(error)
        if text.lstrip().startswith(("{", "[")):
            return Response(text.encode())
        return row_refusal(text.removeprefix(IN_ROW)) if text.startswith(IN_ROW) else refusal(OkxError(text))

    def fate_unknown(self, text: str | None) -> bool:
        return text is None or not FATE_UNKNOWN.isdisjoint(codes_in(text))

    def rate_limited(self) -> Response:
        return refusal(OkxError(RATE_LIMIT, status=self._switches.number("rate_limit_status")))

    def maintenance(self, request: Request) -> Response:
        if request.path == f"{ROOT}system/status":
            return success(self._endpoints.public.status(Words(), self.wall_ms(), maintenance=True))
        return refusal(OkxError(UNAVAILABLE))

    def ready(self, address: str) -> dict[str, str]:
        main = self._main()
        return {
            "rest": f"http://{address}",
            "ws_public": f"ws://{address}/ws/v5/public",
            "ws_private": f"ws://{address}/ws/v5/private",
            "ws_business": f"ws://{address}/ws/v5/business",
            "api_key": main.key,
            "api_secret": main.secret,
            "passphrase": main.passphrase,
        }

    def new_credential(self, account: str) -> Credential:
        return auth.new_credential(account, self._dice, self._exchange.clock.wall_ms())

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the connection: this venue offers REST only."""
        del scope
        await receive()
        await send({"type": "websocket.close", "code": 1013})

    def wall_ms(self) -> int:
        """The venue's clock, which may be wrong."""
        return skewed_wall_ms(self._exchange, self._faults)

    # ---- routing ----

    def _dispatch(self, request: Request) -> Response:
        if request.path.startswith(archive.ROOT):
            return self._file(request)
        endpoint = request.path.removeprefix(ROOT)
        public = self._public(endpoint, request)
        if public is not None:
            return self._answer_public(request, endpoint, public)
        table: dict[str, Any] = self._asks if request.method == "GET" else {**self._sets, **self._acts}
        if not request.path.startswith(ROOT) or endpoint not in {*self._asks, *self._sets, *self._acts}:
            return Response(NOT_FOUND, 404)
        if endpoint not in table:
            raise OkxError("50115")
        who = self._authenticator.admit(request, self.wall_ms())
        self._authenticator.permit(
            who, "view" if request.method == "GET" or endpoint == "trade/order-precheck" else "trade"
        )
        if request.method == "GET":
            return self._answer_question(who, endpoint, query_of(request))
        return self._answer_post(who, endpoint, request)

    def _answer_public(self, request: Request, endpoint: str, ask: Callable[[Words], list[Any]]) -> Response:
        if request.method != "GET":
            raise OkxError("50115")
        words = query_of(request)
        self._limits.charge("GET", endpoint, "", words.names("instId"))
        return success(ask(words))

    def _file(self, request: Request) -> Response:
        """A file of the archive, which another host serves at OKX."""
        try:
            body = self._endpoints.archive.file(request.path, self._exchange.now)
        except (OkxError, ValueError):
            return Response(b"<Error><Code>NoSuchKey</Code></Error>", 404, "application/xml")
        return Response(body, 200, "application/zip")

    def _answer_question(self, who: Credential, endpoint: str, words: Words) -> Response:
        self._limits.charge("GET", endpoint, who.account, words.names("instId"))
        return success(self._asks[endpoint](who, words))

    def _answer_post(self, who: Credential, endpoint: str, request: Request) -> Response:
        begin_us = self.wall_ms() * 1000
        items = body_of(request)
        if endpoint == "trade/cancel-algos" and not request.body.lstrip().startswith(b"["):
            raise OkxError(self._switches.word("algo_object_code"))
        self._limits.charge("POST", endpoint, who.account, [words.get("instId", "") for words in items])
        if endpoint in self._sets:
            return success(self._sets[endpoint](who, items[0]))
        late = self._lateness(endpoint, request)
        rows = [_expired(late, words) for words in items] if late else self._acts[endpoint](who, items)
        self._count_refusals(endpoint, items, rows)
        answer = rows_answer(rows, begin_us, self.wall_ms() * 1000 + self._dice.randrange(300, 900))
        accepted_all_the_same = endpoint in BARE_ALGOS and self._switches.on("algo_rejection_code_zero")
        return _with_code_zero(answer) if accepted_all_the_same else answer

    def _lateness(self, endpoint: str, request: Request) -> OkxError | None:
        """Raises 50036 if expTime had passed when the request was signed, 50037 if it passed on the way."""
        text = request.headers.get("exptime", "")
        if not text or endpoint not in TIMED:
            return None
        if not text.isascii() or not text.isdigit():
            raise bad("expTime")
        if int(text) <= auth.timestamp_ms(request.headers["ok-access-timestamp"]):
            raise OkxError("50036")
        return OkxError("50037") if int(text) < self.wall_ms() else None

    def _count_refusals(self, endpoint: str, items: list[Words], rows: list[dict[str, Any]]) -> None:
        for words, row in zip(items, rows, strict=True):
            if row["sCode"] != "0":
                self._tally.rejected[row["sCode"]] += 1
                if endpoint in PLACING:
                    self._exchange.note_rejection(words.get("clOrdId", words.get("algoClOrdId")))

    def _public(self, endpoint: str, request: Request) -> Callable[[Words], list[Any]] | None:
        """The public endpoint of a name; faults of candles need the path."""
        public, now, path = self._endpoints.public, self._exchange.now, request.path
        answers: dict[str, Callable[[Words], list[Any]]] = {
            "public/time": lambda _: public.time(self.wall_ms()),
            "system/status": lambda words: public.status(words, self.wall_ms()),
            "public/instruments": public.instruments,
            "public/mark-price": lambda words: public.mark_price(words, now),
            "public/funding-rate": lambda words: public.funding_rate(words, now),
            "public/funding-rate-history": lambda words: public.funding_history(words, now),
            "public/market-data-history": lambda words: self._endpoints.archive.files(
                words, now, request.headers.get("host", "")
            ),
            "market/ticker": lambda words: public.ticker(words, now),
            "market/tickers": lambda words: public.tickers(words, now),
            "market/books": lambda words: public.books(words, now),
            "market/trades": lambda words: public.trades(words, now),
            "market/history-trades": lambda words: public.history_trades(words, now),
            "market/candles": lambda words: public.candles(words, now, path),
            "market/history-candles": lambda words: public.history_candles(words, now, path),
        }
        return answers.get(endpoint)


def _asks(endpoints: Endpoints) -> dict[str, Ask]:
    """Private reads, by GET."""
    account, profile, books, algos = endpoints.account, endpoints.profile, endpoints.books, endpoints.algos
    return {
        "account/balance": account.balance,
        "account/positions": account.positions,
        "account/config": profile.config,
        "account/trade-fee": profile.trade_fee,
        "account/leverage-info": profile.leverage_info,
        "account/max-size": profile.max_size,
        "account/max-avail-size": profile.max_avail_size,
        "account/instruments": profile.instruments,
        "asset/balances": account.asset_balances,
        "asset/currencies": account.currencies,
        "finance/savings/balance": account.savings,
        "trade/order": books.order,
        "trade/orders-pending": books.pending,
        "trade/orders-history": books.history,
        "trade/orders-history-archive": books.archive,
        "trade/fills": books.fills,
        "trade/fills-history": books.fills_history,
        "trade/order-algo": algos.one,
        "trade/orders-algo-pending": algos.pending,
        "trade/orders-algo-history": algos.history,
    }


def _sets(endpoints: Endpoints) -> dict[str, Ask]:
    """Changes by POST with one code for the whole response."""
    account, profile, trading = endpoints.account, endpoints.profile, endpoints.trading
    return {
        "account/set-leverage": profile.set_leverage,
        "account/set-position-mode": profile.set_position_mode,
        "account/set-fee-type": profile.set_fee_type,
        "account/set-account-level": profile.set_level,
        "account/activate-feature": profile.activate_feature,
        "asset/transfer": account.transfer,
        "trade/close-position": trading.close_position,
        "trade/cancel-all-after": trading.cancel_all_after,
        "trade/order-precheck": trading.precheck,
    }


def _acts(endpoints: Endpoints) -> dict[str, Act]:
    """Orders by POST, each answered with its own row and code."""
    trading, algos = endpoints.trading, endpoints.algos
    return {
        "trade/order": trading.place,
        "trade/batch-orders": trading.place,
        "trade/amend-order": trading.amend,
        "trade/amend-batch-orders": trading.amend,
        "trade/cancel-order": trading.cancel,
        "trade/cancel-batch-orders": trading.cancel,
        "trade/order-algo": lambda who, items: algos.place(who, items[0]),
        "trade/cancel-algos": algos.cancel,
        "trade/amend-algos": lambda who, items: algos.amend(who, items[0]),
    }


def _client_id(request: Request) -> str | None:
    """The client id of an order that the gateway rejected."""
    try:
        return body_of(request)[0].get("clOrdId")
    except OkxError:
        return None


def _expired(error: OkxError, words: Words) -> dict[str, Any]:
    return row_of(error, clOrdId=words.get("clOrdId", ""), ordId="", tag=words.get("tag", ""), ts="")


def _with_code_zero(answer: Response) -> Response:
    return Response(orjson.dumps({**orjson.loads(answer.body), "code": "0", "msg": ""}))


def skewed_wall_ms(exchange: Exchange, faults: Faults) -> int:
    """Wall time by the venue's clock."""
    fault = faults.standing(FaultKind.CLOCK_SKEW)
    shift = 0.0 if fault is None else fault.seconds if fault.seconds is not None else CLOCK_SECONDS
    return exchange.clock.wall_ms() + int(shift * 1000)
