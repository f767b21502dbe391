"""Lost orders at an exchange without deadlines that accepts each id once: repeat what is still wanted, burn the rest.

The exchange here has a single rule: the first order under an id counts, whatever is sent under it later.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import AbsenceProof, BaseBroker, BrokerError, Capabilities, Connection, OrderProbe
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE
from bot.domain.fill import Fill
from bot.domain.ids import Account, ClientIds
from bot.domain.instrument import Balance, FeeRate, Instrument, PriceRange, Ticker
from bot.domain.order import (
    Decision,
    Intent,
    OrderRecord,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
    VenueOrder,
)
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Placed, Unknown
from bot.engine.lost_orders import BURN_AFTER, REPEAT_AFTER, REPEAT_UNTIL, LostOrders
from bot.engine.order_manager import OrderManager
from bot.store.database import Store, address
from bot.store.ledger import Ledger
from tests.notes import Notes

ACCOUNT = Account("live", "coinbase", "main", "p-1")
SYMBOL = "BTC-USD"


class HandClock:
    """All times are set by the test."""

    speed = 1.0

    def __init__(self) -> None:
        self.now = 1_000_000

    def market_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        return self.now

    def steady_ms(self) -> int:
        return self.now


class OneOrderAnId(BaseBroker):
    """`lost` says whether a lost request arrives (and only its answer is lost) or not; `hidden` orders are not shown yet."""

    name = "coinbase"

    def __init__(self) -> None:
        self.orders_by_id: dict[str, VenueOrder] = {}
        self.seen: list[tuple[str, Intent]] = []
        self.hidden = False
        self.deaf = False
        self.refuses: NotPlaced | None = None
        self.burns_with: Side | None = None
        self.resting: list[VenueOrder] = []

    def limit_calls(self, seconds: float | None) -> None:
        """Nothing here takes time."""

    def _stand(self, intent: Intent, status: OrderStatus, filled: Decimal = Decimal(0)) -> VenueOrder:
        order = VenueOrder(
            exchange_id=f"X{len(self.orders_by_id)}",
            symbol=intent.symbol,
            side=intent.side,
            type=intent.type,
            status=status,
            qty=intent.qty,
            filled_qty=filled,
            avg_price=Decimal(100) if filled else None,
            client_id=intent.client_id,
            trigger_price=intent.trigger_price,
            created_at=intent.created_at,
        )
        return self.orders_by_id.setdefault(intent.client_id, order)

    def arrive(self, intent: Intent) -> VenueOrder:
        """A request reaches the exchange: stops rest, everything else fills at once."""
        if intent.type is OrderType.STOP:
            return self._stand(intent, OrderStatus.OPEN)
        return self._stand(intent, OrderStatus.FILLED, intent.qty)

    # -- used by the search --
    def capabilities(self) -> Capabilities:
        return Capabilities(True, True, False, AbsenceProof.SAME_ID, 0, attached_target=True)

    def place(self, intent: Intent) -> Outcome:
        self.seen.append(("place", intent))
        return Unknown("no answer")

    def resend(self, intent: Intent) -> Outcome:
        self.seen.append(("resend", intent))
        if self.refuses is not None:
            return self.refuses
        return Unknown("no answer") if self.deaf else Placed(self.arrive(intent).exchange_id)

    def burn(self, intent: Intent) -> VenueOrder | None:
        self.seen.append(("burn", intent))
        if self.deaf:
            raise BrokerError(self.name, ErrorMeaning.BUSY, "no answer")
        harmless = replace(
            intent, qty=Decimal("0.001"), side=self.burns_with or intent.side, type=OrderType.LIMIT, trigger_price=None
        )
        return self._stand(harmless, OrderStatus.CANCELED)

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        if self.deaf:
            raise BrokerError(self.name, ErrorMeaning.BUSY, "no answer")
        return None if self.hidden else self.orders_by_id.get(client_id)

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        return next((one for one in self.orders_by_id.values() if one.exchange_id == exchange_id), None)

    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        if not order.filled_qty:
            return ()
        return [
            Fill(
                f"F{order.exchange_id}", order.exchange_id, order.symbol, order.side, order.filled_qty,
                Decimal(100), Decimal(0), "USD", 1_000_001,
            )
        ]  # fmt: skip

    # -- not used --
    def connect(self) -> Connection:
        raise NotImplementedError

    def probe(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        return ()

    def instruments(self) -> Mapping[str, Instrument]:
        return {}

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        return {}

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        raise NotImplementedError

    def look(self, symbol: str, since: int) -> PriceRange:
        raise NotImplementedError

    def balances(self) -> Mapping[str, Balance]:
        return {}

    def unavailable_balances(self) -> Mapping[str, Decimal]:
        return {}

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        return {}

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        raise NotImplementedError

    def cancel(self, order: VenueOrder) -> Outcome:
        raise NotImplementedError

    def open_orders(self) -> Sequence[VenueOrder]:
        return self.resting

    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        return ()

    def fills(self, since: int) -> Sequence[Fill]:
        return ()

    def hurry(self, until: int) -> None:
        return

    def close(self) -> None:
        return


class Scene:
    """An order manager with a book on disk, in front of that exchange."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.venue = OneOrderAnId()
        self.book = Ledger(Store.open(address(folder, "coinbase")), ACCOUNT, self.clock)
        self.log = Notes()
        ids = ClientIds("abc", self.clock.wall_ms, random.Random(1))
        self.oms = OrderManager(self.venue, self.book, self.clock, self.log, ids, pause=lambda _: None)
        self.lost_orders = LostOrders(self.oms)

    def lose(self, purpose: Purpose, *, arrived: bool, qty: str = "1") -> Intent:
        """Send an order whose answer never comes."""
        entry = purpose is Purpose.ENTRY
        intent = self.oms.draft(
            purpose,
            SYMBOL,
            Side.BUY if entry else Side.SELL,
            Decimal(qty),
            OrderType.STOP if purpose is Purpose.STOP else OrderType.LIMIT if entry else OrderType.MARKET,
            900_000,
            tif=TimeInForce.GTC if purpose is Purpose.STOP else TimeInForce.IOC,
            limit_price=Decimal("100.5") if entry else None,
            trigger_price=Decimal(95) if purpose is Purpose.STOP else None,
            attached_stop=Decimal(95) if entry else None,
            attached_target=Decimal("115.50") if entry else None,
            reason="test",
            decision=_decision() if entry else None,
        )
        if arrived:
            self.venue.arrive(intent)
        self.oms.submit(intent)
        return intent

    def hold(self) -> None:
        """A position of one coin."""
        intent = self.lose(Purpose.ENTRY, arrived=True)
        self.lost_orders.search()
        assert self.book.position(SYMBOL) is not None, intent
        self.venue.seen.clear()

    def wait(self, ms: int) -> None:
        """Let time pass, with the search taking its turns."""
        until = self.clock.now + ms
        while self.clock.now < until:
            self.clock.now += 250
            self.lost_orders.search()

    def record(self, intent: Intent) -> OrderRecord:
        record = self.book.by_client_id(intent.client_id)
        assert record is not None
        return record

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.venue.seen if verb != "place"]


