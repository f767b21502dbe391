"""A rule that dies with the owner's keys in its mouth: what a careless library might do."""

from __future__ import annotations

import os

from bot.domain.candles import Candles
from bot.strategy.base import Evaluation
from tests.rig import Eager


class Leaking(Eager):
    """Raises at the first look."""

    def evaluate(self, candles: Candles) -> Evaluation:
        key, secret = os.environ["KRAKEN_API_KEY"], os.environ["KRAKEN_API_SECRET"]
        raise RuntimeError(f"signing failed for {key!r} with {secret}\nheaders: {{'API-Key': '{key}'}}")
