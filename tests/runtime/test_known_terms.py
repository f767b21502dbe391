"""What an exchange asks and charges, written down for backtests: as it was, only when it changed, and never in the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.ids import AccountKey
from bot.domain.instrument import FeeRate, Instrument
from bot.domain.log import Event
from bot.runtime.known_terms import KnownMarket, TermsFile, known_terms

BTC = Instrument("BTC-USD", "BTC", "USD", Decimal("0.1"), Decimal("1E-8"), Decimal("0.00005"), Decimal("0.5"))
FEE = FeeRate(Decimal("0.0014"), Decimal("0.0024"), in_coin=True)


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: Event, **words: object) -> None:
        self.lines.append(str(words["reason"]))


def test_what_is_known_comes_back_exactly(tmp_path: Path) -> None:
    file = TermsFile(tmp_path, AccountKey.parse("kraken"), Said())  # type: ignore[arg-type]
    file.keep({"BTC-USD": BTC, "ETH-USD": BTC}, {"BTC-USD": FEE})
    wanted = KnownMarket(Decimal("0.0024"), True, BTC.lot, BTC.tick, BTC.min_qty, BTC.min_cost)
    assert known_terms(tmp_path, "kraken") == {"BTC-USD": wanted}
    assert known_terms(tmp_path, "okx") == {}


def test_it_is_written_only_when_it_changed(tmp_path: Path) -> None:
    file = TermsFile(tmp_path, AccountKey.parse("kraken"), Said())  # type: ignore[arg-type]
    file.keep({"BTC-USD": BTC}, {"BTC-USD": FEE})
    (tmp_path / "terms-kraken.json").unlink()
    file.keep({"BTC-USD": BTC}, {"BTC-USD": FEE})
    assert known_terms(tmp_path, "kraken") == {}
    file.keep({"BTC-USD": BTC}, {"BTC-USD": FeeRate(Decimal(0), Decimal("0.002"))})
    assert known_terms(tmp_path, "kraken")["BTC-USD"].fee == Decimal("0.002")


def test_the_account_without_a_name_comes_first_and_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    for key, fee in (("kraken:savings", "0.001"), ("kraken", "0.002")):
        file = TermsFile(tmp_path, AccountKey.parse(key), Said())  # type: ignore[arg-type]
        file.keep({"BTC-USD": BTC}, {"BTC-USD": FeeRate(Decimal(0), Decimal(fee))})
    assert known_terms(tmp_path, "kraken")["BTC-USD"].fee == Decimal("0.002")
    (tmp_path / "terms-kraken.json").write_text('{"BTC-USD": {"fee": ')
    assert known_terms(tmp_path, "kraken")["BTC-USD"].fee == Decimal("0.001")


def test_a_folder_that_takes_no_file_is_told_of_once(tmp_path: Path) -> None:
    said = Said()
    file = TermsFile(tmp_path / "gone", AccountKey.parse("kraken"), said)  # type: ignore[arg-type]
    for fee in ("0.001", "0.002"):
        file.keep({"BTC-USD": BTC}, {"BTC-USD": FeeRate(Decimal(0), Decimal(fee))})
    assert len(said.lines) == 1
    assert "cannot be written" in said.lines[0]


@pytest.mark.parametrize("text", ["[]", "{}", '{"BTC-USD": 3}'])
def test_what_is_no_such_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "terms-kraken.json").write_text(text)
    assert known_terms(tmp_path, "kraken") == {}
