"""Parses and checks the sandbox's command line. Imports nothing heavy, so that mistakes are reported at once."""

from __future__ import annotations

import argparse
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bot.sandbox.core.times import parse_iso
from bot.sandbox.venues import venues

#: The widest usual spread, as a fraction of the price.
WIDEST = 0.01


@dataclass(frozen=True)
class SandboxOptions:
    """The options of the command line. `start_ms` None means now; `state` None means that nothing is saved."""

    names: tuple[str, ...]
    host: str = "127.0.0.1"
    seed: int = 1
    speed: float = 60.0
    pairs: int | None = None
    start_ms: int | None = None
    ready_file: Path | None = None
    candles: Path | None = None
    lockstep: bool = False
    state: Path | None = None
    fee_tier: int | None = None
    spread: float | None = None
    parent_pipe: bool = False


class Refusal(Exception):
    """The options are invalid; the message is one line."""


class Parser(argparse.ArgumentParser):
    """Argument parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def parse(arguments: list[str]) -> SandboxOptions:
    """The options of a command line; raises Refusal."""
    known = list(venues())
    parser = Parser(prog="nija sandbox", description="Local exchanges with play money.")
    parser.add_argument("venues", nargs="*", metavar="VENUE", help=f"venues to open: {' '.join(known)} (all)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same market")
    parser.add_argument("--speed", type=float, default=60.0, help="market seconds per real second")
    parser.add_argument("--pairs", type=int, help="tradable pairs per venue")
    parser.add_argument("--start", help="market time at the first start, ISO 8601 (now)")
    parser.add_argument("--ready-file", type=Path, help="where to write addresses and keys once all listen")
    parser.add_argument("--candles", type=Path, help="folder of candles to replay")
    parser.add_argument("--lockstep", action="store_true", help="the market stops until it is advanced")
    parser.add_argument("--state", type=Path, help="file in which state is saved for the next start")
    parser.add_argument("--fee-tier", type=int, help="0 (newcomer) to 9")
    parser.add_argument(
        "--spread", type=float, help="usual ask - bid as a fraction of the price (by market); at least a tick"
    )
    parser.add_argument("--parent-pipe", action="store_true", help="save and exit when standard input closes")
    words = parser.parse_args(arguments)
    plan = SandboxOptions(
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
        spread=words.spread,
        parent_pipe=words.parent_pipe,
    )
    _check(plan, known)
    return plan


def _moment(text: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise Refusal(f"--start {text}: not an ISO 8601 time") from error


def _check(plan: SandboxOptions, known: list[str]) -> None:
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
    if plan.spread is not None and not 0 <= plan.spread <= WIDEST:
        raise Refusal(f"--spread {plan.spread}: must be 0 to {WIDEST}")
    if plan.candles is not None and not plan.candles.is_dir():
        raise Refusal(f"--candles {plan.candles}: no such folder")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
