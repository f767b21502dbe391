"""The check made at connect at every venue: whether the key may withdraw money."""

from __future__ import annotations

from bot.brokers.common.failures import Failures
from bot.brokers.common.secrets import VenueConfig
from bot.domain.outcome import ErrorMeaning


def withdrawal(access: VenueConfig, failure: Failures, *, may: bool) -> list[str]:
    """Refuse a key that may withdraw, unless the owner allows it; then warn at every start."""
    if may and not access.allow_withdraw:
        raise failure(ErrorMeaning.PERMISSION, "the key may withdraw", "withdraw")
    return ["this key may withdraw money (allowed by ALLOW_WITHDRAW_KEYS)"] if may else []
