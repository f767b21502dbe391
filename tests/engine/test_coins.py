"""Who made a sale: the owner by hand, or a stop that the book has not seen yet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain.clock import MINUTE, SECOND
from bot.domain.order import OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.engine.coins import UNCONFIRMED, Coins
from bot.engine.owner_trades import OwnerTrades
from tests.engine.exchange import Exchange, Scene

OURS = "njabcdmx0zz1w56gtf"


def order(name: str, client_id: str | None = None, parent: str | None = None) -> VenueOrder:
    return VenueOrder(
        name,
        "XRP-USDT",
        Side.SELL,
        OrderType.MARKET,
        OrderStatus.FILLED,
        Decimal(1),
        client_id=client_id,
        parent_id=parent,
    )


@pytest.mark.parametrize(
    ("shown", "by_hand"),
    [
        ([order("SALE")], True),
        ([order("SALE", client_id="owner-1")], True),
        ([order("SALE", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", parent="ENTRY"), order("ENTRY", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", client_id="owner-2")], True),
        ([order("SALE", parent="STOP")], False),  # its parent is not shown, so it is not certain
        ([], False),
    ],
)
def test_a_sale_is_the_owners_only_when_nothing_of_ours_made_it(shown: list[VenueOrder], by_hand: bool) -> None:
    broker = SimpleNamespace(order=lambda name, _: {one.exchange_id: one for one in shown}.get(name))
    book = SimpleNamespace(by_exchange_id=lambda _: None)
    owner = OwnerTrades(cast("Any", SimpleNamespace(broker=broker, book=book)))
    assert owner._cause("SALE", "XRP-USDT", Side.BUY, "by hand") == ("by hand" if by_hand else None)


def test_a_sale_refused_for_want_of_coins_is_tried_again_after_waits_that_grow() -> None:
    clock = SimpleNamespace(steady_ms=lambda: now, market_ms=lambda: now)
    instrument = SimpleNamespace(shortable=False, lot=Decimal("0.1"))
    book = SimpleNamespace(positions=list)
    desk = SimpleNamespace(
        clock=clock, book=book, instruments={"XRP-USDT": instrument}, broker=SimpleNamespace(balances=dict),
        closing_in_doubt=lambda _: Decimal(0),
    )  # fmt: skip
    coins, now = Coins(cast("Any", desk)), 1_000
    position = cast("Any", SimpleNamespace(symbol="XRP-USDT", entry_id="e"))
    refused = SimpleNamespace(status=OrderStatus.REJECTED, reason="funds: no coins", purpose=Purpose.EXIT)
    assert not coins.waits("XRP-USDT")
    for wait in (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000):
        coins.sent(cast("Any", refused), position)
        now += wait - 1
        assert coins.waits("XRP-USDT")
        now += 1
        assert not coins.waits("XRP-USDT")
    coins.sent(cast("Any", refused), position)
    coins.sent(cast("Any", SimpleNamespace(status=OrderStatus.FILLED, reason="", purpose=Purpose.EXIT)), position)
    assert not coins.waits("XRP-USDT")


def test_the_owners_trades_are_not_read_at_every_count_while_only_a_balance_misses_coins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading may take many pages of the account's rate budget."""
    scene = Scene(tmp_path)
    assert len(scene.scan()) == 1
    reads: list[int] = []

    def fills(_: Exchange, since: int) -> tuple[()]:
        reads.append(since)
        return ()

    monkeypatch.setattr(Exchange, "fills", fills)
    for _ in range(60 * MINUTE // (30 * SECOND)):
        scene.oms.coins.count(scene.exchange.balances())
        scene.clock.now += 30 * SECOND
    assert len(reads) in (7, 8)
    assert scene.book.position("BTC-USD") is not None
    scene.clock.now += UNCONFIRMED
    scene.oms.coins.count(scene.exchange.balances())
    assert scene.book.position("BTC-USD") is None
