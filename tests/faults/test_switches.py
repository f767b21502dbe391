"""What the exchanges' documentation leaves open, both ways: entry, stop, a target, exit, and the book is correct.

A row of `TURNED` is one trade with these switches at their other value; every other test uses the defaults. Switches
that only change the form of answers are turned together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError, Priority
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SECOND, SystemClock, system_ms
from bot.strategy.gates import Gate
from tests.brokers.kraken.conftest import Notes
from tests.rig import PATIENCE, Rig
from tests.sandbox_fixture import Sandbox

Switches = Mapping[str, object]

TURNED: Mapping[str, list[Switches]] = {
    "kraken": [
        {"stop_holds_base": False},
        {"close_refused_on_spot": True},
        {"close_below_ordermin_dropped": True},
        {"validate_any_is_true": True},
        {"key_info_snake_case": True, "query_unknown_is_error": True, "nonce_window": 10, "lockout_after": 1},
        {"post_only_rejects": False, "fcib_default_on_sell": True, "volume_minimum_is_argument": True},
        {"order_cap_per_pair": 2, "lockout_seconds": 1},
        {"rate_counter_max": 20, "rate_counter_decay_per_100s": 100, "public_burst": 3},
        {"engine_threshold": 60, "engine_decay_per_100s": 100},
        {"trading_agreement_required": True},
        {"ends_one_unit_short": True},
        {"ends_one_unit_short": True, "short_end_is_canceled": True},
        {"zero_cost_fills": True, "maker_rebate": True},
        {"close_carries_parent_ids": True},
        {"count_overstated": True, "amend_without_change_is_error": False, "price_decimals_named": True},
        {"count_absent": True, "balance_ex_numbers": True, "asset_version_obeyed": True, "earn_draws_when_selling": True},
        {"untidy_order_records": True},
        {"wallet_decimals": 5},
        {"stptype_refused": "triggered"},
        {"stptype_refused": "all"},
        {"tier": "starter"},
    ],
    "okx": [
        {"attached_size": "net"},
        {"attached_when": "each fill"},
        {"attached_size": "net", "attached_when": "each fill"},
        {"attached_refused_on_spot": True},
        {"algo_short_of_coins": "fail"},
        {"algo_amend_refused": True},
        {"algo_amend_refused": True, "algo_amend_code": "51527"},
        {"trade_quote_required": True},
        {"rpi_prints": True},
        {"precheck_elsewhere": "50030"},
        {"trigger_band_checked": False, "algo_rejection_code_zero": True},
        {"client_id_unique_forever": True, "cancel_after_covers_algos": True},
        {"price_band_bps": 100, "price_off_tick": "round", "max_market_usd": 500},
        {"price_off_tick": "51150"},
        {"figures_lag_ms": 20_000, "fired_unnamed_ms": 20_000, "canceled_hidden_ms": 20_000},
        {"orders_per_account": 2, "orders_per_instrument": 2},
        {"rate_limit_percent": 30, "rate_limit_status": 200},
    ],
    "coinbase": [
        {"duplicate_client_id": "refused", "past_end_time": "expires"},
        {"client_id_memory_seconds": 0},
        {"attached_refused": True},
        {"attached_below_minimum_dropped": True},
        {"stops_hold_base": False},
        {"refusal_code_in": "error", "legacy_order_id": True},
        {"refusal_code_in": "preview"},
        {"refusal_code_in": "new_order"},
        {"pending_ms": 250, "cancel_ms": 250},
        {"pending_ms": 0, "cancel_ms": 0},
        {"order_404_ms": 300, "fills_lag_ms": 400},
        {"figures_lag_ms": 20_000},
        {"quote_fills_in_quote": False, "quote_buys_finer_than_lot": True, "ticker_side_is_taker": True},
        {"refused_orders_live": True, "open_filter_alone": True},
        {"open_order_cap": 2},
        {"accounts_default_limit": 1, "orders_default_limit": 1, "fills_default_limit": 1, "fills_cursor_always": True},
        {"account_types_unprefixed": True, "num_products_text": True, "products_without_pagination": True},
        {"candles_max": 300, "candles_end_inclusive": False, "quiet_percent": 3},
        {"public_cache_ms": 60_000, "public_checks_token": True},
        {"private_per_second": 4, "public_per_second": 4, "rate_limit_headers": True},
        {"private_per_second": 4, "rate_limit_style": "resource_exhausted", "retry_after_seconds": 1},
        {"jwt_leeway_seconds": 0, "nonce_replay_refused": True, "ed25519_accepted": False},
        {"hold_release_ms": 1_500},
        {"hold_release_ms": 0, "child_client_id": "none"},
        {"child_client_id": "parent", "attached_sized_by_order": True},
        {"attached_refused_on_ioc": True},
        {"attached_bounds_percent": 2},
        {"foreign_product_rows": True, "hand_orders_advanced": True},
        {"price_band_percent": 10, "price_band_word": "too_far"},
        {"price_band_word": "breached", "disabled_is_trading_disabled": True},
    ],
}  # fmt: skip
#: Switches that do not concern a normal trade, and the tests that use them.
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "kraken": {
        "rules": "tests/faults/test_rules_change.py",
        "system_status": "tests/brokers/kraken/test_broker.py",
        "pair_status": "tests/brokers/kraken/test_broker.py",
        "key_query_from": "tests/brokers/kraken/test_answers.py",
        "key_query_to": "tests/brokers/kraken/test_broker.py",
        "trades_last_cut": "tests/brokers/kraken/test_broker.py",
        "residence": "tests/sandbox/test_kraken_residence.py",
        "restricted": "tests/faults/test_restricted_market.py",
        "tokenised": "tests/sandbox/test_kraken_residence.py",
        "auto_earn": "tests/sandbox/test_kraken_odd.py",
        "odd_foreign_rows": "tests/faults/test_odd_rows.py",
        "amends_without_effect": "tests/faults/test_refused_stops.py",
    },
    "okx": {
        "demo_account": "tests/commands/test_checks_okx.py",
        "wrong_region": "tests/commands/test_checks_okx.py",
        "ip_refused": "tests/commands/test_checks_okx.py",
        "rules": "tests/faults/test_rules_change.py",
        "system_status": "test_maintenance_that_is_announced",
        "busy_code": "test_a_busy_exchange",
        "busy_status": "test_a_busy_exchange",
        "cash_in_multi_currency": "test_each_account_mode",
        "isolated_swaps": "NIJA trades swaps with cross margin",
        "algo_object_code": "tests/sandbox/okx/test_okx_modes.py",
        "usdc_activation_needed": "tests/sandbox/okx/test_okx_currencies.py",
        "market_sells_reduced": "tests/faults/test_owner_takes_coins.py",
        "usdc_activation_missing": "tests/sandbox/okx/test_okx_currencies.py",
        "rpi_reach_bps": "tests/sandbox/okx/test_okx_refusals.py",
        "refused": "tests/faults/test_restricted_market.py",
        "orders_refused": "tests/sandbox/okx/test_okx_refusals.py",
        "archive_empty": "tests/download/test_lines.py",
        "archive_without": "tests/download/test_funding.py",
        "archive_host": "tests/download/test_lines.py",
        "candles_page": "tests/download/test_download.py",
        "odd_foreign_rows": "tests/faults/test_odd_rows.py",
        "amends_without_effect": "tests/faults/test_refused_stops.py",
        "state": "tests/faults/test_universe.py",
    },
    "coinbase": {
        "rules": "tests/faults/test_rules_change.py",
        "stops_refused_on_spot": "test_where_no_stop_is_taken_nothing_is_bought",
        "rate_limit_style": "test_each_way_to_say_too_many_calls",
        "new_key_type": "tests/commands/test_checks_coinbase.py",
        "product_status": "tests/faults/test_universe.py",
        "product_flag": "tests/faults/test_universe.py",
        "market_refusal": "tests/faults/test_restricted_market.py",
        "proof_token_required": "tests/brokers/coinbase/test_answers.py",
        "proof_token_shows_rows": "tests/brokers/coinbase/test_answers.py",
        "cancel_refused": "tests/sandbox/coinbase/test_clients.py",
        "quote": "tests/brokers/coinbase/test_answers.py",
        "maintenance_style": "tests/sandbox/coinbase/test_clients.py",
        "usdc_orders_canonical": "test_a_trade_whose_orders_have_another_name",
    },
}  # fmt: skip


@contextmanager
def turned(rig: Rig, switches: Switches) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in switches.items():
            stack.enter_context(rig.switched(name, value))
        yield


@contextmanager
def closing_rig(rig: Rig) -> Iterator[Rig]:
    try:
        yield rig
    finally:
        rig.crash()


def persist(step: Callable[[], object]) -> None:
    """Repeats a step while the exchange does not answer, as the actor would."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            step()
        except BrokerError as error:
            if time.monotonic() > end:
                raise
            time.sleep(max(0.3, error.retry_after_ms / SECOND))
        else:
            return


