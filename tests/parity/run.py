"""One rule, traded and tested on the same candles: does the backtest tell what the trader does?

    scripts/parity.py [--days 30] [--pairs 10] [--seed 7] [--look 1] [--spread 0] [--json F]

Writes candles of the sandbox's own market, has the daemon trade them in lock-step at the local Kraken, walks a backtest over them on
the terms of that account, and compares trade by trade. Every difference gets a cause out of a fixed list (`causes.Cause`). Slots
are as many as pairs and no loss halts the account, so that one difference does not make others elsewhere. Exit 1 unless every
difference has its cause, sizes of equal equities are within one lot and 0.2 %, 97 % of exits the same, and the results within 0.1 %
of turnover.

The daemon sells at a target when the bid is there at a look; the backtest sells when the price touches it. How often that differs is
a matter of the spread and of the time between two looks, so both are small here; `--look 15 --spread 0.0002` shows what they do.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.backtest.candle_files import load
from bot.backtest.history import History
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs, Limits, Market
from bot.domain.instrument import Instrument
from bot.strategy.apex import ApexStrategy
from tests.parity.compare import COOLDOWN, LOSSES, Parity, Walked, compared
from tests.parity.live import Traded, traded
from tests.parity.market import COINS, FIVE_MINUTES, Replay, Seen, spreads, write

COMPILED = Path(__file__).resolve().parent.parent.parent / "build" / "numba"
START = 1_767_571_200_000  # 2026-01-05
#: Market seconds between two looks of the daemon at what it holds, and ask - bid as a fraction of the price.
LOOK, SPREAD = 1, 0.0


def measured(
    folder: Path,
    hours: int,
    pairs: int,
    seed: int = 7,
    look: int = LOOK,
    spread: float = SPREAD,
    tell: Callable[[str], None] = lambda _: None,
    *,
    compiled: bool = True,
) -> Parity:
    """Both runs and their comparison."""
    replay = Replay(folder / "candles", seed, START, hours, tuple(f"{coin}-USD" for coin in COINS[:pairs]), spread)
    write(replay)
    live = traded(folder, replay, look * 1000, tell)
    return compared(live.trades, walked(replay, live, compiled=compiled), Seen(replay.market(), look * 1000))


def walked(replay: Replay, live: Traded, *, compiled: bool = True) -> Walked:
    """The backtest on the terms of what was traded."""
    histories = [one.before(replay.end_ms) for one in _candles(replay, "5m")]
    fine = {one.symbol: one for one in _candles(replay, "1m")}
    backtest = Backtest(
        ApexStrategy(),
        [one for one in histories if one is not None],
        since=START - FIVE_MINUTES,
        fine=fine,
        compile_to=COMPILED,
        plainly=not compiled,
    )
    markets = {symbol: _market(one) for symbol, one in live.instruments.items()}
    account = Account(
        costs=Costs(live.fee, 0.0),
        equity=live.equity,
        slots=len(replay.symbols),
        limits=Limits(100.0, 50.0, slippage=0.002, max_losses=LOSSES, cooldown_ms=COOLDOWN),
        markets=markets,
        spreads=spreads(replay),
    )
    return Walked(list(backtest.walk(account)), backtest.blocked(account), markets, live.fee, live.equity)


def _candles(replay: Replay, timeframe: str) -> Sequence[History]:
    """The candles, of which the older ones are mostly holes."""
    return load(replay.folder, replay.symbols, timeframe, max_holes=1.0).histories


def _market(one: Instrument) -> Market:
    return Market(*(float(step) for step in (one.lot, one.tick, one.min_qty, one.min_cost)))


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--days", type=int, default=30)
    words.add_argument("--pairs", type=int, default=10)
    words.add_argument("--seed", type=int, default=7)
    words.add_argument("--look", type=int, default=LOOK, help="market seconds between two looks at what is held")
    words.add_argument(
        "--spread", type=float, default=SPREAD, help="ask - bid as a fraction of the price; at least a tick"
    )
    words.add_argument("--json", type=Path)
    return words


def main(arguments: Sequence[str]) -> int:
    asked = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="nija-parity-") as name:
        words = (asked.days * 24, asked.pairs, asked.seed, asked.look, asked.spread)
        parity = measured(Path(name), *words, lambda line: print(line, flush=True))
    print(*parity.differences, "", *parity.lines(), sep="\n")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"lines": parity.lines(), "differences": parity.differences}, indent=2))
    return 0 if parity.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
