"""NIJA: a headless trading daemon, one thread per exchange.

This file owns only the version; importing `bot` must cost nothing and do nothing.
"""

from __future__ import annotations

from typing import Final

__version__: Final = "0.2.0"
