"""The digest of a strategy's source text, by which results belong to one version of a rule.

Covers the file of the strategy, those of the strategies it is derived from, and what they import from their own folders, since a
rule is often written in several files. It depends on files alone, never on what a process has loaded.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

from bot.strategy.base import Strategy


class _Source(NamedTuple):
    """A file, the package it is in, and the folder and package of the strategy that it was reached from ("" for no package)."""

    file: Path
    package: str
    folder: Path
    top: str


def source_digest(strategy: Strategy) -> str:
    """The SHA-256 of the source text, in hexadecimal: another one as soon as a character of it changes."""
    digest = hashlib.sha256()
    for file in sorted(_files(type(strategy)), key=lambda file: (file.name, str(file))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(kind: type[Strategy]) -> set[Path]:
    own = [one for one in kind.__mro__ if issubclass(one, Strategy) and one is not Strategy]
    ahead = [source for one in own for source in _of_class(one)]
    found: set[Path] = set()
    while ahead:
        source = ahead.pop()
        if source.file not in found:
            found.add(source.file)
            ahead += _imported(source)
    return found


def _of_class(kind: type[Strategy]) -> Iterator[_Source]:
    module = sys.modules[kind.__module__]
    name = module.__file__ or ""
    if name.endswith(".py"):
        file = Path(name).resolve()
        package = "" if module.__name__ == str(file) else module.__package__ or ""
        yield _Source(file, package, file.parent, package)


def _imported(source: _Source) -> Iterator[_Source]:
    """The files beside the strategy that a file imports, anywhere in it."""
    for name in _names(source):
        if source.top and name != source.top and not name.startswith(f"{source.top}."):
            continue
        inner = name[len(source.top) :].lstrip(".") if source.top else name
        place = source.folder.joinpath(*inner.split(".")) if inner else source.folder
        if inner and (file := place.with_suffix(".py")).is_file():
            yield source._replace(file=file, package=name.rpartition(".")[0])
        elif (file := place / "__init__.py").is_file():
            yield source._replace(file=file, package=name)


def _names(source: _Source) -> Iterator[str]:
    """All modules that a file names in imports. A file that is no longer Python, because it was edited since it was loaded, names
    none: its digest differs in any case.
    """
    try:
        tree = ast.parse(source.file.read_bytes(), str(source.file))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            place = resolve_name(name, source.package) if node.level and source.package else name.lstrip(".")
            yield from (place, *(f"{place}.{alias.name}" for alias in node.names))
