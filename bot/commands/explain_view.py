"""`nija explain` for people: a line for each close, every condition of one close, or a day's counts by gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby

from bot.commands.explain import SIDES, Counts, Decision
from bot.commands.show import columns, moment, say, table, whose
from bot.domain.clock import SECOND, iso
from bot.domain.ids import Account
from bot.domain.judgement import Condition
from bot.domain.money import plain, shortened

#: Digits of a number that is compared with another.
DIGITS = 8
#: A time span that means "none": no event of a calendar is so far away (ms).
_NEVER = 1e15
_NOTHING = "nothing decided"
#: Where the words of a close begin in its line.
_WORDS_AT = 42
_WHY_NOTHING = "NIJA did not run, its exchange did not answer, or the market was not among its own"


def show_closes(symbol: str, found: Sequence[Decision]) -> None:
    """A line for each close, the newest last."""
    nothing_decided = False
    for account, of_account in groupby(found, key=lambda one: one.account):
        say(f"{_title(account)} {symbol}: what was decided at each close (UTC)", "")
        closes = list(_closes(list(of_account)))
        say(*closes, "", indent=_WORDS_AT)
        nothing_decided |= any(line.endswith(_NOTHING) for line in closes)
    if nothing_decided:
        say(f"Where nothing was decided, {_WHY_NOTHING}.")
    say("All conditions of one close: --at, such as --at " + _minute(found[-1].judgement.candle).replace(" ", "T"))


def show_close(symbol: str, found: Sequence[Decision]) -> None:
    """Every condition that was checked at one close."""
    for one in found:
        say(f"{_title(one.account)} {symbol}, close of {moment(one.judgement.candle)}: {_sentence(one)}", "")
        rows = [(row.name, *_numbers(row), "yes" if row.held else "no") for row in one.conditions]
        if rows:
            table(columns("condition, value, limit, met"), rows)
        else:
            say("the strategy shows no conditions of its own")
        say("")


def nothing(symbol: str, at: int | None, markets: Sequence[str]) -> str:
    """Why there is nothing to show."""
    if at is not None and symbol in markets:
        return f"{symbol}, {moment(at)}: {_NOTHING}; {_WHY_NOTHING}"
    judged = f"was not judged: the judged markets are {', '.join(markets)}" if markets else "was not judged yet"
    return f"{symbol} {judged} (PAIRS_ALLOW, PAIRS_DENY and MAX_PAIRS choose)"


def show_counts(found: Sequence[Counts]) -> None:
    """How the day's closes ended, by account."""
    for one in found:
        say(f"{_title(one.account)} on {iso(one.day)[:10]} (UTC): {one.judged} closes judged, {one.entered} entered")
        if one.gates:
            table(columns("gate, closes", "closes"), [(gate, str(count)) for gate, count in one.gates.most_common()])
        say("")


def _title(account: Account) -> str:
    play = whose(account.mode)
    return f"{account.key.label} ({play})" if play else account.key.label


def _closes(found: Sequence[Decision]) -> Iterator[str]:
    expected: int | None = None
    for one in found:
        candle, step = one.judgement.candle, one.judgement.timeframe_ms
        if expected is not None and candle > expected:
            until = f" to {_minute(candle - step)}" if candle - step > expected else ""
            yield f"{_minute(expected)}{until}  {_NOTHING}"
        expected = candle + step
        side, gate = SIDES[one.judgement.side] or "-", one.gate
        yield f"{_minute(candle)}  {side:<5}  {gate.name if gate else '-':<15}  {_words(one)}"


def _minute(at: int) -> str:
    return iso(at)[:16].replace("T", " ")


def _sentence(one: Decision) -> str:
    side, gate = SIDES[one.judgement.side], one.gate
    about = f"{side}, " if side else ""
    return f"{about}{_words(one)}" if gate is None else f"{about}no entry because of {gate.name}: {_words(one)}"


def _words(one: Decision) -> str:
    gate = one.gate
    if one.orders:
        qty, price = one.bought
        return f"entered {plain(qty)} at {plain(shortened(price))}"
    if gate is None:
        return "an order was sent, but no fill of it is known"
    if one.judgement.words:
        return one.judgement.words
    value, limit = _numbers(gate)
    return value if isinstance(gate.value, str) else f"{value} against {limit}"


def _numbers(one: Condition) -> tuple[str, str]:
    shown = _UNITS.get(one.name, _number)
    return _shown(one.value, shown), _shown(one.limit, shown)


def _shown(value: float | str, number: Callable[[float], str]) -> str:
    return value if isinstance(value, str) else number(value)


def _number(value: float) -> str:
    return plain(shortened(Decimal(repr(value)), DIGITS)) if math.isfinite(value) else "-"


def _time(value: float) -> str:
    return moment(int(value)) if value > 0 else "never"


def _seconds(value: float) -> str:
    return f"{value / SECOND:.0f} s" if value < _NEVER else "none"


#: The gates whose numbers are times (ms).
_UNITS: Mapping[str, Callable[[float], str]] = {"stopped_out": _time, "news": _seconds, "balances": _seconds}
