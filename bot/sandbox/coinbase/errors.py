"""Coinbase's refusals: HTTP errors with their bodies, and the codes of orders refused with HTTP 200."""

from __future__ import annotations

import orjson

from bot.sandbox.core.venue import Response

SUCCESS = "UNKNOWN_FAILURE_REASON"
NO_PREVIEW_FAILURE = "UNKNOWN_PREVIEW_FAILURE_REASON"
TOO_MANY = "Too many requests"
SCOPES = "Missing required scopes"
STATUS = {
    "INVALID_ARGUMENT": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
NEW_ORDER = frozenset(
    {
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "INVALID_SIDE",
        "INVALID_PRODUCT_ID",
        "INVALID_SIZE_PRECISION",
        "INVALID_PRICE_PRECISION",
        "INSUFFICIENT_FUND",
        "INVALID_LEDGER_BALANCE",
        "ORDER_ENTRY_DISABLED",
        "INELIGIBLE_PAIR",
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "INVALID_LIMIT_PRICE",
        "INVALID_NO_LIQUIDITY",
        "INVALID_REQUEST",
        "COMMANDER_REJECTED_NEW_ORDER",
        "INSUFFICIENT_FUNDS",
        "UNTRADABLE_PRODUCT",
        "GEOFENCING_RESTRICTION",
        "DUPLICATE",
    }
)
PREVIEW = frozenset(
    {
        "PREVIEW_INVALID_SIDE",
        "PREVIEW_INVALID_ORDER_CONFIG",
        "PREVIEW_INVALID_PRODUCT_ID",
        "PREVIEW_INVALID_SIZE_PRECISION",
        "PREVIEW_INVALID_PRICE_PRECISION",
        "PREVIEW_INVALID_LEDGER_BALANCE",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE",
        "PREVIEW_INVALID_NO_LIQUIDITY",
        "PREVIEW_INSUFFICIENT_FUND",
        "PREVIEW_INVALID_STOP_PRICE",
        "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
        "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
        "PREVIEW_INVALID_QUOTE_SIZE_PRECISION",
        "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE",
        "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
        "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
        "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED",
        "PREVIEW_INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL",
    }
)
MESSAGES = {
    "INSUFFICIENT_FUND": "Insufficient balance in source account",
    "UNSUPPORTED_ORDER_CONFIGURATION": "source is not enabled for trading",
}


class CoinbaseError(Exception):
    """A refusal by HTTP status; `code` is what the statistics count."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text

    @property
    def response(self) -> Response:
        return problem(self.code, self.text)


class Unauthorized(CoinbaseError):
    """The token is not accepted; nobody is told why. `why` is for the statistics only."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Unauthorized: {why}", "Unauthorized")

    @property
    def response(self) -> Response:
        return unauthorized()


class TooFast(CoinbaseError):
    """More calls than the venue allows; `style` is one of its ways to say so."""

    def __init__(self, style: str) -> None:
        super().__init__("RESOURCE_EXHAUSTED", TOO_MANY)
        self._style = style

    @property
    def response(self) -> Response:
        return throttled(self._style)


class OrderRefused(Exception):
    """An order that is answered with `success: false`; `code` without or with the PREVIEW_ prefix."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or MESSAGES.get(code.removeprefix("PREVIEW_"), "")


def invalid(text: str) -> CoinbaseError:
    return CoinbaseError("INVALID_ARGUMENT", text)


def not_found(text: str) -> CoinbaseError:
    return CoinbaseError("NOT_FOUND", text)


def denied(text: str) -> CoinbaseError:
    return CoinbaseError("PERMISSION_DENIED", text)


def answer(body: object, status: int = 200) -> Response:
    """Compact JSON: clients look for texts such as `"error_details":"Missing required scopes"` in it."""
    return Response(orjson.dumps(body), status)


def problem(code: str, text: str) -> Response:
    return answer({"error": code, "error_details": text, "message": text}, STATUS.get(code, 500))


def unauthorized() -> Response:
    return Response(b"Unauthorized\n", 401, "text/plain; charset=utf-8")


def throttled(style: str) -> Response:
    """The four faces of a rate limit that clients have met."""
    if style == "resource_exhausted":
        return problem("RESOURCE_EXHAUSTED", TOO_MANY)
    if style == "forbidden":
        return Response(b"Too many errors", 403, "text/plain; charset=utf-8")
    if style == "unauthorized":
        return unauthorized()
    return answer({"errors": [{"id": "rate_limit_exceeded", "message": TOO_MANY}]}, 429)


def refusal(refused: OrderRefused, configuration: object, where: str) -> Response:
    """`success: false`; `where` says which of the three fields carries the code, as that varies."""
    bare = refused.code.removeprefix("PREVIEW_")
    known = bare if bare in NEW_ORDER else SUCCESS
    preview = f"PREVIEW_{bare}" if f"PREVIEW_{bare}" in PREVIEW else NO_PREVIEW_FAILURE
    if where == "preview" and preview != NO_PREVIEW_FAILURE:
        known = SUCCESS
    if known == SUCCESS and preview == NO_PREVIEW_FAILURE:
        known = refused.code
    return answer(
        {
            "success": False,
            "error_response": {
                "error": SUCCESS if where == "new_order" else known,
                "message": refused.text,
                "error_details": "",
                "preview_failure_reason": NO_PREVIEW_FAILURE if where in {"error", "new_order"} else preview,
                "new_order_failure_reason": known if where == "new_order" else SUCCESS,
            },
            "order_configuration": configuration,
        }
    )


def code_of(response: Response) -> str:
    """The code of an order's refusal; empty for a success."""
    body = orjson.loads(response.body)
    if body["success"]:
        return ""
    row = body["error_response"]
    codes = (row["error"], row["preview_failure_reason"], row["new_order_failure_reason"])
    return next(str(code) for code in codes if code not in {SUCCESS, NO_PREVIEW_FAILURE})
