"""Text from outside, made fit to be kept and shown."""

from __future__ import annotations

LONGEST_TEXT = 250


def safe_text(text: object) -> str:
    """Anything that others wrote, fit for one line of a log and for the book: control characters escaped, cut to 250 characters."""
    line = str(text)[:LONGEST_TEXT]
    if not line.isprintable():
        line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)[:LONGEST_TEXT]
    return line.strip()
