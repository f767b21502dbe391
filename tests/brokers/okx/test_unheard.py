"""Codes that our table lacks, as answers to every call: nothing follows from any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.brokers.base import BrokerError
from bot.brokers.common.wire import trusted
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.brokers.okx import parse as wire
from bot.brokers.okx.envelope import of_failure
from bot.brokers.okx.errors import TABLE
from bot.brokers.okx.transport import OkxClient
from bot.domain.clock import ScaledClock, system_ms
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, Outcome, Unknown
from tests.brokers.kraken.conftest import Notes
from tests.brokers.okx.conftest import KEY, PHRASE, SECRET, fixture

#: So fast that none of our budgets is ever spent.
SPEED = 1_000_000.0


class ScriptedClient(OkxClient):
    """Replaces a broker's sender and the exchange behind it; gives scripted answers."""

    envelope: Any = None

    def call(self, method: str, path: str, fields: object, expires: int | None) -> Any:
        self.session.sockets.sent = True
        return self.envelope


def broker_on(folder: Path) -> tuple[OKXBroker, ScriptedClient]:
    """A broker in an account mode in which OKX can check orders without placing them."""
    config = OkxConfig(KEY, SECRET, PHRASE, folder, mode="sandbox")
    broker = OKXBroker(config, ScaledClock(0, system_ms(), SPEED), Notes())
    client = ScriptedClient(config, trusted())
    broker._transport._sender._client = client
    broker._trade.settings = wire.settings(fixture("config")[0] | {"acctLv": "3"})
    client.envelope = {"code": "0", "msg": "", "data": fixture("instruments_spot")}
    broker.instruments()
    return broker, client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OKXBroker, ScriptedClient]]:
    broker, client = broker_on(tmp_path_factory.mktemp("keys"))
    with closing(broker):
        yield broker, client


def intent(side: Side, kind: OrderType, **more: Any) -> Intent:
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.EXIT
    return Intent(
        "njabcmgx0a1b2zz9q1", "k", purpose, "BTC-USDT", side, Decimal("0.01"), kind, 0, system_ms(), **more
    )  # fmt: skip


STOP = VenueOrder(
    "681096944655273984",
    "BTC-USDT",
    Side.SELL,
    OrderType.STOP,
    OrderStatus.OPEN,
    Decimal("0.01"),
    trigger_price=Decimal(49_000),
)


def everything(broker: OKXBroker) -> list[Outcome]:
    """An entry, a stop, an exit, a cancel and an amend."""
    return [
        broker.place(entry()),
        broker.place(stop()),
        broker.place(intent(Side.SELL, OrderType.MARKET)),
        broker.cancel(STOP),
        broker.amend(STOP, qty=Decimal("0.005"), trigger_price=Decimal(49_500)),
    ]


def entry() -> Intent:
    prices = {"limit_price": Decimal(50_000), "attached_stop": Decimal(49_000), "attached_target": Decimal(60_000)}
    return intent(Side.BUY, OrderType.LIMIT, tif=TimeInForce.IOC, **prices)


def stop() -> Intent:
    return intent(Side.SELL, OrderType.STOP, trigger_price=Decimal(49_000))


def is_unheard(code: str) -> bool:
    return code not in TABLE and code not in ("", "0")


KNOWN = st.sampled_from(sorted(TABLE))
WORDS = st.one_of(
    st.text(max_size=12),
    st.integers(0, 99_999).map(lambda number: f"{number:05d}"),
    st.builds(str.__add__, KNOWN, st.sampled_from([" ", "_1000", "x", ": ", "0", "\n"])),
    st.builds(str.__add__, st.sampled_from([" ", "0", "x", ": ", "-"]), KNOWN),
).filter(is_unheard)
ENVELOPES = st.one_of(
    st.builds(lambda code: {"code": code, "msg": "words", "data": []}, WORDS.filter(lambda code: code not in "12")),
    st.builds(
        lambda code, top: {
            "code": top,
            "msg": "",
            "data": [{"sCode": code, "sMsg": "words", "ordId": "", "algoId": ""}],
        },
        WORDS,
        st.sampled_from("012"),
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(envelope=ENVELOPES)
def test_nothing_follows_from_words_that_nobody_wrote_down(
    pair: tuple[OKXBroker, ScriptedClient], envelope: Any
) -> None:
    broker, client = pair
    able = broker.capabilities()
    client.envelope = envelope
    for outcome in everything(broker):
        assert isinstance(outcome, Unknown), outcome
        assert outcome.unheard
    assert [proof.judged for proof in broker.probe(entry(), stop())] == [False, False]
    assert broker.capabilities() == able
    if envelope["code"] != "0":
        with pytest.raises(BrokerError) as caught:
            broker.open_orders()
        assert (caught.value.meaning, caught.value.unheard) == (ErrorMeaning.BUSY, True)


@settings(max_examples=100, deadline=None)
@given(code=st.one_of(WORDS, st.integers(1, 10**6)), status=st.integers(400, 599).filter(lambda one: one != 429))
def test_a_status_with_unheard_of_words_is_no_verdict(code: str | int, status: int) -> None:
    error = of_failure(status, "x", {"code": code, "msg": "words", "data": {}}, "host")
    known = TABLE.get(str(code))
    assert error.meaning is (known.meaning if known else ErrorMeaning.UNKNOWN)
    assert error.unheard is (known is None and (str(code) not in ("1", "2") or status < 500))
