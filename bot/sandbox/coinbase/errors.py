"""Coinbase's errors: HTTP errors with their bodies, and the codes of orders rejected with HTTP 200."""

from __future__ import annotations

import orjson

from bot.sandbox.coinbase.codes import NEW_ORDER, PREFIX, PREVIEW, previewed
from bot.sandbox.core.venue import Response

SUCCESS = "UNKNOWN_FAILURE_REASON"
NO_PREVIEW_FAILURE = "UNKNOWN_PREVIEW_FAILURE_REASON"
TOO_MANY = "Too many requests"
UNAUTHORIZED = "Unauthorized"
TOO_MANY_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>429 Too Many Requests</title><style>%s</style></head></html>\n"
    % (b"div { margin: 0 auto } " * 150)
)
"""The edge's error page, several kilobytes long."""
SCOPES = "Missing required scopes"
STATUS = {
    "INVALID_ARGUMENT": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
MESSAGES = {
    "INSUFFICIENT_FUND": "Insufficient balance in source account",
    "UNSUPPORTED_ORDER_CONFIGURATION": "source is not enabled for trading",
}


class CoinbaseError(Exception):
    """An error by HTTP status; the statistics count it under `code`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text

    @property
    def response(self) -> Response:
        return problem(self.code, self.text)


class Unauthorized(CoinbaseError):
    """The token is not accepted. The client does not learn why: `why` is for the statistics only."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Unauthorized: {why}", "Unauthorized")

    @property
    def response(self) -> Response:
        return unauthorized()


class TooFast(CoinbaseError):
    """Too many calls; `style` selects one of the venue's forms of this error."""

    def __init__(self, style: str) -> None:
        super().__init__("RESOURCE_EXHAUSTED", TOO_MANY)
        self._style = style

    @property
    def response(self) -> Response:
        return throttled(self._style)


class OrderRefused(Exception):
    """An order answered with `success: false`; `code` with or without the PREVIEW_ prefix."""

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
    """Compact JSON: clients search it for text such as `"error_details":"Missing required scopes"`."""
    return Response(orjson.dumps(body), status)


def problem(code: str, text: str) -> Response:
    return answer({"error": code, "error_details": text, "message": text}, STATUS.get(code, 500))


def unauthorized() -> Response:
    return Response(b"Unauthorized\n", 401, "text/plain; charset=utf-8")


def throttled(style: str) -> Response:
    """The forms of a rate-limit error that clients have seen."""
    if style == "html":
        return Response(TOO_MANY_PAGE, 429, "text/html; charset=utf-8")
    if style == "resource_exhausted":
        return problem("RESOURCE_EXHAUSTED", TOO_MANY)
    if style == "forbidden":
        return Response(b"Too many errors", 403, "text/plain; charset=utf-8")
    if style == "unauthorized":
        return unauthorized()
    return answer({"errors": [{"id": "rate_limit_exceeded", "message": TOO_MANY}]}, 429)


def refusal(refused: OrderRefused, configuration: object, where: str) -> Response:
    """A response with `success: false`; `where` says which of the three fields carries the code, as that varies.

    A code that exists only in previews goes into the field that previews use; for a code that is in no list, the
    prefix decides.
    """
    bare, preview = refused.code.removeprefix(PREFIX), previewed(refused.code)
    in_new, in_preview = bare in NEW_ORDER, preview in PREVIEW
    if not in_new and not in_preview:
        in_new, in_preview = refused.code == bare, refused.code == preview
    known = bare if in_new and not (in_preview and where == "preview") else SUCCESS
    if in_new and where in {"error", "new_order"}:
        in_preview = False
    return answer(
        {
            "success": False,
            "error_response": {
                "error": SUCCESS if where == "new_order" else known,
                "message": refused.text,
                "error_details": "",
                "preview_failure_reason": preview if in_preview else NO_PREVIEW_FAILURE,
                "new_order_failure_reason": known if where == "new_order" else SUCCESS,
            },
            "order_configuration": configuration,
        }
    )


def code_of(response: Response) -> str:
    """The code of a rejected order; empty for a success."""
    body = orjson.loads(response.body)
    if body["success"]:
        return ""
    row = body["error_response"]
    codes = (row["error"], row["preview_failure_reason"], row["new_order_failure_reason"])
    return next(str(code) for code in codes if code not in {SUCCESS, NO_PREVIEW_FAILURE})
