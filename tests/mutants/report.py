"""The result of all trials: the changes that no test noticed, and those among them that make no difference."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from tests.mutants.mutations import Mutation
from tests.mutants.trial import Verdict

#: Changes that make no difference, each with its file, its source line (none: any) and the reason.
EXPLAINED: Final = Path(__file__).with_name("explained.toml")
_FILE: Final = "report.json"


class Explained(NamedTuple):
    """Why a change makes no difference, in one line of a file or in all of them."""

    file: str
    line: str
    change: str
    why: str

    def covers(self, mutation: Mutation) -> bool:
        return (
            self.file == Path(mutation.file).name
            and self.line in ("", mutation.code)
            and self.change == mutation.change
        )


def explanations() -> list[Explained]:
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["change"]
    return [Explained(row["file"], row.get("line", ""), row["change"], row["why"]) for row in rows]


class Report:
    """Collects verdicts. `survivors` are changes that survived without an explanation."""

    def __init__(self, root: Path, seed: int, drawn: int) -> None:
        self._seed = seed
        self._drawn = drawn
        self._explained = explanations()
        self._verdicts: list[Verdict] = []
        self._seconds = 0.0

    @property
    def survivors(self) -> list[Verdict]:
        return [one for one in self._verdicts if not one.killed_by and not self._why(one.mutation)]

    def _why(self, mutation: Mutation) -> str:
        return next((one.why for one in self._explained if one.covers(mutation)), "")

    def add(self, verdict: Verdict) -> str:
        """Adds a verdict; returns a line about it."""
        self._verdicts.append(verdict)
        place, change = f"{verdict.mutation.file}:{verdict.mutation.line}", shortened(verdict.mutation.change)
        if verdict.killed_by:
            said = f"killed by {verdict.killed_by}"
        elif self._why(verdict.mutation):
            said = "makes no difference"
        else:
            said = f"SURVIVED {len(verdict.tried)} tests"
        return f"{len(self._verdicts)}/{self._drawn} {place}: {change}: {said}"

    def text(self) -> str:
        """The summary at the end of the report."""
        tried, killed = len(self._verdicts), sum(bool(one.killed_by) for one in self._verdicts)
        explained = tried - killed - len(self.survivors)
        rooms = Counter(Path(one.mutation.file).name for one in self.survivors)
        lines = [f"{place(one)}\n    {one.mutation.change}\n    {tests(one)}" for one in self.survivors]
        lines += [
            f"{tried} of {self._drawn} changes tried in {self._seconds / 60:.0f} min with seed {self._seed}",
            f"{killed} noticed, {explained} without a difference, {len(self.survivors)} survived",
            ", ".join(f"{name} {count}" for name, count in rooms.most_common()),
        ]
        return "\n".join(lines)

    def write(self, folder: Path, seconds: float) -> None:
        self._seconds = seconds
        rows = [
            {
                "file": one.mutation.file,
                "line": one.mutation.line,
                "code": one.mutation.code,
                "change": one.mutation.change,
                "killed_by": one.killed_by,
                "why": self._why(one.mutation),
                "tried": [] if one.killed_by else one.tried,
            }
            for one in self._verdicts
        ]
        found = {"seed": self._seed, "drawn": self._drawn, "seconds": round(seconds), "changes": rows}
        (folder / _FILE).write_text(json.dumps(found, indent=1), encoding="utf-8")
        (folder / "report.txt").write_text(self.text() + "\n", encoding="utf-8")

    @staticmethod
    def survivors_of(folder: Path) -> list[tuple[str, str, str]]:
        """File, line and change of the survivors of the last run."""
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))["changes"]
        return [(one["file"], one["code"], one["change"]) for one in found if not one["killed_by"] and not one["why"]]


def place(one: Verdict) -> str:
    return f"{one.mutation.file}:{one.mutation.line}: {one.mutation.code}"


def tests(one: Verdict) -> str:
    """The tests that it survived, shortened, as there may be hundreds."""
    few = 3
    more = f" and {len(one.tried) - few} more" if len(one.tried) > few else ""
    return "survived " + (", ".join(one.tried[-few:]) + more if one.tried else "because no test runs this line")


def shortened(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
