"""Errors that our table lacks: nothing follows from them, whatever the request.

They are injected where Kraken's envelope is read, so that everything from there to the outcome is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.brokers.base import BrokerError
from bot.brokers.kraken import KrakenBroker, KrakenConfig, Tier
from bot.brokers.kraken.errors import TABLE, plain_words, row_of
from bot.brokers.kraken.names import read_names
from bot.domain.clock import SystemClock
from bot.domain.order import OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.domain.outcome import ErrorMeaning, Unknown
from tests.brokers.kraken.conftest import BTC, KEY, SECRET, Notes, entry, fixture, stop

RESTING = VenueOrder("OSTOP1-AAAAA-AAAAAA", BTC, Side.SELL, OrderType.STOP, OrderStatus.OPEN, Decimal("0.1"))
EXACT = sorted(row.text for row in TABLE if not row.pattern)
SUFFIXES = st.text("abcxyz:. 0189", min_size=1, max_size=12).filter(lambda text: text.strip(" :") != "")
KNOWN = {plain_words(text) for text in EXACT}


def is_strange(word: str) -> bool:
    """Neither in the table, nor matching one of its patterns, nor a warning."""
    likes = (
        "eservice:throttled",
        "egeneral:internal error",
        "eaccount:",
        "eorder:order cancelled",
        "eorder:invalid price:",
        "eservice:market in ",
    )
    words = plain_words(word)
    return words not in KNOWN and not words.startswith(likes) and word[:1] != "W"


WORDS = st.one_of(
    st.text(max_size=40),
    st.builds("E{}:{}".format, st.sampled_from(["Order", "Service", "General", "Query", "API"]), st.text(max_size=30)),
    st.builds("{}{}".format, st.sampled_from(EXACT), SUFFIXES),
    st.builds("{}:{}".format, st.sampled_from(EXACT), SUFFIXES),
    st.builds(lambda text, cut: text[:-cut], st.sampled_from(EXACT), st.integers(1, 5)),
).filter(is_strange)


class Fast(SystemClock):
    """A market clock on which every budget has room again at once."""

    def __init__(self) -> None:
        self._now = 1_800_000_000_000

    def market_ms(self) -> int:
        self._now += 60_000
        return self._now


class Scripted:
    """Replaces the sender and the exchange behind it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def call(self, ask: object, deadline: object) -> Any:
        return dict(self._answer)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def say(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], KrakenBroker]]:
    """A broker for which Kraken answers every call with the same error."""
    folder: Path = tmp_path_factory.mktemp("key")
    broker = KrakenBroker(KrakenConfig(KEY, SECRET, folder, mode="sandbox", tier=Tier.PRO), Fast(), Notes())
    answer: dict[str, Any] = {}

    broker._transport._sender = Scripted(answer)  # type: ignore[assignment]
    broker._market._assets, broker._market._pairs = fixture("assets"), fixture("asset_pairs")
    broker._market._names = read_names(fixture("assets"), fixture("asset_pairs"))

    def saying(word: str) -> KrakenBroker:
        answer["error"] = [word]
        return broker

    yield saying
    broker.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(word=WORDS)
def test_nothing_follows_from_a_word_that_is_in_no_table(say: Callable[[str], KrakenBroker], word: str) -> None:
    broker = say(word)
    able = broker.capabilities()
    sale = entry(purpose=Purpose.EXIT, type=OrderType.MARKET, attached_stop=None, side=Side.SELL)
    outcomes = [broker.place(intent) for intent in (entry(), stop(), sale)]
    outcomes += [broker.cancel(RESTING), broker.amend(RESTING, qty=Decimal("0.05"), trigger_price=Decimal(9))]
    assert all(isinstance(outcome, Unknown) and outcome.unheard for outcome in outcomes)
    proofs = broker.probe(entry(), stop())
    assert not any(proof.judged or proof.accepted for proof in proofs)
    assert broker.capabilities() == able
    reads: tuple[Callable[[], object], ...] = (
        broker.balances,
        broker.unavailable_balances,
        broker.open_orders,
        lambda: broker.order("OSTOP1-AAAAA-AAAAAA", BTC),
        lambda: broker.find("njabc0000000000009", BTC, 0),
        lambda: broker.recent_orders(0),
        lambda: broker.fills(0),
        lambda: broker.fees({BTC}),
        lambda: broker.tickers({BTC}),
        lambda: broker.candles(BTC, 60_000, 5),
        broker.instruments,
    )
    for ask in reads:
        with pytest.raises(BrokerError) as caught:
            ask()
        assert (caught.value.meaning, caught.value.unheard) == (ErrorMeaning.BUSY, True)


@given(text=st.sampled_from(EXACT), upper=st.booleans(), blanks=st.integers(0, 3))
def test_a_word_of_the_table_is_one_in_every_case_and_with_blanks_after_its_colons(
    text: str, upper: bool, blanks: int
) -> None:
    printed = text.upper() if upper else text.lower()
    row = row_of(printed.replace(":", ":" + " " * blanks))
    assert row is not None
    assert row.text == text
