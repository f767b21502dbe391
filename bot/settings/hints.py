"""Settings that are valid but may not be what the owner meant: one line for each, never with a secret."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from bot.settings.variables import Group, OkxSettings

_OURS: Final = ("KRAKEN_", "OKX_", "COINBASE_", "NIJA_", "SANDBOX_", "MULTI_BROKER_", "TRADING_")
#: A percentage below 1, and this many times smaller than its default, may be meant as a fraction.
_SMALL: Final = 5
#: Variables that may contain anything, including " #".
_FREE_TEXT: Final = frozenset({OkxSettings.variable("passphrase")})
#: NAME=value without quotes, then a comment.
_COMMENTED: Final = re.compile(r"""\s*(export\s+)?\w+\s*=[ \t]*[^'"\s].*\s\#""")


def repeated(lines_of: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """A line for each variable that `.env` sets more than once."""
    lines: dict[str, list[str]] = {}
    for name, line in lines_of:
        lines.setdefault(name, []).append(str(line))
    return tuple(
        f"{name} is set {len(at)} times in .env (lines {', '.join(at)}): the last one counts, remove the others"
        for name, at in lines.items()
        if len(at) > 1
    )


def cut(texts: Iterable[tuple[str, int, str]]) -> tuple[str, ...]:
    """A line for each value that is followed by a comment which may be part of it."""
    return tuple(
        f'{name} ends before the " #" in line {line} of .env: put the value in quotes if that is part of it'
        for name, line, text in texts
        if name in _FREE_TEXT and _COMMENTED.match(text)
    )


def mode_emptied(names: Sequence[str], in_file: Mapping[str, str]) -> list[str]:
    """A line if an empty variable in the environment would override the mode in `.env`."""
    name = "TRADING_MODE"
    if name not in names:
        return []
    return [
        f'{name} is empty in the environment, which overrides "{in_file[name]}" in .env: remove it from one of them'
    ]


def emptied(name: str) -> str:
    """The line about a variable of `.env` that an empty one in the environment overrides."""
    return f"{name} is empty in the environment, which overrides .env: its default is used"


def fractions(groups: Iterable[Group], given: Collection[str]) -> tuple[str, ...]:
    """A line for each percentage that looks like a fraction, 0.05 for 5 %."""
    found = []
    for group in groups:
        for name, field in group.variables().items():
            default, value = type(group).model_fields[field].default, getattr(group, field)
            if name in given and "_PCT" in name and value < min(Decimal(1), default / _SMALL):
                times = (value * 100).normalize()
                found.append(
                    f"{name} is {value:f}, which means {value:f} percent: write {times:f} if you mean {times:f} percent"
                )
    return tuple(found)


def unknown(in_file: Mapping[str, str], outside: Mapping[str, str], known: Sequence[str], home: str) -> tuple[str, ...]:
    """A line for each unknown variable in `.env`, and for each in the environment that looks like ours."""
    found = set(in_file) | {name for name in outside if name != home and _looks_ours(name, known)}
    return tuple(_did_you_mean(name, known) for name in sorted(found.difference(known)))


def _looks_ours(name: str, known: Sequence[str]) -> bool:
    return name.startswith(_OURS) or bool(get_close_matches(name.upper(), known, n=1, cutoff=0.88))


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    hint = f": did you mean {near[0]}?" if near else ""
    return f"{name} is not a variable of NIJA and is not used{hint}"
