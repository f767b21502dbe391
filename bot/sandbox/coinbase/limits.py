"""Coinbase's rate limits: requests per second and user, and fewer per address on public paths.

They use the market clock, so that a faster market allows proportionally more calls.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.coinbase.errors import TooFast
from bot.sandbox.core.switches import Switches


class Bucket:
    """A token bucket that refills steadily and holds at most one second's tokens."""

    def __init__(self, now_ms: int) -> None:
        self._missing = 0.0
        self._at_ms = now_ms

    @property
    def used(self) -> int:
        return round(self._missing)

    def take(self, per_second: int, now_ms: int) -> bool:
        self._missing = max(0.0, self._missing - (now_ms - self._at_ms) / 1000 * per_second)
        self._at_ms = now_ms
        if self._missing + 1 > per_second:
            return False
        self._missing += 1
        return True


class Limits:
    """All buckets of the venue; `now_ms` is the market clock."""

    def __init__(self, switches: Switches, now_ms: Callable[[], int]) -> None:
        self._switches = switches
        self._now_ms = now_ms
        self._buckets: dict[str, Bucket] = {}

    def charge_user(self, account: str) -> None:
        self._charge(account, "private_per_second")

    def headers(self, account: str) -> tuple[tuple[str, str], ...]:
        """The rest of the user's budget, under the lower-case names that clients look for."""
        limit = self._switches.number("private_per_second")
        left = max(0, limit - self._buckets[account].used)
        return (("x-ratelimit-limit", str(limit)), ("x-ratelimit-remaining", str(left)), ("x-ratelimit-reset", "1"))

    def charge_address(self) -> None:
        """Counts a public request. All clients here share one address."""
        self._charge("", "public_per_second")

    def _charge(self, whom: str, limit: str) -> None:
        now = self._now_ms()
        bucket = self._buckets.setdefault(whom, Bucket(now))
        if not bucket.take(self._switches.number(limit), now):
            raise TooFast(self._switches.word("rate_limit_style"))
