"""The limits: what may not happen however good a signal looks. Pure: facts and limits in, a refusal or none out.

They bind entries only: nothing here ever keeps a sale, a stop or a cancel from being sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.clock import SECOND
from bot.domain.money import HUNDRED, ZERO, plain

#: How old (real ms) what the venue said of balances may be when an entry is decided on it.
STALE_AFTER = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """The owner's bounds, per broker. Percentages of equity; dollars; `price_sanity_pct` and `max_spread_pct` of the price.

    `max_losses_in_a_row` closed positions of one symbol that all lost keep it out for `cooldown_ms` (market ms).
    """

    max_open_positions: int
    max_exposure_pct: Decimal
    max_order_usd: Decimal | None
    max_daily_loss_pct: Decimal
    max_drawdown_pct: Decimal
    max_orders_per_minute: int
    max_coin_exposure_pct: Decimal = Decimal(50)
    price_sanity_pct: Decimal = Decimal(3)
    max_spread_pct: Decimal = Decimal(1)
    max_losses_in_a_row: int = 3
    cooldown_ms: int = 60 * 60_000


@dataclass(frozen=True, slots=True)
class Losses:
    """What trading lost since 00:00 UTC and since its best moment, in percent (both >= 0)."""

    day_pct: Decimal = ZERO
    drawdown_pct: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the account stands. Dollars, except counts; `exposure` and `coin_exposure` (of the coin that is to be bought, over
    all of its markets) count open positions and whatever orders in doubt may still buy.
    """

    equity: Decimal
    exposure: Decimal
    coin_exposure: Decimal
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


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most (dollars) that one more entry may be worth, and the limit that says so."""

    usd: Decimal
    limit: str


def halt_of_day(losses: Losses, limits: Limits) -> Refusal | None:
    """Whether the day has lost so much that nothing more is entered before the next."""
    if losses.day_pct >= limits.max_daily_loss_pct:
        return Refusal("MAX_DAILY_LOSS_PCT", _pct(losses.day_pct), _pct(limits.max_daily_loss_pct))
    return None


def halt_of_drawdown(losses: Losses, limits: Limits) -> Refusal | None:
    """Whether so much is lost since the best moment that nothing more is entered until the owner says so."""
    if losses.drawdown_pct >= limits.max_drawdown_pct:
        return Refusal("MAX_DRAWDOWN_PCT", _pct(losses.drawdown_pct), _pct(limits.max_drawdown_pct))
    return None


def full(facts: Facts, limits: Limits) -> Refusal | None:
    """Why no entry of whatever size may be made now, or None."""
    if facts.open_positions >= limits.max_open_positions:
        return Refusal("MAX_OPEN_POSITIONS", str(facts.open_positions), str(limits.max_open_positions))
    if facts.orders_last_minute >= limits.max_orders_per_minute:
        return Refusal("MAX_ORDERS_PER_MINUTE", str(facts.orders_last_minute), str(limits.max_orders_per_minute))
    return None


def ceiling(facts: Facts, limits: Limits) -> Ceiling:
    """The tightest bound on one more entry, and whose it is."""
    bounds = [
        Ceiling(facts.equity * limits.max_exposure_pct / HUNDRED - facts.exposure, "MAX_EXPOSURE_PCT"),
        Ceiling(facts.equity * limits.max_coin_exposure_pct / HUNDRED - facts.coin_exposure, "MAX_COIN_EXPOSURE_PCT"),
    ]
    if limits.max_order_usd is not None:
        bounds.append(Ceiling(limits.max_order_usd, "MAX_ORDER_USD"))
    tightest = min(bounds, key=lambda one: one.usd)
    return Ceiling(max(tightest.usd, ZERO), tightest.limit)


def refusal(order_usd: Decimal, facts: Facts, limits: Limits) -> Refusal | None:
    """Why an entry worth `order_usd` may not be made, or None."""
    refused = full(facts, limits)
    if refused is not None:
        return refused
    if limits.max_order_usd is not None and order_usd > limits.max_order_usd:
        return Refusal("MAX_ORDER_USD", _usd(order_usd), _usd(limits.max_order_usd))
    return _exposed(
        "MAX_COIN_EXPOSURE_PCT", facts.coin_exposure + order_usd, facts.equity, limits.max_coin_exposure_pct
    ) or _exposed("MAX_EXPOSURE_PCT", facts.exposure + order_usd, facts.equity, limits.max_exposure_pct)


def _exposed(limit: str, exposed: Decimal, equity: Decimal, most_pct: Decimal) -> Refusal | None:
    bound = equity * most_pct / HUNDRED
    return Refusal(limit, _usd(exposed), _usd(bound)) if exposed > bound else None


def insane(close: Decimal, bid: Decimal, ask: Decimal, limits: Limits) -> Refusal | None:
    """Whether the market's prices cannot be trusted against the last good close, or their spread is too wide."""
    if not ZERO < bid <= ask:
        return Refusal("price sanity", f"bid {plain(bid)} ask {plain(ask)}", "0 < bid <= ask")
    away = max(abs(ask - close), abs(bid - close)) / close * HUNDRED
    if away > limits.price_sanity_pct:
        return Refusal("MAX_PRICE_JUMP_PCT", f"{_pct(away)} from the last close", _pct(limits.price_sanity_pct))
    spread = (ask - bid) / ask * HUNDRED
    if spread > limits.max_spread_pct:
        return Refusal("MAX_SPREAD_PCT", _pct(spread), _pct(limits.max_spread_pct))
    return None


def stale(what: str, age_ms: int) -> Refusal | None:
    """Whether an answer of the venue is too old to enter on; `what` names it."""
    if age_ms <= STALE_AFTER:
        return None
    return Refusal(f"stale {what}", f"{age_ms // SECOND} s old", f"{STALE_AFTER // SECOND} s")


def cooling(results: Sequence[tuple[int, Decimal]], now: int, limits: Limits) -> Refusal | None:
    """Whether a symbol sits out: `results` are its last closed positions, the newest first, as (market ms, dollars earned).

    Once so many lost in a row, every further loss begins the wait anew; a gain ends the row.
    """
    row = results[: limits.max_losses_in_a_row]
    if len(row) < limits.max_losses_in_a_row or any(earned >= ZERO for _, earned in row):
        return None
    left = row[0][0] + limits.cooldown_ms - now
    if left <= 0:
        return None
    value = f"{len(row)} positions lost in a row, {-(-left // (60 * SECOND))} min to wait"
    return Refusal("MAX_LOSSES_IN_A_ROW", value, str(limits.max_losses_in_a_row))


def _usd(value: Decimal) -> str:
    return plain(round(value, 2))


def _pct(value: Decimal) -> str:
    return f"{value:.2f} %"
