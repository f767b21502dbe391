"""What Kraken's documentation leaves open or what an operator wants to see: names and defaults."""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.core.switches import Value


def defaults(symbols: Iterable[str]) -> dict[str, Value]:
    """All switches. `pair_status.<SYMBOL>` is the status of a pair, `rules.<SYMBOL>` its new rules (see `core.rules`)."""
    return {
        "stop_holds_base": True,
        "close_refused_on_spot": False,
        "close_below_ordermin_dropped": False,
        "validate_any_is_true": False,
        "key_info_snake_case": False,
        "query_unknown_is_error": False,
        "post_only_rejects": True,
        "fcib_default_on_sell": False,
        "volume_minimum_is_argument": False,
        "order_cap_per_pair": 80,
        "rate_counter_max": 20,
        "rate_counter_decay_per_100s": 50,
        "engine_threshold": 125,
        "engine_decay_per_100s": 234,
        "public_burst": 10,
        "lockout_after": 10,
        "lockout_seconds": 900,
        "nonce_window": 0,
        "system_status": "online",
        **{name: word for one in symbols for name, word in ((f"pair_status.{one}", "online"), (f"rules.{one}", ""))},
    }
