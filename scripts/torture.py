#!/usr/bin/env python3
"""Tortures the daemon at the local exchanges and holds its book to their truth. Exit 1 when anything is wrong; the seed replays it."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from tests.torture import report

    sys.exit(report.main(sys.argv[1:]))
