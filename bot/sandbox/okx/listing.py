"""OKX's instruments: spot pairs and linear swaps with their steps, minimums and contract values.

The core counts swaps in base units, the wire in contracts: one contract is `ct_val` of the base coin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.sandbox.core.fees import FeeTable, Tier
from bot.sandbox.core.instrument import Instrument, plain
from bot.sandbox.core.rules import DELISTED, rules_of
from bot.sandbox.okx.errors import OkxError

ONE = Decimal(1)
MONEY_STEP = Decimal("1e-14")
LOTS = {"BTC": ("0.00000001", "0.00001"), "ETH": ("0.000001", "0.0001"), "SOL": ("0.000001", "0.001")}
MINIMUMS = {
    "XRP": "1", "DOGE": "10", "ADA": "1", "LTC": "0.01", "LINK": "0.1", "AVAX": "0.01", "DOT": "0.1", "USDC": "1",
    "USDT": "1",
}  # fmt: skip
CONTRACTS = {
    "BTC": "0.01",
    "ETH": "0.1",
    "SOL": "1",
    "XRP": "100",
    "DOGE": "1000",
    "ADA": "100",
    "LTC": "1",
    "LINK": "1",
}
NORMAL, CRYPTO = "normal", "1"
OTHERS = {
    "MEGA": ("10", "pre_market", CRYPTO),
    "MON": ("100", "rebase_contract", CRYPTO),
    "TSLA": ("0.1", NORMAL, "3"),
    "XAU": ("0.01", NORMAL, "4"),
}
"""Underlyings with a swap only: contract value, ruleType and instCategory (3 stocks, 4 commodities)."""
DOLLARS = ("USD", "USDC")
"""Crypto-USDC pairs can be paid in either currency (Crypto-USD pairs no longer exist); the default is the named one."""
CODES = {"BTC-USDT-SWAP": 10459, "ETH-USDT-SWAP": 10461}
FIRST_CODE = 20_001
MAX_LEVERAGE = 100
GROUPS = {"SPOT": "1", "SWAP": "4"}


@dataclass(frozen=True)
class Listed:
    """One instrument. Sizes are in the wire's units (base for spot, contracts for swaps), times in market milliseconds."""

    symbol: str
    kind: str
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    ct_val: Decimal
    code: int
    listed_ms: int
    rule: str = NORMAL
    category: str = CRYPTO

    @property
    def is_swap(self) -> bool:
        return self.kind == "SWAP"

    @property
    def base(self) -> str:
        return self.symbol.split("-", maxsplit=1)[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("-")[1]

    @property
    def payable(self) -> tuple[str, ...]:
        """The currencies in which an order of a pair can be paid."""
        return () if self.is_swap else DOLLARS if self.quote == "USDC" else (self.quote,)

    @property
    def family(self) -> str:
        return f"{self.base}-{self.quote}"

    def price(self, value: Decimal) -> str:
        """A price with the instrument's decimals and no trailing zeros beyond them."""
        return f"{value:.{_decimals(self.tick)}f}"

    def size(self, qty: Decimal) -> str:
        """A base quantity in the wire's units."""
        return plain(qty / self.ct_val)

    def qty(self, size: Decimal) -> Decimal:
        """A wire size in base units."""
        return size * self.ct_val

    def instrument(self) -> Instrument:
        return Instrument(
            symbol=self.symbol,
            tick=self.tick,
            lot=self.qty(self.lot),
            min_qty=self.qty(self.min_size),
            min_cost=Decimal(0),
            cost_step=MONEY_STEP,
            base_step=MONEY_STEP,
            contract=self.ct_val if self.is_swap else None,
            tier=Tier(Decimal(0), taker=Decimal("0.0005"), maker=Decimal("0.0002")) if self.is_swap else None,
        )

    def row(self, state: str, most: str) -> dict[str, Any]:
        """The instrument as public/instruments shows it; `most` is the largest market order or stop of a pair, in dollars."""
        swap = self.is_swap
        many = "100000000.0000000000000000" if swap else "999999999999.0000000000000000"
        return {
            "alias": "",
            "auctionEndTime": "",
            "baseCcy": "" if swap else self.base,
            "category": "1",
            "contTdSwTime": "",
            "ctMult": "1" if swap else "",
            "ctType": "linear" if swap else "",
            "ctVal": plain(self.ct_val) if swap else "",
            "ctValCcy": self.base if swap else "",
            "expTime": "",
            "futureSettlement": False,
            "groupId": GROUPS[self.kind],
            "instCategory": self.category,
            "instFamily": self.family if swap else "",
            "instId": self.symbol,
            "instIdCode": self.code,
            "instType": self.kind,
            "lever": str(MAX_LEVERAGE) if swap else "10",
            "listTime": str(self.listed_ms),
            "lotSz": plain(self.lot),
            "maxIcebergSz": many,
            "maxLmtAmt": "20000000",
            "maxLmtSz": "100000000" if swap else "999999999999",
            "maxMktAmt": "" if swap else most,
            "maxMktSz": "20000" if swap else most,
            "maxPlatOILmt": "",
            "maxStopSz": "20000" if swap else most,
            "maxTriggerSz": many,
            "maxTwapSz": many,
            "minSz": plain(self.min_size),
            "openType": "",
            "optType": "",
            "posLmtAmt": "",
            "posLmtPct": "",
            "preMktSwTime": "",
            "quoteCcy": "" if swap else self.quote,
            "ruleType": self.rule,
            "settleCcy": self.quote if swap else "",
            "state": state,
            "stk": "",
            "tickSz": plain(self.tick),
            "tradeQuoteCcyList": list(self.payable),
            "uly": self.family if swap else "",
            "upcChg": [],
        }


class Listing:
    """All instruments of the venue."""

    def __init__(self, rows: Iterable[Listed]) -> None:
        self.by_symbol = {row.symbol: row for row in rows}
        self._first = dict(self.by_symbol)
        self._gone: set[str] = set()
        self._by_code = {str(row.code): row.symbol for row in self.by_symbol.values()}

    def change(self, symbol: str, text: str) -> Instrument:
        """Changes an instrument's rules (it has no minimum cost) or delists it; its orders stay known. Raises ValueError."""
        rules, first = {} if text == DELISTED else rules_of(text), self._first[symbol]
        (self._gone.add if text == DELISTED else self._gone.discard)(symbol)
        self.by_symbol[symbol] = replace(
            first,
            tick=rules.get("tick", first.tick),
            lot=rules.get("lot", first.lot),
            min_size=rules.get("min", first.min_size),
        )
        return self.by_symbol[symbol].instrument()

    def find(self, name: str) -> Listed:
        """The instrument of a request; raises 51001."""
        symbol = name if name in self.by_symbol else self._by_code.get(name, "")
        if symbol not in self.by_symbol or symbol in self._gone:
            raise OkxError("51001", f"Instrument ID {name} doesn't exist.")
        return self.by_symbol[symbol]

    def of_kind(self, kind: str) -> list[Listed]:
        return [row for row in self.by_symbol.values() if row.kind == kind and row.symbol not in self._gone]

    def coins(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.of_kind("SPOT") for name in (row.base, *row.payable)))


