"""Enums with numbered members: the enum declares the first ones, and later ones are created on first use."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)


def numbered(words: type[E], prefix: str, value: object) -> E | None:
    """The member of `words` named `prefix` and a number from 1; None for any other value. For use in `_missing_`."""
    digits = value.removeprefix(prefix) if isinstance(value, str) and value.startswith(prefix) else ""
    if not (digits.isascii() and digits.isdigit()) or digits.startswith("0"):
        return None
    member = str.__new__(words, value)
    member._name_, member._value_ = str(value).upper(), str(value)
    words._value2member_map_[value] = member
    return member
