"""Nobody trades with himself at Kraken: an order that meets one of its own account cancels itself, the other, or both."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.sandbox.core.values import Kind, Order, Origin, Reason, Side, Status, Ticket
from tests.sandbox.kraken_client import KrakenClient

SOME = "0.001"


def bid_on_top(client: KrakenClient, volume: str = SOME, account: str = "main") -> Order:
    """A bid between the market's best bid and ask, so that a sale meets it first."""
    book = client.exchange.market.book("BTC-USD", client.exchange.now, 1)
    price = book.asks[0].price - Decimal("0.1")
    assert price > book.bids[0].price
    ticket = Ticket(account, "BTC-USD", Side.BUY, Kind.LIMIT, qty=Decimal(volume), price=price, origin=Origin.MANUAL)
    return client.exchange.place(ticket)


def shown(client: KrakenClient, order: Order) -> tuple[str, str | None]:
    row = client.result("QueryOrders", txid=order.id)[order.id]
    return row["status"], row.get("reason")


SELF = ("canceled", "Cannot trade with self")


@pytest.fixture
def client() -> KrakenClient:
    one = KrakenClient()
    one.buy("0.01")
    return one


@pytest.mark.parametrize(
    ("stptype", "sale", "bid"),
    [
        (None, SELF, ("open", None)),
        ("cancel-newest", SELF, ("open", None)),
        ("cancel-oldest", ("closed", None), SELF),
        ("cancel-both", SELF, SELF),
    ],
)
@pytest.mark.parametrize("kind", ["market", "limit"])
def test_a_sale_and_the_owners_own_bid(
    client: KrakenClient, kind: str, stptype: str | None, sale: tuple[str, str | None], bid: tuple[str, str | None]
) -> None:
    resting = bid_on_top(client)
    words = {"price": client.away("0.99"), "timeinforce": "IOC"} if kind == "limit" else {}
    said = {} if stptype is None else {"stptype": stptype}
    order = client.sell(ordertype=kind, volume=SOME, **words, **said)
    assert shown(client, order) == sale
    assert shown(client, resting) == bid
    assert order.filled == (0 if sale is SELF else order.qty)
    assert client.exchange.state.accounts["main"].held.get("USD", 0) == (0 if bid is SELF else resting.held)


def test_what_the_book_gives_first_is_traded(client: KrakenClient) -> None:
    book = client.exchange.market.book("BTC-USD", client.exchange.now, 5)
    below = book.bids[1].price
    ticket = Ticket("main", "BTC-USD", Side.BUY, Kind.LIMIT, qty=Decimal(SOME), price=below, origin=Origin.MANUAL)
    client.exchange.deposit("main", "BTC", Decimal(1000))
    resting = client.exchange.place(ticket)
    order = client.sell(ordertype="market", volume=str(2 * book.bids[0].qty))
    assert (order.status, order.reason) == (Status.CANCELED, Reason.SELF_TRADE)
    assert 0 < order.filled <= book.bids[0].qty
    assert resting.status is Status.OPEN


def test_a_limit_order_between_bid_and_ask_meets_it_too(client: KrakenClient) -> None:
    resting = bid_on_top(client)
    order = client.sell(ordertype="limit", volume=SOME, price=str(resting.price))
    assert shown(client, order) == SELF
    beyond = client.sell(ordertype="limit", volume=SOME, price=client.away("1.01"))
    assert shown(client, beyond) == ("open", None)


def test_an_order_of_another_account_is_not_ones_own(client: KrakenClient) -> None:
    client.exchange.deposit("other", "USD", Decimal(1000))
    resting = bid_on_top(client, account="other")
    order = client.sell(ordertype="market", volume=SOME)
    assert (order.status, resting.status) == (Status.FILLED, Status.OPEN)


def test_where_no_word_is_said_about_it_ones_own_orders_are_not_in_the_way(client: KrakenClient) -> None:
    """As at the other exchanges."""
    resting = bid_on_top(client)
    ticket = Ticket("main", "BTC-USD", Side.SELL, Kind.MARKET, qty=Decimal(SOME), origin=Origin.MANUAL)
    assert client.exchange.place(ticket).status is Status.FILLED
    assert resting.status is Status.OPEN


def test_a_purchase_meets_the_owners_ask(client: KrakenClient) -> None:
    book = client.exchange.market.book("BTC-USD", client.exchange.now, 1)
    ask = client.sell(ordertype="limit", volume=SOME, price=str(book.bids[0].price + Decimal("0.1")))
    assert shown(client, client.buy(SOME)) == SELF
    assert client.buy(SOME, stptype="cancel-oldest").status is Status.FILLED
    assert shown(client, ask) == SELF


@pytest.mark.parametrize("stptype", [None, "cancel-oldest"])
def test_a_stop_meets_it_when_it_fires(client: KrakenClient, stptype: str | None) -> None:
    said = {} if stptype is None else {"stptype": stptype}
    stop = client.sell(ordertype="stop-loss", price=client.away("0.95"), volume=SOME, **said)
    resting = client.buy(SOME, ordertype="limit", price=client.away("0.94"))
    client.jump("0.94")
    assert stop.triggered_ms is not None
    assert shown(client, stop) == (SELF if stptype is None else ("closed", None))
    assert (resting.reason is Reason.SELF_TRADE) is (stptype is not None)


def test_a_stop_that_an_order_spawned_has_no_say(client: KrakenClient) -> None:
    parent = client.buy(SOME, close__ordertype="stop-loss", close__price=client.away("0.95"), stptype="cancel-oldest")
    client.buy(SOME, ordertype="limit", price=client.away("0.94"))
    client.jump("0.94")
    stops = [one for one in client.exchange.state.orders.values() if one.parent_id == parent.id]
    assert stops
    assert stops[0].reason is Reason.SELF_TRADE


@pytest.mark.parametrize("word", ["oldest", "cancel-", "cancel-all", "cancel_oldest", "cancel-cancel-oldest"])
def test_no_other_words_are_known(client: KrakenClient, word: str) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": SOME}
    assert client.error("AddOrder", **order, stptype=word) == "EGeneral:Invalid arguments:stptype"


@pytest.mark.parametrize(("refused", "kinds"), [("triggered", {"stop-loss"}), ("all", {"stop-loss", "market"})])
def test_it_may_be_refused(client: KrakenClient, refused: str, kinds: set[str]) -> None:
    client.venue.switches.set("stptype_refused", refused)
    for kind in ("market", "stop-loss"):
        order = {"pair": "XBTUSD", "type": "sell", "ordertype": kind, "volume": SOME, "price": client.away("0.9")}
        answer = client.ask("AddOrder", **order, stptype="cancel-oldest", validate="true")
        assert (answer["error"] == ["EGeneral:Invalid arguments:stptype"]) is (kind in kinds)
        assert client.ask("AddOrder", **order, validate="true")["error"] == []
