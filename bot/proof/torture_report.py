"""The command line of a torture and the table it ends with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.proof.torture import Course, Outcome, torture
from bot.proof.torture_faults import KINDS
from bot.proof.torture_processes import TortureError
from bot.settings import VENUES


def main(words: list[str]) -> int:
    """0 when book and truth agree, 1 when not, 2 when the torture could not be held."""
    course = parse(words)
    try:
        outcome = torture(course, lambda line: print(line, file=sys.stderr))
    except TortureError as error:
        print(f"torture: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("torture: ended early, nothing was compared", file=sys.stderr)
        return 2
    show(course, outcome)
    return 1 if outcome.wrong else 0


def parse(words: list[str]) -> Course:
    """The course that a command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/torture.py", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="gives market, switches, faults and kills again")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long it storms (real minutes)")
    parser.add_argument("--venues", nargs="+", choices=VENUES, default=list(VENUES), help="which exchanges (all)")
    parser.add_argument(
        "--faults", nargs="*", choices=KINDS, default=list(KINDS), help="which faults (all); none given: none"
    )
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds between ends of the daemon; 0: none")
    parser.add_argument("--speed", type=float, default=60.0, help="market seconds per real second")
    parser.add_argument("--keep", type=Path, help="an empty folder for database and logs, kept afterwards")
    found = parser.parse_args(words)
    return Course(
        seed=found.seed,
        seconds=found.minutes * 60,
        venues=tuple(found.venues),
        kinds=tuple(found.faults),
        kill_every=found.kill_every,
        speed=found.speed,
        folder=None if found.keep is None else found.keep.resolve(),
    )


def show(course: Course, outcome: Outcome) -> None:
    """The table, and one line for each thing that is wrong."""
    columns = list(dict.fromkeys(name for row in outcome.counts.values() for name in row))
    title = f"seed {course.seed}: {course.seconds:g} s, {outcome.kills} kills, {outcome.stops} stops"
    table = Table("broker", *columns, "wrong", "switches", title=title)
    for venue in course.venues:
        row = outcome.counts.get(venue, {})
        wrong = sum(where == venue for where, _ in outcome.wrong)
        switches = " ".join(outcome.switches.get(venue, []))
        table.add_row(venue, *(row.get(name, "-") for name in columns), str(wrong), switches)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    for where, line in outcome.wrong:
        print(f"{where}: {line}")
    print(
        "book and exchange agree" if not outcome.wrong else f"{len(outcome.wrong)} discrepancies (seed {course.seed})"
    )
