"""What a new user gets: consistent lock files, scripts that run, a package that reports its version."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

import bot

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)", re.MULTILINE)
RESEARCH_ONLY = {"numba", "optuna", "pyarrow"}
TEST_ONLY = {"pytest", "hypothesis", "mypy", "ruff", "ccxt", "empyrical-reloaded"}
SDKS_OWN = {"urllib3"}
"""Imported for its errors and sockets; pinned by the lock alone, since okx's metadata contradicts every safe pin."""


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {canonical(package): version for package, version in PIN.findall(text)}


def canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def own_files() -> Iterator[Path]:
    """Files that are or would be committed; without git (an archive), every file outside hidden folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [p for p in ROOT.rglob("*") if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)]
    yield from (path for path in found if path.is_file())


# --- the locks


def test_the_lock_holds_the_pins_of_the_requirements() -> None:
    wanted, locked = pins("requirements.txt"), pins("requirements/daemon.lock")
    assert wanted
    assert {name: locked.get(name) for name in wanted} == wanted


def test_every_requirement_is_pinned_and_says_why_it_is_here() -> None:
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.]+ +# \S.*", line), line


@pytest.mark.parametrize(("inner", "outer"), [("daemon", "research"), ("research", "test")])
def test_a_larger_lock_contains_the_smaller_one_unchanged(inner: str, outer: str) -> None:
    held, holding = pins(f"requirements/{inner}.lock"), pins(f"requirements/{outer}.lock")
    assert {package: holding.get(package) for package in held} == held


@pytest.mark.parametrize("name", ["installer", "daemon", "test", "research"])
def test_every_locked_package_has_hashes(name: str) -> None:
    text = (ROOT / f"requirements/{name}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", "\n" + text)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_daemon_stays_lean() -> None:
    assert not (RESEARCH_ONLY | TEST_ONLY) & pins("requirements/daemon.lock").keys()
    assert pins("requirements/research.lock").keys() >= RESEARCH_ONLY
    assert pins("requirements/test.lock").keys() >= TEST_ONLY


def test_urllib3_is_not_the_old_one_that_okx_asks_for() -> None:
    assert tuple(int(part) for part in pins("requirements/daemon.lock")["urllib3"].split(".")) >= (2, 6)


def test_what_the_daemon_imports_is_required_by_name() -> None:
    where = packages_distributions()
    required = pins("requirements.txt").keys() | SDKS_OWN
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if not {"backtest", "page"} & set(path.parts):
            for module in imported(path) - set(sys.stdlib_module_names) - {"bot"}:
                names = {canonical(name) for name in where.get(module, [])}
                assert names & required, f"{path.relative_to(ROOT)} imports {module}, which is no requirement"


def imported(path: Path) -> set[str]:
    """Top-level names of the module's imports, at load time and inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found - RESEARCH_ONLY


# --- the package


def test_the_package_says_its_version_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == bot.__version__
    assert project["scripts"] == {"nija": "bot.commands.cli:main"}
    assert find_spec("bot.commands.cli") is not None
    assert find_spec("bot.__main__") is not None


def test_no_file_names_a_package_index_or_a_machine() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted.org", "--index" + "-url", "--find" + "-links", "npmjs" + ".org"]
    for path in own_files():
        text = path.read_bytes().decode("utf-8", "replace")
        assert not [host for host in [*hosts, "/wor" + "k/"] if host in text], path


# --- the scripts


@pytest.mark.parametrize("name", ["start.sh", "scripts/test.sh", "scripts/mutants.sh", "scripts/lock.sh", ".ci/run"])
def test_a_script_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / name], check=False).returncode == 0


FAKE_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "pid=$$ args=$* folder=$(pwd) nobytecode=${PYTHONDONTWRITEBYTECODE-unset}"
exit 7
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is already set up, with a stand-in for Python that prints how it was started."""
    root = tmp_path / "a folder with spaces"
    for name in ("start.sh", "scripts/environment.sh", "scripts/test.sh"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((ROOT / name).read_bytes())
    write_program(root / ".venv/bin/python", FAKE_PYTHON)
    (root / "requirements/research.lock").parent.mkdir()
    (root / "requirements/research.lock").write_text("research\n")
    for lock in ("daemon", "test"):
        (root / f"requirements/{lock}.lock").write_text(f"{lock}\n")
        (root / f".venv/{lock}.lock").write_text(f"{lock}\n")
    return root


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(script: Path, *args: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | ({"PATH": path} if path else {})
    command = ["/bin/bash", str(script), *args]
    return subprocess.run(command, cwd="/", env=environ, capture_output=True, text=True, check=False)


def test_start_runs_the_daemon_from_anywhere_with_its_own_exit_status(checkout: Path) -> None:
    ended = run(checkout / "start.sh", "ledger", "--json", "a b")
    assert ended.returncode == 7
    assert f"args=-m bot ledger --json a b folder={checkout.resolve()} nobytecode=unset" in ended.stdout
    assert ended.stderr == ""


def test_start_becomes_the_daemon_so_that_signals_reach_it(checkout: Path) -> None:
    started = subprocess.Popen(["/bin/bash", checkout / "start.sh"], stdout=subprocess.PIPE, text=True)
    output, _ = started.communicate()
    assert f"pid={started.pid} " in output


def test_setup_of_what_is_set_up_does_nothing(checkout: Path) -> None:
    ended = run(checkout / "start.sh", "setup")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("command", "added", "outdated", "installed"),
    [
        (["setup", "research"], False, False, True),
        (["setup"], False, False, False),
        (["setup"], True, True, False),
        ([], True, True, False),
        (["ledger"], True, True, False),
        (["backtest", "--data", "D"], True, True, True),
        (["data", "check", "D"], True, False, False),
        (["backtest", "--data", "D"], False, False, False),
    ],
)
def test_research_tools_are_added_on_request_and_then_follow_their_lock(
    checkout: Path, command: list[str], added: bool, outdated: bool, installed: bool
) -> None:
    """But the daemon's start never waits for them."""
    asked = checkout / "asked"
    write_program(checkout / ".venv/bin/python", '#!/bin/sh\n[ "$1" = -c ] && echo . || true\n')
    write_program(checkout / "tools/uv", f'#!/bin/sh\necho "$@" >>"{asked}"\n')
    (checkout / "scripts/import_all.py").touch()
    if added:
        (checkout / ".venv/research.lock").write_text("older\n" if outdated else "research\n")
    ended = run(checkout / "start.sh", *command, path=f"{checkout / 'tools'}:{os.environ['PATH']}")
    assert ended.returncode == 0
    assert asked.exists() is installed
    if installed:
        assert "requirements/research.lock" in asked.read_text()
        assert (checkout / ".venv/research.lock").read_text() == "research\n"


