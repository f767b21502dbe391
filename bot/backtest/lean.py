"""Imports what a backtest needs, without what its libraries load for uses that a backtest does not have.

Owns which packages those are. Half of a short run would be imports.
"""

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
    """TA-Lib accepts data frames if pandas is installed: a third of a second for nothing here."""
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
    return numba
