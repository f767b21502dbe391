"""`python -m bot.sandbox`: local exchanges with play money.

Exits with 0 on SIGINT or SIGTERM, or (with --parent-pipe) when its standard input closes. Exits with 2 and a
one-line message when the command line is invalid or cannot be carried out.
"""

from __future__ import annotations

import sys

from bot.sandbox.options import Refusal, parse


def main() -> int:
    try:
        plan = parse(sys.argv[1:])
        from bot.sandbox.process import Unusable, run
    except Refusal as refusal:
        return _refuse(refusal)
    try:
        return run(plan)
    except Unusable as error:
        return _refuse(error)


def _refuse(why: Exception) -> int:
    print(f"sandbox: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
