"""The documents are correct where that can be checked: links, paths, commands, settings, remedies and code names."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

import bot
from bot.brokers.base import BaseBroker
from bot.brokers.coinbase.errors import REMEDIES as COINBASE
from bot.brokers.kraken.errors import REMEDIES as KRAKEN
from bot.brokers.okx.errors import REMEDIES as OKX
from bot.commands import checks
from bot.commands.cli import app
from bot.domain.candles import Candles
from bot.domain.log import Event
from bot.domain.outcome import ErrorClass
from bot.sandbox import options
from bot.settings.foreign import refusals
from bot.settings.load import VARIABLES
from bot.settings.variables import LimitSettings
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Close, Evaluation, Strategy, Trade
from bot.strategy.guarded import GuardedStrategy, StrategyError
from bot.strategy.named import named
from bot.strategy.params import DEFAULT_RISK_SETTINGS
from bot.telemetry.alarms import Kind
from tests.bench import backtest as bench
from tests.mutants import __main__ as mutants
from tests.parity import run as parity
from tests.paths import VENUES
from tests.torture import report

ROOT = Path(__file__).resolve().parent.parent
PAPERS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
}
OPERATIONS, STRATEGIES = PAPERS["docs/operations.md"], PAPERS["docs/strategies.md"]
EXCHANGES, GLOSSARY = PAPERS["docs/exchanges.md"], PAPERS["docs/glossary.md"]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
EVERYWHERE = pytest.mark.parametrize("paper", PAPERS)
#: Only from the environment, since they say where `.env` is.
OF_THE_ENVIRONMENT = {"NIJA_HOME", "XDG_STATE_HOME", "COLUMNS", "NO_COLOR"}


def prose(paper: str) -> str:
    return FENCED.sub("", PAPERS[paper])


def words(paper: str) -> list[str]:
    return CODE.findall(prose(paper))


def section(text: str, heading: str) -> str:
    """The text under a heading, up to the next heading."""
    return text.partition(f"\n{heading}\n")[2].partition("\n#")[0]


def rows(text: str) -> list[str]:
    """The first cells of all tables in a text."""
    return re.findall(r"^\| ([^|\n]+?) \|", re.sub(r"^\|.*\|\n\|[-|]+\|$", "", text, flags=re.MULTILINE), re.MULTILINE)


# -- all documents -------------------------------------------------------------------------------------------------------
def test_the_readme_is_short() -> None:
    assert len(PAPERS["README.md"].splitlines()) <= 220
    assert len(PAPERS["README.md"].encode()) <= 20_000


def test_every_paper_can_be_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)[^)]*\)", PAPERS["README.md"]))
    assert set(PAPERS) - {"README.md"} - linked == set()


@EVERYWHERE
def test_every_link_leads_somewhere(paper: str) -> None:
    for place in re.findall(r"\]\(([^)\s]+)\)", PAPERS[paper]):
        if not place.startswith("https://"):
            file, _, anchor = place.partition("#")
            path = (ROOT / paper).parent / file if file else ROOT / paper
            assert path.exists(), place
            assert not anchor or anchor in anchors(path.read_text("utf-8")), place


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EVERYWHERE
def test_every_path_exists(paper: str) -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"build", "data"}
    for word in re.findall(
        r"[\w.@-]+(?:/[\w.-]+)+", "\n".join([*words(paper), *(code for _, code in FENCED.findall(PAPERS[paper]))])
    ):
        if word[: word.index("/")] in rooms and "acme" not in word:
            assert (ROOT / word).exists(), word


@EVERYWHERE
def test_every_setting_exists(paper: str) -> None:
    known = {*VARIABLES, *OF_THE_ENVIRONMENT}
    prefixes = {name.split("_")[0] for name in VARIABLES}
    shown = "\n".join([*words(paper), *(code for kind, code in FENCED.findall(PAPERS[paper]) if kind != "text")])
    named = {
        word for word in re.findall(r"(?<![\w.])([A-Z]+(?:_[A-Z0-9]+)+)(?!\w)", shown) if word.split("_")[0] in prefixes
    }
    assert {name for name in named if name not in known and not is_of_code(name) and not is_foreign(name)} == set()
    assigned = set(re.findall(r"(?<![\w.])([A-Z][A-Z0-9_]+)=", shown))
    assert assigned - known == set()


def is_of_code(name: str) -> bool:
    """Whether the code has such a module-level constant: documents for programmers name these too."""
    return any(
        re.search(rf"^{name}\b.* = ", path.read_text("utf-8"), re.MULTILINE) for path in (ROOT / "bot").rglob("*.py")
    )


def is_foreign(name: str) -> bool:
    """Whether NIJA rejects such a name."""
    return bool(refusals({name: "true"}, {}, VARIABLES))


def test_the_names_that_are_refused_are_refused() -> None:
    settings = section(OPERATIONS, "### Settings")
    named = re.search(r"other programs \(([^)]+)\)", settings)
    assert named is not None
    assert [name for name in CODE.findall(named[1]) if not is_foreign(name)] == []


# -- commands ---------------------------------------------------------------------------------------------------------
def commands() -> Iterator[tuple[str, str]]:
    """Every command line of the documents, with its document; `[broker]` and the like filled in as an owner would."""
    for paper, text in PAPERS.items():
        lines = [line for kind, code in FENCED.findall(text) if kind == "bash" for line in code.splitlines()]
        for line in [*lines, *words(paper)]:
            for part in re.split(r"&&|\|(?!\|)", line.partition("  #")[0]):
                filled = re.sub(r"\bB\b", "kraken", part.strip()).replace("[broker]", "kraken").replace("…", "")
                command = re.sub(r"[\[\]]", "", filled)
                if not re.fullmatch(r"\S*\.(py|sh)|scripts/\S+", command) and is_ours(command):
                    yield paper, command


def is_ours(command: str) -> bool:
    return bool(
        re.match(
            r"(\./start\.sh|nija|\.venv/bin/nija|(python3 |\.venv/bin/python )?scripts/[\w.]+|\S*python -m) ", command
        )
    )


def parsers() -> dict[str, Callable[[list[str]], object]]:
    return {
        "scripts/torture.py": report.parse,
        "scripts/check_broker_status.py": check(validate=False),
        "scripts/check_independent_broker_status.py": check(validate=False),
        "scripts/check_active_trading_per_broker.py": check(validate=False),
        "scripts/validate_multi_broker_readiness.py": check(validate=False),
        "scripts/check_kraken_connection_status.py": check(validate=True),
        "scripts/test_okx_connection.py": check(validate=True),
        "scripts/bench.py": lambda args: bench.parser().parse_args(args[1:]),
        "scripts/parity.py": lambda args: parity.parser().parse_args(args),
        "scripts/test.sh": nothing,
        "scripts/mutants.sh": mutants.parse,
        "bot.sandbox": options.parse,
        "tests.bench.sick_venue": nothing,
        "tests.bench.lockstep": nothing,
        "pytest": nothing,
    }


def check(*, validate: bool) -> Callable[[list[str]], object]:
    def parse(args: list[str]) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["check", *args])
            return checks.parse("", validate=validate)

    return parse


def nothing(args: list[str]) -> None:
    """Takes everything."""


def test_there_are_commands() -> None:
    assert len({command for _, command in commands()}) > 25


@pytest.mark.parametrize(("paper", "command"), sorted(set(commands())))
def test_every_command_parses(paper: str, command: str) -> None:
    first, *args = shlex.split(command)
    if first in ("python3", ".venv/bin/python", "python"):
        first, *args = args[1:] if args[0] == "-m" else args
    if first in ("./start.sh", "nija", ".venv/bin/nija"):
        if args not in (["setup"], ["setup", "research"], ["ARGS"]):
            parse_nija(args)
        return
    with suppress(SystemExit) if "--help" in args else nullcontext():
        parsers()[first](args)


def parse_nija(args: list[str]) -> None:
    context = group().make_context("nija", [])
    name, command, rest = group().resolve_command(context, args)
    assert command is not None
    command.make_context(name, rest, parent=context)


def group() -> TyperGroup:
    found = get_command(app)
    assert isinstance(found, TyperGroup)
    return found


def test_every_command_is_described() -> None:
    described = section(PAPERS["README.md"], "## Commands")
    assert {name for name in group().commands if name != "run" and f"`nija {name}" not in described} == set()
    scripts = {path.name for path in (ROOT / "scripts").glob("*.py") if "checks.parse" in path.read_text("utf-8")}
    assert scripts
    assert {name for name in scripts if f"`scripts/{name}`" not in described} == set()


# -- operations -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", [*KRAKEN.values(), *OKX.values(), *COINBASE.values()])
def test_every_remedy_is_listed_word_for_word(line: str) -> None:
    assert f"| {line} |" in OPERATIONS


def test_every_limit_is_listed_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section(OPERATIONS, "## Limits"), re.MULTILINE))
    defaults = {name: LimitSettings.model_fields[field].default for name, field in LimitSettings.variables().items()}
    assert listed.keys() == defaults.keys()
    for name, shown in listed.items():
        said = {"none": None, "false": False}.get(shown, shown.removesuffix(" %"))
        assert str(defaults[name]) == str(said), name


def test_every_alarm_is_listed_by_its_title() -> None:
    assert rows(section(OPERATIONS, "## Alarms")) == [kind.title for kind in sorted(Kind, key=by_place)]


def by_place(kind: Kind) -> int:
    return section(OPERATIONS, "## Alarms").find(f"| {kind.title} |")


def test_every_test_it_names_for_a_fault_exists() -> None:
    pattern = r"^\| (\d+) \| .*\| (?:`(tests/faults/test_\w+\.py)::(test_\w+)`|–) \|$"
    found = re.findall(pattern, OPERATIONS, re.MULTILINE)
    assert [int(number) for number, _, _ in found] == list(range(1, 26))
    missing = [f"{file}::{name}" for _, file, name in found if file and f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []
    assert {int(number) for number, file, _ in found if not file} == {8, 9, 10}


COLLECTED = """
import json, sys
import pytest

