"""Single answers of Coinbase, scripted on a socket behind the real SDK, and the broker's result."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.coinbase import CoinbaseBroker
from bot.brokers.coinbase.errors import REMEDIES
from bot.domain.clock import MINUTE, system_ms
from bot.domain.log import Event
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed, Unknown
from tests.brokers.coinbase.conftest import Depending, Notes, Request, Script, TlsServer, book, http, product

BTC = "BTC-USD"
MINE = "nj0000000000000001"
UUID = "9f1f7a8e-5e0c-4a63-9f3a-2a1d0c1b2a3d"
ORDER = "0a0b0c0d-0000-4000-8000-000000000001"
CHILD = "0a0b0c0d-0000-4000-8000-000000000002"


def intent(kind: OrderType, side: Side = Side.SELL, **more: Any) -> Intent:
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.STOP if kind is OrderType.STOP else Purpose.EXIT
    now = system_ms()
    return Intent(MINE, "k", purpose, BTC, side, Decimal("0.5"), kind, now, now, **more)


def entry(**more: Any) -> Intent:
    shape: dict[str, Any] = {
        "tif": TimeInForce.IOC,
        "limit_price": Decimal("100.02"),
        "attached_stop": Decimal(97),
        "attached_target": Decimal(109),
    }
    return intent(OrderType.LIMIT, Side.BUY, **(shape | more))


def stop(**more: Any) -> Intent:
    return intent(OrderType.STOP, **({"trigger_price": Decimal(97)} | more))


def sale() -> Intent:
    return intent(OrderType.MARKET, tif=TimeInForce.IOC)


def resting() -> VenueOrder:
    return VenueOrder(ORDER, BTC, Side.SELL, OrderType.STOP, OrderStatus.OPEN, Decimal("0.5"))


def taken(exchange_id: str = ORDER) -> dict[str, Any]:
    return {"success": True, "success_response": {"order_id": exchange_id, "client_order_id": MINE}}


def refused(code: str, message: str = "") -> dict[str, Any]:
    return {"success": False, "error_response": {"error": code, "message": message}}


def row(exchange_id: str = ORDER, status: str = "OPEN", **more: Any) -> dict[str, Any]:
    """One of our resting stops as the lists show it."""
    return {
        "order_id": exchange_id,
        "product_id": BTC,
        "product_type": "SPOT",
        "side": "SELL",
        "client_order_id": MINE,
        "status": status,
        "order_type": "STOP_LIMIT",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "created_time": "2026-11-28T08:00:00Z",
        "order_configuration": {
            "stop_limit_stop_limit_gtc": {"base_size": "0.5", "limit_price": "92.15", "stop_price": "97"}
        },
        "filled_size": "0",
        **more,
    }


EVENT = {
    "order_id": "0a0b0c0d-0000-4000-8000-00000000000e",
    "product_id": "KXBTC-26NOV28-T90000",
    "product_type": "UNKNOWN_PRODUCT_TYPE",
    "side": "",
    "client_order_id": UUID,
    "status": "OPEN",
    "created_time": "2026-11-28T08:00:00Z",
}


def listed(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"orders": list(rows), "has_next": False, "cursor": "", **more}


def raised(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


def body_of(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


# -- words ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused("TRADING_DISABLED"), ErrorClass.PASSING),
        (refused("INSUFFICIENT_FUND", "Insufficient balance in source account"), ErrorClass.PASSING),
        (refused("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"), ErrorClass.PASSING),
        (refused("GEOFENCING_RESTRICTION"), ErrorClass.MARKET),
        (http(b'{"error":"INVALID_ARGUMENT","message":"no"}', "400 Bad Request"), ErrorClass.PASSING),
        (
            http(b'{"error":"INVALID_ARGUMENT","message":"account is not available"}', "400 Bad Request"),
            ErrorClass.MARKET,
        ),
    ],
)
def test_a_stop_is_refused_for_as_long_as_the_word_says(
    answer: Any, expected: ErrorClass, server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(orders=answer)
    end = broker.place(stop())
    assert isinstance(end, NotPlaced)
    assert end.meaning.error_class is expected
    assert broker.capabilities().resting_stop


NEW_WORDS = {
    "a new word": refused("MOON_PHASE_REFUSED"),
    "a known word with an end": refused("UNSUPPORTED_ORDER_CONFIGURATION_TODAY"),
    "two words": {"success": False, "error_response": {"error": "INVALID_SIDE", "preview_failure_reason": "PREVIEW_X"}},
    "no word": {"success": False},
    "a bare 400": http(b"<html>", "400 Bad Request"),
    "a bare 404": http(b'{"error":"NOT_FOUND","message":"no such page"}', "404 Not Found"),
    "another 401": http(b'{"error":"TOKEN"}', "401 Unauthorized"),
    "another 403": http(b'{"error":"PERMISSION_DENIED","message":"later"}', "403 Forbidden"),
    "a 409": http(b'{"error":"CONFLICT"}', "409 Conflict"),
}


@pytest.mark.parametrize("name", NEW_WORDS)
def test_an_order_refused_in_new_words_is_asked_about(name: str, server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(orders=NEW_WORDS[name])
    before = broker.capabilities()
    for order in (entry(), stop(), sale()):
        end = broker.place(order)
        assert isinstance(end, Unknown)
        assert end.unheard
    assert broker.capabilities() == before


def test_a_cancel_refused_in_new_words_is_asked_about(server: TlsServer, broker: CoinbaseBroker) -> None:
    said = {"results": [{"success": False, "failure_reason": "MOON", "order_id": ORDER}]}
    for answer in (said, NEW_WORDS["a bare 404"], NEW_WORDS["another 401"]):
        server.answer = Script(batch_cancel=answer)
        end = broker.cancel(resting())
        assert isinstance(end, Unknown)
        assert end.unheard


def test_what_cannot_be_amended_keeps_the_capabilities(server: TlsServer, broker: CoinbaseBroker) -> None:
    before = broker.capabilities()
    end = broker.amend(resting(), trigger_price=Decimal(98))
    assert isinstance(end, NotPlaced)
    assert end.meaning.error_class is ErrorClass.SHAPE
    assert broker.capabilities() == before
    assert server.requests == []


def test_a_question_refused_in_new_words_ends_nobody(server: TlsServer, broker: CoinbaseBroker) -> None:
    for name in ("a bare 400", "another 401", "another 403", "a 409"):
        server.answer = Script(accounts=NEW_WORDS[name], batch=NEW_WORDS[name])
        for ask in (broker.balances, broker.open_orders):
            error = raised(ask)
            assert (error.meaning, error.unheard) == (ErrorMeaning.BUSY, True)


def test_a_lost_page_is_no_missing_order(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(order=http(b"<html>not here</html>", "404 Not Found"))
    assert raised(lambda: broker.order(ORDER, BTC)).unheard
    server.answer = Script(order={"order": None})
    assert broker.order(ORDER, BTC) is None


def test_candles_refused_as_too_fast_say_nothing_of_the_key(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(
        candles=http(b"Unauthorized\n", "401 Unauthorized"), accounts=http(b"Unauthorized\n", "401 No")
    )
    assert raised(lambda: broker.candles(BTC, MINUTE, 10)).meaning is ErrorMeaning.RATE_LIMITED


# -- proofs -----------------------------------------------------------------------------------------------------------
def complaining(*codes: str) -> dict[str, Any]:
    return {"errs": list(codes), "preview_id": ""}


@pytest.mark.parametrize(
    "answer",
    [
        complaining("PREVIEW_MISSING_PRODUCT_PRICE_BOOK"),
        complaining("PREVIEW_INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS"),
        complaining("PREVIEW_TRADING_DISABLED"),
        complaining("PREVIEW_MOON_PHASE"),
        complaining("PREVIEW_GEOFENCING_RESTRICTION"),
        http(b'{"error":"INVALID_ARGUMENT","message":"no"}', "400 Bad Request"),
        http(b"<html>", "503 Service Unavailable"),
    ],
)
def test_a_preview_that_does_not_speak_of_the_shape_takes_nothing_away(
    answer: Any, server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(preview=answer)
    before = broker.capabilities()
    broker.probe(entry(), stop())
    assert broker.capabilities() == before


def test_an_empty_preview_judges_nothing(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(preview={})
    assert not any(proof.judged or proof.accepted for proof in broker.probe(entry(), stop()))


def test_an_attachment_that_a_preview_refuses_is_given_back_by_a_real_order(
    server: TlsServer, broker: CoinbaseBroker
) -> None:
    def judge(request: Request) -> Any:
        attached = "attached_order_configuration" in body_of(request)
        return complaining("PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED") if attached else complaining()

    server.answer = Script(preview=Depending(judge), orders=taken())
    proofs = broker.probe(entry(), stop())
    assert [(one.accepted, one.judged) for one in proofs] == [(False, True), (True, True), (True, True)]
    able = broker.capabilities()
    assert (able.attached_stop, able.resting_stop) == (False, True)
    broker.place(entry())
    assert broker.capabilities().attached_stop


def test_a_market_without_a_quote_is_left_out(server: TlsServer, broker: CoinbaseBroker) -> None:
    empty, gone = {**book("ETH-USD"), "asks": []}, {**book("ETH-USD"), "asks": None}
    for books in ([book(BTC)], [book(BTC), empty], [book(BTC), gone], []):
        server.answer = Script(best_bid_ask={"pricebooks": books})
        assert broker.tickers({BTC, "ETH-USD", "NOPE-USD"}).keys() <= {BTC}


def test_a_market_that_is_not_listed_takes_no_capability_with_it(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(products={"products": [product("ETH-USD")]}, orders=taken())
    end = broker.place(stop())
    assert isinstance(end, NotPlaced)
    assert end.meaning is ErrorMeaning.MARKET_CLOSED
    broker.probe(entry(), stop())
    assert broker.capabilities().resting_stop
    assert server.posts() == []


# -- lists ------------------------------------------------------------------------------------------------------------
def filtered(*rows: dict[str, Any]) -> Depending:
    """The list, filtered as Coinbase does: by status, product type and creation time."""

    def answer(request: Request) -> Any:
        query = dict(request.query)
        wanted = [value for name, value in request.query if name == "order_status"]
        assert not ("OPEN" in wanted and len(wanted) > 1)
        assert query["product_type"] == "SPOT"
        found = [one for one in rows if not wanted or one["status"] in wanted]
        return listed(*(one for one in found if one["created_time"] >= query.get("start_date", "")))

    return Depending(answer)


@pytest.mark.parametrize("status", ["PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"])
def test_an_old_stop_is_among_the_open_orders_in_every_live_status(
    status: str, server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(
        batch=filtered(row(status=status, created_time="2020-01-01T00:00:00Z"), row(CHILD, "CANCELLED"))
    )
    assert [one.exchange_id for one in broker.open_orders()] == [ORDER]


@pytest.mark.parametrize("rows", [(), (row(),)])
def test_a_list_that_wants_a_second_factor_is_no_answer(
    rows: tuple[dict[str, Any], ...], server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(batch=listed(*rows, proof_token_required=True))
    for ask in (broker.open_orders, lambda: broker.recent_orders(0), lambda: broker.find(MINE, BTC, 0)):
        assert raised(ask).remedy == REMEDIES["proof"]  # type: ignore[arg-type]


def test_rows_that_cannot_be_ours_are_left_out_and_named_once(
    server: TlsServer, broker: CoinbaseBroker, notes: Notes
) -> None:
    future = {**EVENT, "product_id": "BIT-26DEC26-CDE", "product_type": "FUTURE", "side": "SELL", "filled_size": "0"}
    by_hand = row("0a0b0c0d-0000-4000-8000-00000000000b", client_order_id="made-by-hand", side="")
    server.answer = Script(batch=listed(EVENT, row(), future, by_hand))
    assert [[one.exchange_id for one in broker.open_orders()] for _ in range(2)] == [[ORDER], [ORDER]]
    assert [fields["product"] for fields in notes.said(Event.LEFT_OUT)] == [
        "UNKNOWN_PRODUCT_TYPE",
        "FUTURE",
        BTC,
    ]


@pytest.mark.parametrize(
    "change",
    [{"side": ""}, {"side": "", "client_order_id": "", "originating_order_id": ORDER}, {"filled_size": "NaN"}],
)
def test_a_row_that_may_be_ours_and_cannot_be_read_fails_the_list(
    change: dict[str, str], server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(batch=listed(row(**change)))
    assert raised(broker.open_orders).meaning is ErrorMeaning.BUSY


def fill(entry_id: str = "f1", **more: Any) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "trade_id": entry_id,
        "order_id": ORDER,
        "trade_time": "2026-11-28T09:00:00Z",
        "trade_type": "FILL",
        "price": "100",
        "size": "0.5",
        "commission": "0.3",
        "product_id": BTC,
        "side": "BUY",
        **more,
    }


def test_fills_that_cannot_be_ours_are_left_out(server: TlsServer, broker: CoinbaseBroker) -> None:
    event = fill("f2", product_id="KXBTC-26NOV28-T90000", side="")
    stocks = fill("f3", product_id="AAPL-USD", side="")
    server.answer = Script(fills={"fills": [event, fill(), stocks], "cursor": ""})
    broker.instruments()
    assert [one.fill_id for one in broker.fills(0)] == ["f1"]
    server.answer = Script(fills={"fills": [fill(side="")], "cursor": ""})
    assert raised(lambda: broker.fills(0)).meaning is ErrorMeaning.BUSY


def repeating(what: str, *rows: dict[str, Any]) -> Depending:
    """The same page under a new cursor each time."""
    cursors = itertools.count()
    return Depending(lambda _: {what: list(rows), "has_next": True, "cursor": f"c{next(cursors)}"})


def test_a_page_that_comes_again_ends_a_list(server: TlsServer, broker: CoinbaseBroker) -> None:
    wallet = {"uuid": "w", "currency": "USD", "available_balance": {"value": "7"}, "hold": {"value": "0"}}
    server.answer = Script(
        batch=repeating("orders", row()), fills=repeating("fills", fill()), accounts=repeating("accounts", wallet)
    )
    assert len(broker.open_orders()) == 1
    assert len(broker.fills(0)) == 1
    assert broker.balances()["USD"].free == 7
    assert len(server.requests) == 3 * 2 + 2 + 2


def test_a_full_page_that_comes_again_hides_what_is_behind_it(server: TlsServer, broker: CoinbaseBroker) -> None:
    rows = [row(f"0a0b0c0d-0000-4000-8000-{number:012}") for number in range(250)]
    wallet = {"currency": "USD", "available_balance": {"value": "7"}, "hold": {"value": "0"}}
    wallets = [{"uuid": f"w{number}", **wallet} for number in range(250)]
    server.answer = Script(batch=repeating("orders", *rows), accounts=repeating("accounts", *wallets))
    assert raised(broker.open_orders).meaning is ErrorMeaning.BUSY
    assert raised(broker.balances).meaning is ErrorMeaning.BUSY
    assert len(server.requests) == 2 * 2


@pytest.mark.parametrize(("client_id", "expected"), [("", None), (MINE, None), (UUID, UUID)])
def test_a_spawned_bracket_never_passes_for_its_parent(
    client_id: str, expected: str | None, server: TlsServer, broker: CoinbaseBroker
) -> None:
    child = row(CHILD, client_order_id=client_id, originating_order_id=ORDER, order_type="BRACKET")
    server.answer = Script(batch=listed(child, row(status="FILLED", side="BUY", order_type="LIMIT", filled_size="0.5")))
    (found,) = broker.open_orders()
    assert (found.exchange_id, found.parent_id, found.client_id) == (CHILD, ORDER, expected)
    parent = broker.find(MINE, BTC, 0)
    assert parent is not None
    assert parent.exchange_id == ORDER


# -- used-up ids ------------------------------------------------------------------------------------------------------
def banded(band: Decimal, word: str) -> Depending:
    """Coinbase with a price band: refuses a purchase more than `band` below 100."""

    def answer(request: Request) -> Any:
        body = body_of(request)
        price = Decimal(body["order_configuration"]["limit_limit_gtd"]["limit_price"])
        return taken() if body["side"] == "BUY" and price >= 100 * (1 - band) else refused(word)

    return Depending(answer)


def buried() -> dict[str, Any]:
    return {"order": row(status="CANCELLED", side="BUY", order_type="LIMIT", time_in_force="GOOD_UNTIL_DATE_TIME")}


@pytest.mark.parametrize(
    "word",
    [
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
        "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "BREACHED_PRICE_LIMIT",
        "A_WORD_OF_NEXT_YEAR",
    ],
)
def test_an_id_is_used_up_nearer_where_the_price_is_refused(
    word: str, server: TlsServer, broker: CoinbaseBroker
) -> None:
    server.answer = Script(orders=banded(Decimal("0.1"), word), order=buried())
    found = broker.burn(entry())
    assert found is not None
    assert found.status is OrderStatus.CANCELED
    prices = [body_of(post)["order_configuration"]["limit_limit_gtd"]["limit_price"] for post in server.posts()]
    assert prices == ["50", "80", "92"]


@pytest.mark.parametrize("word", ["ASSET_BALANCE_INCREASE_REJECT", "INVALID_QUOTE_SIZE_TOO_SMALL", "INVALID_REQUEST"])
def test_an_id_is_used_up_by_the_side_that_is_not_refused(word: str, server: TlsServer, broker: CoinbaseBroker) -> None:
    sides = Depending(lambda request: refused(word) if body_of(request)["side"] == "BUY" else taken())
    server.answer = Script(orders=sides, order=buried())
    assert broker.burn(entry()) is not None


def test_an_id_that_could_not_be_used_up_is_tried_again_later(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(orders=refused("BREACHED_PRICE_LIMIT"))
    assert broker.burn(entry()) is None
    assert {body_of(post)["side"] for post in server.posts()} == {"BUY", "SELL"}
    server.answer = Script(orders=taken(), order=buried())
    assert broker.burn(entry()) is not None


def test_an_id_is_not_used_up_while_coinbase_is_silent(server: TlsServer, broker: CoinbaseBroker) -> None:
    server.answer = Script(orders=http(b"", "503 Service Unavailable"))
    assert broker.burn(entry()) is None
    assert len(server.posts()) == 1


# -- hurry ------------------------------------------------------------------------------------------------------------
def test_while_coins_lie_without_a_stop_no_call_is_waited_for_long(server: TlsServer, broker: CoinbaseBroker) -> None:
    def hang(connection: object, request: Request) -> None:
        time.sleep(30)

    server.answer = Script()
    broker.instruments()
    server.answer = hang
    broker.limit_calls(0.3)
    began = time.monotonic()
    ends: list[Outcome] = [broker.place(stop()), broker.cancel(resting())]
    raised(broker.open_orders)
    raised(broker.balances)
    assert time.monotonic() - began < 4
    assert [(type(end), end.unheard) for end in ends if isinstance(end, Unknown)] == [(Unknown, False)] * 2
    broker.limit_calls(None)
    server.answer = Script()
    assert broker.open_orders() == []


def test_a_cancel_that_stays_queued_is_not_waited_for_beyond_the_limit(
    server: TlsServer, broker: CoinbaseBroker
) -> None:
    accepted = {"results": [{"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": ORDER}]}
    server.answer = Script(batch_cancel=accepted, order={"order": row(status="CANCEL_QUEUED")})
    broker.limit_calls(0.3)
    began = time.monotonic()
    assert broker.cancel(resting()) == Placed(ORDER)
    assert time.monotonic() - began < 1.5
    assert [one.exchange_id for one in broker.open_orders()] == [ORDER]


# -- money ------------------------------------------------------------------------------------------------------------
def test_money_that_lies_elsewhere_is_named(server: TlsServer, broker: CoinbaseBroker) -> None:
    def wallet(name: str, value: str, **more: Any) -> dict[str, Any]:
        return {"uuid": name, "currency": "USD", "available_balance": {"value": value}, "hold": {"value": "0"}, **more}

    vault = wallet("v", "5000", type="ACCOUNT_TYPE_VAULT")
    unsaid = wallet("u", "3", type="ACCOUNT_TYPE_UNSPECIFIED", platform="ACCOUNT_PLATFORM_UNSPECIFIED")
    held = wallet("h", "0", hold={"value": "20"})
    server.answer = Script(accounts={"accounts": [vault, unsaid, held], "has_next": False, "cursor": ""})
    assert broker.balances()["USD"].free == 3
    assert broker.elsewhere() == (
        "5000 USD in a vault, in another portfolio or in a wallet that is not ready, 20 USD held by orders"
    )


@pytest.mark.parametrize("cursor", ["", None])
def test_a_list_that_goes_on_but_does_not_say_where_is_no_list(
    broker: CoinbaseBroker, server: TlsServer, cursor: str | None
) -> None:
    more = {"has_next": True, "next_cursor": cursor}
    server.answer = Script(
        batch={"orders": [row()], "has_next": True, "cursor": cursor},
        products={"products": [product("ETH-USD")], "pagination": more},
    )
    for ask in (broker.open_orders, broker.instruments):
        with pytest.raises(BrokerError, match="did not come to an end"):
            ask()


def test_an_empty_page_is_not_the_end_of_a_list_that_goes_on(broker: CoinbaseBroker, server: TlsServer) -> None:
    def page(request: Request) -> Any:
        if dict(request.query).get("cursor") == "c":
            return {"orders": [row()], "has_next": False, "cursor": ""}
        return {"orders": [], "has_next": True, "cursor": "c"}

    server.answer = Script(batch=Depending(page))
    assert [order.exchange_id for order in broker.open_orders()] == [ORDER]
