"""Request parameters: queries with repeated keys, JSON bodies of POSTs, and the numbers and times in them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bot.sandbox.coinbase.errors import invalid
from bot.sandbox.core.times import parse_iso
from bot.sandbox.core.venue import Request


class Query:
    """Parameters of a GET; a key may be repeated, and empty values count as absent."""

    def __init__(self, text: str) -> None:
        self._items = [(key, value) for key, value in parse_qsl(text) if value]

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._items if key == name), default)

    def many(self, *names: str) -> list[str]:
        """All values under any of the names; a comma-separated list counts as several values."""
        return [part for key, value in self._items if key in names for part in value.split(",") if part]

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """An integer of 1 or more, capped at `most`."""
        text = self.get(name)
        if not text:
            return default
        if not text.isdecimal() or int(text) < 1:
            raise invalid(f"invalid {name}")
        return int(text) if most is None else min(int(text), most)

    def seconds(self, name: str) -> int | None:
        """UNIX seconds as milliseconds; None if absent."""
        text = self.get(name)
        if not text:
            return None
        if not text.isdecimal():
            raise invalid(f"{name} argument is invalid")
        return int(text) * 1000

    def moment(self, name: str) -> int | None:
        """An RFC 3339 time as milliseconds; None if absent."""
        text = self.get(name)
        return moment(text, name) if text else None


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a POST; raises 400. JSON numbers are accepted like strings."""
    try:
        body = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise invalid("proto: syntax error") from error
    if not isinstance(body, dict):
        raise invalid("proto: syntax error: unexpected token")
    return body


def decimal_of(value: object, name: str) -> Decimal:
    """A finite decimal above zero; raises 400."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(f"invalid {name}")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise invalid(f"invalid {name}") from error
    if not number.is_finite() or number <= 0:
        raise invalid(f"invalid {name}")
    return number


def moment(text: object, name: str) -> int:
    """Milliseconds UTC of an RFC 3339 time with up to nine fractional digits; raises 400."""
    if not isinstance(text, str):
        raise invalid(f"invalid {name}")
    try:
        return parse_iso(text)
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def rfc3339(time_ms: int) -> str:
    """RFC 3339 with microseconds, as Coinbase writes its times."""
    seconds = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{time_ms % 1000:03d}000Z"
