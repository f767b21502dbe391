"""The operator's word: how a flattening is carried out, and what ends a halt."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain.clock import SystemClock
from bot.domain.events import Command, Lasts, Verb
from bot.domain.ids import Account
from bot.domain.log import Event, Halt
from bot.engine.denials import Denials
from bot.engine.flatten import Progress
from bot.runtime.operator_commands import OperatorCommands
from bot.store.pending_commands import BY_RESUME, FLATTENING, STOPPED, call_back, is_done, post, unassigned, waiting
from bot.store.reader import Books, Posted
from bot.strategy.gates import Gate
from tests.notes import Notes
from tests.store.cases import KRAKEN, ledger


def blocked_by(commands: OperatorCommands) -> Gate | None:
    found = commands.blocked_by(stopping=False, exchange="online", watching=False)
    return None if found is None else found.gate


@pytest.mark.parametrize("halted", [True, False])
def test_a_resume_says_that_this_is_the_only_nija_again_where_another_had_been_seen(
    halted: bool, tmp_path: Path
) -> None:
    facts: dict[str, str | None] = {"second_instance": "nj-other"} if halted else {}
    ledger: Any = SimpleNamespace(
        get_state=facts.get, set_state=facts.__setitem__, commands=list, answer=lambda *_: None, blocked_by=""
    )
    business: Any = SimpleNamespace(resume=lambda: None, oms=SimpleNamespace(clock=SystemClock()))
    notes: Any = Notes()
    commands = OperatorCommands(ledger, business, tmp_path / "EMERGENCY_STOP", notes, watch_only=False)
    assert (blocked_by(commands) is Gate.SECOND_INSTANCE) is halted
    for _ in range(2):
        commands.execute(Command(Verb.RESUME))
    assert blocked_by(commands) is None
    assert [fields["limit"] for fields in notes.said(Event.RESUMED)] == [Halt.SECOND_INSTANCE] * halted


def test_a_flattening_that_no_attempt_brings_on_is_tried_with_waits_that_grow(tmp_path: Path) -> None:
    now, tried, left = 0, [], ["XRP-USDT"]

    def step(_: str) -> list[str]:
        tried.append(now)
        return left

    flattening = SimpleNamespace(left=lambda: left, step=step)
    business = SimpleNamespace(flattening=flattening, oms=SimpleNamespace(clock=SimpleNamespace(steady_ms=lambda: now)))
    ledger = SimpleNamespace(
        get_state=lambda name: "1" if name == "flattening" else None, set_state=lambda *_: None, blocked_by=""
    )
    ledger.commands = lambda: [SimpleNamespace(verb=Verb.FLATTEN, number=1)]
    commands = OperatorCommands(
        cast("Any", ledger), cast("Any", business), tmp_path / "EMERGENCY_STOP", cast("Any", Notes()), watch_only=False
    )
    while now <= 8_000:
        commands.poll()
        now += 10
    assert tried == [0, 10, 260, 760, 1_760, 3_760, 5_760, 7_760]
    left = ["ETH-USDT"]
    commands.poll()
    assert tried[-1] == now, "it was brought on: no wait"


# -- one position, one market


class Hand:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0

    def steady_ms(self) -> int:
        return self.now


@pytest.fixture
def given(tmp_path: Path) -> SimpleNamespace:
    """A desk on a real book, in front of a business that sells when a test says how; `texts` is what it answers."""
    book = ledger(tmp_path)
    clock, log, texts = Hand(), Notes(), [Progress(done=False, text="no answer")]
    denials = Denials(book)
    held: list[str] = []
    steps: list[str] = []
    flattening = SimpleNamespace(
        sell_one=lambda *_: tries.append(clock.now) or texts[-1],
        left=lambda: list(held),
        step=lambda reason: steps.append(reason) or list(held),
    )
    business: Any = SimpleNamespace(
        flattening=flattening,
        oms=SimpleNamespace(clock=clock),
        deny=lambda name, lasts: denials.deny(name, lasts) or name == "DOGE",
        allow=denials.allow,
        resume=lambda: None,
    )
    tries: list[int] = []
    commands = OperatorCommands(book, business, tmp_path / "EMERGENCY_STOP", cast("Any", log), watch_only=False)
    where = Books(tmp_path).where(KRAKEN.key)
    return SimpleNamespace(
        book=book,
        clock=clock,
        log=log,
        texts=texts,
        tries=tries,
        oms=commands,
        books=Books(tmp_path),
        where=where,
        held=held,
        steps=steps,
    )


def result(given: SimpleNamespace, posted: Posted) -> str | None:
    found: str | None = given.books.reply(posted).result
    return found


def test_a_sale_is_tried_with_waits_that_grow_until_it_is_done_and_then_answered_once(given: SimpleNamespace) -> None:
    posted = post(given.where, Verb.SELL, KRAKEN, "BTC-USD", "E1")
    assert given.oms.poll()
    while given.clock.now < 6_000:
        given.clock.now += 10
        assert not given.oms.poll(), "an order at work is no news"
    assert given.tries == [0, 10, 260, 760, 1_760, 3_760, 5_760]
    assert result(given, posted) is None
    given.texts.append(Progress(done=True, text="BTC-USD sold: 1 at 100"))
    given.clock.now += 2_000
    given.oms.poll()
    given.oms.poll()
    assert result(given, posted) == "BTC-USD sold: 1 at 100"
    assert len(given.tries) == 8
    assert [one.get("result") for one in given.log.said(Event.COMMAND)] == [None, "no answer", "BTC-USD sold: 1 at 100"]


def test_a_sale_that_is_called_back_is_not_tried_again(given: SimpleNamespace) -> None:
    post(given.where, Verb.SELL, KRAKEN, "BTC-USD", "E1")
    given.oms.poll()
    call_back(waiting(given.books), "cancelled by the operator")
    given.clock.now += 60_000
    given.oms.poll()
    assert len(given.tries) == 1
    assert given.log.said(Event.COMMAND)[-1]["result"] == "cancelled; so far: no answer"


def test_a_resume_makes_neither_a_sale_nor_a_denial_void(given: SimpleNamespace) -> None:
    pause = post(given.where, Verb.PAUSE, KRAKEN)
    post(given.where, Verb.SELL, KRAKEN, "BTC-USD", "E1")
    deny = post(given.where, Verb.DENY, KRAKEN, "DOGE", Lasts.FOR_GOOD)
    post(given.where, Verb.RESUME, KRAKEN)
    given.oms.poll()
    assert result(given, pause) == BY_RESUME
    assert given.tries == [0]
    assert result(given, deny) == "DOGE denied for good: no new entries; open positions stay"


def test_a_denial_says_when_no_market_has_the_name(given: SimpleNamespace) -> None:
    deny = post(given.where, Verb.DENY, KRAKEN, "DOEG", Lasts.UNTIL_RESTART)
    given.oms.poll()
    assert result(given, deny).endswith("open positions stay; but no market here has this name")
    assert Denials(given.book).names() == {"DOEG"}  # one may be listed later


def test_a_resume_that_arrives_together_makes_neither_void(given: SimpleNamespace) -> None:
    """The command line cancelled none of them, as in a database of an older NIJA."""
    posted = given.books.post(Verb.PAUSE)
    post(given.where, Verb.DENY, KRAKEN, "DOGE", Lasts.FOR_GOOD)
    given.books.post(Verb.RESUME)
    given.oms.poll()
    assert result(given, posted[KRAKEN.key]) == BY_RESUME
    assert Denials(given.book).names() == {"DOGE"}


def test_allow_says_what_is_still_denied(given: SimpleNamespace) -> None:
    for name in ("DOGE", "SHIB-USD"):
        post(given.where, Verb.DENY, KRAKEN, name, Lasts.UNTIL_RESTART)
    answers = [post(given.where, Verb.ALLOW, KRAKEN, name) for name in ("DOGE-USD", "DOGE", "SHIB-USD")]
    given.oms.poll()
    assert [result(given, one) for one in answers] == [
        "DOGE-USD was not denied; still denied: DOGE, SHIB-USD",
        "DOGE allowed; still denied: SHIB-USD",
        "SHIB-USD allowed",
    ]


# -- a flattening and a resume


def state(given: SimpleNamespace) -> tuple[str | None, bool]:
    """Whether entries are paused, and whether a flattening is under way."""
    return given.book.get_state("paused"), given.book.get_state(FLATTENING) is not None


@pytest.mark.parametrize("to", [KRAKEN, unassigned("live", KRAKEN.key)])
def test_a_resume_before_a_flattening_has_begun_cancels_it(given: SimpleNamespace, to: Account) -> None:
    given.held.append("BTC-USD: 1 held")
    posted = post(given.where, Verb.FLATTEN, to)
    post(given.where, Verb.RESUME, KRAKEN)
    assert result(given, posted) == BY_RESUME
    given.oms.poll()
    assert given.steps == []
    assert state(given) == (None, False)


@pytest.mark.parametrize("paused", [None, "yes"])
def test_a_flattening_that_was_cancelled_since_it_was_read_does_not_begin(
    given: SimpleNamespace, paused: str | None
) -> None:
    given.book.set_state("paused", paused)
    posted = post(given.where, Verb.FLATTEN, KRAKEN)
    (read,) = given.book.commands()
    post(given.where, Verb.RESUME, KRAKEN)
    given.oms.execute(read)
    assert result(given, posted) == BY_RESUME
    assert state(given) == (paused, False)
    assert not given.log.said(Event.COMMAND)


@pytest.mark.parametrize("to", [KRAKEN, unassigned("live", KRAKEN.key)])
def test_a_resume_after_a_flattening_has_begun_stops_it_and_says_what_is_left(
    given: SimpleNamespace, to: Account
) -> None:
    given.held.append("BTC-USD: 1 held")
    posted = [post(given.where, Verb.FLATTEN, to)]
    given.oms.poll()
    posted.append(post(given.where, Verb.FLATTEN, to))
    resumed = post(given.where, Verb.RESUME, KRAKEN)
    assert [result(given, one) for one in posted] == [None, None], "nobody knows yet what will be sold"
    given.oms.poll()
    for one in posted:
        answer = result(given, one)
        assert answer == "stopped by a later `nija resume`, entries are no longer paused; left: BTC-USD: 1 held"
        assert not is_done(answer)
    assert result(given, resumed) == "resumed"
    assert state(given) == (None, False)
    assert given.steps == ["flatten"]


def test_a_resume_after_everything_was_sold_says_so(given: SimpleNamespace) -> None:
    given.held.append("BTC-USD: 1 held")
    posted = post(given.where, Verb.FLATTEN, KRAKEN)
    given.oms.poll()
    given.held.clear()
    post(given.where, Verb.RESUME, KRAKEN)
    given.oms.poll()
    answer = result(given, posted)
    assert answer is not None
    assert answer.startswith("flat: ")
    assert answer.endswith("a later `nija resume` has ended the pause")
    assert is_done(answer)


def test_a_flattening_is_called_back_although_the_resume_after_it_is_called_back_too(given: SimpleNamespace) -> None:
    given.held.append("BTC-USD: 1 held")
    posted = post(given.where, Verb.FLATTEN, KRAKEN)
    given.oms.poll()
    resumed = post(given.where, Verb.RESUME, KRAKEN)
    call_back(waiting(given.books), "cancelled by the operator")
    given.oms.poll()
    assert (result(given, posted), result(given, resumed)) == (STOPPED, "cancelled by the operator")
    assert state(given) == ("yes", False)


@pytest.mark.parametrize(
    "other", [Account("demo", "kraken", "main", "d-1"), Account("live", "kraken", "main", "k", "b")]
)
def test_the_flattening_of_another_account_begins_nothing_here(
    given: SimpleNamespace, tmp_path: Path, other: Account
) -> None:
    ledger(tmp_path, other).set_state(FLATTENING, "1")
    posted = post(given.where, Verb.FLATTEN, KRAKEN)
    post(given.where, Verb.RESUME, KRAKEN)
    assert result(given, posted) == BY_RESUME
