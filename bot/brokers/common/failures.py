"""Builds a venue's failures: each is a `BrokerError` with a remedy from the venue's table.

A broken connection, an unreadable answer and a failed query mean the same at every venue.
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

#: Error classes from the fewest consequences to the most: of several known errors, the first one here counts.
_MILDEST = (
    ErrorClass.UNKNOWN,
    ErrorClass.PASSING,
    ErrorClass.MARKET,
    ErrorClass.SHAPE,
    ErrorClass.FINAL,
    ErrorClass.ACCOUNT,
)


class Meant(Protocol):
    """A row of a venue's error table: what the error means, and the name of its remedy ("" for none)."""

    @property
    def meaning(self) -> ErrorMeaning: ...
    @property
    def remedy(self) -> str: ...


R = TypeVar("R", bound=Meant)


def usual_remedies(name: str, variable: str) -> dict[str, str]:
    """Remedies for the problems that every venue has. `variable` is the setting with the venue's address."""
    return {
        "unreachable": f"{name} cannot be reached or does not answer: check the network, and {variable} if you set it; "
        "NIJA keeps retrying",
        "tls": f"{name}'s certificate is not trusted: check this computer's clock, its root certificates and NIJA_CA_FILE",
        "in_use": "another program on this host is using this key right now: stop it, or create an API key that only NIJA uses",
        "clock": f"set this computer's clock (switch on NTP): it differs from {name}'s by {{seconds}} s",
    }


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of one venue. `name` is its display name; `facts` are the default values for the fields in remedies."""

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
        """A failure with the named remedy, its fields filled in from `facts`."""
        line, words = self._line(remedy, facts), safe_text(text)
        return BrokerError(self.venue, meaning, words, remedy=line, retry_after_ms=retry_after_ms, unheard=unheard)

    def no_room(self, error: OverBudget) -> NoRoom:
        """The failure for a call that our own rate budget has no room for: nothing was sent."""
        line = self._line("throttled", {})
        return NoRoom(self.venue, ErrorMeaning.RATE_LIMITED, str(error), remedy=line, retry_after_ms=error.wait_ms)

    def of_transport(self, error: Exception, *, sent: bool) -> BrokerError:
        """The failure for a broken connection or an unreadable answer. Certain only if no byte of the request was sent."""
        text = f"{type(error).__name__}: {error}"
        if sent:
            return self(ErrorMeaning.UNKNOWN, f"no usable answer: {text}", "unreachable")
        remedy = "tls" if "CERTIFICATE_VERIFY_FAILED" in text else "unreachable"
        return self(ErrorMeaning.BUSY, f"not sent: {text}", remedy)

    def understood(self, read: Callable[[], T]) -> T:
        """The result of `read`, a parser. An answer to a query that it cannot read becomes BUSY: nothing happened, ask again."""
        try:
            return read()
        except BadAnswer as error:
            raise self(ErrorMeaning.BUSY, f"unreadable answer: {error}") from error

    def _line(self, remedy: str, facts: Mapping[str, str]) -> str:
        return self.remedies[remedy].format(**{**self.facts, **facts}) if remedy else ""


def of_question(error: BrokerError) -> BrokerError:
    """The same failure for a query, which changes nothing: BUSY instead of UNKNOWN."""
    return BrokerError(error.venue, ErrorMeaning.BUSY, error.text, remedy=error.remedy, unheard=error.unheard)


def mildest(rows: Iterable[tuple[R | None, str]]) -> tuple[R | None, str]:
    """The error that counts among those of one answer, each given with its table row: one that the table lacks, else UNKNOWN,
    else the one with the fewest consequences.
    """
    return min(rows, key=lambda each: _reach(each[0]))


def _reach(row: Meant | None) -> int:
    if row is None:
        return -2
    return -1 if row.meaning is ErrorMeaning.UNKNOWN else _MILDEST.index(row.meaning.error_class)
