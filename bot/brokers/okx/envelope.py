"""Opens OKX's envelope: the rows of a query, the one row of a request, or the error that its codes mean. Pure.

An envelope's code is "0" if everything succeeded, "1" or "2" if some row failed. A row's own `sCode` is its result (OKX v5
API guide, "Trade"). `errors` has the meanings of the codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.brokers.base import BrokerError
from bot.brokers.okx.errors import explain, failure, of_status
from bot.domain.outcome import ErrorMeaning
from bot.domain.text import safe_text

_GOOD = "0"
_SOME_FAILED = frozenset({"1", "2"})


def rows(envelope: Any, host: str) -> list[Any]:
    """The rows in the answer to a query; raises `BrokerError` for anything but success."""
    code, found = _opened(envelope)
    if code != _GOOD:
        raise _refusal(code, envelope, host)
    return found


def result(envelope: Any, host: str) -> Mapping[str, Any]:
    """The one row of a request that OKX accepted. Raises `BrokerError`; UNKNOWN unless OKX clearly says that it did not."""
    code, found = _opened(envelope)
    if code != _GOOD and not (code in _SOME_FAILED and found):
        raise _refusal(code, envelope, host)
    if len(found) != 1 or not isinstance(found[0], dict):
        raise failure(ErrorMeaning.UNKNOWN, f"one row expected: {safe_text(found)[:80]}")
    row = found[0]
    verdict = row.get("sCode")
    if verdict not in (None, "") and str(verdict) != _GOOD:
        raise explain([(str(verdict), str(row.get("sMsg", "")))], host)
    if verdict in (None, "") and code != _GOOD:
        raise failure(ErrorMeaning.UNKNOWN, f"{code} without a result: {safe_text(envelope.get('msg'))}", unheard=True)
    return row


def of_failure(status: int, reason: str, body: Any, host: str) -> BrokerError:
    """The error for a status other than 2xx: by OKX's own code if it sent one."""
    code = _code(body)
    if code is not None and code != _GOOD and code not in _SOME_FAILED:
        return _refusal(code, body, host)
    found = body.get("data") if code in _SOME_FAILED else None
    coded = [row for row in found if isinstance(row, dict) and row.get("sCode")] if isinstance(found, list) else []
    if not coded:
        return of_status(status, reason)
    return explain([(str(row["sCode"]), str(row.get("sMsg", ""))) for row in coded], host)


def _opened(envelope: Any) -> tuple[str, list[Any]]:
    """The code and the rows. In a failure, the rows may be missing or not be a list."""
    code = _code(envelope)
    found = envelope.get("data") if isinstance(envelope, dict) else None
    if code is None or (code == _GOOD and not isinstance(found, list)):
        raise failure(ErrorMeaning.UNKNOWN, f"not OKX's envelope: {safe_text(envelope)[:80]}")
    return code, found if isinstance(found, list) else []


def _refusal(code: str, envelope: Any, host: str) -> BrokerError:
    return explain([(code, str(envelope.get("msg", "")))], host)


def _code(envelope: Any) -> str | None:
    """The envelope's code as text (OKX's edge sends a number); None if this is not an envelope."""
    code = envelope.get("code") if isinstance(envelope, dict) else None
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None
