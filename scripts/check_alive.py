#!/usr/bin/env python3
"""Whether NIJA is running and its threads are alive; for containers and cron. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import alive

    sys.exit(alive.main())
