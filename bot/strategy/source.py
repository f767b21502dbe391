"""The digest of a strategy's source text, by which results belong to one version of a rule.

Covers the file of the strategy, those of the strategies it is derived from, and what they import from their own folders, since a
rule is often written in several files.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

from bot.strategy.base import Strategy


def source_digest(strategy: Strategy) -> str:
    """The SHA-256 of the source text, in hexadecimal: another one as soon as a character of it changes."""
    digest = hashlib.sha256()
    for file in sorted(_files(type(strategy)), key=lambda file: (file.name, str(file))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(kind: type[Strategy]) -> set[Path]:
    own = [sys.modules[one.__module__] for one in kind.__mro__ if issubclass(one, Strategy) and one is not Strategy]
    found: set[Path] = set()
    ahead = list(own)
    while ahead:
        module = ahead.pop()
        file = _file_of(module)
        if file is None or file in found:
            continue
        found.add(file)
        ahead += [one for one in _imported(module, file) if _is_beside(one, file)]
    return found


def _file_of(module: ModuleType) -> Path | None:
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if name and name.endswith(".py") else None


def _is_beside(module: ModuleType, file: Path) -> bool:
    other = _file_of(module)
    return other is not None and file.parent in other.parents


def _imported(module: ModuleType, file: Path) -> Iterator[ModuleType]:
    """The modules that a file imports, anywhere in it, as far as they are loaded. A file that is no longer Python, because it
    was edited since it was loaded, imports none: its digest differs in any case.
    """
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            place = "." * node.level + (node.module or "")
            place = resolve_name(place, module.__package__) if node.level else place
            names = [place, *(f"{place}.{alias.name}" for alias in node.names)]
        yield from (sys.modules[name] for name in names if name in sys.modules)
