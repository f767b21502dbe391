"""Choices that OKX's documentation leaves open or that a test wants to vary: names and defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.sandbox.core.switches import Switches, Value

WORDS = {
    "attached_size": {"gross", "net"},
    "attached_when": {"end", "each fill"},
    "algo_short_of_coins": {"reduce", "fail"},
    "price_off_tick": {"51000", "51150", "round"},
    "precheck_elsewhere": {"51010", "50030"},
    "algo_object_code": {"50002", "51000"},
    "algo_amend_code": {"51506", "51527", "51528", "51529"},
    "system_status": {"ok", "maintenance"},
}


#: The switches of the whole exchange.
FIXED: Mapping[str, Value] = {
    "demo_account": False,
    "wrong_region": False,
    "ip_refused": False,
    "orders_refused": "",
    "attached_size": "gross",
    "attached_when": "end",
    "attached_refused_on_spot": False,
    "algo_short_of_coins": "reduce",
    "trigger_band_checked": True,
    "algo_rejection_code_zero": False,
    "algo_object_code": "50002",
    "algo_amend_refused": False,
    "amends_without_effect": False,
    "algo_amend_code": "51529",
    "figures_lag_ms": 0,
    "fired_unnamed_ms": 0,
    "canceled_hidden_ms": 0,
    "odd_foreign_rows": False,
    "precheck_elsewhere": "51010",
    "client_id_unique_forever": False,
    "cancel_after_covers_algos": False,
    "cash_in_multi_currency": False,
    "isolated_swaps": True,
    "usdc_activation_needed": False,
    "usdc_activation_missing": False,
    "trade_quote_required": False,
    "rpi_prints": False,
    "rpi_reach_bps": 20,
    "price_band_bps": 500,
    "price_off_tick": "51000",
    "max_market_usd": 1_000_000,
    "market_sells_reduced": False,
    "orders_per_account": 4000,
    "orders_per_instrument": 500,
    "rate_limit_status": 429,
    "rate_limit_percent": 100,
    "busy_code": "50013",
    "busy_status": 200,
    "system_status": "ok",
    "candles_page": 300,
    "archive_empty": False,
    "archive_without": "",
    "archive_host": "",
}


class OkxSwitches(Switches):
    """Switches with a fixed set of values."""

    def set(self, name: str, value: Value) -> None:
        allowed = WORDS.get(name)
        if allowed is not None and value not in allowed:
            raise ValueError(f"switch {name} is one of {', '.join(sorted(allowed))}, not {value!r}")
        if name.partition(".")[0] in {"refused", "orders_refused"} and not _is_code(value):
            raise ValueError(f"switch {name} is empty or a code of five digits, not {value!r}")
        super().set(name, value)


def defaults(symbols: Iterable[str]) -> dict[str, Value]:
    """All switches. `state.<SYMBOL>` is an instrument's state (live, suspend, preopen, test), `rules.<SYMBOL>` its new
    rules, `refused.<SYMBOL>` the code that rejects its orders and stops (`orders_refused`: those of all instruments).

    - `attached_size`: gross or net of the fee; `attached_when`: at the parent's end or at each fill.
    - `algo_short_of_coins`: reduce or fail; `price_off_tick`: a code, or round.
    - `precheck_elsewhere`: the code of order-precheck in account modes that lack it; `algo_object_code`: the code for an
      object instead of cancel-algos' array.
    - `algo_amend_refused`: no stop can be amended, with the code `algo_amend_code`; `amends_without_effect`: amends of stops
      are accepted and dropped.
    - For so long (market ms) a filled order shows no fills (`figures_lag_ms`), a triggered stop does not name its order
      (`fired_unnamed_ms`), and a cancelled stop is not shown at all (`canceled_hidden_ms`).
    - `odd_foreign_rows`: rows of orders by hand, and of their fills, have forms that no documentation describes.
    - `rpi_prints`: trades are printed `rpi_reach_bps` away from what an order can get.
    - `usdc_activation_needed`: USDC pairs need activate-feature; `usdc_activation_missing`: the region lacks it.
    - `market_sells_reduced`: a sale at the market for which coins are missing sells those that are there.
    - `trade_quote_required`: orders must name tradeQuoteCcy.
    - `candles_page`: the most rows of a page of candles (100 on older hosts).
    - `archive_empty`: the archive has no files; `archive_without`: it lacks those of this day or month, such as 2026-02;
      `archive_host`: its addresses name this host instead of ours.
    - `busy_code` and `busy_status`: the default `exchange_error`.
    """
    per_symbol: dict[str, Value] = {}
    for symbol in symbols:
        per_symbol |= {f"state.{symbol}": "live", f"rules.{symbol}": "", f"refused.{symbol}": ""}
    return {**FIXED, **per_symbol}


def _is_code(value: Value) -> bool:
    return value == "" or (isinstance(value, str) and len(value) == 5 and value.isascii() and value.isdigit())
