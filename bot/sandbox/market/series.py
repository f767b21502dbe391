"""One symbol's history and present in ticks and lots: tape, candles of any length, jumps.

Owns the caches, which are bounded; evicted entries are recomputed identically. "At t" means up to the end of
millisecond t. A jump at t is the last event of t and scales everything after it; nothing before t ever changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bot.sandbox.market.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleSource
from bot.sandbox.market.noise import Floats, Ints, draws
from bot.sandbox.market.tape import LAST_NS, MS_NS, Prints, printed

QUARTER_MS = 15 * MINUTE_MS
SCAN_MS = 2 * HOUR_MS


class Last(NamedTuple):
    """The newest trade: its price, whether the taker bought, and its id."""

    price: int
    buy: bool
    trade_id: int


class Columns(NamedTuple):
    """Consecutive candles with their turnover (ticks x lots)."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    prints: Ints
    paid: Ints

    def part(self, lo: int, hi: int) -> Columns:
        """The candles lo..hi-1."""
        return Columns(*(column[lo:hi] for column in self))


class _Jump(NamedTuple):
    time_ns: int
    price: int
    factor: float


class Series:
    """The tape of one symbol. Before `exact_ms`, the turnover of candles is estimated: their trades are made only when asked for."""

    def __init__(self, source: CandleSource, tape_key: int, exact_ms: int) -> None:
        self._source = source
        self._key = tape_key
        self._chunk = max(HOUR_MS, source.step_ms)
        self._jumps: list[_Jump] = []
        self.first_ms = source.first_ms
        self.exact_ms = max(exact_ms, source.first_ms)
        self._raw_day = lru_cache(3)(source.day)
        self._tape = lru_cache(6)(self._make_tape)
        self._paid = lru_cache(80)(self._make_paid)
        self._minutes = lru_cache(4)(self._make_minutes)
        self._quarters = lru_cache(128)(self._make_quarters)
        self._days = lru_cache(1024)(self._make_day)

    # --- called many times per second

    def last(self, t_ms: int) -> Last:
        """The newest trade at t."""
        tape = self._tape(t_ms // self._chunk)
        at = int(tape.time_ns.searchsorted((t_ms + 1) * MS_NS)) - 1
        if at < 0:
            return Last(tape.before, True, tape.first_id - 1)
        return Last(int(tape.price[at]), bool(tape.buy[at]), tape.first_id + at)

    def extremes(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """Lowest and highest trade in (from, to]; without trades, the last price twice."""
        start, end = from_ms + 1, to_ms + 1
        found: list[Ints] = []
        if end - start > SCAN_MS:
            whole = -(-start // MINUTE_MS) * MINUTE_MS
            columns = self.minutes(whole, end)
            traded = columns.prints > 0
            found += [columns.low[traded], columns.high[traded]]
            end = whole
        found += [tape.price for tape in self._slices(start * MS_NS, end * MS_NS)]
        found = [prices for prices in found if len(prices)]
        if not found:
            price = self.last(to_ms).price
            return price, price
        return int(min(prices.min() for prices in found)), int(max(prices.max() for prices in found))

    # --- the tape

    def trades(self, from_ns: int, to_ns: int, limit: int) -> Prints:
        """The first `limit` trades in [from, to)."""
        parts: list[Prints] = []
        for part in self._slices(from_ns, to_ns):
            parts.append(part)
            limit -= len(part.price)
            if limit <= 0:
                return _joined(parts, 0, limit)
        return _joined(parts, 0, 0)

    def recent(self, to_ns: int, limit: int) -> Prints:
        """The last `limit` trades before `to_ns`."""
        parts: list[Prints] = []
        chunk_ns = self._chunk * MS_NS
        for chunk in range((to_ns - 1) // chunk_ns, self.first_ms // self._chunk - 1, -1):
            parts.insert(0, _cut(self._tape(chunk), 0, to_ns))
            limit -= len(parts[0].price)
            if limit <= 0:
                return _joined(parts, -limit, 0)
        return _joined(parts, 0, 0)

    def _slices(self, from_ns: int, to_ns: int) -> Iterator[Prints]:
        """The pieces of tape in [from, to), each made when it is taken."""
        chunk_ns = self._chunk * MS_NS
        chunks = range(from_ns // chunk_ns, (to_ns - 1) // chunk_ns + 1) if to_ns > from_ns else range(0)
        return (_cut(self._tape(chunk), from_ns, to_ns) for chunk in chunks)

    def _make_tape(self, chunk: int) -> Prints:
        raw = self._raw_tape(chunk)
        if not self._jumps:
            return raw
        return _with_jumps(raw, self._jumps, chunk * self._chunk * MS_NS, (chunk + 1) * self._chunk * MS_NS)

    def _raw_tape(self, chunk: int) -> Prints:
        """The chunk's trades without any jumps."""
        start = chunk * self._chunk
        day, inside = divmod(start, DAY_MS)
        candles = self._raw_day(day)
        lo = inside // self._source.step_ms
        before = candles.close[lo - 1] if lo else self._raw_day(day - 1).close[-1]
        part = candles.part(lo, lo + self._chunk // self._source.step_ms)
        return printed(part, start, self._source.step_ms, int(before), draws(self._key, chunk))

    # --- candles

    def minutes(self, from_ms: int, to_ms: int) -> Columns:
        """One-minute candles from `from_ms` (a whole minute) to `to_ms` (exclusive), where the last one is cut."""
        whole = to_ms // MINUTE_MS * MINUTE_MS
        parts = [
            self._minute_part(day, max(from_ms, day * DAY_MS), min(whole, (day + 1) * DAY_MS))
            for day in range(from_ms // DAY_MS, -(-whole // DAY_MS))
        ]
        if to_ms > whole >= from_ms:
            parts.append(self._running(whole, to_ms))
        return _stacked(parts)

    def candles(self, interval_ms: int, from_ms: int, to_ms: int) -> Columns:
        """Candles of an interval from `from_ms` to `to_ms` (exclusive), where the last one is cut.

        Whole days come from cached sums, as far as the interval's grid allows.
        """
        step, made = MINUTE_MS, None
        if interval_ms % DAY_MS == 0 and from_ms % DAY_MS == 0:
            step, made = DAY_MS, self._days
        elif interval_ms % QUARTER_MS == 0 and from_ms % QUARTER_MS == 0:
            step, made = QUARTER_MS, self._quarters
        if made is None:
            return grouped(self.minutes(from_ms, to_ms), interval_ms // MINUTE_MS)
        parts = []
        at, today = from_ms, to_ms // DAY_MS
        for day in range(from_ms // DAY_MS, today):
            parts.append(made(day).part((at - day * DAY_MS) // step, DAY_MS // step))
            at = (day + 1) * DAY_MS
        if to_ms > at:
            parts.append(grouped(self.minutes(at, to_ms), step // MINUTE_MS))
        return grouped(_stacked(parts), interval_ms // step)

    def _minute_part(self, day: int, from_ms: int, to_ms: int) -> Columns:
        lo, hi = (from_ms - day * DAY_MS) // MINUTE_MS, (to_ms - day * DAY_MS) // MINUTE_MS
        minutes = self._minutes(day).part(lo, hi)
        if day * DAY_MS < self.exact_ms or self._from_tape(day):
            return minutes
        hours = [self._paid(hour) for hour in range(from_ms // HOUR_MS, -(-to_ms // HOUR_MS))]
        skip = (from_ms - from_ms // HOUR_MS * HOUR_MS) // MINUTE_MS
        return minutes._replace(paid=np.concatenate([*hours, np.zeros(0, np.int64)])[skip : skip + hi - lo])

    def _running(self, start_ms: int, to_ms: int) -> Columns:
        """The current minute so far."""
        tape = _joined(self._slices(start_ms * MS_NS, to_ms * MS_NS), 0, 0)
        before = self.last(start_ms - 1).price
        return _gathered(tape, np.zeros(len(tape.price), np.int64), 1, before)

    def _from_tape(self, day: int) -> bool:
        """Whether a day's minutes must be built from trades: for replayed candles over a minute, or after a jump that day."""
        jumped = any(day == jump.time_ns // (DAY_MS * MS_NS) for jump in self._jumps)
        return jumped or self._source.step_ms != MINUTE_MS

    def _make_minutes(self, day: int) -> Columns:
        if self._from_tape(day):
            tape = _joined(self._slices(day * DAY_MS * MS_NS, (day + 1) * DAY_MS * MS_NS), 0, 0)
            minute = (tape.time_ns - day * DAY_MS * MS_NS) // (MINUTE_MS * MS_NS)
            return _gathered(tape, minute, DAY_MS // MINUTE_MS, self.last(day * DAY_MS - 1).price)
        raw = self._raw_day(day)
        factor = self._factor(day * DAY_MS * MS_NS)
        open_, high, low, close = (_scaled(column, factor) for column in raw[:4])
        paid = (open_ + high + low + close) // 4 * raw.volume
        return Columns(open_, high, low, close, raw.volume, raw.prints, paid)

    def _make_paid(self, hour: int) -> Ints:
        """The turnover of each minute of an hour."""
        tape = _joined(self._slices(hour * HOUR_MS * MS_NS, (hour + 1) * HOUR_MS * MS_NS), 0, 0)
        minute = (tape.time_ns - hour * HOUR_MS * MS_NS) // (MINUTE_MS * MS_NS)
        return _summed(tape.price * tape.qty, minute, 60)

    def _make_quarters(self, day: int) -> Columns:
        return grouped(self.minutes(day * DAY_MS, (day + 1) * DAY_MS), QUARTER_MS // MINUTE_MS)

    def _make_day(self, day: int) -> Columns:
        return grouped(self.minutes(day * DAY_MS, (day + 1) * DAY_MS), DAY_MS // MINUTE_MS)

    # --- jumps

    def jump(self, t_ms: int, price: int) -> float:
        """Prints a trade at `price` at the end of millisecond t; later trades continue from there. Returns the ratio."""
        ratio = price / self.last(t_ms).price
        time_ns = t_ms * MS_NS + LAST_NS
        if self._jumps:
            time_ns = max(time_ns, self._jumps[-1].time_ns + 1)
        raw = self._raw_tape(t_ms // self._chunk)
        at = int(raw.time_ns.searchsorted((t_ms + 1) * MS_NS)) - 1
        unmoved = int(raw.price[at]) if at >= 0 else raw.before
        self._jumps.append(_Jump(time_ns, price, price / unmoved))
        for cache in (self._tape, self._paid, self._minutes, self._quarters, self._days):
            cache.cache_clear()
        return ratio

    def _factor(self, t_ns: int) -> float:
        """The factor by which jumps before t have moved the price from the path."""
        return next((jump.factor for jump in reversed(self._jumps) if jump.time_ns < t_ns), 1.0)


def grouped(columns: Columns, size: int) -> Columns:
    """Merges every `size` candles into one; the last group may be short. Candles without trades do not affect prices."""
    if size == 1 or not len(columns.open):
        return columns
    starts = np.arange(0, len(columns.open), size)
    traded = columns.prints > 0
    last = columns.close[np.append(starts[1:], len(columns.open)) - 1]
    first = np.minimum.reduceat(np.where(traded, np.arange(len(traded)), len(traded)), starts)
    any_ = first < len(traded)
    volume, prints, paid = (np.add.reduceat(column, starts) for column in columns[4:])
    high = np.maximum.reduceat(np.where(traded, columns.high, 0), starts)
    low = np.minimum.reduceat(np.where(traded, columns.low, np.iinfo(np.int64).max), starts)
    open_ = columns.open[np.minimum(first, len(traded) - 1)]
    open_, high, low = (np.where(any_, column, last) for column in (open_, high, low))
    return Columns(open_, high, low, last, volume, prints, paid)


def _gathered(tape: Prints, bin_: Ints, bins: int, before: int) -> Columns:
    """Candles from binned trades; a bin without trades is flat at the price before it."""
    prints = np.bincount(bin_, minlength=bins).astype(np.int64)
    starts = np.cumsum(prints) - prints
    full = prints > 0
    volume, paid = _summed(tape.qty, bin_, bins), _summed(tape.price * tape.qty, bin_, bins)
    prices = np.append(tape.price, before)
    upto = starts + prints - 1
    close = prices[upto]
    open_, high, low = close.copy(), close.copy(), close.copy()
    if full.any():
        open_[full] = tape.price[starts[full]]
        high[full] = np.maximum.reduceat(tape.price, starts[full])
        low[full] = np.minimum.reduceat(tape.price, starts[full])
    return Columns(open_, high, low, close, volume, prints, paid)


def _summed(values: Ints, bin_: Ints, bins: int) -> Ints:
    """Exact sums per bin."""
    total = np.concatenate(([0], np.cumsum(values)))
    upto = np.searchsorted(bin_, np.arange(1, bins + 1))
    return np.diff(total[upto], prepend=0)


def _stacked(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    empty = np.zeros(0, np.int64)
    return Columns(*(np.concatenate([empty, *(part[i] for part in parts)]) for i in range(7)))


def _cut(tape: Prints, from_ns: int, to_ns: int) -> Prints:
    """The trades in [from, to)."""
    lo, hi = (int(at) for at in tape.time_ns.searchsorted((from_ns, to_ns)))
    before = int(tape.price[lo - 1]) if lo else tape.before
    columns = (tape.time_ns[lo:hi], tape.price[lo:hi], tape.qty[lo:hi], tape.buy[lo:hi])
    return Prints(*columns, tape.first_id + lo, before)


def _joined(pieces: Iterable[Prints], skip: int, limit: int) -> Prints:
    """Joins consecutive pieces of tape, without the first `skip` and the last `-limit` trades."""
    parts = list(pieces)
    empty = np.zeros(0, np.int64)
    if not parts:
        return Prints(empty, empty, empty, empty.astype(np.bool_), 0, 0)
    end = sum(len(part.price) for part in parts) + limit
    times, price, qty, buy = (np.concatenate([part[i] for part in parts])[skip:end] for i in range(4))
    return Prints(times, price, qty, buy, parts[0].first_id + skip, parts[0].before)


def _scaled(prices: Ints, factor: float | Floats) -> Ints:
    scaled: Ints = np.maximum(np.rint(prices * factor), 1).astype(np.int64)
    return scaled


def _with_jumps(raw: Prints, jumps: list[_Jump], start_ns: int, end_ns: int) -> Prints:
    """A chunk of tape with the jumps before it applied and the jumps in it printed."""
    earlier = [jump for jump in jumps if jump.time_ns < start_ns]
    inside = [jump for jump in jumps if start_ns <= jump.time_ns < end_ns]
    entry = earlier[-1].factor if earlier else 1.0
    factor = np.full(len(raw.price), entry)
    for jump in inside:
        factor[raw.time_ns > jump.time_ns] = jump.factor
    price = _scaled(raw.price, factor)
    before = int(_scaled(np.array([raw.before]), entry)[0])
    at = raw.time_ns.searchsorted([jump.time_ns for jump in inside])
    falls = np.diff([before, *(jump.price for jump in inside)]) < 0
    return Prints(
        np.insert(raw.time_ns, at, [jump.time_ns for jump in inside]),
        np.insert(price, at, [jump.price for jump in inside]),
        np.insert(raw.qty, at, int(np.median(raw.qty)) if len(raw.qty) else 1),
        np.insert(raw.buy, at, ~falls),
        raw.first_id + len(earlier),
        before,
    )
