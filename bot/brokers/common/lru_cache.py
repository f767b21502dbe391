"""A bounded cache, so that a daemon that runs for months does not grow with the number of its orders."""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by name. Beyond `most` names, the one that was set longest ago is dropped; reading one changes nothing."""

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._values: dict[str, V] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> V:
        return self._values[name]

    def get(self, name: str) -> V | None:
        return self._values.get(name)

    def __setitem__(self, name: str, value: V) -> None:
        self._values.pop(name, None)
        self._values[name] = value
        if len(self._values) > self._most:
            self._values.pop(next(iter(self._values)))
