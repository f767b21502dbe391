"""Pausing when a venue asks for it: for as long as it says, and by every program of this host that uses the key."""

from __future__ import annotations

from bot.brokers.base import BrokerError, NoRoom
from bot.brokers.common.failures import Failures
from bot.brokers.common.keylock import KeyFile, PauseLeft
from bot.domain.clock import MINUTE, Clock, Pause
from bot.domain.outcome import ErrorMeaning

#: A requested pause is kept up to this (real ms): no venue asks for a longer one, and the key's file may be written by others.
LONGEST = 15 * MINUTE


def asks_for_pause(error: BrokerError) -> bool:
    """Whether a refusal asks for a pause of a named length. (Our own budget is no refusal.)"""
    asked = error.meaning in (ErrorMeaning.LOCKED_OUT, ErrorMeaning.RATE_LIMITED) and not isinstance(error, NoRoom)
    return asked and error.retry_after_ms > 0


class RequestPause:
    """The pause that a venue has asked a key for. The key's file has it, and outlives us; what it said last is kept here, for calls
    that need no key.
    """

    def __init__(self, clock: Clock, failure: Failures) -> None:
        self._clock = clock
        self._failure = failure
        self._pause = Pause(clock)
        self._locked_out = False

    def begin(self, error: BrokerError) -> None:
        """The venue has just asked for it."""
        self._extend(PauseLeft(error.retry_after_ms, error.meaning is ErrorMeaning.LOCKED_OUT))

    def keep(self, file: KeyFile) -> None:
        """Tell every program with this key."""
        file.set_pause(self._clock.steady_ms(), PauseLeft(self._pause.left(), self._locked_out))

    def learn(self, file: KeyFile) -> None:
        """Hear from every program with this key."""
        self._extend(file.pause_left(self._clock.steady_ms()))

    def check(self) -> None:
        """Refuse at once, without a call, while it lasts."""
        if not (left := self._pause.left()):
            return
        if self._locked_out:
            raise self._failure(ErrorMeaning.LOCKED_OUT, "locked out: not calling", "lockout", left)
        raise self._failure(ErrorMeaning.RATE_LIMITED, f"{self._failure.name} asked for a pause", "throttled", left)

    def beside(self) -> RequestPause:
        """For a thread that only asks for candles."""
        return _CandlePause(self._clock, self._failure, self)

    def _extend(self, left: PauseLeft) -> None:
        length = min(left.ms, LONGEST)
        if length > self._pause.left():
            self._pause.begin(length)
            self._locked_out = left.locked_out


class _CandlePause(RequestPause):
    """Keeps the pause that the key was asked for, and another for what it is refused itself: candles that were asked for too fast
    keep no order from being sent. A lockout is everybody's.
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
