"""`terms-<account>.json` in the data folder: the trading rules and fees of an account's markets, as last read.

For backtests on the terms of an account, which do not connect to an exchange. Live never reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from bot.domain.ids import AccountKey
from bot.domain.instrument import FeeRate, Instrument
from bot.domain.log import Event, Log
from bot.domain.money import decimal, plain
from bot.telemetry.status_file import StatusFile


class KnownMarket(NamedTuple):
    """Sizes in base units, prices and cost in the quote, the taker's fee as a fraction; `in_coin` as in `FeeRate`."""

    fee: Decimal
    in_coin: bool
    lot: Decimal
    tick: Decimal
    min_qty: Decimal
    min_cost: Decimal


class TermsFile:
    """One account's file."""

    def __init__(self, data_dir: Path, key: AccountKey, log: Log) -> None:
        file = data_dir / _name(str(key))
        self._file = StatusFile(file, lambda reason: log.warning(Event.WARNING, reason=reason))
        self._kept: dict[str, KnownMarket] = {}

    def keep(self, instruments: Mapping[str, Instrument], fees: Mapping[str, FeeRate]) -> None:
        """Write the markets whose fee is known, if anything about them has changed."""
        known = {
            symbol: KnownMarket(fee.taker, fee.in_coin, one.lot, one.tick, one.min_qty, one.min_cost)
            for symbol, fee in sorted(fees.items())
            if (one := instruments.get(symbol)) is not None
        }
        if known != self._kept:
            self._kept = known
            self._file.write({symbol: _written(one) for symbol, one in known.items()})


def known_terms(data_dir: Path, venue: str) -> dict[str, KnownMarket]:
    """The known markets of an exchange's account, preferably the unnamed one; empty if NIJA never ran there."""
    files = sorted(data_dir.glob(_name(f"{venue}*")), key=lambda file: len(file.name))
    for file in files:
        try:
            rows = json.loads(file.read_text())
            return {symbol: _read(row) for symbol, row in rows.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # an unreadable file is ignored
    return {}


def _name(key: str) -> str:
    return f"terms-{key.replace(':', '-')}.json"


def _written(one: KnownMarket) -> dict[str, str | bool]:
    return {name: value if isinstance(value, bool) else plain(value) for name, value in one._asdict().items()}


def _read(row: Mapping[str, str | bool]) -> KnownMarket:
    fee, lot, tick, min_qty, min_cost = (
        decimal(str(row[name])) for name in ("fee", "lot", "tick", "min_qty", "min_cost")
    )
    return KnownMarket(fee, bool(row["in_coin"]), lot, tick, min_qty, min_cost)
