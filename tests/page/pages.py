"""Pages to look at: a backtest with hostile names, made of known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.backtest.history import History
from bot.backtest.numbers import numbers
from bot.page.content import Page
from bot.page.of_backtest import Walked, page
from tests.backtest.candles import columns
from tests.backtest.results import START, result

#: A name that ends a script, starts one and makes a request, where it is not escaped.
HOSTILE = "</script><script>window.broken = 1</script><img src=http://127.0.0.1:9/x onerror=window.broken=2>\"'&"


def history(symbol: str, count: int = 600, step: int = 3_600_000, seed: int = 7) -> History:
    made = columns(count, step, seed) | {"time": START + step * np.arange(count)}
    return History(symbol, step, **made, filled=np.zeros(count, np.bool_))


def walked(trades: int = 40, **changed: Any) -> Walked:
    found = result(trades, 20, reasons=("stop", HOSTILE), until=START + 20 * 86_400_000, skips={"costs": 12}, **changed)
    histories = [history(pair, 500, seed=at) for at, pair in enumerate(found.pairs)]
    head = {"strategy": f"bad.py:{HOSTILE}", "params": {"score_needed": 4}, "slots": 5, "limits": "account"}
    return Walked(head, histories, found, numbers(found), (), (1.0, 2.0, 3.0), (HOSTILE,))


def hostile() -> Page:
    return page(walked())
