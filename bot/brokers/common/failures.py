"""How a venue's failures are made: each is a `BrokerError` with the remedy that its table names.

What a broken connection, an unreadable answer and a question without an answer mean is the same at every venue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bot.brokers.base import BrokerError, NoRoom
from bot.brokers.common.answers import BadAnswer
from bot.brokers.common.rate_limits import OverBudget
from bot.domain.outcome import ErrorClass, ErrorMeaning
from bot.domain.text import safe_text

T = TypeVar("T")

#: Of several errors that a table knows, the one from which the least follows.
_MILDEST = (
    ErrorClass.UNKNOWN,
    ErrorClass.PASSING,
    ErrorClass.MARKET,
    ErrorClass.SHAPE,
    ErrorClass.FINAL,
    ErrorClass.ACCOUNT,
)


class Meant(Protocol):
    """A row of a venue's table: what its word means, and the name of the remedy ("" for none)."""

    @property
    def meaning(self) -> ErrorMeaning: ...
    @property
    def remedy(self) -> str: ...


R = TypeVar("R", bound=Meant)


def usual_remedies(name: str, variable: str) -> dict[str, str]:
    """What the owner of an account can do about troubles that every venue has; `variable` is the setting of its address."""
    return {
        "unreachable": f"{name} cannot be reached or does not answer: check the network, and {variable} if you set it; "
        "NIJA tries again by itself",
        "tls": f"{name}'s certificate is not trusted: check this computer's clock, its root certificates and NIJA_CA_FILE",
        "in_use": "another program on this host is using this key right now: stop it, or make a new API key for NIJA alone",
        "clock": f"set this computer's clock (switch on NTP): it differs from {name}'s by {{seconds}} s",
    }


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of one venue. `name` is what people call it, `facts` fill the gaps of remedies when nothing better is known."""

    venue: str
    name: str
    remedies: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        meaning: ErrorMeaning,
        text: object,
        remedy: str = "",
        retry_after_ms: int = 0,
        *,
        unheard: bool = False,
        **facts: str,
    ) -> BrokerError:
        """A failure with the named remedy filled in."""
        line, words = self._line(remedy, facts), safe_text(text)
        return BrokerError(self.venue, meaning, words, remedy=line, retry_after_ms=retry_after_ms, unheard=unheard)

    def no_room(self, error: OverBudget) -> NoRoom:
        """Our own budget is spent: nothing was sent."""
        line = self._line("throttled", {})
        return NoRoom(self.venue, ErrorMeaning.RATE_LIMITED, str(error), remedy=line, retry_after_ms=error.wait_ms)

    def of_transport(self, error: Exception, *, sent: bool) -> BrokerError:
        """What a broken connection or an unreadable answer means: certain only when no byte of the request left."""
        text = f"{type(error).__name__}: {error}"
        if sent:
            return self(ErrorMeaning.UNKNOWN, f"no usable answer: {text}", "unreachable")
        remedy = "tls" if "CERTIFICATE_VERIFY_FAILED" in text else "unreachable"
        return self(ErrorMeaning.BUSY, f"not sent: {text}", remedy)

    def understood(self, read: Callable[[], T]) -> T:
        """What a parser makes of an answer; an answer it cannot read is no answer (nothing happened, ask again)."""
        try:
            return read()
        except BadAnswer as error:
            raise self(ErrorMeaning.BUSY, f"unreadable answer: {error}") from error

    def _line(self, remedy: str, facts: Mapping[str, str]) -> str:
        return self.remedies[remedy].format(**{**self.facts, **facts}) if remedy else ""


def of_question(error: BrokerError) -> BrokerError:
    """What the failure of a question means: UNKNOWN is for requests that change something, a question has only failed."""
    return BrokerError(error.venue, ErrorMeaning.BUSY, error.text, remedy=error.remedy, unheard=error.unheard)


def mildest(rows: Iterable[tuple[R | None, str]]) -> tuple[R | None, str]:
    """Of an answer's errors, each with its row of the table, the one that counts: one that the table lacks, else UNKNOWN, else
    the one from which the least follows.
    """
    return min(rows, key=lambda each: _reach(each[0]))


def _reach(row: Meant | None) -> int:
    if row is None:
        return -2
    return -1 if row.meaning is ErrorMeaning.UNKNOWN else _MILDEST.index(row.meaning.error_class)
