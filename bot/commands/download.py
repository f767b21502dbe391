"""`nija download`: past candles from an exchange, through its broker, into files for backtests.

Owns the joining of settings, exchange and files, and what is said on the way. Needs no credentials: only public data is read.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bot.broker_manager import BrokerManager
from bot.brokers.history import History, Rate
from bot.commands.checks import Silent
from bot.commands.research import research_tools
from bot.commands.show import complain
from bot.domain.candles import parse_timeframe
from bot.domain.clock import DAY, MINUTE, Clock, iso, parse_iso
from bot.domain.ids import AccountKey
from bot.download.files import BadFile, read_funding, write_funding
from bot.download.market import DownloadError, Report, Wanted, asked, download
from bot.download.spans import Span
from bot.download.staging import Difference
from bot.runtime.chosen import strategy_of, timeframe_of
from bot.runtime.hostlock import HostLock, place
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import ConfigError, Mode, Settings, usable_state_folder

#: A candle is read once it has been closed for so long (market ms): exchanges show the newest ones late.
SETTLED = MINUTE
#: Seconds between two lines where no progress bar can be shown.
_A_LINE_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """The options as they were given."""

    broker: str
    pairs: tuple[str, ...]
    since: str
    until: str | None
    timeframe: str | None
    out: Path
    files: Path | None
    real: bool


def run(settings: Settings, options: Options) -> int:
    """Download every market, and return the exit status: 0, 1 if an exchange or the disk failed, 2 for what its user must change.

    Raises `ConfigError`, `SandboxError`, `AlreadyRuns`.
    """
    timeframe, length = _timeframe(settings, options.timeframe)
    since, until = _moment("since", options.since), _moment("until", options.until)
    with research_tools(), ExitStack() as stack:
        import pyarrow.parquet  # noqa: F401 - missing tools are reported before anything is asked

        files = {pair: options.out / f"{pair}-{timeframe}.parquet" for pair in options.pairs}
        _make(options.out)
        for file in files.values():
            stack.enter_context(closing(HostLock(f"download {place(file)}", f"already downloads {file}")))
        env = stack.enter_context(_environment(settings, options))
        rest = env.accesses[AccountKey(options.broker)].rest
        one = f"already downloads from {options.broker}: one at a time stays within its limits"
        stack.enter_context(closing(HostLock(f"download from {rest}", one)))
        history = stack.enter_context(_history(env, options.broker))
        span = _span(options, since, until, length, env.clock)
        origin = options.broker if env.mode is Mode.LIVE else f"sandbox {options.broker}"
        if env.mode is not Mode.LIVE:
            complain(f"these candles are simulated by the sandbox: add --real for those of {options.broker}")
        wanted = [Wanted(pair, length, span, file, origin, options.files) for pair, file in files.items()]
        return max(_one(history, each) for each in wanted)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"--out {folder}: it cannot be made: {error.strerror}"]) from None


def _timeframe(settings: Settings, given: str | None) -> tuple[str, int]:
    """The timeframe's name, and its length (ms)."""
    name = given or timeframe_of(settings.trading, strategy_of(settings))
    try:
        return name, parse_timeframe(name)
    except ValueError as error:
        raise ConfigError([f"--{error}"]) from None


@contextmanager
def _environment(settings: Settings, options: Options) -> Iterator[TradingEnvironment]:
    with (
        TemporaryDirectory(prefix="nija-sandbox-") as folder,
        closing(TradingEnvironment.public(settings, options.broker, Path(folder), real=options.real)) as env,
    ):
        yield env


@contextmanager
def _history(env: TradingEnvironment, venue: str) -> Iterator[History]:
    manager = BrokerManager(env, usable_state_folder(), allow_withdraw=True, log_for=lambda _: Silent())
    with closing(manager.build(AccountKey(venue))) as broker, closing(broker.history()) as history:
        yield history


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise ConfigError([f"--{option} {text}: a date or time in ISO 8601 is needed, such as 2025-04-01"]) from None


def _span(options: Options, since: int | None, until: int | None, timeframe_ms: int, clock: Clock) -> Span:
    """The open times that are wanted: whole candles that have closed."""
    now = clock.market_ms()
    end = min(now - SETTLED, until if until is not None else now)
    start = (since or 0) - (since or 0) % timeframe_ms
    span = Span(start, end - end % timeframe_ms)
    if start > now:
        raise ConfigError([f"--since {options.since} is in the future: it is {iso(now)} at {options.broker}"])
    if span.end <= span.start:
        raise ConfigError([f"--since {options.since}: no candle has opened and closed since then, up to {iso(end)}"])
    return span


# -- one market -------------------------------------------------------------------------------------------------------
def _one(history: History, wanted: Wanted) -> int:
    """Download one market and say what came of it."""
    try:
        with _Watcher(wanted.symbol) as watcher:
            report = download(history, wanted, watcher)
            rates = _funding(history, wanted, watcher)
    except KeyboardInterrupt:
        complain(f"{wanted.symbol}: stopped; what was read is kept: the same command continues from there")
        raise typer.Exit(130) from None
    except DownloadError as error:
        complain(f"{wanted.symbol}: {error}")
        return 2 if error.final else 1
    except BadFile as error:
        complain(str(error))
        return 2
    except (OSError, sqlite3.Error) as error:
        complain(f"{wanted.file} cannot be written: {_of_disk(error)}; the same command continues from there")
        return 1
    for line in [_said(report, wanted), *_compared(report), *_of_funding(rates, wanted)]:
        typer.echo(line)
    return 0


