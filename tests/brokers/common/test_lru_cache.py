"""The cache keeps the newest names, and never more than its limit."""

from __future__ import annotations

import pytest

from bot.brokers.common.lru_cache import LruCache


def test_the_oldest_is_forgotten() -> None:
    recent: LruCache[int] = LruCache(2)
    for number, name in enumerate("abac"):
        recent[name] = number
    assert "b" not in recent
    assert (recent["a"], recent["c"]) == (2, 3)
    with pytest.raises(KeyError):
        recent["b"]
