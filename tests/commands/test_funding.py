"""Whether an account is funded: by the money that buys something there, with the rest of its money named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.broker_manager import BrokerManager, Examination
from bot.commands.checks import Silent, funding
from bot.domain.clock import SystemClock
from bot.runtime.trading_environment import ExchangeAccess, TradingEnvironment
from bot.settings.load import Mode
from tests.brokers.kraken.conftest import SocketServer
from tests.brokers.okx.conftest import KEY, PHRASE, SECRET, Script, markets, ok, wallet

LEAST = Decimal(2)
CASES: dict[str, tuple[list[str], dict[str, str], str]] = {
    "dollars that pay for USDC pairs": (["USD", "USDC"], {"USD": "50"}, ""),
    "dollars that nothing is paid in": (
        [],
        {"USD": "50"},
        "not funded: $0.00 of at least $2.00; USD buys nothing here; there is 700 USDC in Funding or Simple Earn",
    ),
    "nothing": (
        ["USD", "USDC"],
        {},
        "not funded: $0.00 of at least $2.00; there is 700 USDC in Funding or Simple Earn",
    ),
}


@pytest.fixture
def script() -> Iterator[tuple[Script, str]]:
    with closing(SocketServer()) as server:
        yield Script(server), server.url


def examined(url: str, folder: Path) -> Examination:
    access = ExchangeAccess("okx", "live", "main", url, SecretStr(KEY), SecretStr(SECRET), SecretStr(PHRASE))
    env = TradingEnvironment(mode=Mode.LIVE, clock=SystemClock(), accesses={access.key: access})
    manager = BrokerManager(env, folder, allow_withdraw=False, log_for=lambda _: Silent())
    return manager.examine("okx")


@pytest.mark.parametrize("name", CASES)
def test_money_counts_where_something_is_paid_in_it(name: str, script: tuple[Script, str], tmp_path: Path) -> None:
    venue, url = script
    taken, held, need = CASES[name]
    venue.says["/api/v5/account/instruments"] = markets("BTC-USDC", tradeQuoteCcyList=taken)
    venue.says["/api/v5/account/balance"] = wallet(**held)
    venue.says["/api/v5/asset/balances"] = ok({"ccy": "USDC", "bal": "700"})
    assert funding(examined(url, tmp_path), LEAST) == need
