"""The daemon with a strategy that never returns in OKX's thread, and a supervisor that notices after seconds.

python -m tests.e2e.hanging
"""

from __future__ import annotations

import sys
import threading
import time

from bot import independent_broker_trader
from bot.commands.cli import main
from bot.domain.candles import Candles
from bot.strategy.base import Evaluation
from tests.rig import Eager

STUCK_AFTER = 8_000


class Hanging(Eager):
    """For `STRATEGY=tests.e2e.hanging:Hanging`."""

    def evaluate(self, candles: Candles) -> Evaluation:
        if threading.current_thread().name == "okx":
            time.sleep(3_600)
        return super().evaluate(candles)


if __name__ == "__main__":
    independent_broker_trader.STUCK_AFTER = STUCK_AFTER
    sys.exit(main())
