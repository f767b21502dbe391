"""The strategy that the settings name, with the owner's risk settings: the same for the daemon and for research."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.calendar import CalendarError, read_calendar
from bot.runtime.parameters import tuned_for
from bot.settings.load import GROUPS, ConfigError, Settings
from bot.settings.variables import TIMEFRAMES, TradingSettings
from bot.strategy.base import Strategy
from bot.strategy.named import named, with_params
from bot.strategy.params import RiskSettings
from bot.strategy.source import source_digest


def owner_of(settings: Settings) -> RiskSettings:
    """The owner's settings that a strategy reads."""
    return RiskSettings(**{name: float(getattr(settings.rule, name)) for name in RiskSettings._fields})


def strategy_of(
    settings: Settings, other: str | None = None, params: Mapping[str, str] | None = None, *, untuned: bool = False
) -> Strategy:
    """The strategy of the settings, or `other` if given, with the parameters that were written for it, unless `untuned`. Values that
    the owner has set come before those, and the values of `params` before everything. Raises `ConfigError` if it cannot be used.
    """
    text = other or settings.trading.strategy
    try:
        strategy = named(text, owner_of(settings), settings.home)
    except ValueError as error:
        raise ConfigError([str(error) if other else f"STRATEGY: {error}"]) from None
    try:
        tuned = None if untuned else tuned_for(settings.operation.data_dir, text, strategy)
        given = {**own_words(settings, strategy), **(params or {})}
        written = {} if tuned is None else _unset(settings, tuned.params, given)
        given |= {name: repr(value) for name, value in written.items()}
        chosen = with_params(strategy, given) if given else strategy
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    if tuned is not None:
        chosen.tuned = tuned._replace(params=written)
    return chosen


def _unset(settings: Settings, params: Mapping[str, float], given: Mapping[str, str]) -> dict[str, float]:
    """Those that the owner has neither set nor given."""
    own = settings.rule.model_fields_set.intersection(RiskSettings._fields).union(given)
    return {name: value for name, value in params.items() if name not in own}


def source_of(strategy: Strategy) -> str:
    """The digest of its source text."""
    return source_digest(strategy)


def own_words(settings: Settings, strategy: Strategy) -> dict[str, str]:
    """The parameters of a strategy that the owner set, by name."""
    group = dict(zip(GROUPS, settings.groups(), strict=True)).get(strategy.settings)
    return {} if group is None else {name: str(getattr(group, name)) for name in group.model_fields_set}


def params_of(strategy: Strategy) -> dict[str, Any]:
    """Every parameter of the strategy and of its risk settings."""
    params: Any = getattr(strategy, "params", ())
    return {**(params._asdict() if hasattr(params, "_asdict") else {}), **strategy.risk_settings._asdict()}


def timeframe_of(trading: TradingSettings, rule: Strategy) -> str:
    """The owner's TIMEFRAME if set, else the strategy's own, else NIJA's default."""
    if rule.timeframe is None or "timeframe" in trading.model_fields_set:
        return trading.timeframe
    if rule.timeframe not in TIMEFRAMES:
        raise ConfigError(
            [
                f"STRATEGY: {trading.strategy} has the timeframe {rule.timeframe!r}, which is not one of {', '.join(TIMEFRAMES)}"
            ]
        )
    return rule.timeframe


def news_of(settings: Settings) -> tuple[int, ...]:
    """The times (ms UTC) in the owner's news calendar, oldest first. Raises `ConfigError` if it cannot be read."""
    file = settings.rule.news_calendar
    if file is None:
        return ()
    kind = "ics" if file.suffix.lower() == ".ics" else "csv"
    try:
        return tuple(event.time for event in read_calendar(file.read_text(encoding="utf-8-sig"), kind))
    except (CalendarError, OSError, UnicodeDecodeError) as error:
        raise ConfigError([f'NEWS_CALENDAR is "{file}": {error}']) from None
