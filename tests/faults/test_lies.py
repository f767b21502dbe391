"""Wrong answers: one value of one answer is replaced by something absurd, and every verb is called.

The answers come from a real exchange over a real socket and are changed just before the client reads them. A verb must
end with a value, an `Outcome` or a `BrokerError` of one short line; anything else would end a trader's thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from bot.brokers.base import BaseBroker, BrokerError
from bot.brokers.common.wire import BoundedSession
from bot.domain.clock import HOUR, MINUTE
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, Instrument, Ticker
from bot.domain.log import Event
from bot.domain.order import Purpose, VenueOrder
from bot.domain.outcome import NotPlaced, Placed, Unknown
from bot.engine.doubts import TAKEN_BACK
from bot.engine.exits import SaleResult
from tests.paths import VENUES
from tests.rig import Rig

DEEP = json.loads("[" * 200 + "]" * 200)
ABSURD: tuple[Any, ...] = (
    None, True, [], {}, "", "NaN", "-Infinity", "1e400", "1e-400", "9" * 400, 10**300, -1, "-1", 1.5e308, float("nan"),
    "0", "٣", "1_000", " 1", "0x10", "x\r\n2026-11-22 00:00:00Z INFO  KRAKEN ENTRY\x1b[2J\u202e", "y" * 3_000, DEEP, [[]],
    [{}], [None], {"a": None}, "2026-99-99T99:99:99Z", "true",
)  # fmt: skip
GONE = object()
ROUNDS = 12


class Liar:
    """Changes one value of every answer while `lying`."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.lying = False
        self.lie = ""

    def __call__(self, body: bytes) -> bytes:
        if not self.lying:
            return body
        try:
            answer = json.loads(body)
        except ValueError:
            return body
        return json.dumps(self._twisted(answer)).encode()

    def _twisted(self, answer: Any) -> Any:
        places = list(_places(answer, ()))
        path = self._dice.choice(places)
        value = self._dice.choice((*ABSURD, GONE))
        self.lie = f"{path} -> {str(value)[:60]!r}"
        if not path:
            return None if value is GONE else value
        inside = answer
        for step in path[:-1]:
            inside = inside[step]
        if value is GONE:
            del inside[path[-1]]
        else:
            inside[path[-1]] = value
        return answer


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inside)[:12]:
        yield from _places(item, (*path, key))


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Liar:
    one = Liar(Random(11))
    read = BoundedSession._read

    def changed(session: BoundedSession, answer: Any) -> bytes:
        return one(read(session, answer))

    monkeypatch.setattr(BoundedSession, "_read", changed)
    return one


def verbs(rig: Rig) -> dict[str, Callable[[BaseBroker], object]]:
    """All reading verbs, on one account with a position."""
    since = rig.clock.market_ms() - HOUR
    entry = next(iter(rig.sent(side="buy")))
    symbols = {rig.symbol}
    return {
        "instruments": lambda broker: broker.instruments(),
        "tickers": lambda broker: broker.tickers(symbols),
        "candles": lambda broker: broker.candles(rig.symbol, 5 * MINUTE, 50),
        "look": lambda broker: broker.look(rig.symbol, since),
        "balances": lambda broker: broker.balances(),
        "pockets": lambda broker: broker.unavailable_balances(),
        "fees": lambda broker: broker.fees(symbols),
        "order": lambda broker: broker.order(entry["id"], rig.symbol),
        "open_orders": lambda broker: broker.open_orders(),
        "find": lambda broker: broker.find(entry["client_id"], rig.symbol, since),
        "recent_orders": lambda broker: broker.recent_orders(since),
        "fills": lambda broker: broker.fills(since),
    }


@contextmanager
def lied_to(liar: Liar) -> Iterator[None]:
    liar.lying = True
    try:
        yield
    finally:
        liar.lying = False


@pytest.mark.parametrize("venue", VENUES)
def test_every_question(rig: Rig, liar: Liar) -> None:
    rig.bought()
    broker = rig.engine.oms.broker
    for name, ask in verbs(rig).items():
        for _ in range(ROUNDS):
            with lied_to(liar):
                answer = honest(lambda ask=ask: ask(broker), f"{name}: {liar.lie}")  # type: ignore[misc]
            problem = implausible(answer)
            assert not problem, f"{name}: {liar.lie}: {problem}"


