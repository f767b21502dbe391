"""Take-profit and stop-loss terms: OKX's parameters as the core's conditional orders, checked against a price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.sandbox.core.instrument import is_multiple
from bot.sandbox.core.values import Kind, Side
from bot.sandbox.okx.errors import OkxError, bad, missing
from bot.sandbox.okx.listing import Listed
from bot.sandbox.okx.words import Words

AT_MARKET = "-1"
PRICES = ("last", "index", "mark")


@dataclass(frozen=True)
class Legs:
    """One or both legs; a price of None means the market. With both, `trigger` is the stop's, `target` the profit's."""

    kind: Kind
    trigger: Decimal
    price: Decimal | None
    target: Decimal | None = None
    target_price: Decimal | None = None

    def stop(self) -> Decimal | None:
        return None if self.kind in {Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT} else self.trigger

    def profit(self) -> Decimal | None:
        return self.target if self.stop() is not None else self.trigger

    def check(self, side: Side, price: Decimal, *, against_order: bool) -> None:
        """Rejects triggers on the wrong side of a price; `side` is that of the order they would send."""
        stop, profit = self.stop(), self.profit()
        if against_order:
            codes = ("51047", "51046") if side is Side.SELL else ("51049", "51048")
        else:
            codes = ("51280", "51279") if side is Side.SELL else ("51278", "51277")
        sign = 1 if side is Side.SELL else -1
        if stop is not None and sign * (price - stop) <= 0:
            raise OkxError(codes[0])
        if profit is not None and sign * (profit - price) <= 0:
            raise OkxError(codes[1])


def legs_of(words: Words, tick: Decimal) -> Legs:
    """The legs in a request; raises if there are none or one lacks its price."""
    stop, stop_price = _leg(words, "sl", tick)
    profit, profit_price = _leg(words, "tp", tick)
    if stop is not None and profit is not None:
        return Legs(Kind.BRACKET, stop, stop_price, profit, profit_price)
    if stop is not None:
        return Legs(Kind.STOP if stop_price is None else Kind.STOP_LIMIT, stop, stop_price)
    if profit is None:
        raise missing("slTriggerPx")
    return Legs(Kind.TAKE_PROFIT if profit_price is None else Kind.TAKE_PROFIT_LIMIT, profit, profit_price)


def trigger_types(words: Words, listed: Listed) -> dict[str, str]:
    """The price that each trigger of a request watches, by OKX's name; pairs have only the last price."""
    triggers = [name for name in ("slTriggerPx", "tpTriggerPx", "triggerPx") if name in words]
    types = {f"{name}Type": words.one_of(f"{name}Type", PRICES, "last") for name in triggers}
    if not listed.is_swap and set(types.values()) - {"last"}:
        raise OkxError("51415")
    return types


def _leg(words: Words, name: str, tick: Decimal) -> tuple[Decimal | None, Decimal | None]:
    trigger = on_tick(words, f"{name}TriggerPx", tick)
    if trigger is None:
        return None, None
    return trigger, limit_or_market(words, f"{name}OrdPx", tick)


def limit_or_market(words: Words, name: str, tick: Decimal) -> Decimal | None:
    """A limit price, or None for the market's -1."""
    return None if words.need(name) == AT_MARKET else on_tick(words, name, tick)


def on_tick(words: Words, name: str, tick: Decimal) -> Decimal | None:
    """A price above zero that is a multiple of the tick."""
    price = words.amount(name)
    if price is not None and not is_multiple(price, tick):
        raise bad(name)
    return price
