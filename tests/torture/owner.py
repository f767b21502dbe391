"""The owner's money in the tortured accounts: coins and orders that are not NIJA's and must not change.

Trades with a second key for each account through the exchanges' own SDKs, and by hand through the control API.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, Protocol

from tests.torture.processes import Exchange, TortureError

Words = Mapping[str, Any]

#: Initial coins: two that NIJA trades too, and one that it may not know.
DEPOSITS: Mapping[str, str] = {"BTC": "0.05", "ETH": "0.7", "AVAX": "12"}
_BY_HAND = "0.05"
_SYMBOLS: Mapping[str, str] = {"kraken": "ETH-USD", "okx": "ETH-USDT", "coinbase": "ETH-USD"}
_FAR = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the owner has at one venue: coins by asset, and the ids of resting orders."""

    coins: Mapping[str, Decimal]
    orders: frozenset[str]


def settle(exchange: Exchange, venue: str, hand: Hand) -> Belongings:
    """Deposits coins, buys some by hand and leaves an order far below the market; all of it is foreign to NIJA."""
    for asset, amount in DEPOSITS.items():
        exchange.call("POST", "deposit", venue=venue, asset=asset, amount=amount)
    symbol = _SYMBOLS[venue]
    exchange.call("POST", "manual", venue=venue, symbol=symbol, side="buy", qty=_BY_HAND)
    truth = exchange.call("GET", f"ledger?venue={venue}")
    price = (Decimal(truth["fills"][-1]["price"]) * _FAR).quantize(Decimal("0.01"))
    order = hand.buy(symbol, str(price))
    held = truth["balances"]
    coins = {asset: Decimal(one["free"]) + Decimal(one["held"]) for asset, one in held.items() if asset in DEPOSITS}
    return Belongings(coins, frozenset({order}))


class Hand(Protocol):
    """The owner at the exchange's site, with a second key for the account. Raises `TortureError` if a request is rejected."""

    def buy(self, symbol: str, price: str) -> str:
        """Leaves a limit order; returns its id."""
        ...

    def cancel(self, symbol: str, order: str) -> None:
        """Cancels a stop."""
        ...


def hand(exchange: Exchange, venue: str) -> Hand:
    """The owner's access to a venue."""
    keys = exchange.call("POST", "accounts", venue=venue, same_account=True)
    return _HANDS[venue](exchange.ready[venue], keys)


class _AtKraken:
    def __init__(self, part: Words, keys: Words) -> None:
        self._api = import_module("krakenex").API(keys["api_key"], keys["api_secret"])
        self._api.uri = part["rest"]

    def buy(self, symbol: str, price: str) -> str:
        words = {"type": "buy", "ordertype": "limit", "price": price, "volume": _BY_HAND}
        answer = self._ask("AddOrder", {"pair": symbol.replace("-", ""), **words})
        return str(answer["txid"][0])

    def cancel(self, symbol: str, order: str) -> None:
        self._ask("CancelOrder", {"txid": order})

    def _ask(self, method: str, words: Words) -> Words:
        answer = self._api.query_private(method, dict(words), timeout=10)
        if answer["error"]:
            raise TortureError(f"the owner's {method} at kraken: {answer['error']}")
        result: Words = answer["result"]
        return result


class _AtOkx:
    def __init__(self, part: Words, keys: Words) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = import_module("okx.api")
        names = (keys["api_key"], keys["api_secret"], keys["passphrase"])
        self._trade = module.Trade(*names, proxy_host=part["rest"], retry_num=1)

    def buy(self, symbol: str, price: str) -> str:
        words = {"tdMode": "cash", "side": "buy", "ordType": "limit"}
        return str(self._row(self._trade.set_order(instId=symbol, sz=_BY_HAND, px=price, **words))["ordId"])

    def cancel(self, symbol: str, order: str) -> None:
        body = [{"instId": symbol, "algoId": order}]
        self._row(self._trade.send_request("/api/v5/trade/cancel-algos", "POST", body, proxies={}, proxy_host=None))

    def _row(self, answer: Words) -> Words:
        if answer["code"] != "0":
            raise TortureError(f"the owner's order at okx: {answer}")
        row: Words = answer["data"][0]
        return row


class _AtCoinbase:
    def __init__(self, part: Words, keys: Words) -> None:
        address = part["rest"].removeprefix("https://")
        self._client = import_module("coinbase.rest").RESTClient(
            keys["api_key"], keys["api_secret"], base_url=address, timeout=10
        )
        self._client.session.verify = part["ca_file"]
        self._client.session.trust_env = False

    def buy(self, symbol: str, price: str) -> str:
        answer = self._client.limit_order_gtc_buy("owner-1", symbol, _BY_HAND, price).to_dict()
        if not answer["success"]:
            raise TortureError(f"the owner's order at coinbase: {answer}")
        return str(answer["success_response"]["order_id"])

    def cancel(self, symbol: str, order: str) -> None:
        row = self._client.cancel_orders([order]).to_dict()["results"][0]
        if not row["success"]:
            raise TortureError(f"the owner's cancel at coinbase: {row}")


_HANDS: Mapping[str, Callable[[Words, Words], Hand]] = {"kraken": _AtKraken, "okx": _AtOkx, "coinbase": _AtCoinbase}
