"""Request parameters as strings, from a query string, a JSON object or a JSON array of objects.

Empty strings and nulls count as absent, as clients send them for unset parameters. Numbers keep their digits.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from bot.sandbox.core.venue import Request
from bot.sandbox.okx.errors import OkxError, bad, missing


class Words(dict[str, str]):
    """Parameters by name; `items` holds the nested lists of objects (attachAlgoOrds)."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.nested: dict[str, list[Words]] = {}
        for name, value in (values or {}).items():
            self._take(name, value)

    def _take(self, name: str, value: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, list):
            self.nested[name] = [Words(item) for item in value if isinstance(item, dict)]
        elif isinstance(value, bool):
            self[name] = "true" if value else "false"
        elif isinstance(value, dict):
            self.nested[name] = [Words(value)]
        else:
            self[name] = str(value)

    def need(self, name: str) -> str:
        if name not in self:
            raise missing(name)
        return self[name]

    def flag(self, name: str) -> bool:
        text = self.get(name, "false").lower()
        if text not in {"true", "false"}:
            raise bad(name)
        return text == "true"

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        text = self.need(name) if default is None else self.get(name, default)
        if text not in choices:
            raise bad(name)
        return text

    def number(self, name: str) -> Decimal | None:
        """A plain, finite decimal without an exponent; None if absent."""
        text = self.get(name)
        if text is None:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise bad(name) from error
        if not value.is_finite() or "e" in text.lower():
            raise bad(name)
        return value

    def amount(self, name: str) -> Decimal | None:
        """A number above zero."""
        value = self.number(name)
        if value is not None and value <= 0:
            raise bad(name)
        return value

    def integer(self, name: str, default: int | None = None) -> int | None:
        text = self.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit():
            raise bad(name)
        return int(text)

    def limit(self, most: int, default: int) -> int:
        """The page size; larger values are capped, as OKX does."""
        asked = self.integer("limit", default)
        return min(max(1, default if asked is None else asked), most)

    def names(self, name: str) -> list[str]:
        """The parts of a comma-separated list."""
        return [part.strip() for part in self.get(name, "").split(",") if part.strip()]


def query_of(request: Request) -> Words:
    return Words(dict(parse_qsl(request.query, keep_blank_values=True)))


def body_of(request: Request) -> list[Words]:
    """The object, or the objects of the array, in a request's body."""
    if not request.body:
        raise OkxError("50000")
    try:
        parsed = json.loads(request.body, parse_float=str, parse_int=str)
    except ValueError as error:
        raise OkxError("50002") from error
    items = parsed if isinstance(parsed, list) else [parsed]
    if not items or not all(isinstance(item, dict) for item in items):
        raise OkxError("50002")
    return [Words(item) for item in items]
