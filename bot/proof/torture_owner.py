"""The owner's own money at the tortured accounts: coins and orders that are not NIJA's and must stay as they are.

Trades with a second key of each account through the exchanges' own SDKs, and by hand through the control API.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from bot.proof.torture_processes import Exchange, TortureError

Words = Mapping[str, Any]

#: Coins that lie there from the beginning: two that NIJA trades as well, one that it may not know.
DEPOSITS: Mapping[str, str] = {"BTC": "0.05", "ETH": "0.7", "AVAX": "12"}
_BY_HAND = "0.05"
_SYMBOLS: Mapping[str, str] = {"kraken": "ETH-USD", "okx": "ETH-USDT", "coinbase": "ETH-USD"}
_FAR = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the owner has at one venue: coins by asset, and the ids of resting orders."""

    coins: Mapping[str, Decimal]
    orders: frozenset[str]


def settle(exchange: Exchange, venue: str) -> Belongings:
    """Deposit coins, buy some by hand and leave an order far below the market; all of it is foreign to NIJA."""
    for asset, amount in DEPOSITS.items():
        exchange.call("POST", "deposit", venue=venue, asset=asset, amount=amount)
    symbol = _SYMBOLS[venue]
    exchange.call("POST", "manual", venue=venue, symbol=symbol, side="buy", qty=_BY_HAND)
    truth = exchange.call("GET", f"ledger?venue={venue}")
    price = (Decimal(truth["fills"][-1]["price"]) * _FAR).quantize(Decimal("0.01"))
    keys = exchange.call("POST", "accounts", venue=venue, same_account=True)
    order = _PLACE[venue](exchange.ready[venue], keys, symbol, str(price))
    held = truth["balances"]
    coins = {asset: Decimal(one["free"]) + Decimal(one["held"]) for asset, one in held.items() if asset in DEPOSITS}
    return Belongings(coins, frozenset({order}))


def _at_kraken(part: Words, keys: Words, symbol: str, price: str) -> str:
    api = import_module("krakenex").API(keys["api_key"], keys["api_secret"])
    api.uri = part["rest"]
    words = {"pair": symbol.replace("-", ""), "type": "buy", "ordertype": "limit", "price": price, "volume": _BY_HAND}
    answer = api.query_private("AddOrder", words, timeout=10)
    if answer["error"]:
        raise TortureError(f"the owner's order at kraken: {answer['error']}")
    return str(answer["result"]["txid"][0])


def _at_okx(part: Words, keys: Words, symbol: str, price: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = import_module("okx.api")
    trade = module.Trade(keys["api_key"], keys["api_secret"], keys["passphrase"], proxy_host=part["rest"], retry_num=1)
    answer = trade.set_order(instId=symbol, tdMode="cash", side="buy", ordType="limit", sz=_BY_HAND, px=price)
    if answer["code"] != "0":
        raise TortureError(f"the owner's order at okx: {answer}")
    return str(answer["data"][0]["ordId"])


def _at_coinbase(part: Words, keys: Words, symbol: str, price: str) -> str:
    address = part["rest"].removeprefix("https://")
    client = import_module("coinbase.rest").RESTClient(
        keys["api_key"], keys["api_secret"], base_url=address, timeout=10
    )
    client.session.verify = part["ca_file"]
    client.session.trust_env = False
    answer = client.limit_order_gtc_buy("owner-1", symbol, _BY_HAND, price).to_dict()
    if not answer["success"]:
        raise TortureError(f"the owner's order at coinbase: {answer}")
    return str(answer["success_response"]["order_id"])


_PLACE: Mapping[str, Callable[[Words, Words, str, str], str]] = {
    "kraken": _at_kraken,
    "okx": _at_okx,
    "coinbase": _at_coinbase,
}
