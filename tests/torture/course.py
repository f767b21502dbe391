"""A torture: sandbox and daemon as processes, random faults and kills, then a comparison of the book with each venue.

Owns its course: settle, storm, heal, stop, compare. The seed reproduces market, switches, faults and times of kills;
how threads and sockets interleave depends on the machine.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from bot.domain.events import Verb
from bot.domain.ids import AccountKey
from bot.store.database import StoreError
from tests.torture import checks, earned, slope
from tests.torture.checks import Trouble
from tests.torture.faults import APART, Storm, ends, jumps, storms, turned
from tests.torture.machine import HELPLESS, Deed, Machine, deeds, loosened
from tests.torture.owner import Belongings, hand, settle
from tests.torture.processes import Exchange, Trader
from tests.torture.recovery import Recovery, spread

HEAL_SECONDS = 60.0
#: Real seconds without an order event before the stop: anything earlier must be in the book.
QUIET_SECONDS = 2.0
#: How often a stop is repeated in search of a quiet moment.
STOPS = 12
_TURN = 0.1
#: Real seconds between two looks at what the daemon's process holds.
_LOOK = 5.0
_GOOD_CYCLES = 2
_IN_DOUBT = frozenset({"intent", "submitted", "unknown"})
#: Limits wide enough that losses do not stop trading.
_SETTINGS = {
    "STRATEGY": "tests.torture.rule:Restless",
    "MAX_DAILY_LOSS_PCT": "100",
    "MAX_DRAWDOWN_PCT": "100",
    "MAX_EXPOSURE_PCT": "90",
    "LOG_LEVEL": "DEBUG",
}

#: Below this speed few candles close during a torture, so cycles and looks are more frequent.
_QUICK = 10.0
#: Factor for the healing time there: a whole cycle of a newcomer's account at Kraken takes most of a minute.
_REAL_PACE_HEALS = 4
_AT_REAL_PACE = {"CYCLE_SECONDS": "30", "POSITION_SECONDS": "5"}


@dataclass(frozen=True, slots=True)
class Course:
    """The options of the command line; times in real seconds, `kill_every` 0 for no kills."""

    seed: int
    seconds: float
    venues: tuple[str, ...]
    kinds: tuple[str, ...]
    kill_every: float
    speed: float
    folder: Path | None = None
    slope: bool = False
    machine: tuple[str, ...] = ()


@dataclass
class Outcome:
    """The outcome: lines of discrepancies by venue (`nija` for the daemon as a whole) and counts for the table."""

    wrong: list[tuple[str, str]] = field(default_factory=list)
    counts: dict[str, dict[str, str]] = field(default_factory=dict)
    switches: dict[str, list[str]] = field(default_factory=dict)
    kills: int = 0
    stops: int = 0
    samples: list[slope.Sample] = field(default_factory=list)
    deeds: Counter[str] = field(default_factory=Counter)


def torture(course: Course, say: Callable[[str], None]) -> Outcome:
    """Runs one course; all processes have ended when it returns or raises. Raises `TortureError`."""
    with ExitStack() as stack:
        stack.enter_context(_terminable())
        folder = course.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nija-torture-")))
        folder.mkdir(parents=True, exist_ok=True)
        exchange = Exchange(folder, course.venues, course.seed, course.speed)
        stack.callback(exchange.close)
        settings = _SETTINGS | (_AT_REAL_PACE if course.speed < _QUICK else {})
        trader = Trader(folder, exchange.ready_file, settings)
        stack.callback(trader.close)
        return _Torture(course, exchange, trader, say).run()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a torture as Ctrl-C does, with its processes."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Torture:
    """One course under way."""

    def __init__(self, course: Course, exchange: Exchange, trader: Trader, say: Callable[[str], None]) -> None:
        self._course = course
        self._exchange = exchange
        self._trader = trader
        self._say = say
        self._outcome = Outcome()
        self._troubles: dict[str, list[Trouble]] = {venue: [] for venue in course.venues}
        self._fired: dict[str, int] = dict.fromkeys(course.venues, 0)
        self._owner: dict[str, Belongings] = {}
        self._usual: dict[str, dict[str, Any]] = {}
        self._hands = {venue: hand(exchange, venue) for venue in course.venues}
        self._recovery = None if course.kinds else Recovery(exchange, self._hands)
        self._machine = Machine(exchange, trader)
        self._born = time.monotonic()
        self._measured = 0
        self._next_look = 0.0
        self._starting: float | None = None

    def run(self) -> Outcome:
        for venue in self._course.venues:
            self._prepare(venue)
        self._start()
        self._storm()
        self._say("heals")
        self._compare()
        for line in self._trader.crashes():
            self._wrong("nija", line)
        return self._outcome

    def _wrong(self, venue: str, line: str) -> None:
        self._outcome.wrong.append((venue, line))

    def _prepare(self, venue: str) -> None:
        """Creates the owner's belongings first, as a switch may close their market."""
        self._owner[venue] = settle(self._exchange, venue, self._hands[venue])
        switches = self._exchange.call("GET", f"switches?venue={venue}")[venue]
        loose = loosened(self._course.seed, venue, self._course.machine)
        for name, value in (turned(self._course.seed, venue, switches) | loose).items():
            self._switch(venue, name, value)
            self._outcome.switches.setdefault(venue, []).append(f"{name}={str(value).lower()}")
        self._usual[venue] = self._exchange.call("GET", f"switches?venue={venue}")[venue]

    # -- starts and kills -----------------------------------------------------------------------------------------------
    def _start(self) -> None:
        self._trader.start()
        self._starting = time.time()
        self._trouble(self._course.venues, self._starting, self._starting)

    def _trouble(self, venues: Sequence[str], start: float, end: float) -> None:
        for venue in venues:
            self._troubles[venue].append(Trouble(start, end))

    def _again(self, *, asked: bool) -> None:
        """Kills the daemon, or asks it to stop, in the middle of its work, and starts another."""
        start = time.time()
        if asked:
            self._stop()
            self._outcome.stops += 1
        else:
            self._trader.kill()
            self._outcome.kills += 1
        before = {} if self._recovery is None else self._recovery.expose()
        self._trouble(self._course.venues, start, time.time())
        self._start()
        if self._recovery is not None:
            self._outcome.wrong += self._recovery.watch(before)
            self._trouble(self._course.venues, start, time.time())

    def _stop(self) -> None:
        wrong = self._trader.stop()
        if wrong is not None:
            self._wrong("nija", wrong)

    def _alive(self) -> None:
        """A daemon that ended on its own is an error; it is started again."""
        if self._trader.ended is not None:
            self._wrong("nija", f"the daemon ended by itself with exit status {self._trader.ended}")
            self._start()
        if self._starting is not None and self._trader.speaks:
            self._trouble(self._course.venues, self._starting, time.time())
            self._starting = None
        self._measure()

    def _measure(self) -> None:
        """Samples the daemon's process every few seconds; the samples are also written to a file."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._measured not in (0, self._trader.pid) and self._course.slope:
            return  # the start after the storm is another process, whose samples do not continue the first one's slope
        sample = slope.look(self._trader.pid, self._born)
        if sample is not None:
            self._measured = self._trader.pid
            self._outcome.samples.append(sample)
            with (self._trader.folder / "process.txt").open("a") as out:
                print(*(f"{value:.1f}" for value in astuple(sample)), file=out)

    # -- faults -------------------------------------------------------------------------------------------------------
    def _storm(self) -> None:
        """Runs the seed's plan, each action at its time."""
        began = time.monotonic()
        for at, act in self._plan():
            while (rest := began + at - time.monotonic()) > 0:
                time.sleep(min(rest, _TURN))
                self._alive()
            act()
        while time.monotonic() - began < self._course.seconds:
            time.sleep(_TURN)
            self._alive()
        for venue in self._course.venues:
            self._calm(venue)

    def _plan(self) -> list[tuple[float, Callable[[], None]]]:
        """The actions with their times (real seconds from now), in order."""
        course, now = self._course, time.time()
        plan: list[tuple[float, Callable[[], None]]] = []
        for venue in course.venues:
            for storm in storms(course.seed, venue, course.seconds, course.kinds):
                plan.append((storm.start, partial(self._arm, venue, storm)))
                plan.append((storm.end, partial(self._calm, venue, storm)))
                if storm.misleads:
                    self._trouble((venue,), now + storm.start, now + storm.end)
            for at, which, factor in jumps(course.seed, venue, course.seconds):
                plan.append((at, partial(self._jump, venue, which, factor)))
        done = deeds(course.seed, course.seconds, course.machine, course.venues)
        plan += [(deed.at, partial(self._do, deed)) for deed in done]
        lives = ends(course.seed, course.seconds, course.kill_every)
        plan += [(at, partial(self._again, asked=asked)) for at, asked in lives]
        return sorted(plan, key=lambda one: one[0])

    def _do(self, deed: Deed) -> None:
        """Runs one deed of the machine or the owner."""
        start = time.time()
        wrong = self._machine.do(deed)
        self._outcome.deeds[deed.kind] += 1
        if wrong is not None:
            self._wrong("nija", wrong)
        if deed.kind in HELPLESS:
            self._trouble(self._course.venues, start, time.time())

    def _arm(self, venue: str, storm: Storm) -> None:
        for fault in storm.faults:
            self._exchange.call("POST", "faults", **fault)
        for name, value in storm.switches:
            self._switch(venue, name, value)

    def _switch(self, venue: str, name: str, value: object) -> None:
        self._exchange.call("POST", "switches", venue=venue, name=name, value=value)

    def _jump(self, venue: str, which: float, factor: float) -> None:
        """Makes the market of one of the positions jump: over a stop, over targets, or only a little."""
        truth = self._exchange.call("GET", f"ledger?venue={venue}")
        stopped = {one["symbol"] for one in truth["orders"] if one["origin"] == "attached" and one["status"] == "open"}
        prices = {fill["symbol"]: fill["price"] for fill in truth["fills"] if fill["symbol"] in stopped}
        if prices:
            symbol = sorted(prices)[int(which * len(prices))]
            price = f"{float(prices[symbol]) * factor:.6g}"
            self._exchange.call("POST", "price", venue=venue, symbol=symbol, price=price)

    def _calm(self, venue: str, storm: Storm | None = None) -> None:
        for name, _ in storm.switches if storm is not None else ():
            self._switch(venue, name, self._usual[venue][name])
        armed = self._exchange.call("GET", f"faults?venue={venue}")["faults"]
        self._fired[venue] += sum(fault["fired"] for fault in armed)
        self._exchange.call("DELETE", f"faults?venue={venue}")

    # -- healing and comparing ----------------------------------------------------------------------------------------
    def _compare(self) -> None:
        """Pauses, heals, stops and compares; a venue that was not quiet at the stop is compared at the next one."""
        self._paused()
        left = set(self._course.venues)
        for _ in range(STOPS):
            self._heal(left)
            asked = time.time()
            self._stop()
            left -= {venue for venue in sorted(left) if self._compared(venue, asked - QUIET_SECONDS)}
            if not left:
                return
            self._trouble(self._course.venues, asked, time.time())
            self._start()
        for venue in left:
            self._wrong(venue, f"there was no quiet moment at {STOPS} stops")

    def _paused(self) -> None:
        until = time.monotonic() + HEAL_SECONDS
        while len(self._trader.books.accounts()) < len(self._course.venues) and time.monotonic() < until:
            time.sleep(_TURN)
        self._trader.books.post(Verb.PAUSE)

    def _heal(self, venues: set[str]) -> None:
        """Waits, for a bounded time, until every broker has no order in doubt and has completed some good cycles."""
        patience = HEAL_SECONDS * (_REAL_PACE_HEALS if self._course.speed < _QUICK else 1)
        until = time.monotonic() + patience
        good: dict[str, int] = dict.fromkeys(venues, 0)
        last: dict[str, int] = {}
        sick = set(venues)
        while sick and time.monotonic() < until:
            time.sleep(_TURN)
            self._alive()
            brokers = self._brokers()
            for venue in sick & brokers.keys():
                cycles = brokers[venue]["cycles_ok"]
                good[venue] += max(0, cycles - last.get(venue, cycles))
                last[venue] = cycles
            sick = {one for one in venues if good[one] < _GOOD_CYCLES or _in_doubt(brokers.get(one, {}))}
        for venue in sick:
            doubt = _in_doubt(self._brokers().get(venue, {}))
            self._wrong(venue, f"not healed within {patience:g} s: {good[venue]} good cycles, in doubt: {doubt}")

    def _brokers(self) -> dict[str, Any]:
        """The book as far as it can be read now: a start may be creating its database."""
        try:
            return self._trader.brokers()
        except StoreError:
            return {}

    def _compared(self, venue: str, since: float) -> bool:
        """Whether the moment was quiet; if so, records the errors."""
        truth = self._exchange.call("GET", f"ledger?venue={venue}")
        events = self._exchange.call("GET", f"timeline?venue={venue}")["events"]
        exposure = self._exchange.call("GET", f"exposure?venue={venue}")
        if not checks.is_quiet(events, since):
            return False
        book, now = self._trader.brokers().get(venue), time.time()
        if book is None:
            self._wrong(venue, "never connected: see the log")
            return True
        believed = earned.read(self._trader.books, AccountKey(venue))
        for line in checks.discrepancies(book, truth, self._owner[venue], earned.taken(believed)):
            self._wrong(venue, line)
        for line in earned.unearned(believed, truth):
            self._wrong(venue, line)
        exposure = {symbol: one for symbol, one in exposure.items() if (venue, symbol) not in self._machine.sold}
        for line in checks.naked(exposure, self._troubles[venue], now, attaches=self._attaches(venue)):
            self._wrong(venue, line)
        causes = checks.naked_by_cause(exposure, self._troubles[venue], now)
        self._outcome.counts[venue] = {
            "orders": str(len(book["orders"])),
            "fills": str(len(book["fills"])),
            "open": str(len(book["positions"])),
            "faults fired": str(self._fired[venue]),
            **earned.figures(believed),
            "refused": str(sum(truth["rejected"].values())),
            "naked s (longest)": ", ".join(
                f"{why} {all_:.1f} ({most:.1f})" for why, (all_, most) in sorted(causes.items())
            )
            or "0",
            "held by venue s": f"{checks.held_by_venue(exposure):.1f}",
        }
        if self._recovery is not None:
            self._outcome.counts[venue]["protected after s"] = spread(self._recovery.took[venue])
        return True

    def _attaches(self, venue: str) -> bool:
        """Whether this seed's venue accepts attached stops."""
        turned_over = {name.partition("=")[0] for name in self._outcome.switches.get(venue, [])}
        return not turned_over & APART


def _in_doubt(book: dict[str, Any]) -> list[str]:
    return [order["client_id"] for order in book.get("orders", []) if order["status"] in _IN_DOUBT]
