"""OKX's refusals: codes, their texts and HTTP statuses, and the envelopes that carry them.

Source: error tables of the v5 documentation. A refused order is HTTP 200 with code 1 and the reason in the row's
sCode; parameters of the gateway answer HTTP 400; authentication answers HTTP 401 without a data key.
"""

from __future__ import annotations

from typing import Any

import orjson

from bot.sandbox.core.venue import Response

Row = dict[str, Any]

UNAVAILABLE = "50001"
TIMEOUT = "50004"
RATE_LIMIT = "50011"
BUSY = "50013"
SYSTEM_ERROR = "50026"
INSUFFICIENT = "51008"
FATE_UNKNOWN = frozenset({UNAVAILABLE, TIMEOUT, BUSY, SYSTEM_ERROR, "51054", "51149"})

TEXTS = {
    "50000": "Body for POST request can not be empty.",
    "50001": "Service temporarily unavailable. Please try again later.",
    "50002": "JSON syntax error",
    "50004": "API endpoint request timeout (does not indicate success or failure of order, please check order status).",
    "50006": "Invalid Content-Type, please use application/json format",
    "50011": "Too Many Requests",
    "50013": "Systems are busy. Please try again later.",
    "50015": "Either parameter {} or {} is required.",
    "50025": "Parameter {} count exceeds the limit {}.",
    "50026": "System error. Please try again later.",
    "50030": "You don't have permission to use this API endpoint",
    "50036": "The expTime can't be earlier than the current system time. Please adjust the expTime and try again.",
    "50037": "Order expired.",
    "50038": "This feature is unavailable in demo trading",
    "50039": 'Parameter "before" isn\'t supported for timestamp pagination',
    "50061": "Sub-account rate limit exceeded. Please try again later.",
    "50072": "Isolated margin mode is no longer supported in this account mode.",
    "50101": "APIKey does not match current environment.",
    "50102": "Timestamp request expired",
    "50103": "Request header OK-ACCESS-KEY can not be empty.",
    "50104": "Request header OK-ACCESS-PASSPHRASE can not be empty.",
    "50105": "Request header OK-ACCESS-PASSPHRASE incorrect.",
    "50106": "Request header OK-ACCESS-SIGN can not be empty.",
    "50107": "Request header OK-ACCESS-TIMESTAMP can not be empty.",
    "50110": "Your IP {} is not included in your API key's IP whitelist.",
    "50111": "Invalid OK-ACCESS-KEY",
    "50112": "Invalid OK-ACCESS-TIMESTAMP",
    "50113": "Invalid Sign",
    "50115": "Invalid request method.",
    "50119": "API key doesn't exist",
    "50120": "This API key doesn't have permission to use this function",
    "51001": "Instrument ID, Instrument ID code, or Spread ID doesn't exist.",
    "51003": "Either client order ID or order ID is required.",
    "51005": "Your order amount exceeds the max order amount.",
    "51006": "Order price is not within the price limit (max buy price: {}, min sell price: {})",
    "51008": "Order failed. Insufficient {} balance in account",
    "51010": "You can't complete this request under your current account mode.",
    "51016": "Client order ID already exists.",
    "51020": "Your order should meet or exceed the minimum order amount.",
    "51022": "Trading is suspended for this instrument.",
    "51021": "Contract to be listed.",
    "51023": "Position doesn't exist.",
    "51024": "Your account has been blocked.",
    "51046": "The take profit trigger price must be higher than the order price",
    "51047": "The stop loss trigger price must be lower than the order price",
    "51048": "The take profit trigger price must be lower than the order price",
    "51049": "The stop loss trigger price must be higher than the order price",
    "51065": "algoClOrdId already exists.",
    "51076": "TP/SL can only be set for the whole order here.",
    "51102": "Number of pending orders exceeds the limit.",
    "51111": "Maximum {} orders can be placed in bulk.",
    "51112": "Close order size exceeds available size for this position.",
    "51115": "Cancel all pending close-orders before liquidation.",
    "51121": "Order quantity must be a multiple of the lot size.",
    "51127": "Available balance is 0.",
    "51131": "Insufficient balance.",
    "51139": "Reduce-only feature is unavailable for spot transactions.",
    "51150": "The number of decimal places of the order price is out of range.",
    "51169": "Order failed because you don't have any positions in this direction to reduce or close.",
    "51174": "The number of {} pending orders reached the upper limit of {}.",
    "51277": "TP trigger price can not be higher than the last price",
    "51278": "SL trigger price can not be lower than the last price",
    "51279": "TP trigger price can not be lower than the last price",
    "51280": "SL trigger price can not be higher than the last price",
    "51400": "Cancellation failed as the order has been filled, canceled or does not exist.",
    "51502": "Order modification failed for insufficient balance.",
    "51503": "Order modification failed as the order does not exist.",
    "51506": "Order modification unavailable for the order type.",
    "51509": "Modification failed as the order has been canceled.",
    "51510": "Modification failed as the order has been completed.",
    "51511": "Modification failed: the order would take liquidity.",
    "51603": "Order does not exist",
    "59000": "Your settings failed as you have positions or open orders.",
    "59102": "Leverage exceeds the maximum limit. Please lower the leverage.",
    "59108": "Low leverage and insufficient margin, please adjust the leverage.",
}
STATUSES = {
    "50000": 400, "50001": 503, "50002": 400, "50004": 400, "50005": 410, "50006": 400, "50013": 429, "50014": 400,
    "50015": 400, "50016": 400, "50026": 500, "50035": 403, "50100": 400, "50101": 401, "50102": 401, "50103": 401,
    "50104": 401, "50105": 401, "50106": 401, "50107": 401, "50108": 401, "50109": 401, "50110": 401, "50111": 401,
    "50112": 401, "50113": 401, "50114": 401, "50115": 405, "50119": 401, "51000": 400, "51054": 500, "51149": 500,
}  # fmt: skip
SUBCODES = {"51008": "1000"}


