"""The walls between the rooms, checked by their imports; and conventions that one file alone cannot show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENUES = ("kraken", "okx", "coinbase")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
#: The parts of `bot.runtime` that run one account, and those that know all accounts.
ACTOR = (
    *("broker_trader", "feed", "known_terms", "actor_run", "operator_commands", "reporter", "schedule"),
    *("evidence", "evidence_judged", "evidence_watch"),
)
OF_ALL_ACCOUNTS = ("bot.runtime", "bot.broker_manager", "bot.independent_broker_trader")
#: The only modules that are made of what a heavy package has; no module loads them when it is loaded.
ON_DEMAND = {"bot.backtest.study", "bot.backtest.inlined", "bot.backtest.borrowed"}
HEAVY = {"numba", "pyarrow", "ccxt", "optuna", "plotly"}

#: The rooms that a room may import besides itself. A part of a room may have narrower walls.
MAY_IMPORT = {
    "bot.domain": set(),
    "bot.strategy": {"bot.domain"},
    "bot.marketdata": {"bot.domain", "bot.brokers.base"},
    "bot.engine": {"bot.domain", "bot.strategy", "bot.marketdata.port", "bot.brokers.base"},
    "bot.store": {"bot.domain"},
    "bot.settings": set(),
    "bot.telemetry": {"bot.domain", "bot.settings"},
    "bot.brokers.base": {"bot.domain", "bot.brokers.history"},
    "bot.brokers.history": {"bot.domain"},
    "bot.brokers.common": {"bot.domain", "bot.brokers.base", "bot.brokers.history"},
    **{
        f"bot.brokers.{venue}": {"bot.domain", "bot.brokers.base", "bot.brokers.history", "bot.brokers.common"}
        for venue in VENUES
    },
    "bot.sandbox": set(),
    "bot.broker_manager": {
        "bot.domain",
        "bot.engine.probe",
        "bot.engine.universe",
        "bot.brokers",
        "bot.runtime.trading_environment",
    },
    "bot.runtime": {
        *("bot.domain", "bot.strategy", "bot.marketdata", "bot.engine", "bot.brokers.base", "bot.brokers.common"),
        *("bot.store", "bot.settings", "bot.telemetry", "bot.broker_manager", "bot.independent_broker_trader"),
    },
    "bot.runtime.pacer": {"bot.domain"},
    "bot.runtime.schedule": {"bot.domain"},
    "bot.independent_broker_trader": {
        *("bot.domain", "bot.engine.account_engine", "bot.brokers.base", "bot.store"),
        *("bot.telemetry", "bot.runtime", "bot.broker_manager"),
    },
    "bot.backtest": {"bot.domain", "bot.strategy"},
    "bot.page": {"bot.domain", "bot.backtest"},
    "bot.download": {"bot.domain", "bot.brokers.base", "bot.brokers.history"},
    "bot.commands": {
        *("bot.domain", "bot.store", "bot.settings", "bot.telemetry", "bot.runtime", "bot.broker_manager"),
        *("bot.backtest", "bot.page", "bot.strategy.base", "bot.download", "bot.brokers.history"),
    },
    "bot.__main__": {"bot.commands.cli", "bot.runtime.stopping"},
}


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        """Parsed when a test needs it: every worker loads this module, and few run its tests."""
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    def is_in(self, room: str) -> bool:
        return is_in(self.name, room)


def is_in(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def read_modules() -> list[Module]:
    return [Module(module_name(path), path) for path in sorted((ROOT / "bot").rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = read_modules()
NAMES = {module.name for module in MODULES}


def imports(module: Module, nodes: Iterator[ast.AST] | None = None) -> Iterator[str]:
    """Every imported module; `from package import module` counts as the module."""
    for node in nodes or ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            deeper = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in NAMES else source for name in deeper)


def absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = module.path.name == "__init__.py"
    base = module.name.split(".")[: len(module.name.split(".")) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def ours(module: Module) -> set[str]:
    return {name for name in imports(module) if is_in(name, "bot") and name != "bot"}


def top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """The code that runs when the module is imported: not inside functions or under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not typing_only:
            yield node
            yield from top_level(node)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_walls_allow(room: str) -> None:
    inside = [module for module in MODULES if module.is_in(room)]
    assert inside, f"there is no {room}"
    for module in inside:
        strangers = {n for n in ours(module) if not any(is_in(n, ok) for ok in MAY_IMPORT[room] | {room})}
        assert not strangers, f"{module.name} imports {strangers}"


def test_an_actor_knows_of_no_other_account() -> None:
    """Code that runs one account imports neither the supervisor nor anything else that knows all accounts."""
    actor = {f"bot.runtime.{part}" for part in ACTOR}
    assert actor <= NAMES
    for module in MODULES:
        if module.name in actor:
            outside = {n for n in ours(module) if any(is_in(n, room) for room in OF_ALL_ACCOUNTS)} - actor
            assert not outside, f"{module.name} imports {outside}"


@pytest.mark.parametrize("wall", sorted(set().union(*MAY_IMPORT.values())))
def test_every_room_that_may_be_imported_exists(wall: str) -> None:
    assert any(module.is_in(wall) for module in MODULES)


def test_every_module_stands_behind_a_wall() -> None:
    without = {"bot", "bot.brokers"}
    assert not [m.name for m in MODULES if m.name not in without and not any(m.is_in(room) for room in MAY_IMPORT)]


