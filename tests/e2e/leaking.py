"""The daemon with errors whose text contains the owner's keys, as from a careless library: in strategy and engine.

python -m tests.e2e.leaking
"""

from __future__ import annotations

import os
import sys

from bot.commands.cli import main
from bot.domain.candles import Candles
from bot.engine.account_engine import AccountEngine
from bot.strategy.base import Evaluation
from tests.rig import Eager


def leak(*_: object) -> None:
    """Raises an error whose text contains every secret."""
    key, secret = os.environ["KRAKEN_API_KEY"], os.environ["KRAKEN_API_SECRET"]
    raise RuntimeError(f"signing failed for {key!r} with {secret}\nheaders: {{'API-Key': '{key}'}}")


class Leaking(Eager):
    """Raises at the first evaluation."""

    def evaluate(self, candles: Candles) -> Evaluation:
        leak()
        return super().evaluate(candles)


if __name__ == "__main__":
    AccountEngine.read_rules = leak  # type: ignore[method-assign, assignment]
    sys.exit(main())
