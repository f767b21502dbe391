"""A lost stop at an exchange that takes no deadline for stops, but each client id only once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.clock import SECOND
from bot.domain.log import Event
from bot.domain.order import Intent, OrderStatus, OrderType, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Unknown
from bot.engine.lost_orders import PROOF_MARGIN, REPEAT_AFTER, REPEAT_UNTIL
from tests.engine.exchange import Exchange, Scene

TAKEN = Unknown("51065 algoClOrdId already exists")


class Lost:
    """The first stop's request is under way. Repetitions get `answers`; without one they are accepted, as far as the id is new."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.repeated: list[Intent] = []
        self.answers: list[NotPlaced | Unknown] = []
        self.hidden = False

    @property
    def stop(self) -> Intent:
        return next(one for one in self.scene.exchange.sent if one.type is OrderType.STOP)

    @property
    def status(self) -> OrderStatus:
        record = self.scene.book.by_client_id(self.stop.client_id)
        assert record is not None
        return record.status

    def repeat(self, accept: Callable[[Exchange, Intent], Outcome], intent: Intent) -> Outcome:
        self.repeated.append(intent)
        if self.answers:
            return self.answers.pop(0)
        return TAKEN if self.of(intent.client_id) else accept(self.scene.exchange, intent)

    def of(self, client_id: str) -> VenueOrder | None:
        return next((one for one in self.scene.exchange.all.values() if one.client_id == client_id), None)

    def pass_by(self, ms: int) -> None:
        for _ in range(0, ms, 250):
            self.scene.clock.now += 250
            self.scene.engine.lost_orders.search()


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lost:
    scene = Scene(tmp_path)
    found = Lost(scene)
    accept = Exchange.place

    def place(self: Exchange, intent: Intent) -> Outcome:
        if intent.type is OrderType.STOP and not [one for one in self.sent if one.type is OrderType.STOP]:
            self.sent.append(intent)
            return Unknown("ReadTimeout")
        return accept(self, intent)

    scene.exchange.able = replace(scene.exchange.able, repeats_stops=True)
    monkeypatch.setattr(Exchange, "place", place)
    monkeypatch.setattr(Exchange, "resend", lambda _, intent: found.repeat(accept, intent))
    monkeypatch.setattr(Exchange, "find", lambda _, name, *__: None if found.hidden else found.of(name))
    assert len(scene.scan()) == 1
    return found


def test_it_is_repeated_under_its_id_long_before_it_would_count_as_absent(lost: Lost) -> None:
    assert lost.stop.deadline is not None
    lost.pass_by(REPEAT_AFTER + SECOND)
    assert lost.repeated == [lost.stop]
    assert lost.status is OrderStatus.OPEN
    assert len(lost.scene.exchange.open_orders()) == 1
    assert lost.stop.deadline - lost.stop.sent_at + PROOF_MARGIN > REPEAT_AFTER + SECOND


def test_one_that_has_arrived_is_found_and_nothing_is_placed_beside_it(lost: Lost) -> None:
    lost.hidden = True
    arrived = VenueOrder("X9", lost.stop.symbol, lost.stop.side, OrderType.STOP, OrderStatus.OPEN, lost.stop.qty,
                         client_id=lost.stop.client_id, trigger_price=lost.stop.trigger_price)  # fmt: skip
    lost.scene.exchange.all["X9"] = arrived
    lost.pass_by(10 * SECOND)
    assert lost.repeated
    assert lost.status is OrderStatus.UNKNOWN
    lost.hidden = False
    lost.pass_by(30 * SECOND)
    assert lost.status is OrderStatus.OPEN
    assert lost.scene.exchange.open_orders() == [arrived]


def test_an_exchange_that_is_busy_is_asked_again(lost: Lost) -> None:
    lost.answers = [NotPlaced(ErrorMeaning.BUSY, "busy"), Unknown("no answer", unheard=True)]
    lost.pass_by(10 * SECOND)
    assert len(lost.repeated) == 3
    assert lost.status is OrderStatus.OPEN


def test_a_refusal_is_believed(lost: Lost) -> None:
    lost.answers = [NotPlaced(ErrorMeaning.PRICE, "51280 SL trigger price should be lower than the last price")]
    lost.pass_by(3 * SECOND)
    assert lost.status is OrderStatus.REJECTED
    assert lost.scene.log.said(Event.ABSENT) == []


def test_after_a_minute_of_unanswered_repetitions_it_counts_as_absent(lost: Lost) -> None:
    lost.answers = [Unknown("no answer")] * 100
    lost.pass_by(REPEAT_UNTIL)
    assert lost.status is OrderStatus.UNKNOWN
    lost.pass_by(31 * SECOND)
    assert lost.status is OrderStatus.REJECTED
    assert len(lost.scene.log.said(Event.ABSENT)) == 1