@pytest.mark.parametrize("venue", VENUES)
def test_connecting(unopened: Rig, liar: Liar) -> None:
    for _ in range(ROUNDS):
        broker = unopened._built(unopened.clock)
        with lied_to(liar):
            honest(broker.connect, f"connect: {liar.lie}")
        broker.close()


@pytest.mark.parametrize("venue", VENUES)
def test_a_whole_trader_keeps_its_book(rig: Rig, liar: Liar) -> None:
    """Cycles, looks and entries with wrong answers: afterwards the book is correct, and nothing was sent twice."""
    rig.bought()
    until = time.monotonic() + 8
    while time.monotonic() < until:
        with lied_to(liar):
            rig.turn()
            rig.cycle()
        rig.turn()
    rig.quiet()
    bought = [
        row for row in rig.sent(side="buy") if Decimal(row["filled"]) > 0
    ]  # an order that only used up an id has bought nothing
    assert len(bought) == 1, bought


@pytest.mark.parametrize(("venue", "filled"), [("kraken", "vol_exec"), ("coinbase", "filled_size")])
def test_a_sale_that_never_was(rig: Rig, monkeypatch: pytest.MonkeyPatch, filled: str) -> None:
    """One answer says that the stops have sold most of the position. They stay in place, whether or not that is true. Once
    the exchange has long shown otherwise, the answer counts as wrong and sales no longer wait for it."""
    position = rig.bought()
    rig.quiet()
    stops = rig.engine.protection.stops_of(position, rig.engine.oms.broker.open_orders())
    smallest = min(stop.qty for stop in stops)  # with several stops, none can have sold more than its size
    most = str(rig.engine.oms.instruments[rig.symbol].size(smallest * Decimal("0.9")))
    read, lies = BoundedSession._read, [True]

    def changed(session: BoundedSession, answer: Any) -> bytes:
        body = read(session, answer)
        return json.dumps(_sold(json.loads(body), filled, most)).encode() if lies else body

    monkeypatch.setattr(BoundedSession, "_read", changed)
    rig.reconcile()
    lies.clear()
    rig.cycle()
    assert rig.resting() == position.qty
    sale = rig.engine.exits.sell(rig.symbol, position.qty, position.entry_price, Purpose.EXIT, "in doubt")
    assert sale is SaleResult.LATER
    rig.clock.ahead += TAKEN_BACK // 2
    rig.cycle()
    assert not rig.notes.said(Event.CORRECTED)
    rig.clock.ahead += TAKEN_BACK
    rig.quiet()
    assert rig.resting() == position.qty
    assert rig.notes.said(Event.CORRECTED)
    assert rig.naked_seconds() == []


def _sold(value: Any, filled: str, qty: str) -> Any:
    """The answer with each stop's field `filled` set to `qty`."""
    if isinstance(value, list):
        return [_sold(each, filled, qty) for each in value]
    if not isinstance(value, dict):
        return value
    if filled in value and "stop" in json.dumps(value):
        return value | {filled: qty}
    return {name: _sold(each, filled, qty) for name, each in value.items()}


def honest(ask: Callable[[], object], what: str) -> object:
    try:
        return ask()
    except BrokerError as error:
        refused = error
    line = f"{refused.text}{refused.remedy}"
    assert len(line) < 700, what
    assert line.isprintable(), what
    assert 0 <= refused.retry_after_ms <= 24 * HOUR, what
    return None


def implausible(answer: object) -> str:
    """The impossible values in a result: non-finite numbers, negative sizes, text with line breaks."""
    for one in flat(answer):
        if isinstance(one, str) and not one.isprintable():
            return f"text {one!r}"
        if isinstance(one, Decimal) and not one.is_finite():
            return f"number {one}"
        if isinstance(one, VenueOrder) and (one.filled_qty < 0 or one.qty < 0):
            return f"order {one}"
        if isinstance(one, Fill) and (one.qty <= 0 or one.price <= 0 or not one.fill_id):
            return f"fill {one}"
        if isinstance(one, Ticker) and (one.bid < 0 or one.ask < 0):
            return f"ticker {one}"
        if isinstance(one, Instrument) and (one.tick <= 0 or one.lot <= 0):
            return f"instrument {one}"
    return ""


def flat(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from flat(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from flat(item)
    elif isinstance(value, Placed | NotPlaced | Unknown | VenueOrder | Fill | Ticker | Balance | Instrument):
        for name in value.__dataclass_fields__:
            yield from flat(getattr(value, name))
