"""A pytest plugin for mutation testing: records which test runs which lines, and runs selected tests in order.

`MUTANTS_LEARN` names the file for the recording and `MUTANTS_WATCH` the folders whose lines count (separated by `:`).
`MUTANTS_CHOSEN` names a file with a list of test ids. Random inputs are the same in every run, so that a test that
passes once passes again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

KEY = "lines that it runs"


class Learner:
    """Records the lines that each test runs, in all of its threads."""

    def __init__(self, into: Path, folders: tuple[str, ...]) -> None:
        self._into = into
        self._folders = folders
        self._watched: dict[str, bool] = {}
        self._seen: dict[str, set[int]] = defaultdict(set)
        self._learnt: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen.clear()
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def _called(self, frame: FrameType, event: str, value: object) -> Any:
        name = frame.f_code.co_filename
        if name not in self._watched:
            self._watched[name] = name.startswith(self._folders)
        if not self._watched[name]:
            return None
        lines = self._seen[name]

        def ran(frame: FrameType, event: str, value: object) -> Any:
            lines.add(frame.f_lineno)
            return ran

        return ran

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.when == "teardown":
            item.user_properties.append((KEY, {name: sorted(lines) for name, lines in self._seen.items()}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """With pytest-xdist, this runs in the controller."""
        known = self._learnt.setdefault(report.nodeid, {"seconds": 0.0, "passed": True, "lines": {}})
        known["seconds"] += report.duration if report.when == "call" else 0.0
        known["passed"] = known["passed"] and report.passed
        known["lines"] |= dict(report.user_properties).get(KEY, {})

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            self._into.write_text(json.dumps({name: one for name, one in self._learnt.items() if one["passed"]}))


class Chooser:
    """Runs these tests and no others, in this order."""

    def __init__(self, chosen: list[str]) -> None:
        self._places = {name: place for place, name in enumerate(chosen)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._places), key=lambda item: self._places[item.nodeid]
        )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("trial", deadline=None, derandomize=True, database=None, phases=phases)
    settings.load_profile("trial")
    if into := os.environ.get("MUTANTS_LEARN"):
        folders = tuple(f"{folder}{os.sep}" for folder in os.environ["MUTANTS_WATCH"].split(":"))
        config.pluginmanager.register(Learner(Path(into), folders))
    if chosen := os.environ.get("MUTANTS_CHOSEN"):
        config.pluginmanager.register(Chooser(json.loads(Path(chosen).read_text(encoding="utf-8"))))
