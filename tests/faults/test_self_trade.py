"""Kraken lets nobody trade with himself: a bid of the owner's on top of the book does not keep NIJA from selling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.domain.order import Intent, OrderStatus, Purpose
from bot.domain.outcome import Outcome
from bot.engine.exits import SHOWN_WITHIN, SaleResult
from bot.engine.unsold import MANY
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

SELF = "Cannot trade with self"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A market that is slow enough for an order between bid and ask to rest until NIJA's comes."""
    with Sandbox(tmp_path_factory.mktemp("calm"), "--speed", "4") as one:
        one.control("POST", "switches", venue="kraken", name="rate_counter_max", value=10_000)
        yield one


@pytest.fixture
def rig(calm: Sandbox, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(calm, tmp_path, "ETH-USD")
    one.open()
    one.steady()
    yield one
    one.crash()


class Owner:
    """Leaves an order between bid and ask just before each order of NIJA's on the other side reaches the exchange."""

    def __init__(self, rig: Rig, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.orders: list[str] = []
        self._rig = rig
        self._side = side
        self._place: Callable[[Intent], Outcome] = rig.engine.oms.broker.place
        monkeypatch.setattr(rig.engine.oms.broker, "place", self._before)

    def _before(self, intent: Intent) -> Outcome:
        if intent.purpose is not Purpose.STOP and intent.side.value != self._side:
            quote = self._rig.engine.oms.broker.tickers({intent.symbol})[intent.symbol]
            rules = self._rig.engine.oms.instruments[intent.symbol]
            price = quote.bid + rules.tick if self._side == "buy" else quote.ask - rules.tick
            self.orders.append(self._rig.manual(self._side, rules.size(20 / price), price))
        return self._place(intent)

    def ending(self, number: int = -1) -> tuple[str, str | None]:
        """How one of these orders ended, or "open"."""
        (row,) = [row for row in self._rig.truth()["orders"] if row["id"] == self.orders[number]]
        return row["status"], row["reason"]


def sell(rig: Rig) -> SaleResult:
    assert rig.position is not None
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].bid
    return rig.engine.exits.sell(rig.symbol, rig.position.qty, price, Purpose.EXIT, "test")


def test_a_sale_goes_before_the_owners_bid(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bought()
    owner = Owner(rig, "buy", monkeypatch)
    assert sell(rig) is SaleResult.DONE
    assert rig.position is None
    assert owner.ending() == ("canceled", "self_trade")


def test_a_stop_that_cannot_say_so_is_followed_by_a_sale_that_does(rig: Rig) -> None:
    """Kraken spawns the stop of an entry itself; when it fires, it meets a bid that the market has jumped over."""
    position = rig.bought()
    bid = rig.manual("buy", rig.engine.oms.instruments[rig.symbol].size(20 / position.stop_price),
                     rig.engine.oms.instruments[rig.symbol].price(position.stop_price * Decimal("0.9")))  # fmt: skip
    rig.move(position.stop_price * Decimal("0.89"))
    stops = [row for row in rig.sent(side="sell") if row["origin"] == "attached"]
    assert {row["reason"] for row in stops} == {"self_trade"}
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert bid not in {row["id"] for row in rig.sent(status="open")}


def test_the_owner_is_told_why_nothing_is_sold(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Kraken does not accept that the owner's order is cancelled, the same happens again and again."""
    rig.bought()
    owner = Owner(rig, "buy", monkeypatch)
    with rig.switched("stptype_refused", "all"):
        for _ in range(MANY):
            assert rig.notes.said(Event.REJECTED) == []
            assert sell(rig) is SaleResult.LATER
            assert owner.ending()[1] is None
            rig.clock.ahead += SHOWN_WITHIN
    assert len(owner.orders) == MANY
    assert [sale.status for sale in rig.sales()] == [OrderStatus.CANCELED] * MANY
    (line,) = rig.notes.said(Event.REJECTED)
    assert SELF in str(line["reason"])


def test_an_entry_gives_way_to_the_owners_ask(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.deposit(rig.base, Decimal(1))
    owner = Owner(rig, "sell", monkeypatch)
    rig.enter()
    rig.quiet()
    assert rig.position is None
    assert owner.ending()[1] is None
    assert [row["reason"] for row in rig.sent(side="buy")] == ["self_trade"]
