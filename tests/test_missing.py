"""A broker's missing settings are named with what to do about them, and every failure comes with a remedy."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import broker_manager
from bot.broker_manager import BrokerManager
from bot.brokers.base import BrokerError
from bot.brokers.kraken.errors import TABLE
from bot.brokers.okx.errors import ROWS
from bot.domain.clock import SystemClock
from bot.domain.outcome import ErrorMeaning
from bot.runtime.trading_environment import ExchangeAccess, TradingEnvironment
from bot.settings.load import Mode
from tests.rig import Notes


def refused(state: Path, ca_file: str | None = None) -> BrokerError:
    secret = SecretStr("a2V5")
    access = ExchangeAccess("kraken", "sandbox", "main", "http://127.0.0.1:1", secret, secret, ca_file=ca_file)
    env = TradingEnvironment(mode=Mode.SANDBOX, clock=SystemClock(), accesses={access.key: access})
    with pytest.raises(BrokerError) as raised:
        BrokerManager(env, state, allow_withdraw=False, log_for=lambda _: Notes()).build("kraken")
    return raised.value


@pytest.mark.parametrize("kind", ["gone", "no certificate"])
def test_a_trust_root_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "root.pem"
    if kind != "gone":
        file.write_text("not a certificate")
    assert refused(tmp_path, str(file)).text.startswith(f"{file} cannot be used (")


@pytest.mark.parametrize(("number", "remedy"), [(errno.EMFILE, "LimitNOFILE"), (errno.ENOSPC, "free some space")])
def test_what_the_system_has_too_little_of_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def scarce(*_: object) -> None:
        raise OSError(number, "too little")

    monkeypatch.setattr(broker_manager, "BUILDERS", {"kraken": scarce})
    error = refused(tmp_path)
    assert "None" not in error.text
    assert remedy in error.remedy


def test_a_limit_of_calls_is_never_told_without_a_remedy() -> None:
    rows = [*TABLE, *ROWS]
    limits = [row for row in rows if row.meaning is ErrorMeaning.RATE_LIMITED]
    assert len(limits) > 10
    assert [row for row in limits if not row.remedy] == []
