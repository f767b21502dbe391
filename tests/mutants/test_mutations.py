"""Which changes are made to a program and which are not; how tests are selected and survivors explained."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.mutations import mutations
from tests.mutants.report import explanations
from tests.mutants.trial import Bench, Suite

ROOT = Path(__file__).resolve().parents[2]

# a program -> what it becomes, one after the other
CHANGES = [
    ("def f(a, b):\n    return a < b", ["return None", "return (a <= b)", "return (a >= b)"]),
    ("def f(a, b):\n    return a and not b", ["return None", "return (a or not b)", "return a and (b)"]),
    ("def f(a):\n    return -a + 1", ["return None", "return (-a - 1)", "return (a) + 1", "return -a + (2)"]),
    ("def f(a):\n    return max(a)", ["return None", "return (min(a))"]),
    ("def f(a):\n    a.b()", ["pass"]),
    ("def f(a):\n    a.b = a", ["pass"]),
    ("def f(a):\n    raise a", ["pass"]),
    ("def f(a):\n    if a:\n        a = a", ["if False:", "if True:"]),
    ("def f(a):\n    while a:\n        a = a", ["while False:"]),
    ("def f(a):\n    a = [b for b in a if b]", ["a = [b for b in a if False]", "a = [b for b in a if True]"]),
    ("A = Decimal('0.1')", ['A = (Decimal("0.1") * 2 + 1)', 'A = Decimal((""))']),
    ('A = {"a": True}', ['A = {(""): True}', 'A = {"a": (False)}']),
    ("def f(a: int = 1): ...", ["def f(a: int = (2)): ..."]),
    ('def f(a: "b") -> "c":\n    """d"""', []),
    ("def f(a):\n    a.debug(1 + 1)", []),
    ("def f(a):\n    return f'{a:3}'", ["return None"]),
    ("__all__ = ['a']\nT = TypeVar('T')", []),
]


@pytest.mark.parametrize(("program", "after"), CHANGES)
def test_what_is_changed(tmp_path: Path, program: str, after: list[str]) -> None:
    file = tmp_path / "a.py"
    file.write_text(program)
    made = [one.applied(program.encode()).decode() for one in mutations(tmp_path, file)]
    before = program.splitlines()
    lines = [[new for old, new in zip(before, one.splitlines(), strict=True) if old != new] for one in made]
    assert sorted(lines) == sorted([one] if one.startswith(("A", "def")) else [f"    {one}"] for one in after)


def test_every_change_of_the_program_is_one_that_python_takes() -> None:
    for file in sorted((ROOT / "bot" / "engine").glob("*.py")):
        source = file.read_bytes()
        for one in mutations(ROOT, file):
            changed = one.applied(source)
            ast.parse(changed)
            assert changed != source
            assert changed.count(b"\n") <= source.count(b"\n")


def learnt(root: Path) -> dict[str, object]:
    """A suite of three tests in two files."""
    one, two = str(root / "bot/one.py"), str(root / "bot/two.py")
    tests = {"slow": (9.0, {one: [2, 5]}), "quick": (1.0, {one: [2]}), "other": (2.0, {two: [1]})}
    return {name: {"seconds": seconds, "lines": lines} for name, (seconds, lines) in tests.items()}


def test_a_change_is_tried_with_the_tests_that_run_its_line_the_quickest_first(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/two.py").write_text("from bot.one import f")
    (tmp_path / "bot/one.py").write_text("def f(a):\n    return a.b\n\ndef g(a):\n    return a.c\nA = 1\n")
    in_f, in_g, outside = mutations(tmp_path, tmp_path / "bot/one.py")
    suite = Suite(tmp_path, learnt(tmp_path), 100)
    assert suite.reaching(in_f) == ["quick", "slow"]
    assert suite.reaching(in_g) == ["slow"]
    assert suite.reaching(outside) == ["quick", "other", "slow"]
    assert Suite(tmp_path, learnt(tmp_path), 2).reaching(in_f) == ["quick"]
    assert Suite(tmp_path, learnt(tmp_path), 2).reaching(in_g) == ["slow"], "one is always tried"


TESTED = """
import bot.one

def test_double():
    assert bot.one.double(2) == 4
"""


def test_a_change_is_noticed_or_survives_and_is_taken_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    program = "def double(a):\n    return a * 2\n"
    for name, text in {"bot/__init__.py": "", "bot/one.py": program, "tests/test_one.py": TESTED}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tests/mutants").symlink_to(ROOT / "tests/mutants")
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    suite = Suite(root, {"tests/test_one.py::test_double": {"seconds": 0, "lines": {str(root / "bot/one.py"): [2]}}}, 9)
    bench = Bench(root, tmp_path / "copy")
    bench.prepare()
    found = {
        one.mutation.text: one.killed_by
        for one in (bench.tried(one, suite) for one in mutations(root, root / "bot/one.py"))
    }
    name = "tests/test_one.py::test_double"
    assert found == {"return None": name, "(a / 2)": name, "(3)": name}
    assert (tmp_path / "copy/bot/one.py").read_text() == (root / "bot/one.py").read_text()


def test_what_is_explained_can_still_be_changed() -> None:
    rooms = (ROOT / "bot" / "engine", ROOT / "bot" / "strategy")
    there = [one for room in rooms for file in room.rglob("*.py") for one in mutations(ROOT, file)]
    assert [one for one in explanations() if not one.why or not any(map(one.covers, there))] == []
