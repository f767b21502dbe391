#!/usr/bin/env python3
"""Writes docs/events.md, the reference of the log, from the events declared in the code. `--check` only compares: exit 0 or 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from _project import ROOT, enter

if TYPE_CHECKING:
    from bot.domain.log import Event

PAGE = ROOT / "docs" / "events.md"
HEAD = """# Log events

Every line of the log is one event: time, level, the account in capitals (none for the whole daemon), a word, then named fields. For
example: `2026-11-22 21:54:20Z INFO  OKX STOP  symbol=DOGE-USDT qty=1207.31 trigger=0.19761 naked_ms=0`. With `LOG_FORMAT=json` each
line is one JSON object with the same names.

Scripts may rely on words and fields: the [changelog](../CHANGELOG.md) names every change. Fields in *italics* are not always
there. The last column is the [alarm](operations.md#alarms) that an event starts or ends.

This page is written by `scripts/write_events.py` from `bot/domain/log.py`, `bot/domain/log_fields.py` and `bot/telemetry/alarms.py`.
"""


def page() -> str:
    """The whole page."""
    from bot.domain.log_fields import GROUPS

    return HEAD + "".join(f"\n## {title}\n\n{_table(events)}" for title, events in GROUPS.items())


def _table(events: Iterable[Event]) -> str:
    lines = ["| word | level | meaning | fields | alarm |", "|---|---|---|---|---|", *map(_row, sorted(events))]
    return "\n".join(lines) + "\n"


def _row(event: Event) -> str:
    from bot.domain.log_fields import SPECS

    spec = SPECS[event]
    levels = [level for level in ("debug", "info", "warning", "error") if level in spec.levels]
    fields = [*(f"`{name}`" for name in sorted(spec.required)), *(f"*`{name}`*" for name in sorted(spec.optional))]
    return f"| `{event}` | {', '.join(levels)} | {spec.meaning} | {' '.join(fields)} | {_alarm(event)} |"


def _alarm(event: Event) -> str:
    from bot.telemetry.alarms import ALARMS

    rules = ALARMS.get(event, ())
    titles = ", ".join(dict.fromkeys(rule.kind.title for rule in rules))
    return f"ends: {titles}" if any(rule.ends for rule in rules) else titles


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if the page is out of date")
    check = parser.parse_args().check
    if check:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    enter()
    sys.exit(main())
