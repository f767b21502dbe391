"""Compiles the backtest of the strategy in `.env`, so that the first run is quick; `start.sh setup research` runs this."""

from __future__ import annotations

import sys

from bot.backtest.warm import warm
from bot.commands.research import compile_folder
from bot.runtime.chosen import strategy_of
from bot.settings.load import ConfigError, load_settings


def main() -> int:
    try:
        settings = load_settings()
        warm(strategy_of(settings), compile_folder(settings))
    except ConfigError as error:
        print(*(f"nija: {line}" for line in error.lines), sep="\n", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
