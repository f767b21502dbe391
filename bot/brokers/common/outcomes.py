"""From what a venue's request raised to how it ended: the same three values at every venue."""

from __future__ import annotations

from collections.abc import Callable

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import BadAnswer
from bot.domain.outcome import Meaning, NotPlaced, Outcome, Unknown


class Unsupported(ValueError):
    """The venue has no such order; nothing was sent."""


def outcome(send: Callable[[], Outcome]) -> Outcome:
    """How a request ended. An answer that cannot be read, or that no table knows, leaves it unknown."""
    try:
        return send()
    except Unsupported as error:
        return NotPlaced(Meaning.UNSUPPORTED, str(error))
    except BadAnswer as error:
        return Unknown(f"unreadable answer: {error}")
    except BrokerError as error:
        if error.meaning is Meaning.UNKNOWN:
            return Unknown(error.text, unheard=error.unheard)
        return NotPlaced(error.meaning, f"{error.text} - {error.remedy}" if error.remedy else error.text)
