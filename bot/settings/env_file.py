"""Who may read the owner's keys: the permissions of `.env`. Reads no content."""

from __future__ import annotations

import stat
from pathlib import Path


def exposure(file: Path) -> str:
    """A warning that other users can read the keys in `file`, with the command to fix it; "" if they cannot, or there is no file."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ""
    return f"other users of this computer can read the keys in {file} (mode {stat.S_IMODE(mode):o}): chmod 600 {file}"
