"""Refused stops: when the next attempt may be made, and when a refusal is final, so that the position must be sold.

A position is sold for lack of a stop only after enough final refusals over a long enough time, all while its coins were free.
Any other refusal is retried after growing pauses. Pure; the caller passes the (steady) time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.backoff import Backoff
from bot.domain.clock import SECOND
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Unknown
from bot.engine.stop_plan import Amend

#: The number of counted refusals, and the real ms since the first of them, before a position is sold for lack of a stop.
TIMES, AT_LEAST = 3, 30 * SECOND
#: The pauses after consecutive refusals.
PAUSES = Backoff(SECOND // 2, 2, 10 * SECOND)
#: Refusals of an amend, besides those of class SHAPE, that mean that amending is impossible: the order cannot be found although
#: the exchange shows it, or the exchange does not amend here.
_NOT_THE_WAY = frozenset({ErrorMeaning.GONE, ErrorMeaning.NO_WAY})


@dataclass(slots=True)
class _Refused:
    reason: str
    pause: int
    until: int
    counted: int = 0
    since: int = 0


class Refusals:
    """The refused stops of one account, by the entry of their position."""

    def __init__(self) -> None:
        self._of: dict[str, _Refused] = {}

    def record(self, entry: str, reason: str, now: int, *, counts: bool) -> None:
        """Record a refused stop; it `counts` if the refusal was final and the coins were free."""
        known = self._of.get(entry)
        pause = PAUSES.after(known.pause if known is not None else 0)
        one = self._of.setdefault(entry, _Refused(reason, pause, 0))
        one.reason, one.pause, one.until = reason, pause, now + pause
        if counts:
            one.since = one.since if one.counted else now
            one.counted += 1

    def pauses(self, entry: str, now: int) -> bool:
        """Whether it is too early for another attempt."""
        one = self._of.get(entry)
        return one is not None and one.until - PAUSES.cap_ms <= now < one.until

    def is_final(self, entry: str, now: int) -> bool:
        """Whether the refusals are final."""
        one = self._of.get(entry)
        return one is not None and one.counted >= TIMES and now - one.since >= AT_LEAST

    def reason(self, entry: str) -> str | None:
        """Why the last stop of a position was refused; None if none was refused since a stop last rested."""
        one = self._of.get(entry)
        return None if one is None else one.reason

    def forget(self, entry: str) -> None:
        """The position's stop rests: drop its refusals."""
        self._of.pop(entry, None)

    def keep(self, entries: Collection[str]) -> None:
        """Drop the refusals of all other positions."""
        self._of = {entry: one for entry, one in self._of.items() if entry in entries}


class RefusedAmends:
    """Decides which answers mean that a resting stop cannot be amended at all, rather than not now."""

    def __init__(self) -> None:
        self._final: set[str] = set()
        self._accepted: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}

    def keep(self, entries: Collection[str]) -> None:
        """Drop the amends of the stops of all other positions."""
        self._accepted = {entry: of for entry, of in self._accepted.items() if entry in entries}

    def accepted(self, entry: str, step: Amend) -> bool:
        """The exchange accepted this amend of a stop of the position with this entry. False if it accepted one before that the
        stop does not show: an exchange may accept an amend and drop it.
        """
        of = self._accepted.setdefault(entry, {})
        before = of.get(step.stop.exchange_id, (step.stop.qty, step.stop.trigger_price))
        of[step.stop.exchange_id] = (step.qty, step.trigger)
        return before == (step.stop.qty, step.stop.trigger_price)

    def are_not_the_way(self, stop: str, outcome: NotPlaced | Unknown) -> bool:
        """Whether the answer to an amend of the stop with this exchange id means that it cannot be amended. A final refusal may
        be due to changed rules, so it is believed only the second time, after the rules have been read again.
        """
        if isinstance(outcome, Unknown):
            return outcome.unheard
        if outcome.meaning is ErrorMeaning.REJECTED:
            again = stop in self._final
            self._final ^= {stop}
            return again
        return outcome.meaning.error_class is ErrorClass.SHAPE or outcome.meaning in _NOT_THE_WAY
