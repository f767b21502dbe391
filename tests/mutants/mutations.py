"""Mutations: small changes to a program that a test should notice, at every possible place of a source file.

A change replaces one part of the source and keeps the line numbers. Annotations, decorators, docstrings and strings
inside functions are left alone, as they do not affect what the program does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Final, NamedTuple

_ORDER: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
#: A comparison becomes its neighbour (which differs only at the bound) and its opposite.
_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
_SWAPPED: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NUMBERS: Final = {"Decimal", "decimal"}
#: Calls that matter only to programmers and for debugging.
_IGNORED_CALLS: Final = {"TypeVar", "debug"}
_IGNORED_FIELDS: Final = {"annotation", "returns", "decorator_list", "type_params", "pattern"}
_IGNORED_NODES: Final = (ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)


class Mutation(NamedTuple):
    """A change in `file` (relative to the checkout): the bytes from `start` to `end` become `text`. `lines` are the lines of
    its statement; empty outside of functions, where the code runs on import.
    """

    file: str
    line: int
    before: str
    text: str
    start: int
    end: int
    lines: tuple[int, ...]
    code: str
    """The line itself, which identifies a change when it has moved."""

    @property
    def change(self) -> str:
        return f"{self.before} -> {self.text}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


class Place(NamedTuple):
    """The current place in a program: in which function, if any, and in which of its lines."""

    function: ast.AST | None = None
    lines: tuple[int, ...] = ()

    def at(self, node: ast.AST) -> Place:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return Place(node)
        if self.function is None or not isinstance(node, ast.stmt):
            return self
        header = getattr(node, "body", None)
        last = header[0].lineno - 1 if isinstance(header, list) else node.end_lineno or node.lineno
        return Place(self.function, tuple(range(node.lineno, max(last, node.lineno) + 1)))


def mutations(root: Path, file: Path) -> list[Mutation]:
    """Every possible change in a file, in the file's order."""
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    texts = source.decode().splitlines()
    found: dict[tuple[int, int, str], Mutation] = {}
    for node, text, place in _walk(ast.parse(source), Place()):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        before = " ".join(source[start:end].decode().split())
        code = texts[node.lineno - 1].strip()
        name = file.relative_to(root).as_posix()
        found.setdefault((start, end, text), Mutation(name, node.lineno, before, text, start, end, place.lines, code))
    return sorted(found.values(), key=lambda one: (one.start, one.end, one.text))


Change = tuple[ast.expr | ast.stmt, str, Place]


def _walk(node: ast.AST, place: Place) -> Iterator[Change]:
    for child, around in _children(node, place):
        inside = around.at(child)
        if isinstance(child, ast.expr | ast.stmt):
            for changed, text in _changes(child, inside):
                yield changed, text, inside
        yield from _walk(child, inside)


def _children(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """The executable parts of a node, and their places: a default belongs to the place where its function is defined."""
    for name, value in ast.iter_fields(node):
        if name in _IGNORED_FIELDS:
            continue
        around = Place() if name == "args" and isinstance(node, ast.FunctionDef) else place
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_ignored(child):
                yield child, around


def _is_ignored(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _IGNORED_CALLS
        case ast.Expr(value=value):
            return _is_ignored(value)
    return isinstance(node, _IGNORED_NODES)


def _changes(node: ast.expr | ast.stmt, place: Place) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Each part of the node to replace, with its replacement."""
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    else:
        yield from ((node, f"({text})") for text in _of_expression(node, outside=place.function is None))
    for test in _tests(node):
        yield test, "False"
        if not isinstance(node, ast.While):
            yield test, "True"


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test
        case ast.ListComp(generators=parts) | ast.SetComp(generators=parts):
            yield from (test for part in parts for test in part.ifs)
        case ast.DictComp(generators=parts) | ast.GeneratorExp(generators=parts):
            yield from (test for part in parts for test in part.ifs)


def _of_statement(node: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_nothing(value):
            yield node, "return None"
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def _of_expression(node: ast.expr, *, outside: bool) -> Iterator[str]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    changed = deepcopy(node)
                    changed.ops[index] = other()
                    yield ast.unparse(changed)
        case ast.BoolOp(op=op, values=values):
            yield ast.unparse(ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield ast.unparse(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COUNTED:
            yield ast.unparse(ast.BinOp(left, _COUNTED[type(op)](), right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=words) if name in _SWAPPED:
            yield ast.unparse(ast.Call(ast.Name(_SWAPPED[name]), args, words))
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text))]) if (
            name in _NUMBERS and text != "Infinity"
        ):
            yield f'{name}("{text}") * 2 + 1'
        case ast.Constant(value=value):
            yield from _of_constant(value, outside=outside)


def _of_constant(value: object, *, outside: bool) -> Iterator[str]:
    match value:
        case bool():
            yield str(not value)
        case int() | float():
            yield repr(value + 1)
        case str() if outside:
            yield '""' if value else '"?"'
