"""Choices that Coinbase's documentation leaves open or that a test wants to vary: names and defaults.

`client_id_memory_seconds` is market time (0: no memory). All `…_ms` are wall time, except `public_cache_ms`, which is
market time like every limit of the venue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.sandbox.coinbase.codes import CANCEL, REFUSALS
from bot.sandbox.core.switches import Switches, Value

TEN_YEARS = 315_360_000
WORDS = {
    "duplicate_client_id": {"returns_old", "refused"},
    "past_end_time": {"in_the_past", "invalid", "expires"},
    "price_band_word": {"band", "too_far", "breached"},
    "child_client_id": {"none", "venue", "parent"},
    "cancel_refused": {"", *CANCEL},
    "market_refusal": {"", *REFUSALS},
    "quote": {"shown", "left_out", "empty"},
    "maintenance_style": {"html", "text", "empty"},
    "refusal_code_in": {"both", "error", "preview", "new_order"},
    "rate_limit_style": {"errors", "resource_exhausted", "forbidden", "unauthorized", "html"},
    "new_key_type": {"ecdsa", "ed25519", "ed25519_pem"},
    "product_flag": {
        "",
        "is_disabled",
        "trading_disabled",
        "cancel_only",
        "limit_only",
        "post_only",
        "auction_mode",
        "view_only",
    },
}

DEFAULTS: Mapping[str, Value] = {
    "client_id_memory_seconds": TEN_YEARS,
    "duplicate_client_id": "returns_old",
    "stops_refused_on_spot": False,
    "attached_refused": False,
    "attached_refused_on_ioc": False,
    "attached_bounds_percent": 50,
    "attached_sized_by_order": False,
    "attached_below_minimum_dropped": False,
    "child_client_id": "venue",
    "price_band_percent": 40,
    "price_band_word": "band",
    "disabled_is_trading_disabled": False,
    "stops_hold_base": True,
    "past_end_time": "in_the_past",
    "refusal_code_in": "both",
    "legacy_order_id": False,
    "cancel_ms": 20,
    "cancel_refused": "",
    "order_404_ms": 0,
    "fills_lag_ms": 0,
    "figures_lag_ms": 0,
    "quote_fills_in_quote": True,
    "quote_buys_finer_than_lot": False,
    "refused_orders_live": False,
    "open_filter_alone": False,
    "proof_token_required": False,
    "proof_token_shows_rows": False,
    "foreign_product_rows": False,
    "hand_orders_advanced": False,
    "usdc_orders_canonical": False,
    "open_order_cap": 500,
    "accounts_default_limit": 49,
    "orders_default_limit": 1000,
    "fills_default_limit": 100,
    "fills_cursor_always": False,
    "account_types_unprefixed": False,
    "num_products_text": False,
    "products_without_pagination": False,
    "candles_max": 350,
    "candles_end_inclusive": True,
    "ticker_side_is_taker": False,
    "quiet_percent": 0,
    "public_cache_ms": 1000,
    "public_checks_token": False,
    "private_per_second": 30,
    "public_per_second": 10,
    "rate_limit_style": "errors",
    "rate_limit_headers": False,
    "maintenance_style": "html",
    "retry_after_seconds": 0,
    "jwt_leeway_seconds": 30,
    "nonce_replay_refused": False,
    "ed25519_accepted": True,
    "new_key_type": "ecdsa",
}


class CoinbaseSwitches(Switches):
    """Switches with a fixed set of values."""

    def set(self, name: str, value: Value) -> None:
        allowed = WORDS.get(name.partition(".")[0])
        if allowed is not None and value not in allowed:
            raise ValueError(f"switch {name} is one of {', '.join(sorted(allowed))}, not {value!r}")
        super().set(name, value)


def defaults(symbols: Iterable[str], *, lockstep: bool) -> dict[str, Value]:
    """All switches. `product_status.<ID>` and `product_flag.<ID>` make a product untradable, `rules.<ID>` changes its
    rules, `market_refusal.<ID>` rejects its orders and previews with a code, `quote.<ID>` removes its row from
    best_bid_ask or empties it.

    In lock-step no order is pending by default and coins are free at once. `hold_release_ms` is how long coins stay on
    hold after a cancel or a fill; `figures_lag_ms` is how long (market ms) a filled order shows a filled size of 0,
    and no fills. A `cancel_ms` of minutes makes a cancel hang. Widths are in percent of the last
    price; 0 disables them.
    """
    products = list(symbols)
    return {
        **DEFAULTS,
        "pending_ms": 0 if lockstep else 30,
        "hold_release_ms": 0 if lockstep else 250,
        **{f"product_status.{symbol}": "online" for symbol in products},
        **{f"product_flag.{symbol}": "" for symbol in products},
        **{f"rules.{symbol}": "" for symbol in products},
        **{f"market_refusal.{symbol}": "" for symbol in products},
        **{f"quote.{symbol}": "shown" for symbol in products},
    }
