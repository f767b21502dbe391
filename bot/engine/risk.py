"""The limits: what may not happen however good a signal looks. Pure: facts and limits in, a refusal or none out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import HUNDRED, ZERO, plain


@dataclass(frozen=True, slots=True)
class Limits:
    """The owner's bounds, per broker. Percentages of equity; dollars; `price_sanity_pct` and `max_spread_pct` of the price."""

    max_open_positions: int
    max_exposure_pct: Decimal
    max_order_usd: Decimal | None
    max_daily_loss_pct: Decimal
    max_drawdown_pct: Decimal
    max_orders_per_minute: int
    price_sanity_pct: Decimal = Decimal(3)
    max_spread_pct: Decimal = Decimal(1)
    max_losses_in_a_row: int = 3
    cooldown_ms: int = 60 * 60_000


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the account stands. Dollars, except counts; `exposure` counts open positions and orders in doubt.

    `day_loss` is what trading lost since 00:00 UTC, `drawdown` what it lost since its best moment (both >= 0);
    deposits and withdrawals are neither.
    """

    equity: Decimal
    day_loss: Decimal
    drawdown: Decimal
    exposure: Decimal
    open_positions: int
    orders_last_minute: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit said no: which one, the number, and its bound."""

    limit: str
    value: str
    bound: str

    def __str__(self) -> str:
        return f"{self.limit}: {self.value} against {self.bound}"


def halt(facts: Facts, limits: Limits) -> Refusal | None:
    """Whether trading must stop for the day or altogether: no new entries."""
    loss = _share(facts.day_loss, facts.equity)
    if loss >= limits.max_daily_loss_pct:
        return Refusal("MAX_DAILY_LOSS_PCT", _pct(loss), _pct(limits.max_daily_loss_pct))
    drawdown = _share(facts.drawdown, facts.equity)
    if drawdown >= limits.max_drawdown_pct:
        return Refusal("MAX_DRAWDOWN_PCT", _pct(drawdown), _pct(limits.max_drawdown_pct))
    return None


def slots(facts: Facts, limits: Limits) -> int:
    """How many more positions may be opened."""
    return max(limits.max_open_positions - facts.open_positions, 0)


def ceiling(facts: Facts, limits: Limits) -> Decimal:
    """The most (dollars) that one more entry may be worth."""
    room = facts.equity * limits.max_exposure_pct / HUNDRED - facts.exposure
    return max(min(room, limits.max_order_usd) if limits.max_order_usd is not None else room, ZERO)


def refusal(order_usd: Decimal, facts: Facts, limits: Limits) -> Refusal | None:
    """Why an entry worth `order_usd` may not be made, or None."""
    if slots(facts, limits) == 0:
        return Refusal("MAX_OPEN_POSITIONS", str(facts.open_positions), str(limits.max_open_positions))
    if facts.orders_last_minute >= limits.max_orders_per_minute:
        return Refusal("MAX_ORDERS_PER_MINUTE", str(facts.orders_last_minute), str(limits.max_orders_per_minute))
    if limits.max_order_usd is not None and order_usd > limits.max_order_usd:
        return Refusal("MAX_ORDER_USD", plain(order_usd), plain(limits.max_order_usd))
    exposed = facts.exposure + order_usd
    bound = facts.equity * limits.max_exposure_pct / HUNDRED
    if exposed > bound:
        return Refusal("MAX_EXPOSURE_PCT", plain(round(exposed, 2)), plain(round(bound, 2)))
    return None


def insane(close: Decimal, bid: Decimal, ask: Decimal, limits: Limits) -> Refusal | None:
    """Whether the market's prices cannot be trusted against the last good close, or their spread is too wide."""
    if not ZERO < bid <= ask:
        return Refusal("price sanity", f"bid {plain(bid)} ask {plain(ask)}", "0 < bid <= ask")
    away = max(abs(ask - close), abs(bid - close)) / close * HUNDRED
    if away > limits.price_sanity_pct:
        return Refusal("price sanity", f"{_pct(away)} from the last close", _pct(limits.price_sanity_pct))
    spread = (ask - bid) / ask * HUNDRED
    if spread > limits.max_spread_pct:
        return Refusal("spread", _pct(spread), _pct(limits.max_spread_pct))
    return None


def _share(lost: Decimal, equity: Decimal) -> Decimal:
    """What was lost, in percent of what there was before."""
    before = equity + lost
    return lost / before * HUNDRED if lost > 0 and before > 0 else ZERO


def _pct(value: Decimal) -> str:
    return f"{value:.2f} %"
