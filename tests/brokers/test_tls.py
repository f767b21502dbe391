"""No venue without a valid certificate gets any data from us, and the owner gets one line that says what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.brokers.base import BaseBroker, BrokerError
from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.domain.clock import SystemClock
from tests.brokers.coinbase.conftest import NAME, PEM
from tests.brokers.common.test_wire import TlsServer
from tests.brokers.kraken.conftest import KEY, SECRET, Notes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    one = TlsServer(tmp_path)
    yield one
    one.close()


def broker(venue: str, folder: Path, url: str, ca_file: str | None) -> BaseBroker:
    clock, notes = SystemClock(), Notes()
    if venue == "kraken":
        return KrakenBroker(KrakenConfig(KEY, SECRET, folder, api_url=url, mode="live", ca_file=ca_file), clock, notes)
    if venue == "okx":
        okx = OkxConfig(KEY, SECRET, "phrase", folder, api_url=url, mode="live", ca_file=ca_file)
        return OKXBroker(okx, clock, notes)
    coinbase = CoinbaseConfig(NAME, PEM, folder, api_url=url, mode="live", ca_file=ca_file)
    return CoinbaseBroker(coinbase, clock, notes)


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_server_nobody_vouches_for_is_refused_in_one_line(venue: str, server: TlsServer, tmp_path: Path) -> None:
    one = broker(venue, tmp_path, server.url, None)
    with pytest.raises(BrokerError) as caught:
        one.connect()
    one.close()
    assert "certificate" in caught.value.remedy
    assert "NIJA_CA_FILE" in caught.value.remedy
    assert "\n" not in caught.value.text + caught.value.remedy
    assert caught.value.text.startswith("not sent")


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_with_its_root_it_is_spoken_to(venue: str, server: TlsServer, tmp_path: Path) -> None:
    one = broker(venue, tmp_path, server.url, server.ca_file)
    with pytest.raises(BrokerError) as caught:
        one.connect()
    one.close()
    assert "certificate" not in caught.value.remedy


def test_nothing_switches_verification_off() -> None:
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg in ("verify", "check_hostname"):
                assert not (isinstance(node.value, ast.Constant) and not node.value.value), path
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("CERT_NONE", "_create_unverified_context", "verify_mode"), path
