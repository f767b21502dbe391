"""An account's trades as `bot.domain.profit` needs them, read from fills, positions and write-offs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from sqlalchemy import BindParameter, bindparam, select

from bot.domain.booking import DUST, GIVEN_UP
from bot.domain.ids import Account, AccountKey
from bot.domain.last_prices import LAST_PRICES, LastPrices
from bot.domain.money import ONE, ZERO
from bot.domain.order import Purpose, Side
from bot.domain.profit import DUST_LEG, GIVEN_UP_LEG, TAKEN_LEG, Leg, Trade
from bot.store.account_state import all_of
from bot.store.account_transaction import Row, Transaction
from bot.store.holdings import position_of
from bot.store.reader import Books
from bot.store.schema import fills, orders, positions, write_offs

_ACCOUNT: BindParameter[int] = bindparam("account")
FILLS = (
    select(
        fills,
        *(orders.c.client_id, orders.c.purpose, orders.c.reason, orders.c.why, orders.c.pay_in),
        *(orders.c.decision, orders.c.trigger_price, orders.c.decision_price),
    )
    .join(orders, fills.c.order_id == orders.c.id)
    .where(fills.c.account_id == _ACCOUNT)
    .order_by(fills.c.time, fills.c.id)
)
POSITIONS = select(positions).where(positions.c.account_id == _ACCOUNT).order_by(positions.c.opened_at, positions.c.id)
WRITE_OFFS = (
    select(write_offs)
    .where(write_offs.c.account_id == _ACCOUNT, write_offs.c.qty != ZERO)
    .order_by(write_offs.c.at, write_offs.c.id)
)
#: A stop that sold this much better (a fraction of its trigger) sold at its attached target.
FAR = Decimal("0.002")
_LEGS = {DUST: DUST_LEG, GIVEN_UP: GIVEN_UP_LEG}


@dataclass(frozen=True, slots=True)
class AccountTrades:
    """The trades of one account. `as_of` is the market time of the newest data, 0 without any."""

    account: Account
    trades: tuple[Trade, ...]
    as_of: int


def read_trades(books: Books, key: AccountKey | None = None) -> list[AccountTrades]:
    """The trades of the current accounts, or of one; a database that cannot be read is listed in `books.unreadable`."""
    found = []
    for seen in books.accounts():
        if key in (None, seen.account.key):
            read = books.read(seen, partial(account_trades, seen.account))
            if read is not None:
                found.append(read)
    return found


def account_trades(account: Account, tx: Transaction) -> AccountTrades:
    """The trades of the transaction's account."""
    prices = LastPrices.read(all_of(tx).get(LAST_PRICES))
    held = {row["id"]: row for row in tx.rows(POSITIONS)}
    legs: dict[int, list[Leg]] = defaultdict(list)
    trades = []
    for row in tx.rows(FILLS):
        opener = held.get(row["position_id"])
        if opener is None:
            trades.append(_alone(account, row, prices))
        else:
            legs[row["position_id"]].append(_fill(row, opener["side"]))
    for row in tx.rows(WRITE_OFFS):
        legs[row["position_id"]].append(_written_off(row, held[row["position_id"]]))
    trades += [_position(account, row, legs[number], prices) for number, row in held.items()]
    times = [leg.time for trade in trades for leg in trade.legs]
    return AccountTrades(account, tuple(trades), max([*times, *(at for _, at in prices.seen.values())], default=0))


def _position(account: Account, row: Row, legs: Iterable[Leg], prices: LastPrices) -> Trade:
    position = position_of(row)
    ordered = tuple(sorted(legs, key=lambda leg: (leg.time, leg.closes)))
    last = ordered[-1].price if ordered else position.entry_price
    return Trade(
        account=str(account.key),
        symbol=position.symbol,
        side=position.side,
        opened_at=position.opened_at,
        closed_at=row["closed_at"],
        ended=row["closed_why"] or "",
        held=position.qty,
        entry_price=position.entry_price,
        legs=ordered,
        price=_last_price(position.symbol, last, prices),
        quote_usd=prices.quote_usd(position.symbol),
        decided_at=position.candle_close,
        stop=position.first_stop,
        risk=position.r if position.first_stop else ZERO,
    )


def _alone(account: Account, row: Row, prices: LastPrices) -> Trade:
    """A fill without a position."""
    return Trade(
        account=str(account.key),
        symbol=row["symbol"],
        side=row["side"].opposite,
        opened_at=row["time"],
        closed_at=row["time"],
        ended=DUST,
        held=ZERO,
        entry_price=ZERO,
        legs=(_fill(row, row["side"].opposite),),
        price=row["price"],
        quote_usd=prices.quote_usd(row["symbol"]),
    )


def _last_price(symbol: str, last: Decimal, prices: LastPrices) -> Decimal:
    known = prices.of(symbol)
    return last if known is None else known


def _fill(row: Row, side: Side) -> Leg:
    return Leg(
        time=row["time"],
        price=row["price"],
        qty=row["qty"],
        fee_usd=row["fee_usd"],
        purpose=str(row["purpose"]),
        closes=row["side"] is not side,
        result_usd=row["realised_usd"] or ZERO,
        quote_usd=row["quote_usd"] or ONE,
        why=row["why"] or row["reason"],
        decision_price=_decision_price(row),
    )


def _decision_price(row: Row) -> Decimal | None:
    """The close that decided on an entry, the market price that a sale was decided at, the trigger of a stop. A stop with a target
    attached also sells there, far beyond its trigger: nobody decided on that sale's price.
    """
    if row["purpose"] is Purpose.ENTRY:
        return row["decision"].close or None if row["decision"] is not None else None
    if row["purpose"] is not Purpose.STOP:
        return row["decision_price"]  # type: ignore[no-any-return]
    trigger = row["trigger_price"]
    if trigger is None or (row["price"] - trigger) * row["side"].sign < -trigger * FAR:
        return None
    return trigger  # type: ignore[no-any-return]


def _written_off(row: Row, opener: Mapping[str, object]) -> Leg:
    """Coins that left without a sale. Older NIJAs did not record a price; those count at their cost."""
    rate = row["quote_usd"] or ONE
    price = row["price"]
    return Leg(
        time=row["at"],
        price=position_of(opener).entry_price if price is None else price,
        qty=row["qty"],
        fee_usd=ZERO,
        purpose=_LEGS.get(row["why"], TAKEN_LEG),
        closes=True,
        result_usd=(row["realised"] or ZERO) * rate,
        quote_usd=rate,
    )