class Venues:
    def pytest_collection_finish(self, session):
        self.found = {}
        for item in session.items:
            marked = item.get_closest_marker("venues")
            venue = item.callspec.params.get("venue") if hasattr(item, "callspec") else None
            tried = marked.args if marked else [venue or ("kraken" if "venue" in item.fixturenames else None)]
            self.found.setdefault(item.nodeid.partition("[")[0], []).extend(tried)

venues = Venues()
assert pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[venues]) == 0
print(json.dumps(venues.found))
"""


def test_each_fault_is_tried_where_the_table_says() -> None:
    """The exchanges at which pytest runs each test, without `--thorough`."""
    listed = re.findall(r"\| ([\w, ]+) \| `(tests/faults/[^`]+)` \|$", OPERATIONS, re.MULTILINE)
    assert len(listed) == 22
    files = sorted({name.partition("::")[0] for _, name in listed})
    command = [sys.executable, "-c", COLLECTED, *files]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    tried = json.loads(ended.stdout.splitlines()[-1])
    assert [(where, name) for where, name in listed] == [(labels(tried[name]), name) for _, name in listed]


def labels(venues: list[str]) -> str:
    """Exchange names as written in the table."""
    names = [
        name for venue, name in (("kraken", "Kraken"), ("okx", "OKX"), ("coinbase", "Coinbase")) if venue in venues
    ]
    return "all three" if len(names) == len(VENUES) else ", ".join(names)


# -- events -----------------------------------------------------------------------------------------------------------
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_events_is_as_the_code_declares_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    assert script("write_events").page() == PAPERS["docs/events.md"], "run scripts/write_events.py"


def test_the_first_minute_shows_events_that_there_are() -> None:
    (text,) = [code for kind, code in FENCED.findall(PAPERS["README.md"]) if kind == "text"]
    line = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ [A-Z]+ +(?:(?:KRAKEN|OKX|COINBASE) )?([A-Z]+\d?)  .+")
    shown = [found[1] for found in map(line.fullmatch, text.splitlines()) if found is not None]
    assert len(shown) == len(text.splitlines())
    assert set(shown) <= set(Event)


# -- strategies -------------------------------------------------------------------------------------------------------
def example(tmp_path: Path) -> Strategy:
    (code,) = [code for kind, code in FENCED.findall(STRATEGIES) if kind == "python"]
    (tmp_path / "crossing.py").write_text(code)
    return named("crossing.py:Crossing", DEFAULT_RISK_SETTINGS, tmp_path)


def test_the_strategy_that_is_shown_enters_and_leaves(tmp_path: Path) -> None:
    troubles: list[StrategyError] = []
    asked = GuardedStrategy(example(tmp_path), troubles.append)
    prices = [100.0 - n * 0.1 for n in range(60)] + [94.0 + n * 0.5 for n in range(40)]
    found = [asked.evaluate("X-USD", candles(prices[:n])) for n in range(1, len(prices) + 1)]
    (entry,) = [one for one in found if one is not None and one.side == 1]
    trade = Trade(1, entry.close, entry.stop, entry.close - entry.stop, entry.close, 10, 10, 1, 0)
    assert asked.on_close("X-USD", trade, candles(prices)) == Close(trade.stop)
    closed = asked.on_close("X-USD", trade, candles(prices[:60]))
    assert closed is not None
    assert closed.exit == "crossed_back"
    assert troubles == []


def candles(prices: list[float]) -> Candles:
    return Candles.of(300_000, ((n * 300_000, price, price, price, price, 1.0) for n, price in enumerate(prices)))


OF_APEX = section(STRATEGIES, "### What APEX asks")


def test_every_condition_of_the_default_rule_is_described_in_its_order() -> None:
    asked = ApexStrategy().evaluate(candles([100.0 + n % 7 for n in range(600)])).conditions
    assert [name for cell in rows(OF_APEX) for name in CODE.findall(cell)] == [one.name for one in asked]


def test_all_that_a_strategy_may_answer_and_change_is_described() -> None:
    """Each table has every field and method that belongs to it, and nothing else."""
    described = {name for cell in rows(STRATEGIES.replace(OF_APEX, "")) for name in CODE.findall(cell)}
    public = {name for name in vars(Strategy) if not name.startswith("_") and name != "owner"} | {
        *Evaluation._fields,
        *Trade._fields,
    }
    assert described == public
    assert [name for name in Close._fields if f"`{name}`" not in STRATEGIES] == []


# -- exchanges --------------------------------------------------------------------------------------------------------
def test_every_verb_is_described() -> None:
    listed = {name for cell in rows(section(EXCHANGES, "### The verbs")) for name in CODE.findall(cell)}
    assert listed == set(BaseBroker.__abstractmethods__)
    public = {name for name, value in vars(BaseBroker).items() if callable(value) and not name.startswith("_")}
    assert {
        name for name in public - {"keep_listed", "elsewhere", "prove", "pockets"} if f"`{name}`" not in EXCHANGES
    } == set()


def test_every_class_of_error_is_described() -> None:
    assert rows(section(EXCHANGES, "### The errors")) == list(ErrorClass)


# -- the repository --------------------------------------------------------------------------------------------------------
def test_every_room_and_every_loose_file_is_in_the_picture() -> None:
    house = PAPERS["docs/architecture.md"]
    rooms = {f"bot/{path.parent.name}" for path in (ROOT / "bot").glob("*/__init__.py")}
    loose = {f"bot/{path.name}" for path in (ROOT / "bot").glob("*.py")} - {"bot/__init__.py", "bot/__main__.py"}
    assert {name for name in rooms | loose if f"`{name}`" not in house} == set()


def test_every_term_is_where_the_glossary_says() -> None:
    found = re.findall(r"^\| [^|]+ \| [^|]+ \| (?:`(\w+)` in )?`(bot/[\w/.]+)` \|$", GLOSSARY, re.MULTILINE)
    assert len(found) == len(rows(GLOSSARY))
    assert [
        (name, file) for name, file in found if not re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8"))
    ] == []


def test_terms_are_in_order() -> None:
    for part in GLOSSARY.split("\n## ")[1:]:
        assert rows(part) == sorted(rows(part), key=str.lower)


# -- files for other tools ---------------------------------------------------------------------------------------
def test_the_newest_version_of_the_changelog_is_this_one() -> None:
    assert re.findall(r"^## \[([\d.]+)\]", PAPERS["CHANGELOG.md"], re.MULTILINE)[0] == bot.__version__
    assert f"version={bot.__version__} " in PAPERS["README.md"]


def test_the_hosted_checks_run_what_must_pass_on_every_python_that_is_promised() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["tests"]
    pythons = job["strategy"]["matrix"]["python"]
    assert pythons == [f"3.{minor}" for minor in range(11, 15)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={pythons[0]}"
    assert job["steps"][-1] == {"run": ".ci/run"}


def test_commits_are_checked_by_local_tools_only() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m ")


def test_the_package_is_typed() -> None:
    assert (ROOT / "bot/py.typed").read_text() == ""
