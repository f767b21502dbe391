"""Probes: the exchange validates the exact orders of this daemon, without money, before the first real one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.brokers.base import AbsenceProof, BaseBroker, OrderProbe
from bot.domain.clock import Clock
from bot.domain.ids import ClientIds
from bot.domain.instrument import Instrument, Ticker
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce

_BELOW = Decimal("0.97")
_ABOVE = Decimal("1.09")
_ROOM = Decimal("1.5")


def probe_orders(
    broker: BaseBroker, clock: Clock, ids: ClientIds, instrument: Instrument, ticker: Ticker
) -> Sequence[OrderProbe]:
    """Have the exchange validate our entry (with its attached stop) and our stop on one market; raises `BrokerError`.

    The broker derives its capabilities from the answers.
    """
    smallest = max(instrument.min_qty, instrument.min_cost / (ticker.bid * _BELOW)) * _ROOM
    qty = instrument.size(smallest) + instrument.lot
    stop = instrument.price_down(ticker.bid * _BELOW)
    entry = _sample(
        broker,
        clock,
        ids,
        instrument,
        Side.BUY,
        qty,
        OrderType.LIMIT,
        TimeInForce.IOC,
        limit=instrument.price_up(ticker.ask),
        attached=stop,
        target=instrument.price_up(ticker.ask * _ABOVE) if broker.capabilities().attached_target else None,
    )
    resting = _sample(broker, clock, ids, instrument, Side.SELL, qty, OrderType.STOP, TimeInForce.GTC, trigger=stop)
    return broker.probe(entry, resting)


def _sample(
    broker: BaseBroker,
    clock: Clock,
    ids: ClientIds,
    instrument: Instrument,
    side: Side,
    qty: Decimal,
    kind: OrderType,
    tif: TimeInForce,
    *,
    limit: Decimal | None = None,
    trigger: Decimal | None = None,
    attached: Decimal | None = None,
    target: Decimal | None = None,
) -> Intent:
    """An intent that is not recorded, because it is only sent for validation."""
    now = clock.wall_ms()
    able = broker.capabilities()
    return Intent(
        client_id=ids.next(),
        key="",
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.STOP,
        symbol=instrument.symbol,
        side=side,
        qty=qty,
        type=kind,
        created_at=clock.market_ms(),
        sent_at=now,
        tif=tif,
        limit_price=limit,
        trigger_price=trigger,
        attached_stop=attached,
        attached_target=target,
        deadline=now + able.deadline_ms if able.absence is AbsenceProof.DEADLINE else None,
        reduce_only=side is Side.SELL,
        reason="shape",
    )
