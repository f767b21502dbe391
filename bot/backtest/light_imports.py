"""Imports the libraries of a backtest without the packages that they import for other uses, which would take much of a short run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Packages that are not loaded yet cannot be imported, as if they were not installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def import_talib() -> None:
    """TA-Lib also accepts data frames and imports pandas for them, which takes a third of a second. A backtest has none."""
    with absent("pandas", "polars"):
        import talib  # noqa: F401


def import_numba() -> ModuleType:
    """numba looks for BLAS in SciPy, for C declarations through cffi, and for settings in YAML: no rule's text uses any of it.

    It does so in modules that it imports when it first compiles or loads a function, so they are imported here.
    """
    with absent("scipy", "cffi", "yaml"):
        import numba
        import numba.core.typing.cffi_utils
        import numba.np.arraymath
    found: ModuleType = numba
    return found