class OkxError(Exception):
    """A refusal; `status` None is the one of the table."""

    def __init__(self, code: str, msg: str | None = None, status: int | None = None, subcode: str = "") -> None:
        self.code = code
        self.msg = TEXTS.get(code, "Operation failed.") if msg is None else msg
        self.status = STATUSES.get(code, 200) if status is None else status
        self.subcode = subcode or SUBCODES.get(code, "")
        super().__init__(f"{code}: {self.msg}")


def refused(code: str, *words: object) -> OkxError:
    """A refusal whose text has `words` in it."""
    return OkxError(code, TEXTS[code].format(*words))


def bad(name: str) -> OkxError:
    """51000: a parameter that cannot be; the trailing blank is OKX's own."""
    return OkxError("51000", f"Parameter {name} error ")


def missing(name: str) -> OkxError:
    return OkxError("50014", f"Parameter {name} can not be empty.")


def success(rows: list[Any]) -> Response:
    return Response(orjson.dumps({"code": "0", "msg": "", "data": rows}))


def refusal(error: OkxError) -> Response:
    """The gateway's own refusals come without data."""
    body: Row = {"msg": error.msg, "code": error.code}
    if error.status != 401:
        body = {"code": error.code, "data": [], "msg": error.msg}
    return Response(orjson.dumps(body), error.status)


def row_of(error: OkxError, **ids: str) -> Row:
    """The row of one order that was refused."""
    return {**ids, "sCode": error.code, "sMsg": error.msg, "subCode": error.subcode}


def rows_answer(rows: list[Row], in_us: int, out_us: int) -> Response:
    """What order endpoints answer: 0 all worked, 1 none did, 2 some did; times in microseconds."""
    failed = sum(row["sCode"] != "0" for row in rows)
    code, msg = "0", ""
    if failed:
        code, msg = (
            ("1", "All operations failed") if failed == len(rows) else ("2", "Bulk operation partially succeeded.")
        )
    answer = {"code": code, "data": rows, "inTime": str(in_us), "msg": msg, "outTime": str(out_us)}
    return Response(orjson.dumps(answer))
