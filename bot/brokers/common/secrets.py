"""Secrets in a configuration. They must be read explicitly, so that no `repr` shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Secret(Protocol):
    """A text that must be read explicitly, so that no log shows it."""

    def get_secret_value(self) -> str: ...


def revealed(value: str | Secret) -> str:
    """The text of a secret, or a plain text, unchanged."""
    return value if isinstance(value, str) else value.get_secret_value()


def plain_text(value: str | Secret) -> str:
    """The same without surrounding blanks, which copying adds."""
    return revealed(value).strip()


class VenueConfig(Protocol):
    """What every venue's configuration of an account contains: the address, the key, and how long a call may take."""

    @property
    def api_url(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def state_dir(self) -> Path: ...
    @property
    def mode(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def allow_withdraw(self) -> bool: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def read_seconds(self) -> float: ...
    @property
    def order_seconds(self) -> float: ...
