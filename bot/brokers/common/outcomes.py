"""Requests that change something, alike at every venue: what an order needs, how long it may act, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import BadAnswer
from bot.domain.clock import SECOND
from bot.domain.money import plain
from bot.domain.order import Intent
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Unknown

#: A request that would reach its venue with less than this left (ms) is not worth sending; none may act later than that.
SOONEST, LATEST = 500, 60 * SECOND


class Unsupported(ValueError):
    """The venue has no such order; nothing was sent."""


def needed(price: Decimal | None, what: str) -> str:
    """A price that an order cannot be without, as it is sent."""
    if price is None or price <= 0:
        raise Unsupported(f"an order without its {what}")
    return plain(price)


def act_until(intent: Intent, now: int, usual_ms: int) -> int:
    """Wall time (ms, ours) after which an order must not act: the intent's own, else `usual_ms` from now."""
    return min(intent.deadline or now + usual_ms, now + LATEST - SECOND)


def outcome(send: Callable[[], Outcome]) -> Outcome:
    """How a request ended. An answer that cannot be read, or that no table knows, leaves it unknown."""
    try:
        return send()
    except Unsupported as error:
        return NotPlaced(ErrorMeaning.UNSUPPORTED, str(error))
    except BadAnswer as error:
        return Unknown(f"unreadable answer: {error}")
    except BrokerError as error:
        if error.meaning is ErrorMeaning.UNKNOWN:
            return Unknown(error.text, unheard=error.unheard)
        return NotPlaced(error.meaning, f"{error.text} - {error.remedy}" if error.remedy else error.text)
