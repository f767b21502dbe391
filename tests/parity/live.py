"""The daemon's side: trades the replayed candles in a sandbox that stands still until it has done what it owed, and tells its trades.

A market without a position is moved on candle by candle; while something is held, in short looks.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.backtest.terms import Market
from bot.domain.clock import iso, parse_iso
from bot.domain.log import Event
from bot.strategy.apex import EXITS
from tests.daemon_fixture import Daemon
from tests.parity.market import DAY, FIVE_MINUTES
from tests.sandbox_fixture import Sandbox

#: Market seconds between two looks at what is held.
LOOK = 15
#: The tier of fees that the account is on: a good one, or break-even would lie beside the first target all the time.
TIER = 9
DOLLARS = ("USD", "USDT", "USDC")


@dataclass
class Trade:
    """What became of one entry; `legs` are (open time of the candle, price, quantity, fee, reason)."""

    symbol: str
    decided_at: int
    entry_price: float = 0.0
    qty: float = 0.0
    pnl: float = 0.0
    turnover: float = 0.0
    legs: list[tuple[int, float, float, float, str]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether all of it is sold."""
        return sum(leg[2] for leg in self.legs) >= self.qty * (1.0 - 1e-6)

    @property
    def exit(self) -> tuple[int, str]:
        """The candle and the reason of the last sale."""
        return (self.legs[-1][0], self.legs[-1][4]) if self.legs else (0, "open")


@dataclass
class Traded:
    """One run of the daemon: what it had and paid, what its exchange asked, and its trades."""

    equity: float
    fee: float
    markets: dict[str, Market]
    trades: list[Trade]


def traded(
    folder: Path,
    candles: Path,
    start_ms: int,
    days: int,
    symbols: Sequence[str],
    look: int = LOOK,
    tell: Callable[[str], None] = lambda _: None,
) -> Traded:
    """Run sandbox and daemon over the candles from `start_ms` on."""
    market = (
        "--lockstep",
        "--start",
        iso(start_ms),
        "--candles",
        str(candles),
        "--pairs",
        "60",
        "--fee-tier",
        str(TIER),
    )
    settings = {
        "STRATEGY": "bot.strategy.apex:ApexStrategy",
        "PAIRS_ALLOW": ",".join(symbols),
        "MAX_PAIRS": str(len(symbols)),
        "POSITION_SECONDS": str(look),
        "CANDLE_EXCLUSION_SECONDS": "0",
        "MAX_OPEN_POSITIONS": str(len(symbols)),
        "MAX_EXPOSURE_PCT": "100",
    }
    with (
        Sandbox(folder, *market) as sandbox,
        Daemon(folder / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **settings) as daemon,
    ):
        daemon.says(Event.FUNDED)
        balances = sandbox.ledger()["accounts"]["main"]
        equity = sum(float(balances[one]["free"]) + float(balances[one]["held"]) for one in DOLLARS if one in balances)
        rules = _rules(sandbox.kraken.rest, symbols)
        for number in range(days * DAY // FIVE_MINUTES):
            _candle(sandbox, look)
            if (number + 1) % 288 == 0:
                tell(f"day {(number + 1) // 288}: {len(daemon.book()['orders'])} orders")
        book = daemon.book()
        daemon.stop()
        value = sum(float(one["qty"]) * float(one["price"]) for one in book["fills"])
        fee = sum(float(one["fee_usd"]) for one in book["fills"]) / value if value else 0.002
        return Traded(equity, round(fee, 5), rules, trades_of(book))


def _candle(sandbox: Sandbox, look: int) -> None:
    """Five minutes of the market; entries come at closes alone, so what is held is known at once."""
    left = FIVE_MINUTES // 1000
    held = sandbox.control("GET", "exposure?venue=kraken").values()
    step = look if any(float(one["held"]) > 0.0 for one in held) else left
    while left > 0:
        sandbox.control("POST", "advance", seconds=min(step, left))
        left -= step


def _rules(rest: str, symbols: Sequence[str]) -> dict[str, Market]:
    with urllib.request.urlopen(f"{rest}/0/public/AssetPairs", timeout=30) as answer:
        pairs = json.load(answer)["result"].values()
    names = {"XBT": "BTC", "XDG": "DOGE"}
    found = {}
    for pair in pairs:
        base, quote = pair["wsname"].split("/")
        symbol = f"{names.get(base, base)}-{quote}"
        if symbol in symbols:
            lot = 10.0 ** -int(pair["lot_decimals"])
            minimums = float(pair["ordermin"]), float(pair["costmin"])
            found[symbol] = Market(lot, float(pair["tick_size"]), *minimums)
    return found


def trades_of(book: dict[str, Any], timeframe_ms: int = FIVE_MINUTES, exits: Collection[str] = EXITS) -> list[Trade]:
    """The trades of an account's book: each entry with the sales that followed it. `exits` are the strategy's own reasons."""
    orders = {order["client_id"]: order for order in book["orders"]}
    by_exchange_id = {order["exchange_id"]: order for order in book["orders"]}
    trades: list[Trade] = []
    open_trades: dict[str, Trade] = {}
    for fill in sorted(book["fills"], key=lambda one: one["time"]):
        order = orders.get(fill["client_id"]) or by_exchange_id[fill["exchange_order_id"]]
        price, qty, fee = float(fill["price"]), float(fill["qty"]), float(fill["fee_usd"])
        if order["purpose"] == "entry":
            _, symbol, decided_at, *_ = order["decision_key"].rsplit("/", 4)
            trade = open_trades.get(symbol)
            if trade is None or trade.decided_at != int(decided_at):
                trade = open_trades[symbol] = Trade(symbol, int(decided_at))
                trades.append(trade)
            trade.entry_price = (trade.entry_price * trade.qty + price * qty) / (trade.qty + qty)
            trade.qty += qty
            trade.pnl -= fee
        else:
            trade = open_trades[fill["symbol"]]
            trade.pnl += (price - trade.entry_price) * qty - fee
            candle, reason = _how(order, parse_iso(fill["time"]), timeframe_ms, exits)
            trade.legs.append((candle, price, qty, fee, reason))
        trade.turnover += price * qty
    return trades


def _how(order: dict[str, Any], time: int, timeframe_ms: int, exits: Collection[str]) -> tuple[int, str]:
    """The candle and the reason of a sale. One at a close is of the candle that has closed."""
    reason = str(order["reason"] or "")
    name = reason.split(":", maxsplit=1)[0]
    if name in exits:
        return (time - 1) // timeframe_ms * timeframe_ms, name
    how = "stop" if order["purpose"] == "stop" or reason.startswith("stop price passed") else str(order["purpose"])
    return time // timeframe_ms * timeframe_ms, how
