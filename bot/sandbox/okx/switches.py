"""What OKX's documentation leaves open or what an operator wants to see: names and defaults."""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.core.switches import Value


def defaults(symbols: Iterable[str]) -> dict[str, Value]:
    """All switches. `state.<SYMBOL>` is an instrument's state (live, suspend, preopen, test), `rules.<SYMBOL>` its new rules.

    `attached_size` gross or net of the fee; `attached_when` the parent's end or each fill; `algo_short_of_coins`
    reduce or fail; `price_off_tick` a code or round; `busy_code` and `busy_status` are the default `exchange_error`.
    """
    return {
        "demo_account": False,
        "wrong_region": False,
        "ip_refused": False,
        "attached_size": "gross",
        "attached_when": "end",
        "attached_refused_on_spot": False,
        "algo_short_of_coins": "reduce",
        "trigger_band_checked": True,
        "algo_rejection_code_zero": False,
        "client_id_unique_forever": False,
        "cancel_after_covers_algos": False,
        "cash_in_multi_currency": True,
        "isolated_swaps": True,
        "price_band_bps": 500,
        "price_off_tick": "51000",
        "max_market_usd": 1_000_000,
        "orders_per_account": 4000,
        "orders_per_instrument": 500,
        "rate_limit_status": 429,
        "rate_limit_percent": 100,
        "busy_code": "50013",
        "busy_status": 200,
        "system_status": "ok",
        **{name: word for one in symbols for name, word in ((f"state.{one}", "live"), (f"rules.{one}", ""))},
    }
