#!/usr/bin/env python3
"""Compares backtest and daemon: the same strategy over the same candles, trade by trade. `scripts/parity.py --help`."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from tests.parity import run

    sys.exit(run.main(sys.argv[1:]))
