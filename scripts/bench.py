#!/usr/bin/env python3
"""Measures how fast a part of NIJA is: `scripts/bench.py backtest --help`. Exit 1 if it is slower than required."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from tests.bench import backtest

    if sys.argv[1:2] != ["backtest"]:
        print("nija: scripts/bench.py backtest [--help]", file=sys.stderr)
        sys.exit(2)
    sys.exit(backtest.main(sys.argv[2:]))
