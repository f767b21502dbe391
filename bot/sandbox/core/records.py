"""Converts the core's dataclasses to JSON-ready records and back, without loss.

Decimals are written as text, enums as their value. Unknown fields, as in a newer file, are an error.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


def to_record(value: Any) -> Any:
    """The JSON-ready form of a dataclass, or of anything inside one."""
    if isinstance(value, Decimal):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_record(getattr(value, name)) for name in _hints(type(value))}
    if isinstance(value, list):
        return [to_record(item) for item in value]
    return value


def from_record(kind: type[T], record: dict[str, Any]) -> T:
    """The dataclass of type `kind` that `to_record` made `record` from."""
    hints: dict[str, Any] = _hints(typing.cast("Any", kind))
    return kind(**{name: _revive(hints[name], value) for name, value in record.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _revive(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        hint = next(arm for arm in hint.__args__ if arm is not type(None))
    if hint is Decimal:
        return Decimal(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_record(hint, value)
    return value
