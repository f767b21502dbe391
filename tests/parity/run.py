"""One rule, traded and tested on the same candles: does the backtest tell what the trader does?

    scripts/parity.py [--days 30] [--pairs 10] [--seed 7] [--look 15] [--json F]

Writes candles of the sandbox's own market, has the daemon trade them in lock-step at the local Kraken, walks a backtest over them on
the terms of that account, and compares trade by trade. Every difference gets a cause out of a fixed list (`compare.Cause`). Slots
are as many as pairs, so that one difference does not make others elsewhere. Exit 1 unless entries are on the same candle but for
named causes, sizes within one lot and 0.2 %, 97 % of exits the same, and the results within 0.1 % of turnover.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.backtest.candle_files import load
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs, Limits
from bot.strategy import exits
from bot.strategy.apex import ApexStrategy
from tests.parity.compare import Parity, Walked, compared
from tests.parity.live import LOOK, Traded, traded
from tests.parity.market import COINS, DAY, FIVE_MINUTES, spreads, written

COMPILED = Path(__file__).resolve().parent.parent.parent / "build" / "numba"
START = 1_767_571_200_000  # 2026-01-05


def measured(
    folder: Path, days: int, pairs: int, seed: int = 7, look: int = LOOK, tell: Callable[[str], None] = lambda _: None
) -> Parity:
    """Both runs and their comparison."""
    symbols = [f"{coin}-USD" for coin in COINS[:pairs]]
    candles = written(folder / "candles", seed, START, days, symbols)
    live = traded(folder, candles, START, days, symbols, look, tell)
    return walked(candles, live, days, seed)


def walked(candles: Path, live: Traded, days: int, seed: int) -> Parity:
    """The backtest on the terms of what was traded, and the comparison."""
    symbols = list(live.markets)
    histories = [one.before(START + days * DAY) for one in load(candles, symbols, "5m").histories]
    fine = {one.symbol: one for one in load(candles, symbols, "1m").histories}
    kept = [one for one in histories if one is not None]
    backtest = Backtest(ApexStrategy(), kept, since=START - FIVE_MINUTES, fine=fine, compile_to=COMPILED)
    spread = spreads(candles, seed, START, days, symbols)
    account = Account(
        costs=Costs(live.fee, 0.0),
        equity=live.equity,
        slots=len(symbols),
        limits=Limits(
            100.0, 50.0, slippage=0.002, max_day_pct=5.0, max_drawdown_pct=20.0, max_losses=3, cooldown_ms=3_600_000
        ),
        markets=live.markets,
        spreads=spread,
    )
    needed = {symbol: exits.needed(1.0, live.fee, spread[symbol], 1.0) for symbol in symbols}
    trades = list(backtest.walk(account))
    return compared(
        live.trades, Walked(trades, backtest.blocked(account), needed, live.fee, FIVE_MINUTES), live.markets
    )


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--days", type=int, default=30)
    words.add_argument("--pairs", type=int, default=10)
    words.add_argument("--seed", type=int, default=7)
    words.add_argument("--look", type=int, default=LOOK, help="market seconds between two looks at what is held")
    words.add_argument("--json", type=Path)
    return words


def main(words: Sequence[str]) -> int:
    asked = parser().parse_args(words)
    with tempfile.TemporaryDirectory(prefix="nija-parity-") as name:
        parity = measured(
            Path(name), asked.days, asked.pairs, asked.seed, asked.look, lambda line: print(line, flush=True)
        )
    print(*parity.differences, "", *parity.lines(), sep="\n")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"lines": parity.lines(), "differences": parity.differences}, indent=2))
    return 0 if parity.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
