"""Words that go on by number: an enum writes the first of them down, and any later one is made when it is first asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)


def numbered(words: type[E], prefix: str, value: object) -> E | None:
    """The member of `words` that is `prefix` and a number from 1; None for any other value. For `_missing_`."""
    digits = value.removeprefix(prefix) if isinstance(value, str) and value.startswith(prefix) else ""
    if not (digits.isascii() and digits.isdigit()) or digits.startswith("0"):
        return None
    member = str.__new__(words, value)
    member._name_, member._value_ = str(value).upper(), str(value)
    words._value2member_map_[value] = member
    return member
