"""What all venues' transports have in common, tested with a made-up venue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.base import BrokerError, NoRoom
from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.failures import Failures
from bot.brokers.common.keylock import KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.transport import Again, Transport
from bot.brokers.common.wire import BoundedSession, trusted
from bot.domain.clock import MINUTE, SystemClock
from bot.domain.log import Event
from bot.domain.outcome import ErrorMeaning
from tests.notes import Notes

failure = Failures(
    "venue", "Venue", dict.fromkeys(("lockout", "throttled", "unreachable", "in_use"), "what the owner can do")
)


@dataclass(frozen=True)
class Config:
    state_dir: Path
    api_url: str = ""
    key: str = "a key"
    mode: str = "sandbox"
    environment: str = "main"
    allow_withdraw: bool = False
    ca_file: str | None = None
    read_seconds: float = 2.0
    order_seconds: float = 2.0


class Refused(Exception):
    def __init__(self, meant: BrokerError) -> None:
        super().__init__(str(meant))
        self.meant = meant


class Client:
    refused = Refused

    def __init__(self) -> None:
        self.session = BoundedSession(trusted())

    def refusal(self, error: Exception) -> BrokerError:
        assert isinstance(error, Refused)
        return error.meant


class Venue(Transport[Client]):
    """A venue that gives scripted answers."""

    def __init__(self, folder: Path, notes: Notes | None = None) -> None:
        super().__init__(Config(folder), SystemClock(), notes or Notes(), failure, Client)
        self.full = 0

    def private(self, says: Callable[[], Any], *, sent: bool = True, again: Again | None = None) -> Any:
        deadline = self.deadline(2)

        def ask(client: Client) -> Any:
            client.session.sockets.sent = sent
            return says()

        def call() -> Any:
            with self._turn(deadline) as file, self._recording_refusals(deadline, file):
                return self._sender.call(ask, deadline)

        return self._question(call, deadline, again or {})

    def public(self, says: Callable[[], Any]) -> Any:
        deadline = self.deadline(2)
        self._request_pause.check()
        with self._recording_refusals(deadline):
            return self._sender.call(lambda _: says(), deadline)

    def waits(self, wait: Callable[[], None]) -> None:
        self._question(lambda: self._admitted(wait), self.deadline(2), {ErrorMeaning.RATE_LIMITED: (0.0,)})

    def _refused(self) -> None:
        self.full += 1


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    with closing(Venue(tmp_path)) as one:
        yield one


def saying(*errors: BrokerError | Exception | None) -> Callable[[], str]:
    """Raises these one after another, then answers."""
    left = list(errors)

    def say() -> str:
        error = left.pop(0) if left else None
        if error is None:
            return "fine"
        raise Refused(error) if isinstance(error, BrokerError) else error

    return say


def failed(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("error", [OSError("reset"), ValueError("no JSON"), KeyError("code"), RecursionError()])
def test_whatever_an_sdk_raises_a_question_has_failed(venue: Venue, error: Exception) -> None:
    assert failed(lambda: venue.private(saying(error))).meaning is ErrorMeaning.BUSY
    assert venue.private(saying()) == "fine"


def test_a_question_is_asked_again_as_often_as_the_table_says(venue: Venue) -> None:
    again: Again = {ErrorMeaning.NONCE: (0.01, 0.01)}
    nonce, odd = failure(ErrorMeaning.NONCE, "no"), failure(ErrorMeaning.UNKNOWN, "odd", unheard=True)
    assert venue.private(saying(nonce, nonce), again=again) == "fine"
    assert failed(lambda: venue.private(saying(nonce, nonce, nonce), again=again)).meaning is ErrorMeaning.NONCE
    error = failed(lambda: venue.private(saying(odd), again=again))
    assert (error.meaning, error.unheard) == (ErrorMeaning.BUSY, True)


def test_our_own_budget_is_no_refusal_and_not_asked_again(venue: Venue) -> None:
    asked: list[int] = []

    def spent() -> None:
        asked.append(1)
        raise OverBudget("calls", 7_000)

    error = failed(lambda: venue.waits(spent))
    assert isinstance(error, NoRoom)
    assert (error.meaning, error.retry_after_ms, len(asked), venue.full) == (ErrorMeaning.RATE_LIMITED, 7_000, 1, 0)


def test_a_refusal_for_the_rate_fills_the_counter_and_only_a_named_time_is_kept_silent(venue: Venue) -> None:
    failed(lambda: venue.private(saying(failure(ErrorMeaning.RATE_LIMITED, "slow down"))))
    assert venue.full == 1
    assert venue.private(saying()) == "fine"
    failed(lambda: venue.private(saying(failure(ErrorMeaning.RATE_LIMITED, "slow down", "", MINUTE))))
    assert venue.full == 2
    for ask in (venue.private, venue.public):
        error = failed(lambda each=ask: each(saying()))  # type: ignore[misc]
        assert error.text == "Venue asked for a pause"
    assert venue.full == 2  # the pause is our own, so the counter is not filled again


@pytest.mark.parametrize("public", [True, False])
def test_another_program_with_the_key_is_silent_too(venue: Venue, tmp_path: Path, public: bool) -> None:
    ask = venue.public if public else venue.private
    failed(lambda: ask(saying(failure(ErrorMeaning.LOCKED_OUT, "go away", "", MINUTE))))
    with closing(Venue(tmp_path)) as other:
        assert failed(lambda: other.private(saying())).meaning is ErrorMeaning.LOCKED_OUT
        assert failed(lambda: other.public(saying())).meaning is ErrorMeaning.LOCKED_OUT


def test_a_silence_that_cannot_be_told_is_kept_here_and_said(tmp_path: Path) -> None:
    notes = Notes()
    with closing(Venue(tmp_path, notes)) as venue:
        holder = KeyLock.of(tmp_path, "sandbox", "venue", "main", "a key")
        with closing(holder), holder.held(WaitLimit(lambda: 0).deadline(5)):
            venue.public(saying())  # open the session before the clock starts
            venue.limit_calls(0.3)
            failed(lambda: venue.public(saying(failure(ErrorMeaning.RATE_LIMITED, "slow down", "", MINUTE))))
        assert failed(lambda: venue.public(saying())).text == "Venue asked for a pause"
    assert notes.events == [Event.PAUSE_NOT_SHARED]


def test_nothing_leaves_once_it_is_closed(venue: Venue) -> None:
    venue.private(saying())
    venue.close()
    venue.close()
    sent: list[int] = []
    assert failed(lambda: venue.public(lambda: sent.append(1))).meaning is ErrorMeaning.BUSY
    assert failed(lambda: venue.private(lambda: sent.append(1))).meaning is ErrorMeaning.BUSY
    assert sent == []


def test_candles_are_not_asked_for_in_less_time_while_coins_lie_without_a_stop(venue: Venue) -> None:
    """Nothing waits for candles, and with a shorter time-out a slow exchange would return none in that time."""
    beside = venue.beside()
    venue.limit_calls(0.5)
    assert venue.deadline(5).left() <= 0.5
    assert beside.deadline(5).left() > 4
    assert venue.beside().deadline(5).left() > 4


def test_candles_end_with_everything_else_in_a_hurry(venue: Venue) -> None:
    before, beside = venue.beside().deadline(5), venue.beside()
    venue.hurry(SystemClock().wall_ms() + 500)
    assert before.left() <= 0.5
    assert beside.deadline(5).left() <= 0.5
