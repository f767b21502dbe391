"""What order requests have in common at every venue: required prices, the deadline, and the outcome."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import BadAnswer
from bot.domain.clock import SECOND
from bot.domain.money import plain
from bot.domain.order import Intent
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Unknown

#: A request with less than SOONEST left (ms) is not worth sending; none may take effect later than LATEST (ms) from now.
SOONEST, LATEST = 500, 60 * SECOND


class Unsupported(ValueError):
    """The venue has no such order; nothing was sent."""


def needed(price: Decimal | None, what: str) -> str:
    """A required price, as it is sent; raises `Unsupported` if it is missing."""
    if price is None or price <= 0:
        raise Unsupported(f"an order without a {what}")
    return plain(price)


def act_until(intent: Intent, now: int, usual_ms: int) -> int:
    """Our wall time (ms) after which an order must not take effect: the intent's deadline, else `usual_ms` from now."""
    return min(intent.deadline or now + usual_ms, now + LATEST - SECOND)


def outcome(send: Callable[[], Outcome]) -> Outcome:
    """The outcome of a request. An answer that cannot be read, or that no table lists, leaves it unknown."""
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
