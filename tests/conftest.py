"""No test may ever reach the owner's money: settings from the shell or `.env` are hidden before anything is imported.

An empty environment variable overrides `.env`, also in the processes that tests start.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import localcontext
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings

from bot.brokers.common import hostfile
from bot.runtime.stopping import ASK_TO_END
from bot.settings.load import VARIABLES

# Processes that tests start compile their imports once; otherwise each takes seconds longer.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.update(dict.fromkeys(VARIABLES, ""), TRADING_MODE="sandbox")

# The duration of an example depends on the machine's load.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(autouse=True)
def nothing_is_shared(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run in parallel use the same keys: each test gets its own folder for what the users of a host share."""
    monkeypatch.setattr(hostfile, "HOST_FOLDERS", (Path(mkdtemp(dir=hosts)),))


@pytest.fixture(autouse=True)
def arithmetic_stays_as_it_is() -> Iterator[None]:
    """ccxt, with which tests look at the sandbox, changes how the thread that uses it rounds decimals."""
    with localcontext():
        yield


@pytest.fixture(autouse=True)
def signals_stay_as_they_are() -> Iterator[None]:
    """A command that a test runs in this process may ignore signals; later daemons would inherit that and could not be stopped."""
    before = {number: signal.getsignal(number) for number in ASK_TO_END}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


#: Number of tests left out: faults tested at another exchange, and tests that take long.
LEFT_OUT = pytest.StashKey[tuple[int, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="every fault at every exchange, and long tests",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs a fault test with variants for several exchanges at one of them only, unless --thorough is given.

    The test's name selects the exchange, so that every run is the same and the faults together cover all exchanges.
    """
    if config.getoption("--thorough"):
        return
    alike: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        venue = item.callspec.params.get("venue") if isinstance(item, pytest.Function) and "[" in item.name else None
        if isinstance(venue, str) and "faults" in item.path.parts and not item.get_closest_marker("everywhere"):
            alike[item.nodeid.replace(venue, "*")].append(item)
    left_out = [
        one for name, group in alike.items() for one in group if one is not group[crc32(name.encode()) % len(group)]
    ]
    thinned = len(left_out)
    left_out += [item for item in items if item.get_closest_marker("thorough")]
    config.stash[LEFT_OUT] = (thinned, len(left_out) - thinned)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Thousands of collected tests need not be searched for garbage again by every test that collects it."""
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker reports what it left out, which is the same for all workers."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, (0, 0))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[LEFT_OUT] = tuple(getattr(node, "workeroutput", {}).get("left_out", (0, 0)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Iterator[None]:
    """The last lines: what this run did not test."""
    yield
    thinned, long = config.stash.get(LEFT_OUT, (0, 0))
    if thinned or long:
        terminalreporter.write_line(
            f"left out: {thinned} tests of faults that another exchange is tried with, {long} that take long; --thorough runs them"
        )
    skipped = {report.nodeid: report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])}
    if skipped:
        terminalreporter.write_line(f"skipped here: {len(skipped)}")
    for (name, reason), count in Counter((name.partition("[")[0], why) for name, why in skipped.items()).items():
        terminalreporter.write_line(f"  {count} x {name}: {reason.removeprefix('Skipped: ')}")