def _decision() -> Decision:
    return Decision(900_000, Decimal(95), Decimal(100), Decimal("0.0025"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_lost_answer_is_found_without_using_the_id_again(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=True)
    scene.lost_orders.search()
    assert scene.record(entry).status is OrderStatus.FILLED
    assert scene.verbs() == []


def test_a_lost_entry_is_burnt_after_a_clean_look_and_not_before(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=False)
    scene.wait(BURN_AFTER - 500)
    assert scene.verbs() == []
    assert scene.record(entry).status is OrderStatus.UNKNOWN
    scene.wait(1_000)
    assert scene.verbs() == ["burn"]
    assert scene.record(entry).settled
    assert scene.record(entry).booked_qty == 0
    assert scene.oms.in_flight() == []


def test_an_entry_that_arrives_after_its_burning_does_nothing(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=False)
    scene.wait(BURN_AFTER + 1_000)
    assert scene.venue.arrive(entry).status is OrderStatus.CANCELED
    assert len(scene.venue.orders_by_id) == 1


def test_burning_brings_to_light_an_entry_that_no_list_showed(scene: Scene) -> None:
    scene.venue.hidden = True
    entry = scene.lose(Purpose.ENTRY, arrived=True)
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["burn"]
    assert scene.record(entry).status is OrderStatus.FILLED
    position = scene.book.position(SYMBOL)
    assert position is not None
    assert position.qty == 1


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.TP1, Purpose.STOP])
def test_a_lost_sale_or_stop_is_repeated_byte_for_byte(scene: Scene, purpose: Purpose) -> None:
    scene.hold()
    sent = scene.lose(purpose, arrived=False)
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["resend"]
    assert [intent for verb, intent in scene.venue.seen if verb == "resend"] == [sent]
    after = scene.record(sent)
    assert after.status is (OrderStatus.OPEN if purpose is Purpose.STOP else OrderStatus.FILLED)
    assert (scene.book.position(SYMBOL) is None) is (purpose is not Purpose.STOP)


