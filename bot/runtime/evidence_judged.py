"""Whether there is evidence that what an account trades has earned on candles of the past, and what to do if there is none.

Pure: the files' contents, the account's terms and the time in; words out.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bot.domain.candles import parse_timeframe
from bot.domain.clock import DAY, iso
from bot.runtime.evidence import Evidence, Terms

#: Older evidence than this (wall ms) is stale: markets change.
STALE = 90 * DAY
EARNS = "earns"
#: The folder of candles where no backtest has named one, as in the docs.
CANDLES = "candles"
#: Of these a larger value is the tighter limit.
_TIGHTER_ABOVE = frozenset({"LOSS_COOLDOWN_MINUTES"})
_MOST_NAMED = 3


class EvidenceAsked(NamedTuple):
    """What every account is asked for: `terms` are those that are traded but for the account's own fee and short sales, `shorting`
    the exchanges where NIJA sells short. `required` blocks entries without evidence.
    """

    data_dir: Path
    terms: Terms
    shorting: frozenset[str]
    required: bool

    def finding(self, known: Sequence[Evidence], venue: str, fee: float, now: int) -> Finding:
        """What there is for an account that pays this fee, a fraction; `now` is wall ms."""
        return judged(known, self.terms._replace(fee=fee, shorts=venue in self.shorting), venue, now)


class Finding(NamedTuple):
    """What there is for an account: `earns` only if it fits in everything and earned. `tested` is the backtest that was looked at
    in one line ("" for none), `command` makes or renews it.
    """

    earns: bool
    reason: str
    tested: str
    command: str

    @property
    def line(self) -> str:
        """All of it, for a place with one line."""
        return "; ".join(part for part in (self.reason, self.tested) if part) + f": {self.command}"


def judged(known: Sequence[Evidence], traded: Terms, venue: str, now: int) -> Finding:
    """Look at the backtest that comes nearest to what is traded. Of several that fit, the one with the fee nearest to the
    account's and then the most trades counts, so that a quick try does not replace a year; `now` is wall ms.
    """
    nearest = max(
        (one for one in known if _is_of(one.terms, traded)),
        key=lambda one: _nearness(one, traded, now),
        default=None,
    )
    command = command_for(traded, venue, nearest)
    if nearest is None:
        return Finding(earns=False, reason=f"no backtest of {traded.rule} is known", tested="", command=command)
    wrong = next(filter(None, _differences(nearest, traded, now)), "")
    tested = "; ".join([nearest.sentence, _scope(nearest)]) if wrong else _scope(nearest)
    return Finding(not wrong and nearest.verdict == EARNS, wrong or nearest.sentence, tested, command)


def command_for(traded: Terms, venue: str, nearest: Evidence | None = None) -> str:
    """The command that makes evidence for these terms, over the same candles as the last time."""
    data = CANDLES if nearest is None else nearest.data
    shorts = " --shorts" if traded.shorts else ""
    return f"./start.sh backtest --data {shlex.quote(data)} --broker {venue} --fee {traded.fee:.10g}{shorts}"


def _is_of(terms: Terms, traded: Terms) -> bool:
    """Whether both are of one rule: by name, or by its text in a file that was moved."""
    own, other = (one.rule.rpartition(":")[2] for one in (terms, traded))
    return terms.rule == traded.rule or (own == other and terms.source == traded.source)


def _nearness(one: Evidence, traded: Terms, now: int) -> tuple[float, ...]:
    differences = list(_differences(one, traded, now))
    agrees = next((at for at, wrong in enumerate(differences) if wrong), len(differences))
    return (agrees, -abs(one.terms.fee - traded.fee), one.trades, one.made)


def _scope(one: Evidence) -> str:
    pairs = one.pairs[0] if len(one.pairs) == 1 else f"{len(one.pairs)} pairs"
    since, until, made = (iso(ms)[:10] for ms in (one.since, one.until, one.made))
    return f"{one.trades:,} trades of {pairs}, {since} to {until}, fee {one.terms.fee:.3%}, made {made}"


# -- how a backtest differs from what is traded -----------------------------------------------------------------------
def _differences(one: Evidence, traded: Terms, now: int) -> Iterator[str]:
    """What each comparison says, the weightiest first; "" where it fits."""
    tested = one.terms
    same_timeframe = parse_timeframe(tested.timeframe) == parse_timeframe(traded.timeframe)
    yield "" if same_timeframe else f"backtested at {tested.timeframe}: traded at {traded.timeframe}"
    yield "" if tested.source == traded.source else "its source has changed since it was backtested"
    yield _named("backtested with other parameters", _other_params(tested.params, traded.params))
    yield _shorts(tested, traded)
    too_cheap = tested.fee < traded.fee
    yield f"backtested at a fee of {tested.fee:.3%}: the account pays {traded.fee:.3%}" if too_cheap else ""
    yield _limits(tested, traded)
    stale = now - one.made > STALE
    yield f"backtested on {iso(one.made)[:10]}: stale after {STALE // DAY} days" if stale else ""


def _shorts(tested: Terms, traded: Terms) -> str:
    if tested.shorts == traded.shorts:
        return ""
    return "backtested without short sales" if traded.shorts else "backtested with short sales: not made here"


def _other_params(tested: Mapping[str, Any], traded: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*tested, *traded}):
        if tested.get(name) != traded.get(name):
            yield f"{name} {_shown(tested.get(name))} (traded: {_shown(traded.get(name))})"


def _limits(tested: Terms, traded: Terms) -> str:
    if tested.limits is None:
        return "backtested without your limits"
    slots = [f"{tested.slots} slots (traded: {traded.slots})"] if tested.slots > traded.slots else []
    return _named("backtested with looser limits", [*slots, *_looser(tested.limits, traded.limits or {})])


def _looser(tested: Mapping[str, float | None], traded: Mapping[str, float | None]) -> Iterator[str]:
    for name, limit in traded.items():
        was, is_now = (_strictness(name, value) for value in (tested.get(name), limit))
        if was < is_now:
            yield f"{name} {_shown(tested.get(name))} (traded: {_shown(limit)})"


def _strictness(name: str, value: float | None) -> float:
    if value is None:
        return -math.inf
    return value if name in _TIGHTER_ABOVE else -value


def _named(what: str, differences: Iterable[str]) -> str:
    found = list(differences)
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"{what}: {', '.join(found[:_MOST_NAMED])}{more}" if found else ""


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case float():
            return f"{value:g}"
    return str(value)
