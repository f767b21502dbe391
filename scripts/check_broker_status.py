#!/usr/bin/env python3
"""Which exchanges are configured and connected, and what they hold. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import checks

    options = checks.parse("Shows every exchange: configured, connected, balances.")
    sys.exit(checks.main(checks.broker_status, options, "brokers"))