def test_setup_knows_research_alone(checkout: Path) -> None:
    ended = run(checkout / "start.sh", "setup", "everything")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "nija: setup knows research alone, not 'everything'\n"


def test_tests_with_arguments_are_pytest_alone(checkout: Path) -> None:
    ended = run(checkout / "scripts/test.sh", "tests/test_x.py", "-q")
    assert ended.returncode == 7
    assert "args=-m pytest tests/test_x.py -q" in ended.stdout


def test_the_first_tool_that_fails_decides(checkout: Path) -> None:
    ended = run(checkout / "scripts/test.sh")
    assert ended.returncode == 7
    assert ended.stdout.count("args=") == 1
    assert "ruff check" in ended.stdout


BUSY_PYTHON = """#!/bin/sh
case "$*" in
    -c*) exec "$PYTHON" "$@" ;;
    *--last-failed*) exit $ALONE ;;
    *pytest*) mkdir -p .pytest_cache/v/cache && echo "$FAILED" >.pytest_cache/v/cache/lastfailed; exit $FIRST ;;
esac
"""


@pytest.mark.parametrize(
    ("first", "failed", "alone", "status", "last"),
    [
        (0, 0, 0, 0, []),
        (1, 1, 0, 0, ["nija: failed in the parallel run and repeated alone: 1", "  tests/a.py::test_0[a b]"]),
        (1, 2, 0, 0, ["  tests/a.py::test_0[a b]", "  tests/a.py::test_1[a b]"]),
        (1, 3, 0, 1, ["  tests/a.py::test_2[a b]", "nija: they pass alone, but more than 2 such tests are a failure"]),
        (1, 1, 1, 1, ["  tests/a.py::test_0[a b]", "nija: they also fail alone"]),
        (2, 1, 0, 2, []),
    ],
)
def test_what_fails_beside_the_others_is_tried_once_more_and_named(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, first: int, failed: int, alone: int, status: int, last: list[str]
) -> None:
    """Runs all tests, then those that `failed` again, with these exit statuses."""
    write_program(checkout / ".venv/bin/python", BUSY_PYTHON)
    names = {f"tests/a.py::test_{number}[a b]": True for number in range(failed)}
    for name, value in {"FIRST": first, "ALONE": alone, "FAILED": json.dumps(names), "PYTHON": sys.executable}.items():
        monkeypatch.setenv(name, str(value))
    ended = run(checkout / "scripts/test.sh")
    assert ended.returncode == status
    said = ended.stderr.splitlines()
    assert said[len(said) - len(last) :] == last
    assert (said == []) is (first != 1)


SKIPPING = """
import pytest

@pytest.mark.parametrize("number", (1, 2))
def test_it(number):
    pytest.skip("no such thing")
"""


def test_a_run_ends_with_the_names_of_what_it_skips(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests/conftest.py").read_bytes())
    (tmp_path / "test_this.py").write_text(SKIPPING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", tmp_path]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-3:-1] == ["skipped here: 2", "  2 x test_this.py::test_it: no such thing"]


def with_python(folder: Path, text: str) -> str:
    """A PATH with this program as `python3` and otherwise only what a shell script needs."""
    for tool in ("cat", "cmp", "dirname", "rm", "sh"):
        found = next(p / tool for p in (Path("/usr/bin"), Path("/bin")) if (p / tool).exists())
        (folder / "path").mkdir(exist_ok=True)
        (folder / "path" / tool).symlink_to(found)
    write_program(folder / "path/python3", text)
    return str(folder / "path")


@pytest.mark.parametrize(
    ("python", "complaint"),
    [
        (
            '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho Python 3.8.18\n',
            "Python 3.11 or newer is needed, found Python 3.8.18",
        ),
        ('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n', "has no venv module"),
    ],
)
def test_a_python_that_will_not_do_is_one_clear_line(
    checkout: Path, tmp_path: Path, python: str, complaint: str
) -> None:
    (checkout / ".venv/bin/python").unlink()
    ended = run(checkout / "start.sh", path=with_python(tmp_path, python))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert complaint in ended.stderr
    assert not (checkout / ".venv.making").exists()
