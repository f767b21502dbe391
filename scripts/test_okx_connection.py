#!/usr/bin/env python3
"""Whether NIJA can trade your OKX account, and what to do if not. `--json` for programs; exit 0, 1 or 2."""

from __future__ import annotations

import sys

from _project import enter

if __name__ == "__main__":
    enter()
    from bot.commands import checks

    options = checks.parse("Shows whether NIJA can trade your OKX account, and what to do if not.", validate=True)
    sys.exit(checks.main(checks.one_venue("okx"), options, "OKX"))
