"""One market whose row of prices cannot be read hides the prices of no other, at each venue."""

from __future__ import annotations

from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import trustme

from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.domain.clock import SystemClock
from tests.brokers.coinbase import conftest as coinbase
from tests.brokers.kraken import conftest as kraken
from tests.brokers.okx import conftest as okx
from tests.notes import Notes

#: Senseless prices and turnovers.
ODD = (None, "", "-", "NaN", "Infinity", "1e30", {}, [])


@pytest.mark.parametrize(("cell", "odd"), list(product(("a", "c", "p"), ([], None, ["-", "-"], ["1", "1e30"]))))
def test_kraken(tmp_path: Path, cell: str, odd: Any) -> None:
    good = {"a": ["101", "1", "1"], "b": ["100", "1", "1"], "c": ["100", "1"], "v": ["1", "2"], "p": ["1", "2"]}
    with closing(kraken.SocketServer()) as server:
        answers = kraken.Answers(server)
        answers["Ticker"] = {"XXBTZUSD": good, "XETHZUSD": good | {cell: odd}}
        config = KrakenConfig(kraken.KEY, kraken.SECRET, tmp_path, api_url=server.url, mode="sandbox")
        with closing(KrakenBroker(config, SystemClock(), Notes())) as broker:
            assert "BTC-USD" in broker.tickers({"BTC-USD", "ETH-USD"})


@pytest.mark.parametrize(("cell", "odd"), list(product(("bidPx", "last", "volCcy24h"), ODD)))
def test_okx(tmp_path: Path, cell: str, odd: Any) -> None:
    good = {"instId": "BTC-USDT", "last": "100", "askPx": "101", "bidPx": "99", "volCcy24h": "1000"}
    with closing(kraken.SocketServer()) as server:
        script = okx.Script(server)
        script.says["/api/v5/market/tickers"] = okx.ok(good | {"instId": "ETH-USDT", cell: odd}, good)
        config = OkxConfig(okx.KEY, okx.SECRET, okx.PHRASE, tmp_path, api_url=server.url, mode="sandbox")
        with closing(OKXBroker(config, SystemClock(), Notes())) as broker:
            assert "BTC-USDT" in broker.tickers({f"{number}-USDT" for number in range(50)} | {"BTC-USDT", "ETH-USDT"})


@pytest.mark.parametrize(("cell", "odd"), list(product(("price", "volume_24h", "bids", "product_id"), ODD)))
def test_coinbase(tmp_path: Path, authority: trustme.CA, cell: str, odd: Any) -> None:
    of_book = cell in ("bids", "product_id")
    other = coinbase.product("ODD-USD") | ({} if of_book else {cell: odd})
    prices = coinbase.book("ODD-USD") | ({cell: [{"price": odd}] if cell == "bids" else odd} if of_book else {})
    with closing(coinbase.TlsServer(authority)) as server:
        server.answer = coinbase.Script(
            products={"products": [other, coinbase.product("BTC-USD")]},
            best_bid_ask={"pricebooks": [prices, coinbase.book("BTC-USD")]},
        )
        root = tmp_path / "root.pem"
        authority.cert_pem.write_to_path(str(root))
        config = CoinbaseConfig(
            coinbase.NAME, coinbase.PEM, tmp_path, api_url=server.url, mode="sandbox", ca_file=str(root)
        )
        with closing(CoinbaseBroker(config, SystemClock(), Notes())) as broker:
            assert "BTC-USD" in broker.instruments()
            assert "BTC-USD" in broker.tickers({"BTC-USD", "ODD-USD"})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()
