#!/usr/bin/env python3
"""Whether everything is ready to trade real money, exchange by exchange, with a verdict. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import checks, readiness

    options = checks.parse("Checks everything that must be right before money trades; one verdict.")
    sys.exit(readiness.main(options))
