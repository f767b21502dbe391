"""The bodies of OKX's order requests, each built from its intent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.okx.orders import Terms, Unsupported, algo_fields, is_algo, order_fields
from bot.brokers.okx.parse import stop_id
from bot.brokers.okx.parse_market import listings
from bot.domain.instrument import Instrument
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce
from tests.brokers.okx.conftest import fixture

ID = "njabcmgx0a1b2zz9q1"


def rules(symbol: str) -> Instrument:
    rows = fixture("instruments_spot") + fixture("instruments_swap")
    return listings(rows, 0)[0][symbol].instrument


SPOT = Terms(rules("BTC-USDT"), "cash")
SWAP = Terms(rules("BTC-USDT-SWAP"), "cross")
HEDGED = Terms(rules("BTC-USDT-SWAP"), "isolated", hedged=True)


def intent(side: Side, kind: OrderType, terms: Terms = SPOT, qty: str = "0.0123", **more: Any) -> Intent:
    symbol = terms.instrument.symbol
    return Intent(ID, "k", Purpose.ENTRY, symbol, side, Decimal(qty), kind, 0, 0, **more)


def entry(terms: Terms, **more: Any) -> Intent:
    return intent(
        Side.BUY, OrderType.LIMIT, terms, tif=TimeInForce.IOC, limit_price=Decimal("50000.1"), **more
    )  # fmt: skip


def test_an_entry_is_an_ioc_limit_in_the_coin_with_its_stop_attached() -> None:
    assert order_fields(entry(SPOT, attached_stop=Decimal(49000)), SPOT) == {
        "instId": "BTC-USDT",
        "tdMode": "cash",
        "side": "buy",
        "sz": "0.0123",
        "tradeQuoteCcy": "USDT",
        "ordType": "ioc",
        "clOrdId": ID,
        "px": "50000.1",
        "attachAlgoOrds": [
            {"attachAlgoClOrdId": stop_id(ID), "slTriggerPx": "49000", "slOrdPx": "-1", "slTriggerPxType": "last"}
        ],
    }


def test_a_swap_entry_is_sized_in_contracts_and_its_stop_looks_at_the_mark_price() -> None:
    fields = order_fields(entry(SWAP, attached_stop=Decimal(49000), attached_target=Decimal(52000)), SWAP)
    assert (fields["sz"], fields["tdMode"]) == ("1.23", "cross")
    assert not {"posSide", "reduceOnly", "tgtCcy", "tradeQuoteCcy"} & set(fields)
    (attached,) = fields["attachAlgoOrds"]
    assert (attached["slTriggerPxType"], attached["tpTriggerPx"], attached["tpOrdPx"]) == ("mark", "52000", "-1")


@pytest.mark.parametrize(
    ("taken", "pay_in", "said"),
    [
        ((), None, None),
        ((), "USD", None),
        (("USD", "USDC"), None, "USDC"),
        (("USD", "USDC"), "USD", "USD"),
        (("USD", "USDC"), "USDC", "USDC"),
        (("USD",), None, "USD"),
        (("USDC",), "USD", "USDC"),
        (("USD", "USDC"), "USDT", "USDC"),
    ],
)
@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET, OrderType.STOP])
def test_an_order_and_its_stop_say_what_pays(
    kind: OrderType, taken: tuple[str, ...], pay_in: str | None, said: str | None
) -> None:
    terms = Terms(replace(SPOT.instrument, symbol="BTC-USDC", quote="USDC", paid_in=taken), "cash")
    prices = {"limit_price": Decimal(9), "trigger_price": Decimal(8)}
    one = intent(Side.SELL, kind, terms, pay_in=pay_in, **prices)
    fields = (algo_fields if is_algo(one) else order_fields)(one, terms)
    assert fields.get("tradeQuoteCcy") == said


@pytest.mark.parametrize("side", Side)
def test_a_market_order_of_spot_always_says_that_it_is_sized_in_the_coin(side: Side) -> None:
    fields = order_fields(intent(side, OrderType.MARKET, reduce_only=side is Side.SELL), SPOT)
    assert (fields["ordType"], fields["tgtCcy"], fields["sz"]) == ("market", "base_ccy", "0.0123")
    assert not {"px", "reduceOnly", "posSide"} & set(fields)


@pytest.mark.parametrize(
    ("side", "closes", "named"),
    [(Side.BUY, False, "long"), (Side.SELL, True, "long"), (Side.SELL, False, "short"), (Side.BUY, True, "short")],
)
def test_with_positions_side_by_side_every_order_names_its_one(side: Side, closes: bool, named: str) -> None:
    fields = order_fields(intent(side, OrderType.MARKET, HEDGED, reduce_only=closes), HEDGED)
    assert (fields["posSide"], fields.get("reduceOnly"), fields["tdMode"]) == (named, None, "isolated")


def test_a_closing_order_and_every_stop_of_a_swap_only_reduces() -> None:
    assert order_fields(intent(Side.SELL, OrderType.MARKET, SWAP, reduce_only=True), SWAP)["reduceOnly"] is True
    stop = intent(Side.SELL, OrderType.STOP, SWAP, trigger_price=Decimal(49000))
    assert algo_fields(stop, SWAP)["reduceOnly"] is True
    assert algo_fields(stop, HEDGED)["posSide"] == "long"


KINDS = {
    "limit": {"limit_price": Decimal(1)},
    "post_only": {"limit_price": Decimal(1), "post_only": True},
    "ioc": {"limit_price": Decimal(1), "tif": TimeInForce.IOC},
    "fok": {"limit_price": Decimal(1), "tif": TimeInForce.FOK},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_limit_orders(kind: str) -> None:
    assert order_fields(intent(Side.BUY, OrderType.LIMIT, **KINDS[kind]), SPOT)["ordType"] == kind


ALGOS: list[tuple[OrderType, dict[str, Any], dict[str, str]]] = [
    (
        OrderType.STOP,
        {"trigger_price": Decimal(90)},
        {"ordType": "conditional", "slTriggerPx": "90", "slOrdPx": "-1", "slTriggerPxType": "last"},
    ),
    (
        OrderType.STOP_LIMIT,
        {"trigger_price": Decimal(90), "limit_price": Decimal("89.5")},
        {"ordType": "conditional", "slTriggerPx": "90", "slOrdPx": "89.5", "slTriggerPxType": "last"},
    ),
    (
        OrderType.TAKE_PROFIT,
        {"trigger_price": Decimal(110)},
        {"ordType": "conditional", "tpTriggerPx": "110", "tpOrdPx": "-1", "tpTriggerPxType": "last"},
    ),
    (
        OrderType.BRACKET,
        {"trigger_price": Decimal(90), "attached_target": Decimal(110)},
        {
            "ordType": "oco",
            "slTriggerPx": "90",
            "slOrdPx": "-1",
            "slTriggerPxType": "last",
            "tpTriggerPx": "110",
            "tpOrdPx": "-1",
            "tpTriggerPxType": "last",
        },
    ),
    (OrderType.TRAILING_STOP, {"trail": Decimal("0.015")}, {"ordType": "move_order_stop", "callbackRatio": "0.015"}),
]


@pytest.mark.parametrize(("kind", "given", "wanted"), ALGOS)
def test_algo_orders(kind: OrderType, given: dict[str, Any], wanted: dict[str, str]) -> None:
    common = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "sz": "0.0123", "tradeQuoteCcy": "USDT"}
    one = intent(Side.SELL, kind, **given)
    assert is_algo(one)
    assert algo_fields(one, SPOT) == {**common, "algoClOrdId": ID, **wanted}


@pytest.mark.parametrize(
    "impossible",
    [
        intent(Side.BUY, OrderType.LIMIT),
        intent(Side.BUY, OrderType.LIMIT, tif=TimeInForce.GTD, limit_price=Decimal(1)),
        intent(Side.BUY, OrderType.MARKET, attached_stop=Decimal(1)),
        intent(Side.SELL, OrderType.STOP),
        intent(Side.SELL, OrderType.STOP, trigger_price=Decimal(0)),
        intent(Side.SELL, OrderType.TRAILING_STOP),
        intent(Side.SELL, OrderType.BRACKET, trigger_price=Decimal(1)),
    ],
)
def test_what_okx_does_not_have_is_said_before_anything_is_sent(impossible: Intent) -> None:
    with pytest.raises(Unsupported):
        (algo_fields if is_algo(impossible) else order_fields)(impossible, SPOT)


def test_small_sizes_are_never_written_with_an_exponent() -> None:
    fields = order_fields(intent(Side.BUY, OrderType.MARKET, qty="1E-8"), SPOT)
    assert fields["sz"] == "0.00000001"
