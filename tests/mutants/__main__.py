"""Mutation testing: makes small changes to the program, one at a time, and reports those that no test notices."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Final

from tests.mutants.mutations import Mutation, mutations
from tests.mutants.report import Report
from tests.mutants.trial import Bench, Suite, Verdict

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("bot/engine", "bot/strategy")
TESTS: Final = ("tests/strategy", "tests/engine", "tests/marketdata", "tests/faults")
#: What is known about the tests, and the results of the last run.
KEPT: Final = ROOT / "build" / "mutants"


def parse(words: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="scripts/mutants.sh", description=__doc__)
    parser.add_argument("sources", nargs="*", default=ROOMS, help="files or folders to change (%(default)s)")
    parser.add_argument("--count", type=int, default=400, help="how many changes, drawn at random (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same changes (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="no new trial after so long (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trials at a time (%(default)s)")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files or folders of tests (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for each change, at most (%(default)s)")
    parser.add_argument("--again", action="store_true", help="only the changes that survived the last time")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """The exit status: 1 when a change survived that nobody has explained."""
    asked, began = parse(words), time.monotonic()
    KEPT.mkdir(parents=True, exist_ok=True)
    drawn = drawn_from(asked)
    suite = Suite(ROOT, learnt(asked), asked.seconds)
    report = Report(ROOT, asked.seed, len(drawn))
    for verdict in trials(drawn, suite, asked.workers, began + asked.minutes * 60):
        print(report.add(verdict), flush=True)
        report.write(KEPT, time.monotonic() - began)
    print(report.text(), flush=True)
    return 1 if report.survivors else 0


def drawn_from(asked: Namespace) -> list[Mutation]:
    files = sorted(file for source in asked.sources for file in python_files(ROOT / source))
    found = [one for file in files for one in mutations(ROOT, file)]
    if asked.again:
        last = {tuple(one) for one in Report.survivors_of(KEPT)}
        return [one for one in found if (one.file, one.code, one.change) in last]
    return random.Random(asked.seed).sample(found, min(asked.count, len(found)))


def python_files(source: Path) -> list[Path]:
    return [source] if source.is_file() else list(source.rglob("*.py"))


def learnt(asked: Namespace) -> dict[str, object]:
    """Which test runs which lines; measured again when the program or the tests have changed."""
    watched = sorted({*ROOMS, *("/".join(Path(source).parts[:2]) for source in asked.sources)})
    known = KEPT / f"tests-{digest([*asked.tests, *watched])}.json"
    if not known.exists():
        print(f"learning which of {' '.join(asked.tests)} runs which lines", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutants.reach", *asked.tests]
        command += ["-n", str(asked.workers), "--dist", "loadfile"] if asked.workers > 1 else []
        folders = ":".join(str(ROOT / room) for room in watched)
        environ = os.environ | {"MUTANTS_LEARN": str(known), "MUTANTS_WATCH": folders}
        ended = subprocess.run(command, cwd=ROOT, env=environ, check=False)
        if not known.exists():
            sys.exit(f"the tests did not finish (exit status {ended.returncode})")
    found: dict[str, object] = json.loads(known.read_text(encoding="utf-8"))
    return found


def digest(words: Sequence[str]) -> str:
    """A digest of these arguments, the program and its tests."""
    found = hashlib.sha256(" ".join(words).encode())
    for room in ("bot", "tests"):
        for file in sorted((ROOT / room).rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def trials(drawn: Sequence[Mutation], suite: Suite, workers: int, until: float) -> Iterator[Verdict]:
    """The verdict on each change, as soon as it is known; changes for which there is no time are left out."""
    with TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(workers) as pool:
        benches: SimpleQueue[Bench] = SimpleQueue()
        for number in range(workers):
            bench = Bench(ROOT, Path(folder) / str(number))
            bench.prepare()
            benches.put(bench)

        def tried(mutation: Mutation) -> Verdict | None:
            if time.monotonic() > until:
                return None
            bench = benches.get()
            try:
                return bench.tried(mutation, suite)
            finally:
                benches.put(bench)

        yield from (verdict for verdict in pool.map(tried, drawn) if verdict is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
