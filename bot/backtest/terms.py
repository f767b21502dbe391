"""On what terms a backtest trades: costs, the venue's grids and minimums, the account's limits.

Owns these values and their defaults. A walk may be repeated with other terms over the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Market(NamedTuple):
    """What a venue asks of one market. Sizes in base units, prices and cost in the quote; a tick of 0 is no price grid."""

    lot: float = 1e-8
    tick: float = 0.0
    min_qty: float = 0.0
    min_cost: float = 0.0


class Costs(NamedTuple):
    """`fee` a side and `spread` (ask - bid), as fractions; `in_coin`: a purchase pays its fee in the coin it buys."""

    fee: float = 0.001
    spread: float = 0.0002
    in_coin: bool = False


class Limits(NamedTuple):
    """The account's limits that bind in a backtest, see the settings of about these names; the defaults bind nothing.

    `slippage` is how far above the ask an entry may fill, a fraction: limits on value count it at that price.
    """

    max_exposure_pct: float = math.inf
    max_coin_exposure_pct: float = math.inf
    max_order: float = math.inf
    slippage: float = 0.0
    max_day_pct: float = math.inf
    max_drawdown_pct: float = math.inf
    max_losses: int = 1 << 60
    cooldown_ms: int = 0
    min_age_ms: int = 0


class Account(NamedTuple):
    """What is walked with. `markets` and `spreads` hold what differs by symbol from `market` and from the spread of the costs;
    `shorts`: whether they may be sold short.
    """

    costs: Costs = Costs()
    equity: float = 10_000.0
    slots: int = 5
    shorts: bool = False
    limits: Limits = Limits()
    market: Market = Market()
    markets: Mapping[str, Market] = {}
    spreads: Mapping[str, float] = {}
