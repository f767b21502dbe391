"""The local OKX's answers have the keys and JSON types of recorded real ones (ours may have more keys)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.okx.okx_desk import OkxDesk

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "exchanges" / "recorded" / "okx"
SWAP = "BTC-USDT-SWAP"


def algo_pending(desk: OkxDesk) -> list[Any]:
    words = {"instId": SWAP, "tdMode": "cross", "triggerPx": desk.away(-3), "orderPx": desk.away(-3)}
    assert desk.algo("buy", "1", "trigger", **words)["sCode"] == "0"
    return desk.ask("trade/orders-algo-pending", ordType="trigger")


def positions(desk: OkxDesk) -> list[Any]:
    desk.swap("buy", "1")
    return desk.ask("account/positions")


def history(desk: OkxDesk) -> list[Any]:
    desk.swap("buy", "1")
    return desk.ask("trade/orders-history", instType="SWAP")


def pending(desk: OkxDesk) -> list[Any]:
    desk.swap("buy", "1", desk.away(-3))
    return desk.ask("trade/orders-pending")


CASES: dict[str, Callable[[OkxDesk], list[Any]]] = {
    "http_get_account_balance.json": lambda desk: desk.ask("account/balance"),
    "http_get_candlesticks.json": lambda desk: desk.ask("market/candles", instId="BTC-USDT"),
    "http_get_instruments_spot.json": lambda desk: desk.ask("public/instruments", instType="SPOT"),
    "http_get_instruments_swap.json": lambda desk: desk.ask("public/instruments", instType="SWAP"),
    "http_get_order_book.json": lambda desk: desk.ask("market/books", instId="BTC-USDT", sz=3),
    "http_get_orders_algo_pending.json": algo_pending,
    "http_get_orders_history.json": history,
    "http_get_orders_pending.json": pending,
    "http_get_positions.json": positions,
    "http_get_trade_fee_response.json": lambda desk: desk.ask("account/trade-fee", instType="SPOT"),
    "http_get_trades.json": lambda desk: desk.ask("market/trades", instId="BTC-USDT"),
}
UNUSED = {"uly", "maxSpotInUseAmt"}
"""Balances have the second one under its newer name, maxSpotInUse."""


@pytest.mark.parametrize("name", CASES)
def test_rows_have_the_recorded_keys_and_types(desk: OkxDesk, name: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded payloads in {FOLDER}")
    recorded = json.loads((FOLDER / name).read_text())["data"][0]
    _same(recorded, CASES[name](desk)[0], name)


def test_rows_of_orders_have_the_recorded_keys(desk: OkxDesk) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded payloads in {FOLDER}")
    placed = json.loads((FOLDER / "http_place_order_response.json").read_text())
    _same(placed, desk.order("buy", "100"), "order")
    refused = json.loads((FOLDER / "http_place_algo_order_rejected.json").read_text())["data"][0]
    _same(refused, desk.algo("sell", "0", slTriggerPx="1", slOrdPx="-1"), "algo")


def _same(recorded: Any, ours: Any, where: str) -> None:
    assert type(ours) is type(recorded), where
    if isinstance(recorded, dict):
        for key in recorded.keys() - UNUSED:
            assert key in ours, f"{where}: {key}"
            _same(recorded[key], ours[key], f"{where}: {key}")
    elif isinstance(recorded, list) and recorded and ours:
        _same(recorded[0], ours[0], where)
