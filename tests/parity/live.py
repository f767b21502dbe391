"""The daemon's side: trades the replayed candles in a sandbox that stands still until it has done what it owed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from bot.domain.clock import iso, parse_iso
from bot.domain.instrument import Instrument
from bot.domain.log import Event
from bot.strategy.apex import EXITS
from tests.daemon_fixture import Daemon
from tests.parity.looks import Looks
from tests.parity.market import DAY, FIVE_MINUTES, Replay
from tests.sandbox_fixture import Sandbox

#: The tier of fees that the account is on: a good one, or break-even would lie beside the first target all the time.
TIER = 9
#: No loss of the account stops either side: halts would make of one difference many others.
LOSS_PCT = 100
#: Real seconds within which the daemon is ready to trade, on a busy machine too.
PATIENCE = 200.0
DOLLARS = ("USD", "USDT", "USDC")


class Leg(NamedTuple):
    """A sale: when it was filled (market ms), what it brought, and why. What is sold at a close is part of the candle that closed."""

    at: int
    price: float
    qty: float
    reason: str

    @property
    def candle(self) -> int:
        """The open time of its candle."""
        return (self.at - 1) // FIVE_MINUTES * FIVE_MINUTES


@dataclass
class Trade:
    """What became of one entry; `pnl` is after fees."""

    symbol: str
    decided_at: int
    entry_price: float = 0.0
    qty: float = 0.0
    pnl: float = 0.0
    turnover: float = 0.0
    legs: list[Leg] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether all of it is sold."""
        return sum(leg.qty for leg in self.legs) >= self.qty * (1.0 - 1e-6)

    @property
    def exit(self) -> tuple[int, str]:
        """The candle and the reason of the last sale."""
        return (self.legs[-1].candle, self.legs[-1].reason) if self.legs else (0, "open")


@dataclass
class Traded:
    """One run of the daemon: what it had and paid, what its exchange asked, and its trades."""

    equity: float
    fee: float
    instruments: dict[str, Instrument]
    trades: list[Trade]


def traded(folder: Path, replay: Replay, look_ms: int, tell: Callable[[str], None] = lambda _: None) -> Traded:
    """Run sandbox and daemon over the candles."""
    market = {
        "--seed": replay.seed,
        "--start": iso(replay.start_ms),
        "--candles": replay.folder,
        "--pairs": 60,
        "--fee-tier": TIER,
        "--spread": replay.spread,
    }
    symbols = len(replay.symbols)
    settings = {
        "STRATEGY": "bot.strategy.apex:ApexStrategy",
        "PAIRS_ALLOW": ",".join(replay.symbols),
        "MAX_PAIRS": symbols,
        "POSITION_SECONDS": look_ms // 1000,
        "CANDLE_EXCLUSION_SECONDS": 0,
        "MAX_OPEN_POSITIONS": symbols,
        "MAX_EXPOSURE_PCT": 100,
        "MAX_DAILY_LOSS_PCT": LOSS_PCT,
        "MAX_DRAWDOWN_PCT": LOSS_PCT,
    }
    words = [str(word) for pair in market.items() for word in pair]
    with Sandbox(folder, "--lockstep", *words) as sandbox:
        equity = _dollars(sandbox)
        settings["SANDBOX_READY_FILE"] = sandbox.ready_file
        with Daemon(folder / "nija", **{name: str(value) for name, value in settings.items()}) as daemon:
            daemon.until(lambda: bool(daemon.lines(Event.FUNDED)), Event.FUNDED, PATIENCE)
            instruments = _instruments(sandbox.kraken.rest, replay.symbols)
            looks = Looks(replay.market(), daemon.data, instruments, look_ms)
            for opened in range(replay.start_ms, replay.end_ms, FIVE_MINUTES):
                _live_through(sandbox, looks, opened)
                if (opened + FIVE_MINUTES) % DAY == 0:
                    tell(f"{iso(opened + FIVE_MINUTES)[:10]}: {len(daemon.book()['fills'])} fills, {looks.made} looks")
            book = daemon.book()
            daemon.stop()
            value = sum(float(one["qty"]) * float(one["price"]) for one in book["fills"])
            fee = sum(float(one["fee_usd"]) for one in book["fills"]) / value if value else 0.002
            return Traded(equity, round(fee, 5), instruments, trades_of(book))


def _dollars(sandbox: Sandbox) -> float:
    """What the account has before the daemon buys anything."""
    balances = sandbox.ledger()["accounts"]["main"]
    return sum(float(balances[one]["free"]) + float(balances[one]["held"]) for one in DOLLARS if one in balances)


def _live_through(sandbox: Sandbox, looks: Looks, opened: int) -> None:
    """One candle of the market, from look to look; entries come at closes alone, so what is held is known at once."""
    now, close = opened, opened + FIVE_MINUTES
    while now < close:
        then = looks.next(now, close)
        sandbox.control("POST", "advance", seconds=(then - now) / 1000)
        now = then


def _instruments(rest: str, symbols: Sequence[str]) -> dict[str, Instrument]:
    with urllib.request.urlopen(f"{rest}/0/public/AssetPairs", timeout=30) as answer:
        pairs = json.load(answer)["result"].values()
    names = {"XBT": "BTC", "XDG": "DOGE"}
    found = {}
    for pair in pairs:
        base, quote = pair["wsname"].split("/")
        base = names.get(base, base)
        symbol, lot = f"{base}-{quote}", Decimal(1).scaleb(-int(pair["lot_decimals"]))
        if symbol in symbols:
            tick, *minimums = (Decimal(pair[name]) for name in ("tick_size", "ordermin", "costmin"))
            found[symbol] = Instrument(symbol, base, quote, tick, lot, minimums[0], minimums[1])
    return found


def trades_of(book: Mapping[str, Any], exits: Collection[str] = EXITS) -> list[Trade]:
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
            trade.legs.append(Leg(parse_iso(fill["time"]), price, qty, _why(order, exits)))
        trade.turnover += price * qty
    return trades


def _why(order: Mapping[str, Any], exits: Collection[str]) -> str:
    """The reason of a sale, in the backtest's words."""
    reason = str(order["reason"] or "")
    name = reason.split(":", maxsplit=1)[0]
    if name in exits:
        return name
    return "stop" if order["purpose"] == "stop" or reason.startswith("stop price passed") else str(order["purpose"])
