"""Finds the strategy that a setting names, creates it, and checks that its values can be traded.

Owns the reading of `module:Class` and `file.py:Class`; a file's path is relative to NIJA's own folder.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.domain.candles import parse_timeframe
from bot.strategy.base import Strategy, Universe
from bot.strategy.contained import contained_import
from bot.strategy.exits import ExitLeg, ExitLegs, sold_by
from bot.strategy.params import RiskSettings
from bot.strategy.search_space import check_space


def named(text: str, risk_settings: RiskSettings, home: Path | None = None) -> Strategy:
    """The strategy of `module:Class` or `file.py:Class`. Raises ValueError with one line that says what to do."""
    place, _, name = text.rpartition(":")
    if not place or not name.isidentifier():
        raise ValueError(f"{text!r} does not name a strategy: give module:Class or file.py:Class")
    module = _from_file(text, (home or Path()) / place) if place.endswith(".py") else _from_module(text, place)
    found = getattr(module, name, None)
    if found is None:
        known = [one for one, kind in vars(module).items() if _is_own(kind, module)]
        raise ValueError(f"{place} has no class {name}; its strategies: {', '.join(known) or 'none'}")
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise ValueError(f"{text} is not a subclass of bot.strategy.base.Strategy: derive it from that class")  # noqa: TRY004
    with _reporting(f"{text} cannot be created"):
        rule = checked(found(risk_settings))
        check_space(rule.search_space, own_params(rule))
        return rule


def with_params(rule: Strategy, given: Mapping[str, str]) -> Strategy:
    """The same strategy with other numbers: fields of its `params` (a NamedTuple that its class takes as `params=`), or of its
    `risk_settings`. Raises ValueError with one line that says what to do.
    """
    params, fields = getattr(rule, "params", None), own_params(rule)
    unknown = [name for name in given if name not in fields and name not in RiskSettings._fields]
    if unknown:
        known = ", ".join([*fields, *RiskSettings._fields])
        raise ValueError(f"{unknown[0]!r} is not a parameter of {type(rule).__name__}: it has {known}")
    risk_settings = rule.risk_settings._replace(
        **{name: _as(name, text, 1.0) for name, text in given.items() if name in RiskSettings._fields}
    )
    changed = {name: _as(name, text, fields[name]) for name, text in given.items() if name in fields}
    with _reporting(f"{type(rule).__name__} cannot be created with these parameters"):
        kind: Any = type(rule)
        return checked(
            kind(risk_settings, params=params._replace(**changed))
            if changed and params is not None
            else kind(risk_settings)
        )


def _as(name: str, text: str, like: object) -> float | int:
    """The text as a number of the same type as `like`."""
    try:
        value = int(text) if isinstance(like, int) else float(text)
    except ValueError:
        kind = "a whole number" if isinstance(like, int) else "a number"
        raise ValueError(f"{name} is {text!r}: {kind} is needed") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text!r}: a finite number is needed")
    return value


def own_params(rule: Strategy) -> dict[str, float]:
    """The fields of a strategy's `params`, by name; none where it has no NamedTuple of that name."""
    params: Any = getattr(rule, "params", None)
    return params._asdict() if isinstance(params, tuple) and hasattr(params, "_asdict") else {}


def checked(rule: Strategy) -> Strategy:
    """The same strategy, if its values can be traded; raises ValueError for the first that cannot."""
    _check_legs(rule.legs)
    if rule.timeframe is not None:
        parse_timeframe(rule.timeframe)
    if not rule.widest_r > 0.0:
        raise ValueError(f"widest_r is {rule.widest_r!r}: a fraction above 0 is needed")
    for name, value in (("required", rule.required), ("slots", rule.slots)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} is {value!r}: a whole number above 0 is needed")
    if not isinstance(getattr(rule, "risk_settings", None), RiskSettings):
        raise ValueError("risk_settings is not set: call super().__init__(risk_settings) in __init__")  # noqa: TRY004
    universe = rule.universe
    if universe is not None and not _can_be_chosen(universe):
        raise ValueError(f"universe is {universe!r}: 0 < most <= among, candles > 0 and a day or a month are needed")
    return rule


def _can_be_chosen(universe: Universe) -> bool:
    return 0 < universe.most <= universe.among and universe.candles > 0 and universe.period in ("day", "month")


def _check_legs(legs: ExitLegs) -> None:
    if not isinstance(legs, tuple) or not all(isinstance(one, ExitLeg) for one in legs):
        raise ValueError(f"legs is {legs!r}: a tuple of ExitLeg(share, target) is needed")
    if not all(0.0 < one.share <= 1.0 for one in legs) or sold_by(len(legs), legs) > 1.0:
        raise ValueError("legs: each share must be above 0, and all of them 1 at most")
    distances = [one.target for one in legs]
    if not all(math.isfinite(one) and one > 0.0 for one in distances) or sorted(set(distances)) != distances:
        raise ValueError("legs: each target must be above 0 and farther than the one before it")


def _from_module(text: str, place: str) -> ModuleType:
    with _reporting(f"{text} cannot be imported"):
        return import_module(place)


def _from_file(text: str, file: Path) -> ModuleType:
    """The module in a file, registered under its full path, so that two files of the same name are two modules."""
    if not file.is_file():
        raise ValueError(f"{text}: there is no file {file}: give its path relative to NIJA's folder, or its full path")
    name = str(file.resolve())
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{text}: {file} cannot be read as Python")
    sys.modules[name] = module = module_from_spec(spec)
    with _reporting(f"{text} cannot be loaded"):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _reporting(what: str) -> Iterator[None]:
    """Raises ValueError for any exception of the strategy's own code: one line, with the file and line that raised it."""
    try:
        with contained_import():
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a supervised boundary: the code is the author's, and nothing trades yet
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{what}: {reason}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """The file and line that raised an error, as in Python's own text of a SyntaxError, which names them already."""
    trace = error.__traceback__
    if trace is None or isinstance(error, SyntaxError):
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"


def _is_own(kind: object, module: ModuleType) -> bool:
    return isinstance(kind, type) and issubclass(kind, Strategy) and kind.__module__ == module.__name__
