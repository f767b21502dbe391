"""The files of parameters that `nija optimize` writes and everything else reads: one for each strategy, in the data folder.

Owns their form. A file counts for the source text that its parameters were searched with, and for no other; one that does not fit is
refused, because trading on with a strategy's own parameters would be something that its owner did not ask for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.strategy.base import Strategy
from bot.strategy.named import own_params
from bot.strategy.params import RiskSettings, Tuned
from bot.strategy.source import source_digest

FOLDER = "parameters"
SCHEMA = 1


class ParameterFile(BaseModel):
    """What such a file says. `fee` and `spread` are fractions; `in_sample` and `out_of_sample` hold what each fold measured."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int = SCHEMA
    strategy: str
    source: str
    params: dict[str, int | float]
    timeframe: str
    pairs: list[str]
    since: str
    until: str
    fee: float
    spread: float
    trials: int
    held: bool
    verdict: str
    in_sample: list[dict[str, Any]]
    out_of_sample: list[dict[str, Any]]
    made_at: str


class BadParameters(ValueError):
    """A file that cannot be applied; one line that says what to do."""


def file_of(data_dir: Path, named_as: str) -> Path:
    """Where the parameters of `module:Class` or `file.py:Class` are kept."""
    place, _, name = named_as.rpartition(":")
    return data_dir / FOLDER / f"{Path(place).stem if place.endswith('.py') else place}.{name}.json"


def write(file: Path, found: ParameterFile) -> None:
    """Put the file in its place, whole or not at all. Raises BadParameters."""
    fresh = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(found.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError as error:
        raise BadParameters(f"{file}: cannot be written: {error.strerror}") from None


def tuned_for(data_dir: Path, named_as: str, strategy: Strategy) -> Tuned | None:
    """The parameters written for this strategy; None where there are none. Raises BadParameters for a file that does not fit."""
    file = file_of(data_dir, named_as)
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadParameters(f"{file}: cannot be read: {error.strerror}") from None
    try:
        found = ParameterFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadParameters(f"{file}: {place}: {first['msg']}{_REMEDY}") from None
    if found.version != SCHEMA:
        raise BadParameters(f"{file}: it is of another version of NIJA{_REMEDY}")
    if found.source != source_digest(strategy):
        raise BadParameters(f"{file}: the strategy's source text has changed since it was written{_REMEDY}")
    if fault := fault_of(strategy, found.params):
        raise BadParameters(f"{file}: {fault}{_REMEDY}")
    return Tuned(f"{FOLDER}/{file.name}", found.params, found.timeframe)


def in_words(tuned: Tuned) -> str:
    """The values of a file, as `--param` takes them."""
    return " ".join(f"{name}={value:g}" for name, value in tuned.params.items())


_REMEDY = ": run `nija optimize --write` again, or delete the file to trade the strategy's own parameters"


def fault_of(strategy: Strategy, params: Mapping[str, float]) -> str:
    """What is wrong with values for a strategy, or nothing."""
    own, ranges = own_params(strategy), {one.name: one for one in strategy.search_space}
    for name, value in params.items():
        if name not in own and name not in RiskSettings._fields:
            return f"{name} is no parameter of {type(strategy).__name__}"
        if not math.isfinite(value) or (isinstance(own.get(name), int) and not isinstance(value, int)):
            return f"{name} is {value!r}: a {'whole' if isinstance(own.get(name), int) else 'finite'} number is needed"
        if (within := ranges.get(name)) is not None and not within.holds(value):
            return f"{name} is {value:g}, outside {within.low:g} to {within.high:g}"
    return ""
