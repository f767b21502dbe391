"""Pauses calls when a venue asks for it, for as long as it says, in every program on this host that uses the key."""

from __future__ import annotations

from bot.brokers.base import BrokerError, NoRoom
from bot.brokers.common.failures import Failures
from bot.brokers.common.keylock import KeyFile, PauseLeft
from bot.domain.clock import MINUTE, Clock, Pause
from bot.domain.outcome import ErrorMeaning

#: The longest pause (real ms) that is observed: no venue asks for more, and other users may write to the key's file.
LONGEST = 15 * MINUTE


def asks_for_pause(error: BrokerError) -> bool:
    """Whether an error is a venue's refusal that asks for a pause. (`NoRoom` comes from our own budget.)"""
    asked = error.meaning in (ErrorMeaning.LOCKED_OUT, ErrorMeaning.RATE_LIMITED) and not isinstance(error, NoRoom)
    return asked and error.retry_after_ms > 0


class RequestPause:
    """The pause that a venue requested for a key. The key's file stores it beyond this process; the last known value is kept
    here too, for calls that need no key.
    """

    def __init__(self, clock: Clock, failure: Failures) -> None:
        self._clock = clock
        self._failure = failure
        self._pause = Pause(clock)
        self._locked_out = False

    def begin(self, error: BrokerError) -> None:
        """Start the pause that this error asks for."""
        self._extend(PauseLeft(error.retry_after_ms, error.meaning is ErrorMeaning.LOCKED_OUT))

    def keep(self, file: KeyFile) -> None:
        """Write the pause to the key's file, for all programs with this key."""
        file.set_pause(self._clock.steady_ms(), PauseLeft(self._pause.left(), self._locked_out))

    def learn(self, file: KeyFile) -> None:
        """Read the pause from the key's file, where any program with this key may have written it."""
        self._extend(file.pause_left(self._clock.steady_ms()))

    def check(self) -> None:
        """Raise at once while the pause lasts, without calling the venue."""
        if not (left := self._pause.left()):
            return
        if self._locked_out:
            raise self._failure(ErrorMeaning.LOCKED_OUT, "locked out: not calling", "lockout", left)
        raise self._failure(ErrorMeaning.RATE_LIMITED, f"{self._failure.name} asked for a pause", "throttled", left)

    def beside(self) -> RequestPause:
        """The pause for a thread that only reads candles."""
        return _CandlePause(self._clock, self._failure, self)

    def _extend(self, left: PauseLeft) -> None:
        length = min(left.ms, LONGEST)
        if length > self._pause.left():
            self._pause.begin(length)
            self._locked_out = left.locked_out


class _CandlePause(RequestPause):
    """Observes the key's pause, and a separate one for refusals of candle queries, so that reading candles too fast does not
    delay an order. A lockout applies to everything.
    """

    def __init__(self, clock: Clock, failure: Failures, keys: RequestPause) -> None:
        super().__init__(clock, failure)
        self._keys = keys

    def begin(self, error: BrokerError) -> None:
        if error.meaning is ErrorMeaning.LOCKED_OUT:
            self._keys.begin(error)
        else:
            super().begin(error)

    def keep(self, file: KeyFile) -> None:
        self._keys.keep(file)

    def learn(self, file: KeyFile) -> None:
        self._keys.learn(file)

    def check(self) -> None:
        self._keys.check()
        super().check()
