"""Choices that Kraken's documentation leaves open or that a test wants to vary: names and defaults.

Limits that depend on the account's `tier` are 0 by default, which means the tier's limit; another number overrides it.
`key_query_from` and `key_query_to` limit which closed orders, trades and ledger entries a key may query (Unix seconds; 0: all).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.sandbox.core.switches import Switches, Value

TIERS: Mapping[str, Mapping[str, int]] = {
    "starter": {
        "rate_counter_max": 15,
        "rate_counter_decay_per_100s": 33,
        "engine_threshold": 60,
        "engine_decay_per_100s": 100,
        "order_cap_per_pair": 60,
    },
    "intermediate": {
        "rate_counter_max": 20,
        "rate_counter_decay_per_100s": 50,
        "engine_threshold": 125,
        "engine_decay_per_100s": 234,
        "order_cap_per_pair": 80,
    },
    "pro": {
        "rate_counter_max": 20,
        "rate_counter_decay_per_100s": 100,
        "engine_threshold": 180,
        "engine_decay_per_100s": 375,
        "order_cap_per_pair": 225,
    },
}
WORDS = {
    "tier": frozenset(TIERS),
    "auto_earn": frozenset({"off", "flex", "vault"}),
    "stptype_refused": frozenset({"no", "triggered", "all"}),
}


class KrakenSwitches(Switches):
    """Switches with a fixed set of values, and limits set by the tier."""

    def number(self, name: str) -> int:
        return super().number(name) or TIERS[self.word("tier")].get(name, 0)

    def set(self, name: str, value: Value) -> None:
        if name in WORDS and value not in WORDS[name]:
            raise ValueError(f"switch {name} is one of {', '.join(sorted(WORDS[name]))}, not {value!r}")
        super().set(name, value)


def defaults(symbols: Iterable[str]) -> dict[str, Value]:
    """All switches. By pair (`name.<SYMBOL>`): `pair_status`, `rules` (see `core.rules`), and whether it is `restricted`
    for residents of `residence`, or `tokenised`. `amends_without_effect`: AmendOrder is accepted and dropped.
    """
    pairs = list(symbols)
    return {
        "stop_holds_base": True,
        "close_refused_on_spot": False,
        "close_below_ordermin_dropped": False,
        "close_carries_parent_ids": False,
        "validate_any_is_true": False,
        "key_info_snake_case": False,
        "query_unknown_is_error": False,
        "post_only_rejects": True,
        "fcib_default_on_sell": False,
        "volume_minimum_is_argument": False,
        "price_decimals_named": False,
        "amend_without_change_is_error": True,
        "amends_without_effect": False,
        "trading_agreement_required": False,
        "residence": "NL",
        "ends_one_unit_short": False,
        "short_end_is_canceled": False,
        "zero_cost_fills": False,
        "maker_rebate": False,
        "count_overstated": False,
        "count_absent": False,
        "trades_last_cut": False,
        "asset_version_obeyed": False,
        "balance_ex_numbers": False,
        "untidy_order_records": False,
        "odd_foreign_rows": False,
        "wallet_decimals": 0,
        "stptype_refused": "no",
        "auto_earn": "off",
        "earn_draws_when_selling": False,
        "tier": "starter",
        **dict.fromkeys(TIERS["starter"], 0),
        "public_burst": 10,
        "lockout_after": 10,
        "lockout_seconds": 900,
        "nonce_window": 0,
        "key_query_from": 0,
        "key_query_to": 0,
        "system_status": "online",
        **{f"pair_status.{symbol}": "online" for symbol in pairs},
        **{f"rules.{symbol}": "" for symbol in pairs},
        **{f"restricted.{symbol}": False for symbol in pairs},
        **{f"tokenised.{symbol}": False for symbol in pairs},
    }
