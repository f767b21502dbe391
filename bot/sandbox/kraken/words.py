"""Request parameters: form bodies, JSON bodies and query strings as one flat map of strings.

Nested JSON becomes the bracket form (`close[ordertype]`), so that both kinds of body read alike. All values are
strings; a JSON number keeps the digits it was sent with.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from bot.sandbox.core.venue import Request
from bot.sandbox.kraken.errors import INVALID_ARGUMENTS, KrakenError, invalid

LIST_ITEM = re.compile(r"^(\w+)\[(\d*)\](?:\[(.+)\])?$")


class Words(dict[str, str]):
    """Parameters by name."""

    def need(self, name: str) -> str:
        """A required parameter; must not be empty."""
        value = self.get(name, "")
        if not value:
            raise invalid(name)
        return value

    def flag(self, name: str) -> bool:
        return self.get(name, "").lower() in {"true", "1", "yes"}

    def number(self, name: str) -> Decimal | None:
        """A plain, finite decimal; None if absent or empty."""
        text = self.get(name, "")
        return _decimal(text, name) if text else None

    def integer(self, name: str, default: int) -> int:
        text = self.get(name, "")
        try:
            return int(text) if text else default
        except ValueError as error:
            raise invalid(name) from error

    def orders(self) -> list[Words]:
        """The maps of `orders[i][…]`, in order."""
        return [Words(item) for _, item in sorted(self._items("orders").items()) if item]

    def texts(self, name: str) -> list[str]:
        """The items of a list, or of a comma-separated list."""
        items = [item[""] for _, item in sorted(self._items(name).items()) if "" in item]
        return items or [text for text in self.get(name, "").split(",") if text]

    def _items(self, wanted: str) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        for key, value in self.items():
            match = LIST_ITEM.match(key)
            if match and match[1] == wanted:
                number = int(match[2]) if match[2] else len(found)
                found.setdefault(number, {})[_inner(match[3])] = value
        return found


def _inner(path: str | None) -> str:
    """A doubly nested key: `close][ordertype` becomes `close[ordertype]` inside its item."""
    if path is None:
        return ""
    head, *rest = path.split("][")
    return head + "".join(f"[{part}]" for part in rest)


def words_of(request: Request) -> Words:
    """The parameters of a request; an unreadable body is an invalid argument."""
    if request.method == "GET":
        return Words(parse_qsl(request.query, keep_blank_values=True))
    text = request.body.decode("utf-8", "replace")
    if "json" in request.headers.get("content-type", ""):
        return _from_json(text)
    return Words(parse_qsl(text, keep_blank_values=True))


def _from_json(text: str) -> Words:
    try:
        parsed = json.loads(text, parse_float=str, parse_int=str)
    except ValueError as error:
        raise KrakenError(INVALID_ARGUMENTS) from error
    if not isinstance(parsed, dict):
        raise KrakenError(INVALID_ARGUMENTS)
    words = Words()
    for key, value in parsed.items():
        _flatten(words, key, value)
    return words


def _flatten(words: Words, key: str, value: object) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(words, f"{key}[{name}]", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _flatten(words, f"{key}[{number}]", inner)
    elif isinstance(value, bool):
        words[key] = "true" if value else "false"
    elif value is not None:
        words[key] = str(value)


def _decimal(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise invalid(name) from error
    if not value.is_finite():
        raise invalid(name)
    return value
