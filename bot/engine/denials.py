"""Markets and base coins that the owner has denied by command: they take no entries, and what is held of them is cared for to its end.

Beside the setting PAIRS_DENY, which is read once at the start. Owns two facts of the book.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.events import Lasts
from bot.domain.instrument import Instrument
from bot.engine.book import Book

#: Facts of the book: what is denied for good; and what is denied until NIJA restarts, after the name of NIJA's run.
FOR_GOOD, IN_THIS_RUN = "denied", "denied_in_run"


def denied(fact: Callable[[str], str | None], lasts: Lasts) -> frozenset[str]:
    """What a book says is denied for so long, by its facts."""
    if lasts is Lasts.FOR_GOOD:
        return frozenset((fact(FOR_GOOD) or "").split())
    return frozenset((fact(IN_THIS_RUN) or "").split()[1:])


class Denials:
    """What one account's owner has denied. Reads the book at each question, so that every user of it sees the same."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def names(self) -> frozenset[str]:
        """All symbols and base coins that are denied now."""
        return self._of(Lasts.FOR_GOOD) | self._of(Lasts.UNTIL_RESTART)

    def reason(self, instrument: Instrument) -> str:
        """Why the owner wants no entry in a market; "" when nothing of it is denied."""
        for lasts in (Lasts.FOR_GOOD, Lasts.UNTIL_RESTART):
            for name in (instrument.symbol, instrument.base):
                if name in self._of(lasts):
                    return f"{name} is denied {lasts}, or until `nija allow {name}`"
        return ""

    def deny(self, name: str, lasts: Lasts) -> None:
        """The last word on a name counts, also on how long it lasts."""
        self.allow(name)
        self._keep(lasts, self._of(lasts) | {name})

    def allow(self, name: str) -> bool:
        """Whether the name was denied."""
        was = name in self.names()
        for lasts in Lasts:
            self._keep(lasts, self._of(lasts) - {name})
        return was

    def begin(self, run: str) -> None:
        """NIJA's run of this name uses the book now: what was denied until a restart is over, if another run did."""
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
