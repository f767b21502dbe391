"""OKX's order requests: place, amend, cancel, leverage, and the preview of an order without placing it.

Every order is sent once and carries our client id and `expTime`. Algo orders have no `expTime`; a lost one is looked up by its
client id. A request returns an `Outcome`: `Unknown` if OKX's answer leaves any doubt or is about another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.answers import BadAnswer, order_id, text
from bot.brokers.common.capability_probe import NoCheck
from bot.brokers.common.outcomes import LATEST, SOONEST, act_until, outcome
from bot.brokers.common.venue_clock import VenueClock
from bot.brokers.okx.account import OkxAccount
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.connect import MANY_COINS
from bot.brokers.okx.errors import finds_deadline_wrong
from bot.brokers.okx.market import OkxMarket
from bot.brokers.okx.orders import Terms, algo_fields, is_algo, order_fields, wire_size
from bot.brokers.okx.parse import Settings, stop_id
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import Clock
from bot.domain.instrument import Kind
from bot.domain.log import Event, Log
from bot.domain.money import plain
from bot.domain.order import Intent, OrderType, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Placed

#: Types that OKX amends and cancels as algo orders.
_ALGO_TYPES = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.BRACKET, OrderType.TRAILING_STOP}
)
#: OKX checks an order here without placing it.
_PRECHECK = "/api/v5/trade/order-precheck"


class OkxTrade:
    """Requests that change something. `connect` sets `settings`."""

    def __init__(
        self,
        config: OkxConfig,
        transport: OkxTransport,
        market: OkxMarket,
        account: OkxAccount,
        clock: Clock,
        venue_clock: VenueClock,
        log: Log,
    ) -> None:
        self._config = config
        self._transport = transport
        self._market = market
        self._account = account
        self._clock = clock
        self._venue_clock = venue_clock
        self._log = log
        self._levered: set[str] = set()
        self.settings: Settings | None = None

    # -- verbs ---------------------------------------------------------------------------------------------------------------
    def place(self, intent: Intent) -> Outcome:
        """trade/order or trade/order-algo, once."""
        if is_algo(intent):  # it carries no deadline, and a stop must not wait for a clock measurement
            return outcome(lambda: self._algo(intent))
        self._venue_clock.before_a_deadline()
        return self._checked(outcome(lambda: self._order(intent)))

    def amend(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        """amend-algos for a stop, amend-order for any other: the new total size and/or trigger. The order keeps its id."""
        if self._is_algo(order):
            return outcome(lambda: self._amend_algo(order, qty, trigger_price))
        self._venue_clock.before_a_deadline()
        return self._checked(outcome(lambda: self._amend_order(order, qty)))

    def cancel(self, order: VenueOrder) -> Outcome:
        """cancel-algos or cancel-order by the venue's id. Repeating it is harmless."""
        about = {"instId": order.symbol}
        latest = self._clock.wall_ms() + LATEST

        def send() -> Outcome:
            if self._is_algo(order):
                body = [{**about, "algoId": order.exchange_id}]
                row = self._transport.request("/api/v5/trade/cancel-algos", body, Priority.EXIT, latest)
                return _about(row, "algoId", order.exchange_id)
            fields = {**about, "ordId": order.exchange_id}
            row = self._transport.request("/api/v5/trade/cancel-order", fields, Priority.EXIT, latest)
            return _about(row, "ordId", order.exchange_id)

        return outcome(send)

    def preview(self, intent: Intent) -> str:
        """order-precheck: a text if OKX would accept this order. Raises `BrokerError` if not, `NoCheck` if OKX cannot check it.

        OKX does not check algo orders, and in Spot and Futures mode no orders at all.
        """
        if is_algo(intent):
            raise NoCheck("OKX does not check algo orders: its API guide is trusted")
        if self.settings is None or self.settings.level not in MANY_COINS:
            raise NoCheck("OKX checks no orders in this account mode: its API guide is trusted")
        latest = self._clock.wall_ms() + self._config.deadline_ms
        fields = order_fields(intent, self._terms(intent))
        self._transport.request(_PRECHECK, fields, Priority.QUERY, latest)
        return "order-precheck found nothing wrong"

    # -- orders ----------------------------------------------------------------------------------------------------------------
    def _order(self, intent: Intent) -> Outcome:
        deadline = self._deadline(intent)
        fields = order_fields(intent, self._terms(intent))
        self._lever(intent, deadline)
        row = self._transport.request(
            "/api/v5/trade/order", fields, Priority.of(intent), deadline - SOONEST, self._venue_clock.of(deadline)
        )
        exchange_id = order_id(text(row, "ordId"))
        _about(row, "clOrdId", intent.client_id)
        self._account.remember(intent.client_id, exchange_id, algo=False)
        if intent.attached_stop is not None:
            self._account.await_stop(stop_id(intent.client_id), intent.symbol, exchange_id)
        return Placed(exchange_id)

    def _algo(self, intent: Intent) -> Outcome:
        deadline = self._deadline(intent)
        fields = algo_fields(intent, self._terms(intent))
        self._account.expect(fields["ordType"])
        row = self._transport.request("/api/v5/trade/order-algo", fields, Priority.of(intent), deadline - SOONEST)
        algo_id = order_id(text(row, "algoId"))
        _about(row, "algoClOrdId", intent.client_id)
        self._account.remember(intent.client_id, algo_id, algo=True)
        return Placed(algo_id)

    def _amend_order(self, order: VenueOrder, qty: Decimal | None) -> Outcome:
        if qty is None:
            return NotPlaced(ErrorMeaning.UNSUPPORTED, "only the size of an order without a trigger can be changed")
        size = wire_size(qty, self._market.listing(order.symbol).instrument)
        fields = {"instId": order.symbol, "ordId": order.exchange_id, "newSz": size}
        deadline = self._clock.wall_ms() + self._config.deadline_ms
        row = self._transport.request(
            "/api/v5/trade/amend-order", fields, Priority.EXIT, deadline - SOONEST, self._venue_clock.of(deadline)
        )
        return _about(row, "ordId", order.exchange_id)

    def _amend_algo(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        fields = {"instId": order.symbol, "algoId": order.exchange_id}
        if qty is not None:
            fields["newSz"] = wire_size(qty, self._market.listing(order.symbol).instrument)
        if trigger_price is not None:
            fields |= _new_trigger(order, trigger_price, self._trigger_type(order))
        latest = self._clock.wall_ms() + self._config.deadline_ms
        row = self._transport.request("/api/v5/trade/amend-algos", fields, Priority.EXIT, latest - SOONEST)
        return _about(row, "algoId", order.exchange_id)

    def _trigger_type(self, order: VenueOrder) -> str:
        """On contracts a trigger's type is sent with its price. It must be the order's own: OKX refuses another (51528)."""
        spot = self._market.listing(order.symbol).instrument.kind is Kind.SPOT
        return "" if spot else self._account.trigger_type(order)

    def _is_algo(self, order: VenueOrder) -> bool:
        return self._account.is_algo(order) or order.type in _ALGO_TYPES

    # -- swaps -------------------------------------------------------------------------------------------------------------------
    def _lever(self, intent: Intent, deadline: int) -> None:
        """Set the leverage of a contract before its first entry. Repeating it is harmless."""
        instrument = self._market.listing(intent.symbol).instrument
        if instrument.kind is Kind.SPOT or intent.reduce_only or intent.symbol in self._levered:
            return
        for fields in self._leverages(intent.symbol):
            try:
                self._transport.request("/api/v5/account/set-leverage", fields, Priority.of(intent), deadline - SOONEST)
            except BrokerError as error:
                if error.meaning is not ErrorMeaning.UNKNOWN:
                    raise
                raise BrokerError(error.venue, ErrorMeaning.BUSY, f"leverage not set: {error.text}") from error
        self._levered.add(intent.symbol)
        self._log.info(Event.LEVERAGE, venue="okx", symbol=intent.symbol, leverage=self._config.leverage)

    def _leverages(self, symbol: str) -> Sequence[Mapping[str, str]]:
        """One setting; in isolated and hedged mode one for each side."""
        margin = self._config.margin.value
        fields = {"instId": symbol, "lever": plain(self._config.leverage), "mgnMode": margin}
        if margin == "isolated" and self.settings is not None and self.settings.hedged:
            return [{**fields, "posSide": "long"}, {**fields, "posSide": "short"}]
        return [fields]

    def _checked(self, ended: Outcome) -> Outcome:
        """The same outcome. If it is about the deadline, OKX's clock is measured again."""
        if isinstance(ended, NotPlaced) and finds_deadline_wrong(ended.reason):
            self._venue_clock.doubt()
        return ended

    # -- parts -------------------------------------------------------------------------------------------------------------------
    def _terms(self, intent: Intent) -> Terms:
        """How this account trades this market."""
        instrument, settings = self._market.listing(intent.symbol).instrument, self.settings
        spot = instrument.kind is Kind.SPOT
        many = settings is not None and settings.level in MANY_COINS
        mode = ("cross" if many else "cash") if spot else self._config.margin.value
        hedged = not spot and settings is not None and settings.hedged
        return Terms(instrument, mode, hedged=hedged)

    def _deadline(self, intent: Intent) -> int:
        """Our wall time (ms) after which this request must not take effect."""
        return act_until(intent, self._clock.wall_ms(), self._config.deadline_ms)


def _new_trigger(order: VenueOrder, price: Decimal, kind: str) -> dict[str, str]:
    target = order.type is OrderType.TAKE_PROFIT
    limit = "-1" if target or order.limit_price is None else plain(order.limit_price)
    leg = "newTp" if target else "newSl"
    fields = {f"{leg}TriggerPx": plain(price), f"{leg}OrdPx": limit}
    return fields | ({f"{leg}TriggerPxType": kind} if kind else {})


def _about(row: Mapping[str, Any], key: str, wanted: str) -> Placed:
    """The order that an answer is about; raises `BadAnswer` if it is not the one in the request."""
    answered = text(row, key)
    if answered and answered != wanted:
        raise BadAnswer(f"{key} {answered[:40]!r} is not the one in the request")
    return Placed(wanted)
