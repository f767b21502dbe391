"""`python -m bot`."""

import sys

from bot.stopping import Stopping


def main() -> None:
    """The console script. The daemon listens to signals before it loads what takes a second."""
    stopping = Stopping() if sys.argv[1:] in ([], ["run"]) else None
    from bot.cli import app

    try:
        app(obj=stopping)
    finally:
        if stopping is not None:
            stopping.begun()


if __name__ == "__main__":
    main()
