"""Files that research commands write where their user wants them. Errors are one line: `ValueError`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.page.content import Page


def check_place(file: Path, option: str) -> None:
    """Refuse a place where no page can be written, before long work is done for it, and a machine without the chart library
    (`ModuleNotFoundError`).
    """
    from bot.page.write import chart_script

    if file.is_dir():
        raise ValueError(f"{option} {file}: is a folder: name a file, such as {file / 'report.html'}")
    if not file.parent.is_dir():
        raise ValueError(f"{option} {file}: cannot be written: there is no folder {file.parent}")
    chart_script()


def write_page(file: Path, page: Page, option: str = "--report") -> None:
    """Write a report page."""
    from bot.page.write import html

    _write(file, html(page).encode(), option)


def write_json(file: Path, content: dict[str, Any], option: str = "--json") -> None:
    """Write a document for programs."""
    import orjson

    _write(file, orjson.dumps(content, option=orjson.OPT_INDENT_2), option)


def _write(file: Path, content: bytes, option: str) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ValueError(f"{option} {file}: cannot be written: {error.strerror}") from None
