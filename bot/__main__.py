"""`python -m bot`."""

import sys

from bot.runtime.stopping import Stopping

if __name__ == "__main__":
    # The daemon handles signals before it loads everything else, which takes a second.
    stopping = Stopping() if sys.argv[1:] in ([], ["run"]) else None
    from bot.commands.cli import app

    app(obj=stopping, prog_name="nija")
