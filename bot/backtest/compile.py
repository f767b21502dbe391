"""Compiles the trader's own functions: the same code objects, with each helper replaced by its compiled twin.

Owns the twins and the cache folder. The folder of each compilation is named by a hash of everything that went into it, so that a
change of any line or constant compiles again: a stale cache would give a wrong backtest. Never changes a module.
"""

from __future__ import annotations

import dis
import gc
import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from bot.backtest.light_imports import import_numba

#: How many compilations are kept: the newest ones.
_KEPT = 40

#: A plain Python function; and a mapping from functions to their replacements.
Text = Any
Swaps = Mapping[Text, Text]


class Twins:
    """Copies of functions that call copies of each other, each passed through `wrap`. `swaps` replaces functions by others."""

    def __init__(self, wrap: Callable[[Text], Any], swaps: Swaps) -> None:
        self._wrap = wrap
        self._swaps = swaps
        self._made: dict[Text, Any] = {}

    def of(self, function: Text) -> Any:
        """The wrapped twin of a function."""
        function = self._swaps.get(function, function)
        if function not in self._made:
            self._made[function] = self._wrap(self.bare(function))
        return self._made[function]

    def bare(self, function: Text) -> Text:
        """A copy that calls wrapped twins, but is not wrapped itself."""
        known = {name: self._resolved(value) for name, value in used(function).items()}
        known |= {"__builtins__": function.__globals__["__builtins__"], "__name__": function.__module__}
        cells = tuple(CellType(self._resolved(cell.cell_contents)) for cell in function.__closure__ or ())
        twin = FunctionType(function.__code__, known, function.__name__, function.__defaults__, cells)
        twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
        return twin

    def _resolved(self, value: object) -> object:
        return self.of(value) if isinstance(value, FunctionType) else value


def plain(function: Text, swaps: Swaps) -> Any:
    """The function with these swaps, as plain Python."""
    return Twins(lambda twin: twin, swaps).of(function)


def compiled(function: Text, swaps: Swaps, folder: Path | None) -> Callable[..., Any]:
    """The function with these swaps, compiled for the types of its arguments; cached in `folder` if given."""
    made: dict[str, Callable[..., Any]] = {}

    def call(*arguments: Any) -> Any:
        kinds = repr([kind(one) for one in arguments])
        if kinds in made:
            return made[kinds](*arguments)
        made[kinds] = _compiled(function, swaps, folder, kinds)
        with _no_garbage_collection():
            return made[kinds](*arguments)  # compiles

    return call


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """The compiler makes millions of objects that stay: searching them for garbage takes a fifth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _compiled(function: Text, swaps: Swaps, folder: Path | None, kinds: str) -> Callable[..., Any]:
    numba = import_numba()
    from bot.backtest.borrowed import borrowed
    from bot.backtest.inlined import Inlined

    kept = None if folder is None else kept_in(folder, text_key(function, swaps, kinds))
    if kept is not None:
        numba.config.CACHE_DIR = str(kept)
    njit: Any = numba.njit
    # The inner functions are only called by compiled code: no wrappers saves most of the compile time and half of the run time.
    within = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, pipeline_class=Inlined)
    known = {"_inner": Twins(within, swaps).of(function), "_borrowed": borrowed, "__name__": __name__}
    entry = FunctionType(_entry.__code__, known | {"__builtins__": __builtins__}, function.__name__)
    outer: Callable[..., Any] = njit(cache=kept is not None, no_cfunc_wrapper=True, nogil=True)(entry)
    return outer


def _entry(*arguments: Any) -> Any:
    """The way from Python into a compiled function; its globals are `_inner`, that function, and `_borrowed`."""
    return _inner(*_borrowed(arguments))  # type: ignore[name-defined]  # noqa: F821


def kind(value: object) -> object:
    """The type of an argument as the compiler sees it: a class with its fields, the layout of an array, or a scalar type."""
    if isinstance(value, tuple):
        own = type(value)
        return own.__module__, own.__qualname__, getattr(own, "_fields", ()), [kind(one) for one in value]
    if isinstance(value, list):
        return "list", [kind(one) for one in value[:1]]
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        return type(value).__name__, str(dtype), getattr(value, "ndim", 0), str(getattr(value, "flags", ""))
    return type(value).__qualname__


def kept_in(folder: Path, key: str) -> Path | None:
    """The cache folder of one hash, created if it is missing; removes the oldest ones beyond the limit. None if nothing can be
    written, and then nothing is cached.
    """
    own = folder / key
    if not own.is_dir():
        try:
            own.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        others = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    return own


def used(function: Text) -> dict[str, object]:
    """The globals that a function uses, by name, without builtins."""
    return {name: function.__globals__[name] for name in names(function.__code__) if name in function.__globals__}


def names(code: CodeType) -> list[str]:
    """The names of the globals that code loads, not of attributes."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in names(constant)]
    return [str(one.argval) for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"] + inner


# -- the hash of a function -------------------------------------------------------------------------------------------
def text_key(function: Text, swaps: Swaps, kinds: str = "") -> str:
    """A hash of everything that decides what a function computes: its code, the functions and constants it uses, directly or
    through others, the types of its arguments, and the versions of Python, numba and numpy.
    """
    import numpy as np

    found: dict[Text, str] = {}
    _gather(swaps.get(function, function), swaps, found)
    versions = (sys.version, import_numba().__version__, np.__version__)
    return hashlib.sha256("\n".join([*versions, kinds, *sorted(found.values())]).encode()).hexdigest()[:32]


def _gather(function: Text, swaps: Swaps, found: dict[Text, str]) -> None:
    if function in found:
        return
    found[function] = ""
    cells = {f"cell {at}": cell.cell_contents for at, cell in enumerate(function.__closure__ or ())}
    parts = [function.__module__, function.__qualname__, _code(function.__code__), repr(function.__defaults__)]
    for name, value in sorted((used(function) | cells).items()):
        if isinstance(value, FunctionType):
            value = swaps.get(value, value)  # noqa: PLW2901
            _gather(value, swaps, found)
        parts.append(f"{name}={_value(value)}")
    found[function] = " ".join(parts)


def _code(code: CodeType) -> str:
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames} {code.co_freevars}"


def _value(value: object) -> str:
    """The part of a global's value that a function depends on."""
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, type) and issubclass(value, Enum):
        return repr([(one.name, one.value) for one in value])
    if isinstance(value, type):
        return f"{value.__qualname__} {getattr(value, '_fields', '')} {getattr(value, '_field_defaults', '')}"
    return repr(value)