def whole_trade(rig: Rig) -> None:
    """Entry, a target, exit; at each step the book is correct and the coins are covered."""
    persist(rig.restart)
    persist(rig.enter)
    rig.until(lambda: rig.position is not None, "the entry")
    rig.quiet()
    assert rig.position is not None
    uncovered = rig.position.qty - rig.resting()
    assert abs(uncovered) < rig.engine.oms.instruments[rig.symbol].lot
    persist(lambda: rig.jump("1.05"))
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    persist(lambda: rig.jump("0.85"))
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.resting() == 0
    assert rig.coins() == sum(rig.book.dust().values())


#: The first rows of a venue decide the fate of orders; the others run with --thorough only.
CASES = [
    pytest.param(
        venue, switches, id=f"{venue}-{'+'.join(switches)}", marks=() if number < 4 else (pytest.mark.thorough,)
    )
    for venue, rows in TURNED.items()
    for number, switches in enumerate(rows)
]


@pytest.mark.parametrize(("venue", "switches"), CASES)
def test_a_whole_trade(unopened: Rig, switches: Switches) -> None:
    with turned(unopened, switches):
        whole_trade(unopened)


@pytest.mark.everywhere
@pytest.mark.parametrize("venue", TURNED)
def test_every_switch_is_tried(sandbox: Sandbox, venue: str) -> None:
    tried = {name for row in TURNED[venue] for name in row} | ELSEWHERE[venue].keys()
    there = {name.partition(".")[0] for name in sandbox.control("GET", "switches")[venue]}
    assert there - tried == set()
    assert tried - there == set()