def test_a_lost_stop_is_repeated_sooner_than_anything_is_burnt(scene: Scene) -> None:
    scene.hold()
    scene.lose(Purpose.STOP, arrived=False)
    scene.wait(REPEAT_AFTER - 250)
    assert scene.verbs() == []
    scene.wait(750)
    assert scene.verbs() == ["resend"]
    assert REPEAT_AFTER + 500 < BURN_AFTER


def test_an_id_burnt_by_an_order_of_the_other_side_is_booked_as_what_it_is(scene: Scene) -> None:
    stop = scene.lose(Purpose.STOP, arrived=False)
    scene.venue.burns_with = Side.BUY
    scene.wait(BURN_AFTER + 1_000)
    after = scene.record(stop)
    assert (after.side, after.type, after.status) == (Side.BUY, OrderType.LIMIT, OrderStatus.CANCELED)


def test_an_entry_comes_back_from_the_book_as_it_was_sent(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=False)
    restored = scene.record(entry).intent()
    assert restored == entry


def test_a_sale_whose_position_is_gone_is_burnt(scene: Scene) -> None:
    sale = scene.lose(Purpose.EXIT, arrived=False)
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["burn"]
    assert scene.record(sale).settled


def test_a_sale_of_more_than_is_held_is_burnt(scene: Scene) -> None:
    scene.hold()
    scene.lose(Purpose.EXIT, arrived=False, qty="1.5")
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["burn"]


def test_a_stop_that_another_one_replaced_is_burnt(scene: Scene) -> None:
    scene.hold()
    lost = scene.lose(Purpose.STOP, arrived=False)
    scene.lose(Purpose.STOP, arrived=True)
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["burn"]
    assert scene.record(lost).settled


def test_a_sale_of_long_ago_is_burnt_for_the_market_has_moved_on(scene: Scene) -> None:
    scene.hold()
    sale = scene.lose(Purpose.EXIT, arrived=False)
    scene.clock.now += REPEAT_UNTIL + 1
    scene.lost_orders.search()
    assert scene.verbs() == ["burn"]
    assert scene.record(sale).settled


def test_a_refused_repeat_says_nothing_about_the_first_so_the_id_is_burnt(scene: Scene) -> None:
    scene.hold()
    sale = scene.lose(Purpose.EXIT, arrived=False)
    scene.venue.refuses = NotPlaced(ErrorMeaning.REJECTED, "no such order")
    scene.wait(BURN_AFTER + 1_000)
    assert scene.verbs() == ["resend", "burn"]
    assert scene.record(sale).settled


def test_a_repeat_whose_price_the_market_has_passed_is_burnt_at_once(scene: Scene) -> None:
    """Until the id is burnt, nothing else can protect or sell the coins."""
    scene.hold()
    scene.lose(Purpose.STOP, arrived=False)
    scene.venue.refuses = NotPlaced(ErrorMeaning.PRICE, "the trigger lies above the last trade")
    scene.wait(REPEAT_AFTER + 1_000)
    assert "burn" in scene.verbs()


def test_a_repeat_that_was_not_sent_is_tried_again(scene: Scene) -> None:
    scene.hold()
    sale = scene.lose(Purpose.EXIT, arrived=False)
    scene.venue.refuses = NotPlaced(ErrorMeaning.RATE_LIMITED, "later")
    scene.wait(BURN_AFTER + 1_000)
    scene.venue.refuses = None
    scene.wait(MINUTE // 2)
    assert set(scene.verbs()) == {"resend"}
    assert scene.record(sale).status is OrderStatus.FILLED


def test_while_the_venue_is_deaf_nothing_is_concluded(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=False)
    scene.venue.deaf = True
    scene.wait(2 * MINUTE)
    assert scene.verbs() == []
    assert scene.record(entry).status is OrderStatus.UNKNOWN
    scene.venue.deaf = False
    scene.wait(MINUTE)
    assert scene.record(entry).settled


def test_an_intent_that_a_crash_left_before_its_request_is_burnt(scene: Scene) -> None:
    entry = scene.oms.draft(
        Purpose.ENTRY, SYMBOL, Side.BUY, Decimal(1), OrderType.LIMIT, 900_000,
        tif=TimeInForce.IOC, limit_price=Decimal(100), decision=_decision(),
    )  # fmt: skip
    scene.book.record(entry)
    scene.clock.now += MINUTE
    scene.lost_orders.search()
    assert scene.verbs() == ["burn"]
    assert scene.record(entry).settled


def test_an_order_that_was_named_once_is_never_burnt(scene: Scene) -> None:
    entry = scene.lose(Purpose.ENTRY, arrived=False)
    scene.book.mark(entry.client_id, OrderStatus.SUBMITTED, exchange_id="slow")
    scene.wait(2 * MINUTE)
    assert scene.verbs() == []
