"""Who may read the owner's keys: the permissions of `.env`. Reads no content."""

from __future__ import annotations

import stat
from pathlib import Path


def exposure(file: Path) -> str:
    """Why others can reach the keys in `file`, and the command that ends it; "" when only its owner can, or it is not there."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ""
    return f"other users of this computer can reach the keys in {file} (mode {stat.S_IMODE(mode):o}): chmod 600 {file}"
