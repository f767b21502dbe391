"""What the account is worth, and what was lost, whatever its balances say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.clock import DAY
from bot.domain.order import OrderStatus, Purpose, Side
from bot.engine.accounting import in_doubt, invested
from bot.engine.daily_summary import earned
from bot.engine.risk import Losses
from tests.engine.exchange import Scene
from tests.engine.given import ticker
from tests.store.cases import intent

QTY = Decimal("1.94")


def bid(scene: Scene, price: str) -> None:
    scene.exchange.quotes["BTC-USD"] = ticker(bid=price, ask=price)


def losses(scene: Scene) -> Losses:
    return scene.engine.accounting.measure().losses


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A position of $194 in an account of $1000, as measured once."""
    scene = Scene(tmp_path)
    bid(scene, "100")
    scene.scan()
    scene.exchange.cash["BTC"] = QTY
    assert losses(scene) == Losses()
    return scene


def test_empty_balances_are_no_loss_however_often_they_come(scene: Scene) -> None:
    true, scene.exchange.cash = scene.exchange.cash, {}
    for price in ("100", "99.99", "99.98"):
        bid(scene, price)
        assert losses(scene).drawdown_pct < Decimal("0.03")
    scene.exchange.cash = true
    bid(scene, "99.97")
    assert losses(scene).drawdown_pct < Decimal("0.03")


def test_a_real_loss_behind_empty_balances_counts(scene: Scene) -> None:
    scene.exchange.cash = {}
    losses(scene)
    bid(scene, "90")
    assert losses(scene).day_pct == pytest.approx(Decimal(10)), "of the position: nobody knows about the rest"


def test_a_loss_counts_to_the_cent_where_balances_are_right(scene: Scene) -> None:
    bid(scene, "90")
    assert losses(scene).day_pct == pytest.approx(Decimal("1.94"))


@pytest.mark.parametrize(("side", "price", "worth"), [("buy", 90, 180), ("sell", 90, 220), ("sell", 210, 0)])
def test_invested_is_what_the_money_in_positions_is_worth(scene: Scene, side: str, price: int, worth: int) -> None:
    (position,) = scene.book.positions()
    held = replace(position, side=Side(side), qty=Decimal(2), bought=Decimal(2), cost=Decimal(200))
    assert invested([held], [], {"BTC-USD": Decimal(price)}) == worth


def test_an_entry_in_doubt_counts_as_money_that_is_there(tmp_path: Path) -> None:
    """It may open and close before the next measurement, while the exchange shows no balances."""
    scene = Scene(tmp_path)
    entry = scene.book.record(intent(1))
    stop = scene.book.record(intent(2, purpose=Purpose.STOP))
    assert invested([], [entry, stop], {}) == in_doubt(entry) > 0


# -- amounts of any size


@pytest.mark.parametrize(
    "cash", ["9999999999", "10000000000", "123456789012345678.123456789012345678", "1e18", "1e-18"]
)
@pytest.mark.parametrize("price", ["1e-12", "100", "1e17"])
def test_no_amount_stops_an_account(tmp_path: Path, cash: str, price: str) -> None:
    scene = Scene(tmp_path)
    scene.exchange.cash = {"USD": Decimal(cash), "USDT": Decimal("1e18")}
    scene.scan()
    scene.exchange.cash["BTC"] = Decimal("1e18")
    for now in ("103", price, price, "103"):
        bid(scene, now)
        scene.clock.now += DAY
        snapshot = scene.engine.accounting.measure()
        scene.engine.daily_summary.write(snapshot)
        scene.engine.blocked_by(snapshot)
        earned(scene.book, scene.clock.now, snapshot.result)
    scene.deliver()
    scene.scan()
    scene.engine.resume()
    scene.engine.accounting.measure()


def test_what_ten_billions_earned_is_kept_to_the_cent(scene: Scene) -> None:
    scene.exchange.cash["USD"] += Decimal(10000000000)
    losses(scene)
    bid(scene, "90")
    assert losses(scene).day_pct == pytest.approx(Decimal("0.000000194"))


# -- coins whose balance cannot be read


def test_the_broker_knows_which_coins_the_book_depends_on_now(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USD", "ETH-USD")
    needed = scene.exchange.needed
    assert not needed("BTC")
    entry = scene.book.record(intent(1))
    assert needed("BTC"), "an entry whose outcome is unknown"
    assert not needed("ETH")
    scene.book.mark(entry.client_id, OrderStatus.REJECTED, reason="no")
    assert not needed("BTC")
    scene.scan()
    assert needed("ETH"), "a position"
