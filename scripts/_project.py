"""Lets a check run with plain `python3` from any folder: it restarts with the interpreter of the project's .venv."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def enter() -> None:
    """Continue with the interpreter of `.venv`; prints one line and exits with 2 if the project is not set up."""
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        print("nija: not set up yet: run ./start.sh setup first", file=sys.stderr)
        sys.exit(2)
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the project's own interpreter
    sys.path.insert(0, str(ROOT))
