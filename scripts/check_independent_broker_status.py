#!/usr/bin/env python3
"""Which exchanges are funded and ready to be traded, each on its own. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import checks

    options = checks.parse("Shows which exchanges are funded and ready to be traded, each on its own.")
    sys.exit(checks.main(checks.independent_status, options, "independent brokers"))
