"""Kraken's error strings. Every error is HTTP 200 with `{"error": ["E<Class>:<Text>[:<detail>]"]}`.

A fault may carry any error string, or several as a JSON list: `["EOrder:Unknown order", "EService:Busy"]`.
"""

from __future__ import annotations

import json

import orjson

from bot.sandbox.core.venue import Response

INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
RATE_LIMIT = "EAPI:Rate limit exceeded"
PERMISSION_DENIED = "EGeneral:Permission denied"
INVALID_ARGUMENTS = "EGeneral:Invalid arguments"
UNKNOWN_METHOD = "EGeneral:Unknown method"
LOCKOUT = "EGeneral:Temporary lockout"
INVALID_PERMISSIONS = "EAccount:Invalid permissions"
INTERNAL = "EGeneral:Internal error"
UNAVAILABLE = "EService:Unavailable"
BUSY = "EService:Busy"
TIMEOUT = "EService:Timeout"
DEADLINE_ELAPSED = "EService:Deadline elapsed"
UNKNOWN_ASSET = "EQuery:Unknown asset"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
ORDER_MINIMUM = "EOrder:Order minimum not met"
COST_MINIMUM = "EOrder:Cost minimum not met"
TICK_SIZE = "EOrder:Tick size check failed"
INVALID_PRICE = "EOrder:Invalid price"
INVALID_ORDER = "EOrder:Invalid order"
UNKNOWN_ORDER = "EOrder:Unknown order"
POST_ONLY = "EOrder:Post only order"
ORDER_RATE_LIMIT = "EOrder:Rate limit exceeded"
ORDERS_LIMIT = "EOrder:Orders limit exceeded"
REDUCE_ONLY = "EOrder:Reduce only:No position exists"
MARGIN = "EOrder:Margin allowance exceeded"
NOTHING_TO_AMEND = "EOrder:No amendable parameters specified"
TRADING_AGREEMENT = "EOrder:Trading agreement required"
UNKNOWN_WITHDRAW_KEY = "EFunding:Unknown withdraw key"

FATE_UNKNOWN = (BUSY, TIMEOUT, UNAVAILABLE, INTERNAL, "EDatabase:Internal error")


class KrakenError(Exception):
    """An error; `text` is the string that the client sees."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def invalid(name: str) -> KrakenError:
    """`EGeneral:Invalid arguments:<name>`."""
    return KrakenError(f"{INVALID_ARGUMENTS}:{name}")


def strings_of(text: str) -> list[str]:
    """The error strings of a fault: the items of a JSON list, or else the text itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return [str(word) for word in found] if isinstance(found, list) else [text]


def fate_unknown(text: str) -> bool:
    """Whether one of the strings leaves it open whether the request was executed. A space may follow a colon."""
    return any(word.replace(": ", ":").startswith(FATE_UNKNOWN) for word in strings_of(text))


def refusal(text: str) -> Response:
    return Response(orjson.dumps({"error": strings_of(text)}))


def success(result: object) -> Response:
    return Response(orjson.dumps({"error": [], "result": result}))
