"""Whatever the requests and their order, money is never created, lost or held by nothing, and a restart keeps it all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.sandbox.core.journal import Journal
from tests.sandbox.okx.okx_client import OkxClient

SWAP = "BTC-USDT-SWAP"
STEPS = 60


def act(client: OkxClient, dice: Random) -> None:
    """One action of a client, the market or time."""
    side, percent = dice.choice(["buy", "sell"]), dice.randint(-4, 4)
    sz, mode = f"0.00{dice.randint(1, 9)}", dice.choice(["cross", "isolated"])
    contracts = str(dice.randint(1, 8))
    stop = [{"slTriggerPx": client.away(-5 if side == "buy" else 5), "slOrdPx": "-1"}]
    pending = client.ask("trade/orders-pending")
    match dice.randint(0, 8):
        case 0:
            client.order(side, sz, client.away(percent))
        case 1:
            client.order(side, sz, tgtCcy="base_ccy")
        case 2:
            client.order("buy", sz, client.away(2), ordType="ioc", attachAlgoOrds=stop)
        case 3:
            client.swap(side, contracts, tdMode=mode, reduceOnly=dice.random() < 0.3)
        case 4:
            client.swap(side, contracts, client.away(percent), tdMode=mode, attachAlgoOrds=stop)
        case 5:
            body = {"instId": SWAP, "lever": dice.randint(1, 50), "mgnMode": mode}
            client.post("account/set-leverage", body)
        case 6 if pending:
            row = dice.choice(pending)
            words = {"instId": row["instId"], "ordId": row["ordId"], "newSz": row["sz"], "newPx": client.away(percent)}
            client.post(dice.choice(["trade/amend-order", "trade/cancel-order"]), words)
        case 7:
            client.price(client.away(dice.randint(-9, 9)))
        case _:
            client.seconds(dice.choice([1, 60, 30_000]))


def check(client: OkxClient) -> None:
    """Checks that holds equal those of orders and positions, and totals the sum of movements."""
    state = client.exchange.state
    account = state.account("main")
    for asset, total in account.total.items():
        orders = sum((o.held for o in state.open.values() if o.held_asset == asset), Decimal(0))
        margin = sum((p.margin for p in client.exchange.positions.all()), Decimal(0)) if asset == "USDT" else 0
        assert account.held.get(asset, Decimal(0)) == orders + margin
        moved = sum((m.amount - m.fee for m in state.movements.values() if m.asset == asset), Decimal(0))
        assert total == moved >= 0


@pytest.mark.parametrize("seed", range(12))
def test_the_books_balance_after_every_step(tmp_path: Path, seed: int) -> None:
    dice, journal = Random(seed), Journal(tmp_path / "state")
    client = OkxClient(seed=seed, journal=journal)
    for _ in range(STEPS):
        act(client, dice)
        check(client)
    truth, balance = client.ledger(), _stripped(client)
    journal.close()
    again = OkxClient(seed=seed, journal=Journal(tmp_path / "state"))
    kept = again.ledger()
    assert [kept[part] for part in ("orders", "fills", "balances", "positions")] == [
        truth[part] for part in ("orders", "fills", "balances", "positions")
    ]
    assert {coin["ccy"]: coin["cashBal"] for coin in _stripped(again)} == {c["ccy"]: c["cashBal"] for c in balance}


def _stripped(client: OkxClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.ask("account/balance")[0]["details"]
    return rows
