"""Whether NIJA is running and all of its threads are alive: one line from the heartbeat, for containers and cron.

Not whether it trades: an account without money, halted or not connected still counts as alive, because a restart would not help.
It is called every minute, so it loads no exchange's SDK.
"""

from __future__ import annotations

import argparse
import json
import sys

from bot.domain.clock import SECOND
from bot.domain.status import BrokerStatus
from bot.runtime.heartbeat_file import running_daemon
from bot.settings.load import ConfigError, load_settings
from bot.telemetry.status import to_sentence


def main() -> int:
    """Read the arguments and print the line; 0 if all are alive, 1 if not or NIJA is not running, 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(description="Says whether NIJA is running and all of its threads are alive.")
    parser.add_argument("--json", action="store_true", help="for programs")
    as_json = parser.parse_args().json
    try:
        brokers = running_daemon(load_settings().operation.data_dir)
    except ConfigError as error:
        for line in error.lines:
            print(f"nija: {line}", file=sys.stderr)
        return 2
    text = "NIJA is not running here" if brokers is None else _line(list(brokers.values()))
    alive = brokers is not None and all(one.alive for one in brokers.values())
    print(json.dumps({"alive": alive, "text": text}) if as_json else text)
    return 0 if alive else 1


def _line(brokers: list[BrokerStatus]) -> str:
    dead = [
        f"{one.key.label} has given no sign of life for {one.silent_ms // SECOND} s" for one in brokers if not one.alive
    ]
    return "; ".join(dead) or to_sentence(brokers, holdings=False)
