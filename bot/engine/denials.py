"""Markets and base coins that the owner has denied by command: they get no entries, but open positions are managed to their end.

This is in addition to the setting PAIRS_DENY, which is read once at the start. Owns two entries of the stored state.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.events import Lasts
from bot.domain.instrument import Instrument
from bot.engine.book import Book

#: Names of stored state: what is denied for good; and NIJA's run with what is denied until NIJA restarts.
FOR_GOOD, IN_THIS_RUN = "denied", "denied_in_run"


def denied(fact: Callable[[str], str | None], lasts: Lasts) -> frozenset[str]:
    """The names that stored state denies for this long."""
    if lasts is Lasts.FOR_GOOD:
        return frozenset((fact(FOR_GOOD) or "").split())
    return frozenset((fact(IN_THIS_RUN) or "").split()[1:])


class Denials:
    """What the owner of one account has denied. Reads the book each time, so that all users see the same."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def names(self) -> frozenset[str]:
        """All symbols and base coins that are denied now."""
        return self._of(Lasts.FOR_GOOD) | self._of(Lasts.UNTIL_RESTART)

    def reason(self, instrument: Instrument) -> str:
        """Why the owner wants no entry in a market; "" if neither it nor its coin is denied."""
        for lasts in (Lasts.FOR_GOOD, Lasts.UNTIL_RESTART):
            for name in (instrument.symbol, instrument.base):
                if name in self._of(lasts):
                    return f"{name} is denied {lasts}, or until `nija allow {name}`"
        return ""

    def deny(self, name: str, lasts: Lasts) -> None:
        """Deny a name. The latest command for a name decides, also on how long it lasts."""
        self.allow(name)
        self._keep(lasts, self._of(lasts) | {name})

    def allow(self, name: str) -> bool:
        """Lift the denial of a name; returns whether it was denied."""
        was = name in self.names()
        for lasts in Lasts:
            self._keep(lasts, self._of(lasts) - {name})
        return was

    def begin(self, run: str) -> None:
        """Start using the book in NIJA's run `run`. If the last run was another, denials until a restart are over."""
        if self._run() != run:
            self._book.set_state(IN_THIS_RUN, run)

    def _of(self, lasts: Lasts) -> frozenset[str]:
        return denied(self._book.get_state, lasts)

    def _keep(self, lasts: Lasts, names: frozenset[str]) -> None:
        if lasts is Lasts.FOR_GOOD:
            self._book.set_state(FOR_GOOD, " ".join(sorted(names)) or None)
        else:
            self._book.set_state(IN_THIS_RUN, " ".join([self._run(), *sorted(names)]))

    def _run(self) -> str:
        return (self._book.get_state(IN_THIS_RUN) or "-").split()[0]
