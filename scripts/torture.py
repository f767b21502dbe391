#!/usr/bin/env python3
"""Runs the daemon at the local exchanges under random faults and compares their records. Exit 1 on any difference; the same
seed repeats a run.
"""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from tests.torture import report

    sys.exit(report.main(sys.argv[1:]))
