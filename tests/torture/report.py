"""The command line of a torture and its final table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.settings.load import VENUES
from tests.torture import slope
from tests.torture.course import Course, Outcome, torture
from tests.torture.faults import KINDS
from tests.torture.machine import KINDS as MACHINE
from tests.torture.processes import TortureError


def main(words: list[str]) -> int:
    """Returns 0 if book and exchange agree, 1 if not, 2 if the torture could not be run."""
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
    grows = course.slope and show_slope(outcome.samples)
    return 1 if outcome.wrong or grows else 0


def parse(words: list[str]) -> Course:
    """The course that a command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/torture.py", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="reproduces market, switches, faults and kills")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the storm (real minutes)")
    parser.add_argument("--venues", nargs="+", choices=VENUES, default=list(VENUES), help="exchanges (all)")
    parser.add_argument(
        "--faults", nargs="*", choices=KINDS, default=list(KINDS), help="faults (all); without a value: none"
    )
    parser.add_argument(
        "--machine",
        nargs="*",
        choices=MACHINE,
        help="deeds of the machine and the owner (all, if there are faults)",
    )
    parser.add_argument(
        "--kill-every", type=float, default=20.0, help="average seconds between ends of the daemon; 0: none"
    )
    parser.add_argument("--speed", type=float, default=60.0, help="market seconds per real second")
    parser.add_argument("--slope", action="store_true", help="no kills: measure whether the daemon's process grows")
    parser.add_argument("--keep", type=Path, help="an empty folder for database and logs, kept afterwards")
    found = parser.parse_args(words)
    if found.keep is not None and found.keep.exists() and any(found.keep.iterdir()):
        parser.error(
            f"--keep {found.keep} is not empty: name a new folder, or what lies there would be mixed up with this run"
        )
    return Course(
        seed=found.seed,
        seconds=found.minutes * 60,
        venues=tuple(found.venues),
        kinds=tuple(found.faults),
        kill_every=0.0 if found.slope else found.kill_every,
        speed=found.speed,
        slope=found.slope,
        machine=_machine(found),
        folder=None if found.keep is None else found.keep.resolve(),
    )


def _machine(found: argparse.Namespace) -> tuple[str, ...]:
    """The deeds: all by default; a slope and a torture without faults are about the daemon alone and have none."""
    if found.machine is not None:
        return tuple(found.machine)
    return () if found.slope or not found.faults else MACHINE


def show(course: Course, outcome: Outcome) -> None:
    """Prints the table, and one line per error."""
    columns = list(dict.fromkeys(name for row in outcome.counts.values() for name in row))
    done = "".join(f", {count} {kind.replace('_', ' ')}" for kind, count in sorted(outcome.deeds.items()))
    title = f"seed {course.seed}: {course.seconds:g} s, {outcome.kills} kills, {outcome.stops} stops{done}"
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


def show_slope(samples: Sequence[slope.Sample]) -> bool:
    """Prints the table of the daemon's process; returns whether something grew. A short run has no verdict."""
    settled = slope.settled(samples)
    enough = slope.long_enough(settled)
    measured = settled if enough else samples
    minutes = (measured[-1].at - measured[0].at) / 60 if measured else 0.0
    table = Table("daemon", "first", "last", "least", "most", "per hour", "", title=f"{minutes:.0f} minutes")
    found = slope.growths(measured)
    for one in found:
        word = "GROWS" if enough and one.grows else ""
        table.add_row(
            one.name,
            *(f"{value:.1f}" for value in (one.first, one.last, one.least, one.most)),
            f"{one.per_hour:+.2f}",
            word,
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if not enough:
        print(
            f"too short for a verdict: {slope.WARM_UP / 60:g} minutes of warm-up and {slope.ENOUGH / 60:g} more are needed"
        )
        return False
    grows = [one.name for one in found if one.grows]
    print(f"grows: {', '.join(grows)}" if grows else "nothing grows")
    return bool(grows)
