"""What the ledger answers from memory is what stands in the database, whatever has changed in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from bot.domain.booking import AlreadyDecided
from bot.domain.order import IllegalTransition, OrderStatus, Purpose, Side
from bot.store.answers import Answers
from bot.store.database import Store
from bot.store.ledger import Ledger
from tests.store.cases import AT_COST, KRAKEN, HandClock, fill, intent, report

NUMBERS = (1, 2, 3)
SYMBOL = {1: "BTC-USD", 2: "BTC-USD", 3: "ETH-USD"}
PURPOSE = {1: Purpose.ENTRY, 2: Purpose.STOP, 3: Purpose.ENTRY}

STOP = [("record", 2), ("submitted", 2)]

Change = Callable[[Ledger, int], object]


def side(number: int) -> Side:
    return Side.BUY if PURPOSE[number] is Purpose.ENTRY else Side.SELL


def name(number: int) -> str:
    return intent(number).client_id


CHANGES: dict[str, Change] = {
    "record": lambda book, n: book.record(intent(n, SYMBOL[n], PURPOSE[n], side(n), attempt=n)),
    "submitted": lambda book, n: book.mark(name(n), OrderStatus.SUBMITTED, exchange_id=f"X{n}"),
    "unknown": lambda book, n: book.mark(name(n), OrderStatus.UNKNOWN, reason="no answer"),
    "refused": lambda book, n: book.mark(name(n), OrderStatus.REJECTED, reason="no"),
    "open": lambda book, n: book.update(
        report(f"X{n}", OrderStatus.OPEN, symbol=SYMBOL[n], side=side(n), client_id=name(n))
    ),
    "filled": lambda book, n: book.update(
        report(f"X{n}", OrderStatus.FILLED, "1", symbol=SYMBOL[n], side=side(n), avg="100")
    ),
    "another's id": lambda book, n: book.update(report("X1", OrderStatus.OPEN, side=side(n), client_id=name(n))),
    "adopted": lambda book, n: book.adopt(
        report(f"X{n}", OrderStatus.OPEN, symbol=SYMBOL[n], side=side(n), client_id=name(n)), PURPOSE[n]
    ),
    "part": lambda book, n: book.record_fill(
        fill(f"P{n}", f"X{n}", "0.4", symbol=SYMBOL[n], side=side(n), time=6_000 + n)
    ),
    "rest": lambda book, n: book.record_fill(
        fill(f"R{n}", f"X{n}", "0.6", symbol=SYMBOL[n], side=side(n), time=7_000 + n, client_id=name(n))
    ),
    "plan": lambda book, n: book.plan(SYMBOL[n], stage=n, stop_price=Decimal(90 + n)),
    "close": lambda book, n: book.close(SYMBOL[n], 8_000, "rest", AT_COST),
    "write off": lambda book, n: book.write_off(SYMBOL[n], Decimal("0.3"), 8_000, "withdrawn", AT_COST),
    "uncover": lambda book, n: book.mark_unprotected(SYMBOL[n], 9_000 + n, "why"),
    "cover": lambda book, n: book.mark_protected(SYMBOL[n], 9_500 + n),
}


def all_answers(book: Ledger) -> dict[str, object]:
    """All that a ledger answers about these orders."""
    orders = {n: (book.by_client_id(name(n)), book.by_exchange_id(f"X{n}")) for n in NUMBERS}
    sent = {since: book.orders_since(since) for since in (0, 2_002, 9_000)}
    return {
        "orders": orders,
        "unsettled": book.unsettled(),
        "sent": sent,
        "newest fill": book.newest_fill(),
        "positions": book.positions(),
        "results": {symbol: book.results(symbol, 3) for symbol in SYMBOL.values()},
        "dust": book.dust(),
        "uncovered": book.unprotected(),
        "earned": book.realised_since(0),
    }


@settings(max_examples=60, deadline=None)
@example(steps=[*STOP, ("refused", 2)])
@example(steps=[("close", 1), *STOP, ("part", 2)])
@example(steps=[("uncover", 1), *STOP, ("part", 2)])
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.sampled_from(NUMBERS)), max_size=14))
def test_an_answer_stands_until_what_it_is_about_has_changed(store: Store, steps: list[tuple[str, int]]) -> None:
    account = replace(KRAKEN, identity=uuid4().hex)
    book = Ledger(store, account, HandClock())
    for change, number in [("record", 1), ("submitted", 1), ("part", 1), *steps]:
        with suppress(AlreadyDecided, IllegalTransition, IntegrityError, KeyError):
            CHANGES[change](book, number)
        assert all_answers(book) == all_answers(Ledger(store, account, HandClock())), change


def test_only_so_many_orders_are_kept() -> None:
    answers = Answers()
    asked: list[str] = []

    def ask(which: str) -> None:
        answers.order(which, None, lambda: asked.append(which))  # type: ignore[func-returns-value]

    for number in range(300):
        ask(f"order {number}")
    ask("order 299")
    assert len(asked) == 300
    ask("order 0")
    assert len(asked) == 301
