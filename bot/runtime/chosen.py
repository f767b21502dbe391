"""The strategy that the settings name, made for their owner: the same for the daemon and for research."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.calendar import CalendarError, read_calendar
from bot.settings.load import ConfigError, Settings
from bot.settings.variables import TIMEFRAMES, TradingSettings
from bot.strategy.base import Strategy
from bot.strategy.named import named, with_params
from bot.strategy.params import RiskSettings


def owner_of(settings: Settings) -> RiskSettings:
    """The owner's settings in the strategy's words."""
    return RiskSettings(**{name: float(getattr(settings.rule, name)) for name in RiskSettings._fields})


def strategy_of(settings: Settings, other: str | None = None, params: Mapping[str, str] | None = None) -> Strategy:
    """The strategy of the settings, or another in its place, with other numbers where `params` name some; raises `ConfigError`
    for one that cannot be used.
    """
    try:
        strategy = named(other or settings.trading.strategy, owner_of(settings), settings.home)
    except ValueError as error:
        raise ConfigError([str(error) if other else f"STRATEGY is {error}"]) from None
    try:
        return with_params(strategy, params) if params else strategy
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def params_of(strategy: Strategy) -> dict[str, Any]:
    """Every number of the strategy that can be given, and its owner's."""
    params: Any = getattr(strategy, "params", ())
    return {**(params._asdict() if hasattr(params, "_asdict") else {}), **strategy.risk_settings._asdict()}


def timeframe_of(trading: TradingSettings, rule: Strategy) -> str:
    """The owner's word, else the strategy's own, else NIJA's."""
    if rule.timeframe is None or "timeframe" in trading.model_fields_set:
        return trading.timeframe
    if rule.timeframe not in TIMEFRAMES:
        raise ConfigError(
            [f"STRATEGY is {trading.strategy!r}: its timeframe is {rule.timeframe!r}, not {', '.join(TIMEFRAMES)}"]
        )
    return rule.timeframe


def news_of(settings: Settings) -> tuple[int, ...]:
    """The moments (ms UTC) of the owner's calendar, oldest first; raises `ConfigError` for one that cannot be read."""
    file = settings.rule.news_calendar
    if file is None:
        return ()
    kind = "ics" if file.suffix.lower() == ".ics" else "csv"
    try:
        return tuple(event.time for event in read_calendar(file.read_text(encoding="utf-8-sig"), kind))
    except (CalendarError, OSError, UnicodeDecodeError) as error:
        raise ConfigError([f'NEWS_CALENDAR is "{file}": {error}']) from None
