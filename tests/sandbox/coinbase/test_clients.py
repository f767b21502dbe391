"""Public client libraries trade at the local Coinbase over TLS, configured only with its address and authority."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import orjson
import pytest
import requests
from coinbase.rest import RESTClient

from tests.sandbox_fixture import ControlError, Sandbox

VENUE = "coinbase"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--pairs", "2", venues=(VENUE,)) as running:
        yield running


@pytest.fixture
def quiet(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The same sandbox, without faults afterwards."""
    yield sandbox
    sandbox.control("DELETE", f"faults?venue={VENUE}")


def open_client(sandbox: Sandbox, key: str = "", secret: str = "", timeout: float = 10) -> RESTClient:
    part = sandbox.ready[VENUE]
    address = part["rest"].removeprefix("https://")
    client = RESTClient(key or part["api_key"], secret or part["api_secret"], base_url=address, timeout=(3, timeout))
    client.session.verify = part["ca_file"]
    client.session.trust_env = False
    return client


@pytest.fixture
def client(sandbox: Sandbox) -> RESTClient:
    return open_client(sandbox)


def until(ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """The first good answer of `ask`."""
    end = time.monotonic() + 10
    while True:
        answer = ask()
        if good(answer) or time.monotonic() > end:
            assert good(answer), answer
            return answer
        time.sleep(0.02)


def ended(client: RESTClient, order_id: str) -> dict[str, Any]:
    done = {"FILLED", "CANCELLED", "EXPIRED", "FAILED"}

    def ask() -> dict[str, Any]:
        order: dict[str, Any] = client.get_order(order_id).to_dict()["order"]
        return order

    order: dict[str, Any] = until(ask, lambda order: order["status"] in done)
    return order


def free(client: RESTClient, size: str) -> None:
    """Waits until the venue has released that many coins."""

    def ask() -> Decimal:
        wallets = client.get_accounts(limit=250).accounts
        return next(Decimal(w.available_balance["value"]) for w in wallets if w.currency == "BTC")

    until(ask, lambda coins: coins >= Decimal(size))


def price(client: RESTClient, factor: str = "1") -> str:
    last = Decimal(client.get_product("BTC-USD")["price"])
    return str((last * Decimal(factor)).quantize(Decimal("0.01")))


def order_id(answer: Any) -> str:
    assert answer.success, answer.to_dict()
    return str(answer.success_response["order_id"])


# ---- the SDK ----


def test_the_sdk_reads_account_products_and_candles(client: RESTClient) -> None:
    accounts = {account.currency: account for account in client.get_accounts(limit=250).accounts}
    assert Decimal(accounts["USD"].available_balance["value"]) > 0
    assert client.get_api_key_permissions().to_dict()["can_trade"] is True
    assert client.get_transaction_summary().fee_tier["taker_fee_rate"] == "0.0025"
    assert {"BTC-USD", "BTC-USDC"} <= {product.product_id for product in client.get_products().products}
    now = int(time.time())
    candles = client.get_candles("BTC-USD", str(now - 3000), str(now), "FIVE_MINUTE").candles
    assert len(candles) in {10, 11}
    assert client.get_product_book("BTC-USD", limit=5).pricebook.bids
    assert client.get_best_bid_ask(["BTC-USD"]).pricebooks[0].asks
    assert len(client.get_market_trades("BTC-USD", 10).trades) == 10
    assert client.get_portfolios().portfolios[0].type == "DEFAULT"


def test_the_sdk_without_a_key_reads_the_public_market(sandbox: Sandbox) -> None:
    part = sandbox.ready[VENUE]
    public = RESTClient(api_key=None, api_secret=None, base_url=part["rest"].removeprefix("https://"), timeout=10)
    public.session.verify, public.session.trust_env = part["ca_file"], False
    assert abs(int(public.get_unix_time().epoch_seconds) - time.time()) < 60
    assert public.get_public_product("BTC-USD").product_id == "BTC-USD"
    now = int(time.time())
    assert public.get_public_candles("BTC-USD", str(now - 600), str(now), "ONE_MINUTE").candles


def test_the_sdk_buys_and_sells(sandbox: Sandbox, client: RESTClient) -> None:
    bought = ended(client, order_id(client.market_order_buy("sdk-buy", "BTC-USD", quote_size="100")))
    assert bought["status"] == "FILLED"
    free(client, bought["filled_size"])
    assert client.market_order_sell("sdk-odd", "BTC-USD", base_size="0.000000001").success is False
    sold = ended(client, order_id(client.market_order_sell("sdk-sell", "BTC-USD", base_size=bought["filled_size"])))
    assert sold["filled_size"] == bought["filled_size"]
    truth = {row["client_id"]: row for row in sandbox.ledger(VENUE)["orders"]}
    assert (truth["sdk-buy"]["id"], truth["sdk-sell"]["status"]) == (bought["order_id"], "filled")


def test_the_sdks_fills_are_those_of_the_ledger(sandbox: Sandbox, client: RESTClient) -> None:
    bought = ended(client, order_id(client.market_order_buy("sdk-fills", "BTC-USD", base_size="0.001")))
    seen = client.get_fills(order_ids=[bought["order_id"]]).fills
    truth = {row["id"]: row for row in sandbox.ledger(VENUE)["fills"] if row["order_id"] == bought["order_id"]}
    assert {fill.entry_id for fill in seen} == set(truth)
    for fill in seen:
        row = truth[fill.entry_id]
        assert (fill.size, fill.price, fill.commission) == (row["qty"], row["price"], row["fee"])


def test_the_sdk_places_edits_and_cancels_a_limit_order(client: RESTClient) -> None:
    resting = order_id(client.limit_order_gtc_buy("sdk-limit", "BTC-USD", "0.001", price(client, "0.8")))
    until(lambda: client.get_order(resting).order.status, lambda status: status == "OPEN")
    assert client.edit_order(resting, size="0.002", price=price(client, "0.7")).success is True
    listed = client.list_orders(order_status=["OPEN"], product_ids=["BTC-USD"]).orders
    assert [
        order.order_configuration.limit_limit_gtc["base_size"] for order in listed if order.order_id == resting
    ] == ["0.002"]
    assert client.cancel_orders([resting]).results[0].success is True
    assert ended(client, resting)["status"] == "CANCELLED"


def test_the_sdk_places_stops_and_attached_brackets(client: RESTClient) -> None:
    bracket = {"trigger_bracket_gtc": {"limit_price": price(client, "1.2"), "stop_trigger_price": price(client, "0.8")}}
    answer = client.create_order(
        "sdk-entry",
        "BTC-USD",
        "BUY",
        {"sor_limit_ioc": {"base_size": "0.002", "limit_price": price(client, "1.01")}},
        attached_order_configuration=bracket,
    )
    ended(client, order_id(answer))
    child = answer.success_response["attached_order_id"]
    shown = until(
        lambda: client.get("/api/v3/brokerage/orders/historical/" + child)["order"], lambda o: o["status"] == "OPEN"
    )
    assert shown["originating_order_id"] == order_id(answer)
    assert client.cancel_orders([child]).results[0].success
    ended(client, child)
    free(client, "0.002")
    stop = client.stop_limit_order_gtc_sell(
        "sdk-stop", "BTC-USD", "0.002", price(client, "0.85"), price(client, "0.9"), "STOP_DIRECTION_STOP_DOWN"
    )
    assert client.cancel_orders([order_id(stop)]).results[0].success
    preview = client.preview_market_order_buy("BTC-USD", quote_size="20")
    assert (preview.errs, preview.order_total) == ([], "20")


def test_a_resend_over_the_wire_places_nothing_new(sandbox: Sandbox, client: RESTClient) -> None:
    first = order_id(client.market_order_buy("sdk-same", "BTC-USD", quote_size="20"))
    assert order_id(client.market_order_buy("sdk-same", "BTC-USD", quote_size="20")) == first
    assert sum(row["client_id"] == "sdk-same" for row in sandbox.ledger(VENUE)["orders"]) == 1


def test_an_unknown_order_and_a_missing_scope_raise_as_in_production(sandbox: Sandbox, client: RESTClient) -> None:
    with pytest.raises(requests.HTTPError, match="404 Client Error"):
        client.get_order("nobody")
    sandbox.control("POST", "keys", venue=VENUE, permissions="view")
    try:
        with pytest.raises(requests.HTTPError, match="Missing Required Scopes"):
            client.market_order_buy("sdk-scope", "BTC-USD", quote_size="20")
    finally:
        sandbox.control("POST", "keys", venue=VENUE, permissions="view trade")


def test_a_second_account_has_an_ed25519_key_of_its_own(sandbox: Sandbox) -> None:
    sandbox.control("POST", "switches", venue=VENUE, name="new_key_type", value="ed25519")
    account = sandbox.control("POST", "accounts", venue=VENUE)
    other = open_client(sandbox, account["api_key"], account["api_secret"])
    assert {a.currency: a.available_balance["value"] for a in other.get_accounts().accounts}["USD"] == "3000"
    assert other.list_orders().orders == []


# ---- ccxt ----


@pytest.fixture
def exchange(sandbox: Sandbox) -> ccxt.coinbase:
    part = sandbox.ready[VENUE]
    opened = ccxt.coinbase({"apiKey": part["api_key"], "secret": part["api_secret"], "timeout": 10_000})
    opened.urls["api"]["rest"] = part["rest"]
    opened.validateServerSsl = part["ca_file"]
    return opened


def test_ccxt_trades(exchange: ccxt.coinbase) -> None:
    markets = exchange.load_markets()
    assert markets["BTC/USD"]["taker"] == 0.0025
    assert exchange.fetch_balance()["free"]["USDC"] == 2000
    assert len(exchange.fetch_ohlcv("BTC/USD", "5m", limit=20)) > 15
    assert exchange.fetch_order_book("BTC/USD", 5)["bids"]
    last = exchange.fetch_ticker("BTC/USD")["last"]
    bought = exchange.create_order("BTC/USD", "market", "buy", 0.001, last)
    done = until(lambda: exchange.fetch_order(bought["id"]), lambda order: order["status"] == "closed")
    trades = exchange.fetch_my_trades("BTC/USD", params={"order_id": bought["id"]})
    assert sum(Decimal(str(trade["amount"])) for trade in trades) == pytest.approx(Decimal(str(done["filled"])))
    resting = exchange.create_order("BTC/USD", "limit", "buy", 0.001, round(last * 0.8, 2))
    until(lambda: {o["id"] for o in exchange.fetch_open_orders("BTC/USD")}, lambda ids: resting["id"] in ids)
    exchange.cancel_order(resting["id"], "BTC/USD")
    until(lambda: exchange.fetch_order(resting["id"]), lambda order: order["status"] == "canceled")
    assert exchange.fetch_time() == pytest.approx(time.time() * 1000, abs=60_000)


def test_ccxt_places_stops_and_lists_what_is_open_and_what_ended(exchange: ccxt.coinbase) -> None:
    exchange.load_markets()
    assert {"BTC/USD", "ETH/USD"} <= exchange.fetch_tickers(["BTC/USD", "ETH/USD"]).keys()
    last = exchange.fetch_ticker("BTC/USD")["last"]
    bought = exchange.create_order("BTC/USD", "market", "buy", 0.001, last)
    until(lambda: exchange.fetch_order(bought["id"]), lambda order: order["status"] == "closed")
    until(exchange.fetch_balance, lambda found: found["BTC"]["free"] >= 0.001)
    words = {"stopLossPrice": round(last * 0.9, 2)}
    stop = exchange.create_order("BTC/USD", "limit", "sell", 0.001, round(last * 0.85, 2), words)
    (open_one,) = until(lambda: exchange.fetch_open_orders("BTC/USD"), lambda rows: len(rows) == 1)
    assert (open_one["id"], open_one["triggerPrice"]) == (stop["id"], words["stopLossPrice"])
    exchange.cancel_order(stop["id"], "BTC/USD")
    until(lambda: exchange.fetch_open_orders("BTC/USD"), lambda rows: rows == [])
    assert bought["id"] in {order["id"] for order in exchange.fetch_closed_orders("BTC/USD")}
    assert stop["id"] in {order["id"] for order in exchange.fetch_canceled_orders("BTC/USD")}


def test_ccxt_signs_with_ed25519(sandbox: Sandbox, exchange: ccxt.coinbase) -> None:
    sandbox.control("POST", "switches", venue=VENUE, name="new_key_type", value="ed25519")
    key = sandbox.control("POST", "accounts", venue=VENUE, same_account=True)
    exchange.apiKey, exchange.secret = key["api_key"], key["api_secret"]
    assert exchange.fetch_balance({"v3": True})["total"]["USDC"] == 2000


# ---- TLS and faults on a real socket ----


def test_who_does_not_know_the_authority_does_not_connect(sandbox: Sandbox) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(sandbox.ready[VENUE]["rest"] + "/api/v3/brokerage/time", timeout=10)


def test_the_certificate_is_for_localhost_too(sandbox: Sandbox) -> None:
    part = sandbox.ready[VENUE]
    url = part["rest"].replace("127.0.0.1", "localhost")
    answer = requests.get(f"{url}/api/v3/brokerage/time", timeout=10, verify=part["ca_file"])
    assert answer.json()["epochSeconds"].isdecimal()
    assert Path(part["ca_file"]).is_absolute()


def test_a_refusing_venue_closes_its_tls_port(quiet: Sandbox, client: RESTClient) -> None:
    client.get_unix_time()
    quiet.control("POST", "faults", venue=VENUE, kind="refuse")
    for caller in (client, open_client(quiet)):
        with pytest.raises(requests.ConnectionError):
            caller.get_unix_time()
    quiet.control("DELETE", f"faults?venue={VENUE}")
    assert open_client(quiet).get_unix_time().epoch_seconds


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "drop_before"}, requests.ConnectionError),
        ({"kind": "drop_after"}, requests.ConnectionError),
        ({"kind": "hang"}, requests.Timeout),
        ({"kind": "http_status", "status": 502}, requests.HTTPError),
        ({"kind": "exchange_error"}, requests.HTTPError),
        ({"kind": "rate_limit"}, requests.HTTPError),
        ({"kind": "maintenance"}, requests.HTTPError),
        ({"kind": "malformed"}, requests.exceptions.JSONDecodeError),
        ({"kind": "empty"}, requests.exceptions.JSONDecodeError),
        ({"kind": "truncated"}, requests.RequestException),
    ],
)
def test_each_fault_reaches_the_client(quiet: Sandbox, fault: dict[str, Any], error: type[Exception]) -> None:
    impatient = open_client(quiet, timeout=1)
    quiet.control("POST", "faults", venue=VENUE, path="key_permissions", count=1, **fault)
    with pytest.raises(error):
        impatient.get_api_key_permissions()
    assert impatient.get_api_key_permissions().to_dict()["can_view"] is True


