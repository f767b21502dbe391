#!/usr/bin/env python3
"""Everything that must be right before money trades, exchange by exchange, and one verdict. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import checks, readiness

    options = checks.parse("Checks everything that must be right before money trades; one verdict.")
    sys.exit(readiness.main(options))
