"""`python -m bot.sandbox`: the command line, the ready file, and how the process lives and ends.

Ends with 0 on SIGINT or SIGTERM, or (with --parent-pipe) when its standard input closes; with 2 and one line when
it is asked for something it cannot do.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import orjson
import uvicorn

from bot.sandbox.control import Control
from bot.sandbox.core.journal import DamagedState
from bot.sandbox.core.times import parse_iso
from bot.sandbox.house import LEAD_SECONDS, House, Plan
from bot.sandbox.market import MarketError
from bot.sandbox.server import listen
from bot.sandbox.venues import venues


class Refusal(Exception):
    """The sandbox cannot run like that; the message is one line."""


class Parser(argparse.ArgumentParser):
    """Argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def parse(arguments: list[str]) -> Plan:
    """The plan of a command line; raises Refusal."""
    known = list(venues())
    parser = Parser(prog="python -m bot.sandbox", description="Local exchanges with play money.")
    parser.add_argument("venues", nargs="*", metavar="VENUE", help=f"which to open: {' '.join(known)} (all)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same market")
    parser.add_argument("--speed", type=float, default=60.0, help="market seconds per real second")
    parser.add_argument("--pairs", type=int, help="tradable pairs per venue")
    parser.add_argument("--start", help="market time at the first start, ISO 8601 (now)")
    parser.add_argument("--ready-file", type=Path, help="where to write addresses and keys once all listen")
    parser.add_argument("--candles", type=Path, help="folder of candles to replay")
    parser.add_argument("--lockstep", action="store_true", help="the market stands still until advanced")
    parser.add_argument("--state", type=Path, help="file that keeps everything for the next start")
    parser.add_argument("--fee-tier", type=int, help="0 (newcomer) to 9")
    parser.add_argument("--parent-pipe", action="store_true", help="save and end when standard input closes")
    words = parser.parse_args(arguments)
    plan = Plan(
        names=tuple(dict.fromkeys(words.venues)) or tuple(known),
        host=words.host,
        seed=words.seed,
        speed=words.speed,
        pairs=words.pairs,
        start_ms=None if words.start is None else _moment(words.start),
        ready_file=words.ready_file,
        candles=words.candles,
        lockstep=words.lockstep,
        state=words.state,
        fee_tier=words.fee_tier,
        parent_pipe=words.parent_pipe,
    )
    _check(plan, known)
    return plan


def _moment(text: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise Refusal(f"--start {text}: not an ISO 8601 time") from error


def _check(plan: Plan, known: list[str]) -> None:
    for name in plan.names:
        if name not in known:
            raise Refusal(f"no venue {name!r}; there are {', '.join(known)}")
    if not _is_loopback(plan.host):
        raise Refusal(f"--host {plan.host}: the sandbox listens on loopback addresses only")
    if not 0 < plan.speed <= 100_000:
        raise Refusal(f"--speed {plan.speed}: must be above 0 and at most 100000")
    if plan.pairs is not None and plan.pairs < 1:
        raise Refusal(f"--pairs {plan.pairs}: must be at least 1")
    if plan.fee_tier is not None and not 0 <= plan.fee_tier <= 9:
        raise Refusal(f"--fee-tier {plan.fee_tier}: must be 0 to 9")
    if plan.candles is not None and not plan.candles.is_dir():
        raise Refusal(f"--candles {plan.candles}: no such folder")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ControlServer:
    """The control API on a thread of its own."""

    def __init__(self, control: Control, host: str) -> None:
        self._socket = listen(host, 0)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            control.app(), lifespan="off", log_config=None, access_log=False, loop="asyncio", http="h11",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox-control", daemon=True
        )

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)


def run(plan: Plan) -> int:
    """Opens everything, says so, and stays until told to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if plan.ready_file is not None:
        plan.ready_file.unlink(missing_ok=True)
    house = House(plan)
    token = secrets.token_urlsafe(24)
    control = ControlServer(Control(house, token), plan.host)
    house.open()
    control.open()
    _announce(plan, orjson.dumps(house.ready(os.getpid(), {"url": control.url, "token": token})))
    if plan.parent_pipe:
        threading.Thread(target=_watch_parent, args=(stop,), daemon=True).start()
    while house.well and not stop.wait(LEAD_SECONDS / 2):
        house.save_time(lead=LEAD_SECONDS)
    status = 0 if house.well else 1
    control.close()
    house.close()
    return status


def _announce(plan: Plan, ready: bytes) -> None:
    if plan.ready_file is not None:
        fresh = plan.ready_file.with_name(plan.ready_file.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(ready + b"\n")
        fresh.replace(plan.ready_file)
    print(ready.decode(), flush=True)


def _watch_parent(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


def main() -> int:
    try:
        return run(parse(sys.argv[1:]))
    except (Refusal, DamagedState, MarketError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
