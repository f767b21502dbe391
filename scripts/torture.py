#!/usr/bin/env python3
"""Tortures the daemon at the local exchanges and compares its records with theirs. Exit 1 if anything differs; the seed repeats it."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from tests.torture import report

    sys.exit(report.main(sys.argv[1:]))
