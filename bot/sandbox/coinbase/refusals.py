"""How each of Coinbase's calls is rejected with the error code of a fault, documented or not."""

from __future__ import annotations

import re
from typing import Any

import orjson

from bot.sandbox.coinbase import errors
from bot.sandbox.coinbase.errors import OrderRefused, answer
from bot.sandbox.coinbase.render import preview_record
from bot.sandbox.core.venue import Request, Response

WORD = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?::(.*))?", re.DOTALL)
ORDERS = "/api/v3/brokerage/orders"


def refuse(request: Request, text: str, where: str) -> Response | None:
    """The rejection of this request; None if `text` is not a code, or names an error by HTTP status.

    `where` says which field carries the code of a rejected order.
    """
    match = WORD.fullmatch(text)
    if match is None or match[1] in errors.STATUS or match[1] == errors.UNAUTHORIZED:
        return None
    word, details = match[1], match[2] or ""
    if request.method != "POST":
        return answer({"error": word, "error_details": details, "message": details}, 400)
    return _refused_order(request, word, details, where)


def _refused_order(request: Request, word: str, details: str, where: str) -> Response | None:
    body = _body(request)
    edited = {"edit_failure_reason": word, "preview_failure_reason": errors.NO_PREVIEW_FAILURE}
    match request.path.removeprefix(ORDERS):
        case "":
            return errors.refusal(OrderRefused(word, details), body.get("order_configuration"), where)
        case "/preview":
            return answer(preview_record({}, [word], ""))
        case "/batch_cancel":
            ids = body.get("order_ids", [])
            return answer(
                {"results": [{"success": False, "failure_reason": word, "order_id": order_id} for order_id in ids]}
            )
        case "/edit":
            return answer({"success": False, "errors": [edited]})
        case "/edit_preview":
            return answer({"errors": [edited]})
    return None


def _body(request: Request) -> dict[str, Any]:
    """The JSON object of the request; anything else counts as an empty one."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
