"""The output of commands and checks: tables, lines, JSON and CSV, on terminals and pipes.

A terminal, or COLUMNS, limits the width of a table; a pipe without COLUMNS does not. What does not fit is wrapped, never cut. With
NO_COLOR only plain text is written. A reader that goes away early, such as `head`, ends a command quietly.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bot.domain.clock import iso
from bot.domain.money import to_places, usd
from bot.settings.load import ConfigError

#: The width of lines when nothing limits it.
UNLIMITED = 10_000
#: The exit status of a command whose reader has gone, as the shell gives it (SIGPIPE).
NO_READER = 141
#: A word that is longer (the id of a fill) may be broken.
_LONGEST_WORD = 16
#: The space between two columns; the box provides one character of it.
_GAP = 2
#: A line under the names of the columns, and nothing else; plain ASCII.
_LINES = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name; numbers (`number`) are aligned to the right and never broken."""

    name: str
    number: bool = False

    def narrowest(self, cells: Sequence[str]) -> int:
        """The least width at which no number and no ordinary word is broken."""
        texts = (self.name, *cells)
        if self.number:
            return max(map(cell_len, texts))
        return max(min(cell_len(word), _LONGEST_WORD) for text in texts for word in text.split() or [""])


def columns(names: str, numbers: str = "") -> list[Column]:
    """Columns by their names, separated by commas; those of `numbers` are numbers."""
    right = set(_split(numbers))
    return [Column(name, name in right) for name in _split(names)]


def table(of: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table in the available width; if even its narrowest form does not fit, each row becomes a list."""
    console = _console()
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(of)
    least = [one.narrowest(column) for one, column in zip(of, cells, strict=True)]
    room = console.width - _GAP * (len(of) - 1)
    if title:
        say(title)
    if sum(least) > room:
        for row in rows:
            _print(console, _as_list(of, row))
        return
    most = [max(map(cell_len, (one.name, *column))) for one, column in zip(of, cells, strict=True)]
    _print(console, _as_table(of, rows, _widths(least, most, room)))


def _as_table(of: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Table:
    made = Table(box=_LINES, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold")
    for one, width in zip(of, widths, strict=True):
        made.add_column(Text(one.name), justify="right" if one.number else "left", width=width, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _as_list(of: Sequence[Column], row: Sequence[str]) -> Table:
    made = Table.grid(padding=(0, _GAP, 0, 0))
    made.add_column()
    made.add_column(overflow="fold")
    for one, cell in zip(of, row, strict=True):
        made.add_row(Text(one.name), Text(cell))
    made.add_row("", "")
    return made


def _widths(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """The width of each column: what it needs, within `room`; columns that need the least extra width get it first."""
    widths = list(least)
    left = room - sum(widths)
    for at in sorted(range(len(widths)), key=lambda one: most[one] - least[one]):
        more = min(most[at] - least[at], left)
        widths[at] += more
        left -= more
    return widths


def say(*lines: str, indent: int = 0) -> None:
    """Print lines, wrapped at words; what follows the first line of each begins so far to the right where there is room."""
    console = _console()
    for line in lines:
        if cell_len(line) <= console.width:  # fast, for outputs of a thousand lines
            _write(f"{line.rstrip()}\n")
        elif 0 < indent <= console.width - _LONGEST_WORD:
            wrapped = textwrap.wrap(line[indent:], console.width - indent)
            _write("\n".join((line[:indent] + wrapped[0], *(" " * indent + rest for rest in wrapped[1:]), "")))
        else:
            _print(console, Text(line, overflow="fold"))


def say_json(content: object) -> None:
    """Print for programs."""
    _write(json.dumps(content, indent=2, default=_plain_value) + "\n")


def say_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print for spreadsheets: a header and a line for each row; keys of a row that are not in `names` are left out."""
    writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def refuse_both(*, as_json: bool, as_csv: bool) -> None:
    """Raises `ConfigError` for two formats at once."""
    if as_json and as_csv:
        raise ConfigError(["--json and --csv are different formats: choose one"])


def complain(line: str) -> None:
    """One line on stderr."""
    print(f"nija: {line}", file=sys.stderr)


# -- words for what is not a plain number -------------------------------------------------------------------------
UNKNOWN = "unknown"
#: A note for output with times of the sandbox.
MARKET_TIMES = "times of orders, fills and positions are those of the sandbox's market, which runs at its own speed"


def money(value: Decimal | str | None) -> str:
    """Dollars; an unknown amount is shown as unknown, not as 0."""
    return UNKNOWN if value is None else usd(Decimal(value))


def cents(value: Decimal) -> str:
    """Dollars to the cent, so that a column adds up by eye."""
    return usd(to_places(value, 2))


def moment(value: int | str) -> str:
    """A time to the second: `2026-11-28 18:36:59Z`; a table may break it at the space."""
    return f"{(value if isinstance(value, str) else iso(value))[:19].replace('T', ' ')}Z"


def whose(mode: str) -> str:
    """Whose money a mode trades, unless it is the owner's: "" for live."""
    return "" if mode in ("live", "") else f"{mode}: play money"


def kind(mode: str) -> str:
    """The same for a column: `yours`, `play`, or `-` if it is not known yet."""
    return ("yours" if mode == "live" else "play") if mode else "-"


# -- writing ------------------------------------------------------------------------------------------------------
@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End the program silently when the reader of its output goes away, as other programs do."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())  # the interpreter flushes again as it ends
        raise SystemExit(NO_READER) from None


def _console() -> Console:
    """A console as wide as COLUMNS or the terminal says. Under NO_COLOR it writes no escape codes; Rich alone would write bold."""
    wide = shutil.get_terminal_size((UNLIMITED, 24)).columns
    found = Console(width=wide, highlight=False, markup=False, emoji=False)
    return (
        Console(width=wide, highlight=False, markup=False, emoji=False, color_system=None) if found.no_color else found
    )


def _print(console: Console, what: RenderableType) -> None:
    with console.capture() as got:
        console.print(what)
    _write("".join(f"{line.rstrip()}\n" for line in got.get().splitlines()))


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _plain_value(value: object) -> object:
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
