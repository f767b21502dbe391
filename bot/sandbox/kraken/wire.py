"""Kraken's REST API: `/0/public/<Method>` by GET and `/0/private/<Method>` by POST, in one envelope.

A private call is checked in this order: key, signature, nonce, permission, rate counter, method. Every response is
HTTP 200.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.venue import Receive, Request, Response, Scope, Send, Tally
from bot.sandbox.kraken import auth, errors
from bot.sandbox.kraken.account import AccountEndpoints
from bot.sandbox.kraken.auth import Authenticator
from bot.sandbox.kraken.earn import AutoEarn
from bot.sandbox.kraken.errors import KrakenError, refusal, success
from bot.sandbox.kraken.limits import Limits
from bot.sandbox.kraken.public import PublicEndpoints
from bot.sandbox.kraken.trading import TradingEndpoints
from bot.sandbox.kraken.words import Words, words_of

PUBLIC = "/0/public/"
PRIVATE = "/0/private/"
TOKEN_SECONDS = 900
Private = Callable[[Credential, Words], Any]
PLACING = frozenset({"AddOrder", "AddOrderBatch", "EditOrder"})
BY_PAIR = frozenset({"OHLC", "Depth", "Trades", "Spread", "Ticker"})


class KrakenWire:
    """Kraken's wire, called by the sandbox's server."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        faults: Faults,
        tally: Tally,
        authenticator: Authenticator,
        limits: Limits,
        public: PublicEndpoints,
        account: AccountEndpoints,
        trading: TradingEndpoints,
        earn: AutoEarn,
        main: Callable[[], Credential],
        dice: Random,
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._tally = tally
        self._authenticator = authenticator
        self._limits = limits
        self._public = public
        self._trading = trading
        self._earn = earn
        self._main = main
        self._dice = dice
        self._tokens: dict[str, tuple[str, int]] = {}
        self._private: dict[str, Private] = {
            "Balance": account.balance,
            "BalanceEx": account.balance_ex,
            "TradeBalance": account.trade_balance,
            "TradeVolume": account.trade_volume,
            "Earn/Allocations": account.allocations,
            "OpenOrders": account.open_orders,
            "ClosedOrders": account.closed_orders,
            "QueryOrders": account.query_orders,
            "TradesHistory": account.trades_history,
            "QueryTrades": account.query_trades,
            "Ledgers": account.ledgers,
            "QueryLedgers": account.query_ledgers,
            "OpenPositions": account.open_positions,
            "GetApiKeyInfo": account.key_info,
            "WithdrawMethods": account.withdraw_methods,
            "WithdrawInfo": account.withdraw_info,
            "AddOrder": trading.add_order,
            "AddOrderBatch": trading.add_order_batch,
            "AmendOrder": trading.amend_order,
            "EditOrder": trading.edit_order,
            "CancelOrder": trading.cancel_order,
            "CancelOrderBatch": trading.cancel_order_batch,
            "CancelAll": trading.cancel_all,
            "CancelAllOrdersAfter": trading.cancel_all_after,
            "GetWebSocketsToken": self._websocket_token,
        }

    # ---- called by the server ----

    def answer(self, request: Request) -> Response:
        self._trading.watch_dead_men()
        self._earn.look()
        words = Words()
        try:
            words = words_of(request)
            return success(self._dispatch(request, words))
        except KrakenError as error:
            self._count_refusal(request, words, error.text)
            return refusal(error.text)

    def failure(self, text: str | None) -> Response:
        return refusal(errors.BUSY if text is None else text)

    def fate_unknown(self, text: str | None) -> bool:
        return text is None or errors.fate_unknown(text)

    def rate_limited(self) -> Response:
        return refusal(errors.RATE_LIMIT)

    def maintenance(self, request: Request) -> Response:
        if request.path == f"{PUBLIC}SystemStatus":
            return success(self._public.system_status(self.wall_ms(), "maintenance"))
        return refusal(errors.UNAVAILABLE)

    def ready(self, address: str) -> dict[str, str]:
        main = self._main()
        return {
            "rest": f"http://{address}",
            "ws": f"ws://{address}/v2",
            "ws_auth": f"ws://{address}/v2-auth",
            "api_key": main.key,
            "api_secret": main.secret,
        }

    def new_credential(self, account: str) -> Credential:
        return auth.new_credential(account, self._dice, self._exchange.clock.wall_ms())

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the connection: this venue offers REST only."""
        del scope
        await receive()
        await send({"type": "websocket.close", "code": 1013})

    # ---- clocks and tokens ----

    def wall_ms(self) -> int:
        """The venue's clock, which may be wrong."""
        return skewed_wall_ms(self._exchange, self._faults)

    def token_account(self, token: str) -> str | None:
        """The account of a WebSocket token, if that is still valid."""
        account, until_ms = self._tokens.get(token, ("", 0))
        return account if self._exchange.clock.wall_ms() < until_ms else None

    def _websocket_token(self, who: Credential, _: Words) -> dict[str, Any]:
        token = self._dice.randbytes(32).hex()
        self._tokens[token] = (who.account, self._exchange.clock.wall_ms() + TOKEN_SECONDS * 1000)
        return {"token": token, "expires": TOKEN_SECONDS}

    # ---- the two kinds of calls ----

    def _dispatch(self, request: Request, words: Words) -> Any:
        if request.path.startswith(PUBLIC) and request.method == "GET":
            return self._answer_public(request, words)
        if request.path.startswith(PRIVATE) and request.method == "POST":
            return self._answer_private(request, words)
        raise KrakenError(errors.UNKNOWN_METHOD)

    def _answer_public(self, request: Request, words: Words) -> Any:
        method = request.path.removeprefix(PUBLIC)
        self._limits.charge_public(method, words.get("pair", "") if method in BY_PAIR else "")
        now = self._exchange.now
        answers: dict[str, Callable[[], Any]] = {
            "Time": lambda: self._public.time(self.wall_ms()),
            "SystemStatus": lambda: self._public.system_status(self.wall_ms()),
            "Assets": lambda: self._public.assets(words),
            "AssetPairs": lambda: self._public.asset_pairs(words),
            "Ticker": lambda: self._public.ticker(words, now),
            "OHLC": lambda: self._public.ohlc(words, now, request.path),
            "Depth": lambda: self._public.depth(words, now),
            "Trades": lambda: self._public.trades(words, now),
            "Spread": lambda: self._public.spread(words, now),
        }
        if method not in answers:
            raise KrakenError(errors.UNKNOWN_METHOD)
        return answers[method]()

    def _answer_private(self, request: Request, words: Words) -> Any:
        method = request.path.removeprefix(PRIVATE)
        who = self._authenticator.admit(request, words, self._exchange.clock.wall_ms())
        self._outlast(words.get("nonce", ""))
        self._authenticator.permit(who, method)
        self._limits.charge_key(who.key, method)
        if method not in self._private:
            raise KrakenError(errors.UNKNOWN_METHOD)
        return self._private[method](who, words)

    def _outlast(self, nonce: str) -> None:
        """Waits until the millisecond of a nonce has passed, if the nonce is the current time in milliseconds.

        No response over a real network arrives within it, and clients with such nonces (ccxt) rely on that.
        """
        while nonce == str(self._exchange.clock.wall_ms()):
            time.sleep(0.0002)

    def _count_refusal(self, request: Request, words: Words, text: str) -> None:
        self._tally.rejected[text] += 1
        if request.path.removeprefix(PRIVATE) in PLACING:
            self._exchange.note_rejection(words.get("cl_ord_id"))


def skewed_wall_ms(exchange: Exchange, faults: Faults) -> int:
    """Wall time by the venue's clock."""
    fault = faults.standing(FaultKind.CLOCK_SKEW)
    shift = 0.0 if fault is None else fault.seconds if fault.seconds is not None else 60.0
    return exchange.clock.wall_ms() + int(shift * 1000)