def _of_disk(error: OSError | sqlite3.Error) -> str:
    full = isinstance(error, sqlite3.OperationalError) and "full" in str(error)
    if full or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return "the disk is full, free some space"
    return str(error.strerror if isinstance(error, OSError) else error)


def _said(report: Report, wanted: Wanted) -> str:
    """The line for a market that is complete."""
    table = report.table
    first, last = (iso(int(time))[:16] for time in (table.time[0], table.time[-1]))
    counts = [f"{table.source.count(name):,} from {name}" for name in sorted(set(table.source))]
    quiet = sum(table.filled)
    notes = [f"{quiet:,} of them without a trade ({quiet / len(table.time):.1%})"] if quiet else []
    notes += [f"{report.impossible} impossible ones left out"] if report.impossible else []
    had = "" if report.fresh else ", nothing to add"
    return f"{wanted.file}: {len(table.time):,} candles {first} to {last}{had}: {', '.join([*counts, *notes])}"


def _compared(report: Report) -> list[str]:
    return [_difference(source, found) for source, found in report.compared.items()]


def _difference(source: str, found: Difference) -> str:
    alike = f"  compared: {found.compared} candles of {source} with those kept"
    if not found.differ:
        return f"{alike}: all alike"
    return f"{alike}: {found.differ} differ, prices by up to {found.price:.3%}, volumes by up to {found.volume:.1%}"


# -- funding --------------------------------------------------------------------------------------------------------------
def _funding(history: History, wanted: Wanted, watcher: _Watcher) -> list[Rate] | None:
    """The rates of a swap, those of its file included; None for a market without funding."""
    file = _funding_file(wanted)
    rates = read_funding(file)
    for gap in _unknown(rates, wanted.span):
        found = asked(lambda each=gap: history.funding(wanted.symbol, *each), watcher)  # type: ignore[misc]
        if found is None:
            return None
        if found:
            rates = sorted({one.time: one for one in [*rates, *found]}.values())
            write_funding(file, rates)
    return rates


def _unknown(kept: Sequence[Rate], span: Span) -> list[Span]:
    """The parts of a span that a file of rates says nothing of: before, after, and its holes, which an exchange may have filled."""
    if not kept:
        return [span]
    first, last = kept[0].time, kept[-1].time
    holes = [Span(max(a + 1, span.start), min(b - 1, span.end)) for a, b in _holes([one.time for one in kept])]
    gaps = [Span(span.start, first - 1), *holes, Span(last + 1, span.end)]
    return [one for one in gaps if one.end > one.start]


def _holes(times: Sequence[int]) -> list[Span]:
    """From the payment before to the one after each hole: funding falls due every 8 hours, or more often."""
    return [Span(a, b) for a, b in pairwise(times) if b - a > DAY]


def _funding_file(wanted: Wanted) -> Path:
    return wanted.file.with_name(f"{wanted.symbol}-funding.parquet")


def _of_funding(rates: Sequence[Rate] | None, wanted: Wanted) -> list[str]:
    if rates is None:
        return []
    if not rates:
        return [
            f"  {wanted.origin} has no rates of funding of {wanted.symbol} in that time: holding it will cost nothing there"
        ]
    first = rates[0].time
    late = first - wanted.span.start > DAY
    until_then = f"; {wanted.origin} has none before, so holding costs nothing until then" if late else ""
    said = [f"{_funding_file(wanted)}: {len(rates)} rates of funding since {iso(first)[:16]}{until_then}"]
    if holes := _holes([*(one.time for one in rates), wanted.span.end]):
        spans = ", ".join(f"{iso(hole.start)[:16]} to {iso(hole.end)[:16]}" for hole in holes)
        said.append(f"  {wanted.origin} has no rates of funding from {spans}: holding costs nothing there")
    return said


# -- progress ---------------------------------------------------------------------------------------------------------------
class _Watcher:
    """A progress bar on a terminal; elsewhere a line now and then. Both on stderr."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._said = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        self._bar = Progress(
            *columns,
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(symbol, total=1.0, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def known(self, ms: int, of: int) -> None:
        self._bar.update(self._task, completed=ms / of, note="")
        self._say(f"{ms / of:.0%}")

    def wait(self, why: str, ms: int) -> None:
        self._bar.update(self._task, note=f"waiting {ms / 1000:.0f} s: {why}"[:100])
        self._say(f"{why}; trying again in {ms / 1000:.0f} s")
        time.sleep(ms / 1000)

    def _say(self, text: str) -> None:
        if self._bar.disable and time.monotonic() - self._said >= _A_LINE_EVERY:
            self._said = time.monotonic()
            complain(f"{self._symbol}: {text}")
