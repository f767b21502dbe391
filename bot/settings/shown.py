"""The settings as text, each with its source; secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pydantic import SecretStr

from bot.settings.load import HOME, Settings

MASK = "***"
DEFAULT = "default"


class Setting(NamedTuple):
    """One setting as it would be written in `.env`; `source` is default, `.env`, environment, strategy or command."""

    name: str
    value: str
    source: str


def listed(settings: Settings) -> Iterator[Setting]:
    """NIJA's folder, then every variable in the order of `.env.example`."""
    yield Setting(HOME, str(settings.home), settings.sources.get(HOME, DEFAULT))
    for group in settings.groups():
        for name, field in group.variables().items():
            yield Setting(name, _text(getattr(group, field)), settings.sources.get(name, DEFAULT))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case SecretStr():
            return MASK
        case tuple():
            return ",".join(dict.fromkeys(_text(one) for one in value))
        case _:
            return str(value)
