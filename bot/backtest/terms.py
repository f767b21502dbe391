"""The terms of a backtest: costs, the venue's grids and minimums, the account's limits.

Owns these values and their defaults. The same decisions can be walked on different terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Market(NamedTuple):
    """The trading rules of one market. Sizes in base units, prices and cost in the quote; a tick of 0 means no price grid.
    `in_coin`: the fee of a purchase is taken in the coin.
    """

    lot: float = 1e-8
    tick: float = 0.0
    min_qty: float = 0.0
    min_cost: float = 0.0
    in_coin: bool = False


class Costs(NamedTuple):
    """`fee` (per side) and `spread` (ask - bid) as fractions."""

    fee: float = 0.001
    spread: float = 0.0002


class Limits(NamedTuple):
    """The account's limits that apply in a backtest; see the settings of similar names. The defaults limit nothing.

    `slippage` is how far above the ask an entry may fill, a fraction: limits on value use that price.
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
    """The account that trades. `markets` and `spreads` override `market` and the spread of `costs` for single symbols; `shorts`:
    whether it may sell short.
    """

    costs: Costs = Costs()
    equity: float = 10_000.0
    slots: int = 5
    shorts: bool = False
    limits: Limits = Limits()
    market: Market = Market()
    markets: Mapping[str, Market] = {}
    spreads: Mapping[str, float] = {}
