"""One changed program and the tests that run the changed lines: in a copy of the checkout, in a separate process."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from tests.mutants.mutations import Mutation

_LEFT_OUT: Final = shutil.ignore_patterns(".*", "data", "build", "dist", "*.log", "__pycache__")
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_OPTIONS: Final = ("-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.mutants.reach")
#: Seconds that a run takes before its first test; a run may then take this many times the recorded time of its tests.
_START: Final = 60
_PATIENCE: Final = 5
#: How often a run is started if a signal ends it: the signal may come from elsewhere.
_TRIES: Final = 3


class Test(NamedTuple):
    """A test's duration, and the lines that it runs by file."""

    name: str
    seconds: float
    lines: dict[str, frozenset[int]]


class Verdict(NamedTuple):
    """The result for a changed program: `killed_by` names the failed test or another problem; "" if it survived."""

    mutation: Mutation
    killed_by: str
    tried: tuple[str, ...]


class Suite:
    """The recorded tests, and which of them may notice a change."""

    def __init__(self, root: Path, learnt: dict[str, Any], most_seconds: float) -> None:
        self._most = most_seconds
        self._root = root
        self._imported = {path: imported(path) for path in sorted((root / "bot").rglob("*.py"))}
        self._tests = sorted(
            (
                Test(name, one["seconds"], {file: frozenset(lines) for file, lines in one["lines"].items()})
                for name, one in learnt.items()
            ),
            key=lambda test: test.seconds,
        )

    def reaching(self, mutation: Mutation) -> list[str]:
        """The tests that run the changed lines, fastest first, as many as the time allows. A change outside of functions is
        reached by every test that runs a line of its file, or of a file that imports it.
        """
        files = {mutation.file} if mutation.lines else {mutation.file, *self._importers(mutation.file)}
        found: list[str] = []
        seconds = 0.0
        for test in self._tests:
            lines = [number for file in files for number in test.lines.get(str(self._root / file), ())]
            if lines and (not mutation.lines or not set(mutation.lines).isdisjoint(lines)):
                seconds += test.seconds
                if found and seconds > self._most:
                    break
                found.append(test.name)
        return found

    def seconds(self, names: Sequence[str]) -> float:
        return sum(test.seconds for test in self._tests if test.name in set(names))

    def _importers(self, file: str) -> list[str]:
        module = file.removesuffix(".py").replace("/", ".")
        return [path.relative_to(self._root).as_posix() for path, names in self._imported.items() if module in names]


def imported(file: Path) -> frozenset[str]:
    """The names that a file imports from elsewhere and that may be modules."""
    nodes = [
        node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.ImportFrom) and node.module
    ]
    names = {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
    return frozenset(names | {str(node.module) for node in nodes})


@dataclass(slots=True)
class Bench:
    """A copy of the checkout to change. One trial at a time."""

    root: Path
    folder: Path

    def prepare(self) -> None:
        shutil.copytree(self.root, self.folder, ignore=_LEFT_OUT)

    def tried(self, mutation: Mutation, suite: Suite) -> Verdict:
        """Makes the change, runs the tests until one fails, and reverts it."""
        tests = suite.reaching(mutation)
        if not tests:
            return Verdict(mutation, "", ())
        file = self.folder / mutation.file
        source = file.read_bytes()
        try:
            self._write(file, mutation.applied(source))
            return Verdict(mutation, self._killer(tests, suite), tuple(tests))
        finally:
            self._write(file, source)

    @staticmethod
    def _write(file: Path, source: bytes) -> None:
        """Also deletes the bytecode: its recorded time and size may match those of the new source."""
        file.write_bytes(source)
        Path(cache_from_source(str(file))).unlink(missing_ok=True)

    def _killer(self, tests: list[str], suite: Suite) -> str:
        """The first test that fails. One that waits for processes must fail twice, as it can fail by chance on a busy machine."""
        while tests:
            killer = self._run(tests, suite.seconds(tests))
            if killer not in tests or "tests/faults/" not in killer or self._run([killer], suite.seconds([killer])):
                return killer
            tests = tests[tests.index(killer) + 1 :]
        return ""

    def _run(self, tests: Sequence[str], seconds: float) -> str:
        """The first of these tests that fails, or another problem; "" if all pass."""
        chosen, said = self.folder / ".chosen.json", self.folder / ".said.txt"
        chosen.write_text(json.dumps(tests), encoding="utf-8")
        files = sorted({name.partition("::")[0] for name in tests})
        environ = os.environ | {"MUTANTS_CHOSEN": str(chosen)}
        command = [sys.executable, "-m", "pytest", *_OPTIONS, *files]
        for _ in range(_TRIES):
            with said.open("wb") as output:
                status = ended(command, self.folder, environ, output, _START + _PATIENCE * seconds)
            if status is None or status >= 0:
                break
        if status == 0:
            return ""
        failed = _FAILED.search(said.read_text(encoding="utf-8", errors="replace"))
        return "no end" if status is None else failed[1] if failed else f"exit status {status}"


def ended(command: Sequence[str], folder: Path, environ: dict[str, str], output: IO[bytes], most: float) -> int | None:
    """The exit status of a program; None after more than `most` seconds. Processes that it has started end with it."""
    run = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        return run.wait(most)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
