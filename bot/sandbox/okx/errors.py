"""OKX's errors: codes, texts, HTTP statuses and the envelopes that carry them.

Source: error tables of the v5 documentation. A rejected order is HTTP 200 with code 1 and the reason in the row's
sCode. Parameter errors of the gateway are HTTP 400, authentication errors HTTP 401 without a data key.
"""

from __future__ import annotations

from typing import Any

import orjson

from bot.sandbox.core.venue import Response
from bot.sandbox.okx.codes import STATUSES, TEXTS

Row = dict[str, Any]

UNAVAILABLE = "50001"
TIMEOUT = "50004"
RATE_LIMIT = "50011"
BUSY = "50013"
SYSTEM_ERROR = "50026"
INSUFFICIENT = "51008"
FATE_UNKNOWN = frozenset({UNAVAILABLE, TIMEOUT, BUSY, SYSTEM_ERROR, "51054", "51149"})

IN_ROW = "row:"
"""Prefix of a fault's code: the error goes into the row's sCode, not into the response's code."""
SUBCODES = {"51008": "1000"}


class OkxError(Exception):
    """An error; `status` None means the status in the table."""

    def __init__(self, code: str, msg: str | None = None, status: int | None = None, subcode: str = "") -> None:
        self.code = code
        self.msg = TEXTS.get(code, "Operation failed.") if msg is None else msg
        self.status = STATUSES.get(code, 200) if status is None else status
        self.subcode = subcode or SUBCODES.get(code, "")
        super().__init__(f"{code}: {self.msg}")


def refused(code: str, *words: object) -> OkxError:
    """An error with `words` inserted into its text."""
    return OkxError(code, TEXTS[code].format(*words))


def bad(name: str) -> OkxError:
    """51000: an invalid parameter. The trailing space is OKX's own."""
    return OkxError("51000", f"Parameter {name} error ")


def missing(name: str) -> OkxError:
    return OkxError("50014", f"Parameter {name} can not be empty.")


def success(rows: list[Any]) -> Response:
    return Response(orjson.dumps({"code": "0", "msg": "", "data": rows}))


def refusal(error: OkxError) -> Response:
    """The gateway's own errors have no data."""
    body: Row = {"msg": error.msg, "code": error.code}
    if error.status != 401:
        body = {"code": error.code, "data": [], "msg": error.msg}
    return Response(orjson.dumps(body), error.status)


def row_of(error: OkxError, **ids: str) -> Row:
    """The row of one rejected order."""
    return {**ids, "sCode": error.code, "sMsg": error.msg, "subCode": error.subcode}


def row_refusal(code: str) -> Response:
    """A rejection in the row, as a fault requests it. It names no order, since none was parsed."""
    blank = dict.fromkeys(("algoClOrdId", "algoId", "clOrdId", "ordId", "tag", "ts"), "")
    return rows_answer([row_of(OkxError(code), **blank)], 0, 0)


def codes_in(text: str) -> set[str]:
    """The codes of a response and of its rows."""
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {text.removeprefix(IN_ROW)}
    if not isinstance(answer, dict):
        return {text.removeprefix(IN_ROW)}
    rows = answer.get("data")
    said = [answer, *(rows if isinstance(rows, list) else [])]
    return {str(one[name]) for one in said if isinstance(one, dict) for name in ("code", "sCode") if name in one}


def rows_answer(rows: list[Row], in_us: int, out_us: int) -> Response:
    """The envelope of order endpoints: code 0 all succeeded, 1 none, 2 some; times in microseconds."""
    failed = sum(row["sCode"] != "0" for row in rows)
    code, msg = "0", ""
    if failed:
        code, msg = (
            ("1", "All operations failed") if failed == len(rows) else ("2", "Bulk operation partially succeeded.")
        )
    answer = {"code": code, "data": rows, "inTime": str(in_us), "msg": msg, "outTime": str(out_us)}
    return Response(orjson.dumps(answer))
