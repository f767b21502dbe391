"""Finds the strategy that a setting names.

Owns the reading of `package.module:Class`; never runs anything of it but its import.
"""

from __future__ import annotations

from importlib import import_module

from bot.strategy.base import Strategy


def named(text: str) -> type[Strategy]:
    """The class behind `package.module:Class`. Raises ValueError with one line when there is none."""
    module_name, _, class_name = text.partition(":")
    if not module_name or not class_name:
        raise ValueError(f"{text!r} names no strategy: package.module:Class is needed")
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ImportError as error:
        raise ValueError(f"{text!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise ValueError(f"{text!r} is no subclass of bot.strategy.base.Strategy")  # noqa: TRY004 - a setting
    return found
