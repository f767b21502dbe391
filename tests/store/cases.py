"""What the tests of the store trade with: an account, a clock that is set by hand, intents, reports and fills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bot.domain.booking import Worth
from bot.domain.fill import Fill
from bot.domain.ids import Account, decision_key
from bot.domain.order import Decision, Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.store.database import Store, address
from bot.store.ledger import Ledger

KRAKEN = Account("live", "kraken", "main", "k-1")
DECISION = Decision(
    candle_close=1_000,
    stop=Decimal(90),
    close=Decimal(100),
    fee=Decimal("0.002"),
    reason="trend and pullback",
    risk_price=Decimal("92.5"),
    kept=(("best close", 100.125),),
    facts=(("atr", 4.25), ("score", 4.0)),
)
#: What coins count at that leave a position of `bought` without a sale: what they had cost.
AT_COST = Worth(Decimal(100))


@dataclass
class HandClock:
    """Both times are what the test says."""

    market: int = 5_000
    wall: int = 9_000
    speed: float = 1.0

    def market_ms(self) -> int:
        return self.market

    def wall_ms(self) -> int:
        return self.wall

    def steady_ms(self) -> int:
        return self.wall


def ledger(folder: Path, account: Account = KRAKEN, clock: HandClock | None = None) -> Ledger:
    """A ledger on the account's own file in `folder`."""
    return Ledger(Store.open(address(folder, account.key.stem)), account, clock or HandClock())


def intent(
    number: int,
    symbol: str = "BTC-USD",
    purpose: Purpose = Purpose.ENTRY,
    side: Side = Side.BUY,
    qty: str = "1",
    attempt: int = 0,
) -> Intent:
    return Intent(
        client_id=f"njabc{number:013d}",
        key=decision_key(KRAKEN, symbol, 1_000, purpose, attempt),
        purpose=purpose,
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        type=OrderType.LIMIT,
        created_at=2_000 + number,
        sent_at=3_000 + number,
        tif=TimeInForce.IOC,
        limit_price=Decimal("101.5"),
        attached_stop=Decimal(90),
        deadline=3_500,
        reason="signal",
        decision=DECISION if purpose is Purpose.ENTRY else None,
    )


def report(
    exchange_id: str,
    status: OrderStatus,
    filled: str = "0",
    *,
    symbol: str = "BTC-USD",
    side: Side = Side.BUY,
    qty: str = "1",
    avg: str | None = None,
    client_id: str | None = None,
    kind: OrderType = OrderType.LIMIT,
    trigger: str | None = None,
    parent_id: str | None = None,
) -> VenueOrder:
    return VenueOrder(
        exchange_id=exchange_id,
        symbol=symbol,
        side=side,
        type=kind,
        status=status,
        qty=Decimal(qty),
        filled_qty=Decimal(filled),
        avg_price=None if avg is None else Decimal(avg),
        client_id=client_id,
        parent_id=parent_id,
        trigger_price=None if trigger is None else Decimal(trigger),
        created_at=2_500,
    )


def fill(
    fill_id: str,
    order_id: str,
    qty: str = "1",
    price: str = "100",
    *,
    symbol: str = "BTC-USD",
    side: Side = Side.BUY,
    fee: str = "0",
    asset: str = "USD",
    time: int = 6_000,
    client_id: str | None = None,
    fee_usd: str = "0",
) -> Fill:
    return Fill(
        fill_id=fill_id,
        exchange_order_id=order_id,
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_asset=asset,
        time=time,
        client_id=client_id,
        fee_usd=Decimal(fee_usd),
    )


def bought(book: Ledger, number: int = 1, qty: str = "1", price: str = "100", symbol: str = "BTC-USD") -> str:
    """An entry, sent, filled and booked; its client id."""
    order = intent(number, symbol, qty=qty, attempt=number)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
    book.update(report(f"X{number}", OrderStatus.FILLED, qty, symbol=symbol, qty=qty, avg=price))
    book.record_fill(fill(f"F{number}", f"X{number}", qty, price, symbol=symbol))
    return order.client_id


def selling(book: Ledger, number: int, purpose: Purpose = Purpose.EXIT, qty: str = "1", symbol: str = "BTC-USD") -> str:
    """A sale that has been sent; its exchange id."""
    order = intent(number, symbol, purpose, Side.SELL, qty, attempt=number)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
    return f"X{number}"