def spot(symbol: str, tick: Decimal, listed_ms: int, code: int) -> Listed:
    """The spot pair of a symbol."""
    base = symbol.split("-", maxsplit=1)[0]
    lot, least = LOTS.get(base, ("0.000001", MINIMUMS.get(base, "1")))
    return Listed(symbol, "SPOT", tick, Decimal(lot), Decimal(least), ONE, code, listed_ms)


def swap(pair: str, tick: Decimal, listed_ms: int, code: int) -> Listed:
    """The USDT-margined perpetual of a pair, or of an underlying without a pair."""
    symbol, step = f"{pair}-SWAP", Decimal("0.01")
    base = pair.split("-", maxsplit=1)[0]
    ct_val, rule, category = OTHERS.get(base) or (CONTRACTS[base], NORMAL, CRYPTO)
    return Listed(symbol, "SWAP", tick, step, step, Decimal(ct_val), CODES.get(symbol, code), listed_ms, rule, category)


def fee_table() -> FeeTable:
    """Spot fee tiers by 30-day volume, from regular users to VIP 5, as fractions."""
    rows = (
        (0, "0.10", "0.08"), (5_000_000, "0.08", "0.045"), (10_000_000, "0.07", "0.04"), (20_000_000, "0.06", "0.03"),
        (100_000_000, "0.05", "0.02"), (200_000_000, "0.04", "0.015"), (500_000_000, "0.03", "0.01"),
        (1_000_000_000, "0.025", "0.00"), (2_000_000_000, "0.02", "0.00"), (5_000_000_000, "0.015", "0.00"),
    )  # fmt: skip
    return FeeTable(tuple(Tier(Decimal(v), Decimal(t) / 100, Decimal(m) / 100) for v, t, m in rows))


def _decimals(step: Decimal) -> int:
    return len(plain(step).partition(".")[2])
