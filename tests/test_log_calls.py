"""Every log call in the code matches the declaration of its event in `log_fields`, and every declaration is used."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from bot.domain.log import Event, Halt
from bot.domain.log_fields import SPECS
from tests.test_walls import MODULES, ROOT

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "failure": "error"}
#: The events of a sale; a target beyond the third is logged like the third.
SALES = (Event.TP1, Event.TP2, Event.TP3, Event.EXIT, Event.FLATTEN)
#: Events that an owner may search for.
OWNERS = {
    *("CONNECTED", "FUNDED", "MARKETS", "ENTRY", "FILL", "STOP", "TP1", "EXIT", "SKIP", "UNKNOWN", "HALTED", "STUCK"),
    *("CRASHED", "COMMAND", "FLATTEN", "STAYS", "STOPPED", "EVIDENCE"),
}


@dataclass(frozen=True)
class Call:
    """A log call. `event` is None, and `fields` contains "**", where the code does not show which."""

    where: str
    level: str
    event: Event | None
    fields: frozenset[str]

    @property
    def objections(self) -> list[str]:
        if self.event is None:
            return [f"{self.where}: the code does not show which event this is"]
        return [f"{self.where}: {self.event} {one}" for one in SPECS[self.event].objections(self.level, self.fields)]


def calls(where: str, tree: ast.Module) -> Iterator[Call]:
    """All log calls of a module that imports the log."""
    if "bot.domain.log" not in {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (level := level_of(node)) is not None:
            place = f"{where}:{node.lineno}"
            for event in events(node.args[0], tree) if node.args else [None]:
                yield Call(place, level, event, fields(node))


def level_of(call: ast.Call) -> str | None:
    """The level of a log call, None for any other. The line about dropped lines is made without a log."""
    if isinstance(call.func, ast.Name) and call.func.id == "LoggedEvent" and names_event(call.args[0]):
        return "warning"
    if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
        receiver = ast.unparse(call.func.value)
        return LEVELS[call.func.attr] if receiver.endswith(("log", "log()")) or "log_for(" in receiver else None
    return "unknown" if any(names_event(argument) for argument in call.args[:1]) else None


def names_event(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event"


def events(node: ast.expr, tree: ast.Module) -> list[Event | None]:
    """The named event, or all events of the table it is looked up in, such as those of a sale by purpose."""
    if isinstance(node, ast.Attribute) and names_event(node):
        return [Event.__members__.get(node.attr)]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Event.of_sale":
        return list(SALES)
    table = ast.unparse(node.value) if isinstance(node, ast.Subscript) else ""
    for made in tree.body:
        target = made.targets[0] if isinstance(made, ast.Assign) else getattr(made, "target", None)
        if table and target is not None and ast.unparse(target) == table:
            found = [one for one in ast.walk(made) if isinstance(one, ast.Attribute) and names_event(one)]
            return [Event.__members__.get(one.attr) for one in found] or [None]
    return [None]


def fields(call: ast.Call) -> frozenset[str]:
    if isinstance(call.func, ast.Name) and isinstance(call.args[-1], ast.Dict):
        return frozenset(ast.literal_eval(key) if key is not None else "**" for key in call.args[-1].keys)
    return frozenset(keyword.arg or "**" for keyword in call.keywords)


@cache
def all_calls() -> list[Call]:
    """The log calls of NIJA's own modules."""
    return [
        call
        for module in MODULES
        if not module.is_in("bot.sandbox")
        for call in calls(str(module.path.relative_to(ROOT)), module.tree)
    ]


def test_each_call_is_as_its_event_is_declared() -> None:
    assert list(chain.from_iterable(call.objections for call in all_calls())) == []


@pytest.mark.parametrize("event", Event)
def test_an_event_is_declared_and_nothing_that_it_declares_is_idle(event: Event) -> None:
    spec, mine = SPECS[event], [call for call in all_calls() if call.event is event]
    assert mine, "nobody logs it"
    assert spec.levels == {call.level for call in mine}
    assert spec.required == frozenset.intersection(*(call.fields for call in mine))
    assert spec.required | spec.optional == frozenset.union(*(call.fields for call in mine))
    assert not spec.required & spec.optional
    assert spec.meaning.endswith(".")


def test_a_member_is_called_like_its_word() -> None:
    assert [event for event in Event if event.value not in (event.name, event.name.lower())] == []
    assert {event.value for event in Event} >= OWNERS


def test_what_halts_keeps_its_text() -> None:
    assert {halt.value for halt in Halt} == {
        *("account", "market", "operator", "one NIJA", "the disk", "older database"),
        *("MAX_DAILY_LOSS_PCT", "MAX_DRAWDOWN_PCT"),
    }


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("log.info(Event.BURNT, symbol=1, client_id=2, exchange_id=3, status=4)", ""),
        ("self._log.info(Event.BURNT, symbol=1, client_id=2, exchange_id=3)", "lacks the field status"),
        ("log.info(Event.CERTAIN, client_id=2, reason=3, why=4)", "does not declare the field why"),
        ("log.info(Event.CERTAIN, **known)", "does not declare the field **"),
        ("log.error(Event.CERTAIN, client_id=2, reason=3)", "never comes at level error"),
        ("say(Event.CERTAIN, client_id=2, reason=3)", "never comes at level unknown"),
        ("log.failure(Event.CRASHED, error)", ""),
        ("log_for(one).info(Event.STATUS)", "lacks the field text"),
        ("self._logs.event_log().info(Event.STATUS)", "lacks the field text"),
        ("log.info(Event.of_sale(purpose), symbol=1)", "lacks the field reason"),
        ("log.info(Event.OF_OLD)", "which event"),
        ("log.info('STATUS', text=1)", "which event"),
        ("log.info(word, text=1)", "which event"),
        ("T = {1: Event.STATUS, 2: Event.LOCKED}\nlog.info(T[1], text=1)", "LOCKED never comes at level info"),
    ],
)
def test_the_reader_sees_it(code: str, wrong: str) -> None:
    found = list(calls("here", ast.parse(f"from bot.domain.log import Event\n{code}")))
    assert found
    objections = [line for call in found for line in call.objections]
    assert any(wrong in line for line in objections) if wrong else objections == []


def test_no_test_asks_for_an_event_by_a_text() -> None:
    texts: dict[str, list[int]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if asks_by_text(node):
                texts[str(Path(path).relative_to(ROOT))].append(node.lineno)
    assert dict(texts) == {}


def asks_by_text(node: ast.AST) -> bool:
    """Whether a call uses a plain string where it logs an event or asks for logged events."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        asks = node.func.attr in {"said", "says", "lines", "wait_for"} or level_of(node) is not None
        return asks and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    return False
