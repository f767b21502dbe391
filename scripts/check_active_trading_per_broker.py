#!/usr/bin/env python3
"""Which exchanges trade now, from the database and the heartbeat; works while NIJA runs. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import activity, checks

    options = checks.parse("Shows who trades right now, positions and last orders.")
    sys.exit(activity.main(options))
