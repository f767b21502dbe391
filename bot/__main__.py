"""`python -m bot`."""

import sys

from bot.stopping import Stopping

if __name__ == "__main__":
    # The daemon listens to signals before it loads what takes a second.
    stopping = Stopping() if sys.argv[1:] in ([], ["run"]) else None
    from bot.cli import app

    app(obj=stopping)
