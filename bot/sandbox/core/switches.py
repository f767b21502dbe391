"""Choices that a venue's documentation leaves open, as named switches that can be set while the sandbox runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Value = bool | int | str


class Switches:
    """Named values of fixed types; an unknown name or another type raises ValueError."""

    def __init__(self, defaults: Mapping[str, Value]) -> None:
        self._values = dict(defaults)
        self._listeners: dict[str, Callable[[str, str], None]] = {}

    def listen(self, family: str, change: Callable[[str, str], None]) -> None:
        """Calls `change(rest, value)` before a switch `family.rest` is set; on a ValueError the switch keeps its value."""
        self._listeners[family] = change

    def on(self, name: str) -> bool:
        return bool(self._values[name])

    def number(self, name: str) -> int:
        return int(self._values[name])

    def word(self, name: str) -> str:
        return str(self._values[name])

    def set(self, name: str, value: Value) -> None:
        if name not in self._values:
            raise ValueError(f"no switch {name!r}; there are {', '.join(sorted(self._values))}")
        wanted = type(self._values[name])
        if type(value) is not wanted:
            raise ValueError(f"switch {name} holds {wanted.__name__}, not {value!r}")
        family, _, rest = name.partition(".")
        if family in self._listeners:
            self._listeners[family](rest, str(value))
        self._values[name] = value

    def all(self) -> dict[str, Value]:
        return dict(self._values)
