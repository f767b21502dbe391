"""Downloads one market: plans what is missing, reads it part by part, and writes the file.

Reads nothing twice: what a file or an interrupted download already has is not requested. A part that cannot be right is requested
again; what is impossible after that is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.brokers.base import BrokerError, NoRoom
from bot.brokers.history import History, Part, Route
from bot.domain.backoff import Backoff
from bot.domain.candles import Candles, Fault, faults
from bot.domain.clock import SECOND, iso
from bot.domain.outcome import ErrorClass, ErrorMeaning
from bot.download.assembled import assembled
from bot.download.files import PRICES, About, BadFile, Table, read, write
from bot.download.spans import Span, missing
from bot.download.staging import Difference, Staging

T = TypeVar("T")

#: Waits (real ms) after requests that failed, and how many may fail in a row: fewer as long as nothing has been answered.
WAITS: Final = Backoff(SECOND, 2, 60 * SECOND)
_FIRST_TRIES, _TRIES = 3, 9
#: How often a part that cannot be right is requested, and the wait (real ms) before each repeat: Coinbase's edge repeats an answer
#: for about a second.
_READINGS, _READING_WAIT = 3, 2 * SECOND


#: What makes a candle impossible on its own; order and doubles are repaired.
_IMPOSSIBLE: Final = frozenset(
    {Fault.NOT_A_NUMBER, Fault.NOT_POSITIVE, Fault.INCONSISTENT, Fault.NEGATIVE_VOLUME, Fault.OFF_GRID}
)


class DownloadError(Exception):
    """A download that cannot continue; the text is one line. `final`: repeating it would end the same way."""

    def __init__(self, text: str, *, final: bool) -> None:
        super().__init__(text)
        self.final = final


@dataclass(frozen=True, slots=True)
class Wanted:
    """One market: candles of `timeframe_ms` that open in `span`, to be kept in `file`.

    `origin` names the exchange, with the word sandbox before it for play money; `files` are to be imported.
    """

    symbol: str
    timeframe_ms: int
    span: Span
    file: Path
    origin: str
    files: Path | None = None

    @property
    def market(self) -> tuple[str, int]:
        return self.symbol, self.timeframe_ms


class Watcher(Protocol):
    """Reports the progress of a download, and does its waiting."""

    def known(self, ms: int, of: int) -> None:
        """Report that `ms` of the wanted `of` (ms of candles) are known."""
        ...

    def wait(self, why: str, ms: int) -> None:
        """Pause for real ms, for this reason."""
        ...


@dataclass(slots=True)
class Report:
    """What a download did. `fresh`: whether anything was read; `impossible`: candles that were left out; `compared`: for each
    source, how its candles agree with those of the sources before it.
    """

    table: Table
    fresh: bool = True
    impossible: int = 0
    compared: dict[str, Difference] = field(default_factory=dict)


def download(history: History, wanted: Wanted, watcher: Watcher) -> Report:
    """Read what is missing and write the file. Raises `DownloadError`, `BadFile`, `OSError`, `sqlite3.Error`."""
    before = read(wanted.file)
    whole = _whole(wanted, before)
    staged = Staging.beside(wanted.file)
    if before is not None and before.span == whole:
        staged.unlink(missing_ok=True)
        return Report(before, fresh=False)
    wanted.file.parent.mkdir(parents=True, exist_ok=True)
    with Staging(staged) as staging:
        _claim(staging, wanted, staged)
        reading = _Reading(history, wanted, watcher, staging, before, whole)
        table = reading.table()
        write(wanted.file, table)
        staging.remove()
    return Report(table, True, reading.impossible, reading.compared)


def _whole(wanted: Wanted, before: Table | None) -> Span:
    """The wanted span together with that of the file: a file has no holes."""
    if before is None:
        return wanted.span
    about = before.about
    if (about.origin, about.symbol, about.timeframe_ms) != (wanted.origin, *wanted.market):
        raise BadFile(
            f"{wanted.file} holds candles of {about.symbol} from {about.origin}, not of {wanted.symbol} from "
            f"{wanted.origin}: name another --out"
        )
    return Span(min(wanted.span.start, before.span.start), max(wanted.span.end, before.span.end))


def _claim(staging: Staging, wanted: Wanted, staged: Path) -> None:
    begun = staging.about("origin")
    if begun is None:
        staging.note("origin", wanted.origin)
    elif begun != wanted.origin:
        raise BadFile(f"{staged} is an unfinished download from {begun}: finish that, remove it, or name another --out")


@dataclass(slots=True)
class _Reading:
    """Reads what is missing of one market into its staging file."""

    history: History
    wanted: Wanted
    watcher: Watcher
    staging: Staging
    before: Table | None
    whole: Span
    impossible: int = 0
    compared: dict[str, Difference] = field(default_factory=dict)
    answered: bool = False

    def table(self) -> Table:
        """The candles of the new file."""
        if self.wanted.files is not None:
            self._import(self.wanted.files)
        self._find_begin()
        for span in self._missing():
            routes = self._asked(lambda each=span: self.history.plan(*self.wanted.market, *each))  # type: ignore[misc]
            for route in routes:
                self._follow(route)
        stored = self.staging.stored()
        digests = ({} if self.before is None else self.before.about.digests) | stored.digests
        about = About(self.wanted.origin, *self.wanted.market, self.whole.start, dict(sorted(digests.items())))
        table = assembled(about, stored, self.before, self.whole.end)
        if table is None:
            raise self._nothing()
        return table

    def _missing(self) -> list[Span]:
        known = [] if self.before is None else [self.before.span]
        return missing(self.whole, [*known, *self.staging.spans()])

    def _find_begin(self) -> None:
        """What lies before a market's first candle is known to be empty."""
        gaps = self._missing()
        if not gaps or gaps[0].start != self.whole.start:
            return
        begin = self._begin(gaps[0])
        if begin is None and gaps == [self.whole]:
            raise self._nothing()
        first = gaps[0].end if begin is None else begin - begin % self.wanted.timeframe_ms
        self._keep(Candles.of(self.wanted.timeframe_ms, []), Span(gaps[0].start, first), "nothing")

    def _begin(self, gap: Span) -> int | None:
        """Where the candles of a span begin; asked again if there seem to be none at all."""
        for _ in range(_READINGS - 1):
            if (begin := self._asked(lambda: self.history.begins(*self.wanted.market, *gap))) is not None:
                return begin
            self.watcher.wait(f"{self.wanted.origin} sent no candle of {self.wanted.symbol}", _READING_WAIT)
        return self._asked(lambda: self.history.begins(*self.wanted.market, *gap))

    def _nothing(self) -> DownloadError:
        return DownloadError(f"{self.wanted.origin} has no candles of {self.wanted.symbol} in that time", final=True)

    def _import(self, path: Path) -> None:
        """Candles from files that the owner has fetched; what is known already stays."""
        try:
            for route, part in self.history.imported(path, *self.wanted.market):
                span = Span(max(route.start, self.whole.start), min(part.until, self.whole.end))
                if missing(span, self.staging.spans()):
                    self._keep(self._possible(part.candles), span, part.source)
        except ValueError as error:
            raise DownloadError(str(error), final=True) from None
        except BrokerError as error:
            raise _stopped(error) from error

    def _follow(self, route: Route) -> None:
        """Read one route to its end, and as far beyond it as is to be compared."""
        at, stop = route.start, route.end + route.overlap
        while at < stop:
            part = self._surely(route, at)
            if part.until <= at:
                raise DownloadError(f"{self.wanted.origin} {part.source} did not continue after {iso(at)}", final=False)
            span = Span(min(at, route.end), min(part.until, route.end))
            self._keep(self._possible(part.candles), span, part.source, part.digest)
            at = part.until

    def _keep(self, candles: Candles, span: Span, source: str, digest: tuple[str, str] | None = None) -> None:
        difference = self.staging.add(candles, span, f"{self.wanted.origin} {source}", digest)
        if difference.compared:
            self.compared[source] = self.compared.get(source, Difference()) + difference
        total = self.whole.end - self.whole.start
        self.watcher.known(total - sum(gap.end - gap.start for gap in self._missing()), total)

    # -- asking -------------------------------------------------------------------------------------------------------
    def _surely(self, route: Route, at: int) -> Part:
        """The next part of a route; one that cannot be right is requested again."""
        part = self._asked(lambda: self.history.read(*self.wanted.market, route, at))
        for _ in range(_READINGS - 1):
            if not _doubtful(part, route, at):
                break
            self.watcher.wait(f"what {self.wanted.origin} sent of {iso(at)} cannot be right", _READING_WAIT)
            part = self._asked(lambda: self.history.read(*self.wanted.market, route, at))
        return part

    def _possible(self, candles: Candles) -> Candles:
        """The candles without those that cannot be true, in the order of time, each once."""
        wrong = _wrong(candles, _IMPOSSIBLE)
        self.impossible += int(wrong.sum())
        right = np.flatnonzero(~wrong)
        time, first = np.unique(candles.time[right], return_index=True)
        return Candles(candles.timeframe_ms, time, *(getattr(candles, name)[right[first]] for name in PRICES))

    def _asked(self, ask: Callable[[], T]) -> T:
        found = asked(ask, self.watcher, _TRIES if self.answered else _FIRST_TRIES)
        self.answered = True
        return found


