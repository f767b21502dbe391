"""Makes text from outside safe to store and show."""

from __future__ import annotations

LONGEST_TEXT = 250


def safe_text(text: object) -> str:
    """Foreign text made safe for one log line and for the database: control characters escaped, cut to 250 characters."""
    line = str(text)[:LONGEST_TEXT]
    if not line.isprintable():
        line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)[:LONGEST_TEXT]
    return line.strip()