def test_what_all_venues_share_knows_no_venue() -> None:
    """Not even as a word: what applies to one venue only belongs in its own room."""
    shared = [module for module in MODULES if module.is_in("bot.brokers.common")]
    assert shared
    for module in shared:
        code = ast.unparse(without_docstrings(module.tree)).casefold()
        assert not [venue for venue in VENUES if venue in code], module.name


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The same code without docstrings."""

    class Strip(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
            is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return ast.Pass() if is_text else node

    return Strip().visit(ast.parse(ast.unparse(tree)))  # type: ignore[no-any-return]


def test_a_misunderstanding_cannot_hide_in_sandbox_and_brokers_alike() -> None:
    for module in MODULES:
        if not module.is_in("bot.sandbox") and module.name != "bot.commands.cli":
            inside = {name for name in ours(module) if is_in(name, "bot.sandbox")}
            assert not inside, f"{module.name} imports {inside}: the sandbox is reached through its ports only"


def test_only_the_broker_manager_names_a_venue() -> None:
    for module in MODULES:
        for venue in VENUES:
            room = f"bot.brokers.{venue}"
            if not module.is_in(room) and any(is_in(name, room) for name in ours(module)):
                assert module.name == "bot.broker_manager", f"{module.name} imports {room}"


#: Words of one strategy; purposes and events of sales at targets are shared.
OF_A_RULE = re.compile(
    r"(?<![a-z])(ema|sma|adx|atr|rsi|macd|vwap|histogram|apex|three targets|tp\d+)\d*(?![a-z])", re.IGNORECASE
)
TARGETS = re.compile(r"^ *TP[123] = .*$|Event\.TP[123]\b|`(tp|TP)1`", re.MULTILINE)


@pytest.mark.parametrize("room", ["bot.domain", "bot.store", "bot.engine"])
def test_what_holds_for_every_strategy_names_no_indicator_and_no_number_of_targets(room: str) -> None:
    for module in MODULES:
        if module.is_in(room):
            found = OF_A_RULE.findall(TARGETS.sub("", module.path.read_text(encoding="utf-8")))
            assert not found, f"{module.name} speaks of {found}"


def test_the_engine_knows_no_rule_but_by_its_interface() -> None:
    own = ("bot.strategy.apex", "bot.strategy.rule", "bot.strategy.indicators")
    others = {name for name in NAMES if is_in(name, "bot.strategy") and name not in own}
    for module in MODULES:
        if module.name in others or module.is_in("bot.engine"):
            assert not ours(module) & set(own), f"{module.name} imports {ours(module) & set(own)}"


def test_no_module_names_an_example() -> None:
    examples = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert examples
    for module in MODULES:
        text = module.path.read_text(encoding="utf-8").lower()
        assert not [name for name in (*examples, "examples/") if name in text], module.name


def test_only_settings_reads_the_environment() -> None:
    for module in MODULES:
        if module.name != "bot.settings.load":
            names = {ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
            from_os = {
                alias.name
                for node in ast.walk(module.tree)
                if isinstance(node, ast.ImportFrom) and node.module == "os"
                for alias in node.names
            }
            assert not names & {"os.environ", "os.getenv", "os.environb"}, module.name
            assert not from_os & {"environ", "getenv", "environb"}, module.name
            assert not any(is_in(name, "dotenv") for name in imports(module)), module.name


def test_the_daemon_stays_lean() -> None:
    for module in MODULES:
        if module.name in ON_DEMAND:
            continue
        loaded = imports(module, top_level(module.tree))
        heavy = {name for name in loaded if name.split(".")[0] in HEAVY or name in ON_DEMAND}
        assert not heavy, f"{module.name} imports {heavy} when it is loaded"


def test_nothing_is_swallowed_outside_a_supervised_boundary() -> None:
    """A broad `except` re-raises, or its line says that it is a thread's `supervised boundary`."""
    for module in MODULES:
        lines = module.path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node) and not raises_again(node):
                line = lines[node.lineno - 1]
                assert "supervised boundary" in line, f"{module.path.relative_to(ROOT)}:{node.lineno}: {line}"


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(kind).split(".")[-1] in {"Exception", "BaseException"} for kind in caught)


def test_no_file_and_no_function_is_too_long_to_be_read_at_once() -> None:
    long = [
        module.name for module in MODULES if len(module.path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    ]
    assert not long
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{module.name}.{node.name} has {lines} lines"


def test_every_module_says_what_it_owns() -> None:
    silent = [module.name for module in MODULES if not ast.get_docstring(module.tree)]
    assert not silent


@pytest.mark.parametrize(
    ("text", "found"), [("ema_fast = EMA9", 2), ("the three targets", 1), ('    TP2 = "tp2"', 0), ("TP4", 1)]
)
def test_a_word_of_one_rule_is_seen(text: str, found: int) -> None:
    assert len(OF_A_RULE.findall(TARGETS.sub("", text))) == found


def test_the_walls_can_fall() -> None:
    """The import reader finds every form of import."""
    text = "import bot.store.ledger\nfrom bot import engine\nfrom ..brokers import kraken\ndef f(): import numba"
    module = Module("bot.domain.x", ROOT / "bot/domain/x.py")
    vars(module)["tree"] = ast.parse(text)
    found = set(imports(module))
    assert {"bot.store.ledger", "bot.engine", "numba"} <= found
    assert any(is_in(name, "bot.brokers") for name in found)
    assert "numba" not in set(imports(module, top_level(module.tree)))
