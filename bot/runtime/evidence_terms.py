"""On what terms these settings trade, in the words of evidence: the same for a backtest, the daemon and the checks."""

from __future__ import annotations

import json

from bot.engine.account_engine import TradingPlan
from bot.runtime.chosen import params_of, timeframe_of
from bot.runtime.evidence import Terms
from bot.runtime.evidence_judged import EvidenceAsked
from bot.settings.load import Settings
from bot.settings.variables import LimitSettings
from bot.strategy.base import Strategy
from bot.strategy.source import source_digest

#: The limits that bind in a backtest, by the fields of their settings.
BINDING = (
    *("max_exposure_pct", "max_coin_exposure_pct", "max_order_usd", "max_daily_loss_pct", "max_drawdown_pct"),
    *("max_losses_in_a_row", "loss_cooldown_minutes"),
)


def terms_of(
    strategy: Strategy, rule: str, timeframe: str, limits: LimitSettings | None, fee: float, slots: int, *, shorts: bool
) -> Terms:
    """The terms of a strategy as it is; `rule` is the name by which STRATEGY calls it, `limits` None where none bind."""
    binding = None
    if limits is not None:
        values = {name: getattr(limits, name) for name in BINDING}
        binding = {name.upper(): None if value is None else float(value) for name, value in values.items()}
    params = json.loads(json.dumps(params_of(strategy), default=str))
    return Terms(rule, source_digest(strategy), params, timeframe, fee, binding, slots, shorts)


def evidence_asked(settings: Settings, plan: TradingPlan) -> EvidenceAsked:
    """What these settings need evidence for."""
    strategy, limits = plan.strategy, settings.limits
    timeframe, slots = timeframe_of(settings.trading, strategy), plan.limits.max_open_positions
    terms = terms_of(strategy, settings.trading.strategy, timeframe, limits, 0.0, slots, shorts=False)
    shorting = frozenset({"okx"} if settings.okx.trade_swaps else ())
    return EvidenceAsked(settings.operation.data_dir, terms, shorting, limits.require_evidence)
