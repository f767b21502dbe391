"""Damaged databases are set aside and kept; positions of an account whose keys are gone are given up by the owner alone."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.cli import app
from bot.store.database import Store, StoreError, address
from bot.store.key_rotation import inherit, predecessor
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.recovery import forget_accounts, set_aside_damaged
from tests.store.cases import KRAKEN, HandClock, bought, intent, ledger


def test_a_damaged_database_is_kept_and_a_new_one_begins(tmp_path: Path) -> None:
    with closing(Store.open(address(tmp_path, "kraken"))) as store:
        Ledger(store, KRAKEN, HandClock()).record(intent(1))
    file = tmp_path / "kraken.db"
    spoilt = b"SQLite format 3\0" + b"\xff" * 8_000
    file.write_bytes(spoilt)
    with pytest.raises(StoreError):
        Store.open(address(tmp_path, "kraken"))
    (line,) = set_aside_damaged(tmp_path)
    assert "kraken.db is damaged" in line
    assert spoilt in {kept.read_bytes() for kept in tmp_path.glob("*.kept")}
    assert ledger(tmp_path).unsettled() == []


def test_a_sound_database_is_left_alone(tmp_path: Path) -> None:
    ledger(tmp_path).record(intent(1))
    assert set_aside_damaged(tmp_path) == []
    assert [one.client_id for one in ledger(tmp_path).unsettled()] == [intent(1).client_id]


def test_a_new_key_finds_what_the_old_one_still_holds(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    rotated = replace(KRAKEN, identity="k-2")
    with closing(Store.open(address(tmp_path, "kraken"))) as store:
        assert predecessor(store, KRAKEN) is None
        found = predecessor(store, rotated)
        assert found is not None
        assert (found.account, found.open_positions) == (KRAKEN, 1)
        assert found.traces
        inherit(store, found, rotated, HandClock())
        assert predecessor(store, rotated) is None
    assert len(ledger(tmp_path, rotated).positions()) == 1


def test_another_kind_of_money_is_no_predecessor(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    with closing(Store.open(address(tmp_path, "kraken"))) as store:
        assert predecessor(store, replace(KRAKEN, mode="sandbox", identity="k-2")) is None


def test_the_owner_may_give_an_account_up(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book)
    (line,) = forget_accounts(Books(tmp_path))
    assert "BTC-USD given up" in line
    assert ledger(tmp_path).positions() == []
    assert forget_accounts(Books(tmp_path)) == []


def spoil(file: Path, since: int) -> None:
    """Overwrite a database from a byte on."""
    whole = file.read_bytes()
    file.write_bytes(whole[:since] + b"\xff" * (len(whole) - since))


@pytest.mark.parametrize("since", [16, 4096], ids=["at its head", "behind its first page"])
def test_a_damaged_database_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: int) -> None:
    """The sound books are shown and ordered all the same; the damaged one is reported in a line, and the exit status is 1."""
    other = replace(KRAKEN, venue="okx", identity="o-1")
    for account in (KRAKEN, other):
        with closing(Store.open(address(tmp_path, account.key.stem))) as store:
            Ledger(store, account, HandClock()).record(intent(1))
    spoil(tmp_path / "kraken.db", since)
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    shown = CliRunner().invoke(app, ["ledger", "--json"])
    assert list(json.loads(shown.stdout)["brokers"]) == ["okx"]
    assert "kraken.db: is damaged" in shown.stderr
    assert shown.exit_code == 1
    ordered = CliRunner().invoke(app, ["pause"])
    assert "OKX accepted" in ordered.stdout
    assert ordered.exit_code == 1