WORD = "NOBODY_WROTE_THIS_DOWN"
REFUSED_ORDER = {"success": False, "error_response": {"error": "odd", "message": "", "new_order_failure_reason": ""}}


@pytest.mark.parametrize("word", [WORD, "PREVIEW_" + WORD, "insufficient_fund"])
def test_a_fault_refuses_an_order_in_any_word(quiet: Sandbox, client: RESTClient, word: str) -> None:
    quiet.control("POST", "faults", venue=VENUE, kind="exchange_error", path="/orders$", body=f"{word}:why", count=1)
    answer = client.market_order_buy(f"sdk-{word}", "BTC-USD", quote_size="20").to_dict()
    error = answer["error_response"]
    assert (answer["success"], error["message"]) == (False, "why")
    assert word in {error["error"], error["preview_failure_reason"]}
    assert not any(row["client_id"] == f"sdk-{word}" for row in quiet.ledger(VENUE)["orders"])


def test_a_fault_refuses_previews_cancels_edits_and_reads_in_any_word(quiet: Sandbox, client: RESTClient) -> None:
    resting = order_id(client.limit_order_gtc_buy("sdk-word", "BTC-USD", "0.001", price(client, "0.8")))
    for path in ("/preview$", "/batch_cancel$", "/edit$", "/historical/", "/accounts"):
        quiet.control("POST", "faults", venue=VENUE, kind="exchange_error", path=path, body=WORD, count=1)
    assert client.preview_market_order_buy("BTC-USD", quote_size="20").errs == [WORD]
    assert client.cancel_orders([resting]).to_dict()["results"] == [
        {"success": False, "failure_reason": WORD, "order_id": resting}
    ]
    assert client.edit_order(resting, size="0.002", price="1").to_dict()["errors"][0]["edit_failure_reason"] == WORD
    for read in (client.list_orders, client.get_accounts):
        with pytest.raises(requests.HTTPError) as refused:
            read()
        assert (refused.value.response.status_code, refused.value.response.json()["error"]) == (400, WORD)
    until(lambda: client.get_order(resting).order.status, lambda status: status == "OPEN")
    assert client.cancel_orders([resting]).results[0].success