@pytest.mark.parametrize("venue", ["coinbase"])
def test_a_trade_whose_orders_have_another_name(sandbox: Sandbox, tmp_path: Path, venue: str) -> None:
    """Orders on an alias are reported under the product whose order book it shares, after a restart too."""
    with (
        closing_rig(Rig(sandbox, tmp_path, "ETH-USDC", venue=venue)) as rig,
        turned(rig, {"usdc_orders_canonical": True}),
    ):
        rig.open()
        rig.steady()
        before = rig.bought()
        rig.quiet()
        persist(rig.restart)
        rig.quiet()
        assert rig.position == before
        assert rig.resting() == before.qty
        persist(lambda: rig.jump("0.85"))
        rig.until(lambda: rig.position is None, "the end")
        rig.quiet()
        assert rig.resting() == 0


@pytest.mark.parametrize("venue", ["coinbase"])
def test_where_no_stop_is_taken_nothing_is_bought(unopened: Rig) -> None:
    with turned(unopened, {"stops_refused_on_spot": True, "attached_refused": True}):
        engine = unopened.open()
        snapshot = engine.accounting.measure()
        blocked = engine.blocked_by(snapshot)
        assert blocked is not None
        assert blocked.gate is Gate.STOP_ORDERS
        unopened.rule.side = 1
        unopened.candles()
        engine.cycle()
        assert unopened.sent() == []


@pytest.mark.thorough
@pytest.mark.parametrize("venue", ["coinbase"])
@pytest.mark.parametrize("style", ["errors", "resource_exhausted", "unauthorized"])
def test_each_way_to_say_too_many_calls(unopened: Rig, style: str) -> None:
    """A few calls hit the rate limit, twice in a trade; the position stays covered, and the trade ends.

    (The edge's `forbidden` asks for a minute of silence: tests/brokers/coinbase/test_errors.py.)
    """
    unopened.open()
    with turned(unopened, {"rate_limit_style": style}):
        unopened.bought()
        unopened.arm("rate_limit", count=3)
        unopened.cycle()
        unopened.quiet()
        unopened.arm("rate_limit", count=3)
        persist(lambda: unopened.jump("0.85"))
        unopened.until(lambda: unopened.position is None, "the end")
        unopened.quiet()


@pytest.mark.thorough
@pytest.mark.parametrize("venue", ["okx"])
@pytest.mark.parametrize(("code", "status"), [("50001", 200), ("50004", 200), ("50026", 500), ("50013", 503)])
def test_a_busy_exchange(unopened: Rig, code: str, status: int) -> None:
    """OKX reports that it is busy, in each of its forms, and may have acted anyway."""
    unopened.open()
    with turned(unopened, {"busy_code": code, "busy_status": status}):
        unopened.bought()
        unopened.arm("exchange_error", probability=0.3, count=6)
        persist(lambda: unopened.jump("1.05"))
        unopened.until(lambda: bool(unopened.position and unopened.position.stage == 1), "the first target")
        persist(lambda: unopened.jump("0.85"))
        unopened.until(lambda: unopened.position is None, "the end")
        unopened.quiet()
    assert len(unopened.sent(side="buy")) == 1


@pytest.mark.parametrize("venue", ["okx"])
def test_maintenance_that_is_announced(unopened: Rig) -> None:
    """A start during maintenance is refused with a remedy; afterwards the same account trades."""
    with turned(unopened, {"system_status": "maintenance"}), pytest.raises(BrokerError, match="maintenance"):
        unopened.open()
    unopened.crash()
    unopened.open()
    unopened.bought()


@pytest.mark.thorough
@pytest.mark.parametrize("venue", ["okx"])
@pytest.mark.parametrize(("level", "cash"), [("1", True), ("3", True), ("3", False), ("4", False)])
def test_each_account_mode(unopened: Rig, level: str, cash: bool) -> None:
    """Spot, multi-currency and portfolio margin, where orders for coins may or may not be `cash` orders."""
    keys = unopened.keys
    config = OkxConfig(
        keys["api_key"],
        keys["api_secret"],
        keys["passphrase"],
        unopened.folder / "owner",
        api_url=unopened.sandbox.ready["okx"]["rest"],
        mode="sandbox",
    )
    with closing(OkxTransport(config, SystemClock(), Notes())) as owner:
        owner.request("/api/v5/account/set-account-level", {"acctLv": level}, Priority.EXIT, system_ms() + 5 * SECOND)
    with turned(unopened, {"cash_in_multi_currency": cash}):
        whole_trade(unopened)