def asked(ask: Callable[[], T], watcher: Watcher, tries: int = _TRIES) -> T:
    """An answer, requested again with growing waits while the exchange fails. Raises `DownloadError`."""
    failed = wait = 0
    while True:
        try:
            return ask()
        except BrokerError as error:
            failed += not isinstance(error, NoRoom)
            if _is_final(error) or failed >= tries:
                raise _stopped(error) from error
            wait = WAITS.after(wait)
            watcher.wait(error.text, max(wait, error.retry_after_ms))


def _is_final(error: BrokerError) -> bool:
    """Whether the same request would fail every time."""
    if error.meaning in (ErrorMeaning.MARKET_CLOSED, ErrorMeaning.GONE):
        return True  # there is no such market
    return error.meaning.error_class not in (ErrorClass.PASSING, ErrorClass.UNKNOWN)


def _stopped(error: BrokerError) -> DownloadError:
    if _is_final(error):
        return DownloadError(f"{error.venue}: {error.text}", final=True)
    kept = "what was read is kept: the same command continues from there"
    return DownloadError(f"{error.venue} cannot be read: {error.text}; {kept}", final=False)


def _wrong(candles: Candles, kinds: Collection[Fault]) -> NDArray[np.bool_]:
    """Which candles have a fault of these kinds."""
    found = [wrong for fault, wrong in faults(candles) if fault in kinds]
    return np.logical_or.reduce(found) if len(candles) else np.zeros(0, np.bool_)


def _doubtful(part: Part, route: Route, at: int) -> bool:
    """Whether a part has impossible candles, or too few of an exchange that sends all."""
    if _wrong(part.candles, set(Fault) - {Fault.GAP}).any():
        return True
    until = min(part.until, route.end)
    count = int(((part.candles.time >= at) & (part.candles.time < until)).sum())
    return route.dense and count * part.candles.timeframe_ms < until - at