@pytest.mark.parametrize("number", range(4))
def test_a_whole_answer_with_a_status_of_its_own_is_given_as_it_is(
    quiet: Sandbox, client: RESTClient, number: int
) -> None:
    """Nothing is executed, however often it is sent: a status below 500 leaves no doubt."""
    body = orjson.dumps(REFUSED_ORDER).decode()
    quiet.control("POST", "faults", venue=VENUE, kind="exchange_error", path="/orders$", body=body, status=200, count=1)
    answer = client.market_order_buy(f"sdk-whole-{number}", "BTC-USD", quote_size="20").to_dict()
    assert answer["error_response"]["error"] == "odd"
    assert not any(row["client_id"] == f"sdk-whole-{number}" for row in quiet.ledger(VENUE)["orders"])


def test_an_order_whose_answer_is_lost_is_found_by_its_id(quiet: Sandbox, client: RESTClient) -> None:
    quiet.control("POST", "faults", venue=VENUE, kind="drop_after", method="POST", path="/orders$", count=1)
    with pytest.raises(requests.ConnectionError):
        client.market_order_buy("sdk-lost", "BTC-USD", quote_size="20")
    found = order_id(client.market_order_buy("sdk-lost", "BTC-USD", quote_size="20"))
    listed = {order.client_order_id: order.order_id for order in client.list_orders().orders}
    assert listed["sdk-lost"] == found
    assert sum(row["client_id"] == "sdk-lost" for row in quiet.ledger(VENUE)["orders"]) == 1


def test_the_control_api_knows_coinbases_switches(sandbox: Sandbox) -> None:
    switches = sandbox.control("GET", f"switches?venue={VENUE}")[VENUE]
    assert {"stops_refused_on_spot", "client_id_memory_seconds"} <= set(switches)
    with pytest.raises(ControlError, match="one of"):
        sandbox.control("POST", "switches", venue=VENUE, name="rate_limit_style", value="loud")


def test_a_restart_keeps_orders_keys_and_the_authority(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"), "--pairs", "1")
    with Sandbox(tmp_path, *state, venues=(VENUE,)) as first:
        before = dict(first.ready[VENUE])
        authority = Path(before["ca_file"]).read_bytes()
        resting = order_id(
            open_client(first).limit_order_gtc_buy("kept", "BTC-USD", "0.001", price(open_client(first), "0.8"))
        )
        first.kill()
    with Sandbox(tmp_path, *state, venues=(VENUE,)) as second:
        after = second.ready[VENUE]
        assert (after["api_key"], after["api_secret"], after["rest"]) == tuple(
            before[name] for name in ("api_key", "api_secret", "rest")
        )
        assert Path(after["ca_file"]).read_bytes() == authority
        assert open_client(second).get_order(resting).order.client_order_id == "kept"
