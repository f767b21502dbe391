"""Kraken's order requests: place, amend, cancel, and the preview of an order without placing it.

Every order is sent once and carries our client id, a deadline, `fciq` (fee in the quote) and the trading agreement. Without
the agreement, accounts verified in Germany cannot place market orders, nor orders that trigger one. A request returns an
`Outcome`: `Unknown` if Kraken's answer leaves any doubt.

Nobody can trade with himself at Kraken: an order that meets a resting one of its own account is cancelled, unless `stptype` says
that the resting one is (docs.kraken.com, Add Order). Orders that protect or close a position say so, or a bid of the owner's would
keep NIJA from selling for as long as it rests. An entry does not: it is not worth an order of the owner's.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.answers import number, order_id, plain_words
from bot.brokers.common.outcomes import LATEST, SOONEST, Unsupported, act_until, needed, outcome
from bot.brokers.common.venue_clock import VenueClock
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.errors import failure, row_of
from bot.brokers.kraken.limits import ADD_COST, Charge, amend_cost, cancel_cost
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.parse import mapping
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import SECOND, Clock, iso
from bot.domain.log import Event, Log
from bot.domain.money import plain
from bot.domain.order import Intent, OrderType, Purpose, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Placed, Unknown
from bot.domain.text import safe_text

#: A GTD order must live at least this long (seconds).
_SHORTEST_LIFE = 5

_STP = "stptype"
#: Refusals that may be about `stptype`: one that names it, and one that names nothing.
_STP_REFUSED, _ARGUMENTS = "EGeneral:Invalid arguments:stptype", "EGeneral:Invalid arguments"

_ORDER_TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit",
    OrderType.TAKE_PROFIT: "take-profit",
}


def order_fields(intent: Intent, pair: str, now: int) -> dict[str, str]:
    """AddOrder's fields for an intent, except the deadline; `now` is wall ms. Raises `Unsupported`."""
    if intent.type not in _ORDER_TYPES or intent.attached_target is not None:
        raise Unsupported(f"Kraken has no {intent.type} order" + (" with a target" if intent.attached_target else ""))
    fields = {
        "pair": pair,
        "type": intent.side.value,
        "ordertype": _ORDER_TYPES[intent.type],
        "volume": plain(intent.qty),
        "oflags": "post,fciq" if intent.post_only else "fciq",
        "trading_agreement": "agree",
        "cl_ord_id": intent.client_id,
    }
    if intent.purpose is not Purpose.ENTRY:
        fields[_STP] = "cancel-oldest"
    return fields | _prices(intent) | _life(intent, now) | _close(intent)


def _prices(intent: Intent) -> dict[str, str]:
    """`price` is the limit of a limit order, but the trigger of a triggered order, whose limit is `price2`."""
    if intent.type is OrderType.MARKET:
        return {}
    if intent.type is OrderType.LIMIT:
        return {"price": needed(intent.limit_price, "limit price")}
    fields = {"price": needed(intent.trigger_price, "trigger price")}
    if intent.type is OrderType.STOP_LIMIT:
        fields["price2"] = needed(intent.limit_price, "limit price")
    return fields


def _life(intent: Intent, now: int) -> dict[str, str]:
    """The time in force. Only limit orders have one. GTD ends at the intent's deadline, given as seconds from now."""
    if intent.tif is TimeInForce.FOK and intent.type is not OrderType.LIMIT:
        raise Unsupported("Kraken accepts fill-or-kill for limit orders only")
    if intent.type is not OrderType.LIMIT or intent.tif is TimeInForce.GTC:
        return {}
    if intent.tif in (TimeInForce.IOC, TimeInForce.FOK):
        return {"timeinforce": intent.tif.value.upper()}
    seconds = -(-((intent.deadline or now) - now) // SECOND)
    return {"timeinforce": "GTD", "expiretm": f"+{max(seconds, _SHORTEST_LIFE)}"}


def _close(intent: Intent) -> dict[str, str]:
    """The stop that Kraken spawns for each fill of this order."""
    if intent.attached_stop is None:
        return {}
    return {"close[ordertype]": "stop-loss", "close[price]": plain(intent.attached_stop)}


class KrakenTrade:
    """Requests that change something."""

    def __init__(
        self,
        config: KrakenConfig,
        transport: KrakenTransport,
        market: KrakenMarket,
        clock: Clock,
        venue_clock: VenueClock,
        log: Log,
    ) -> None:
        self._config = config
        self._transport = transport
        self._market = market
        self._clock = clock
        self._log = log
        self._venue_clock = venue_clock
        self._without_stp: set[str] = set()  # order types for which this account may not say it

    def place(self, intent: Intent) -> Outcome:
        """AddOrder, once."""
        self._venue_clock.before_a_deadline()
        ended = self._checked(outcome(lambda: self._add(intent)))
        if isinstance(ended, NotPlaced) and ended.meaning is ErrorMeaning.GONE:
            return Unknown(ended.reason)  # an error about an existing order in answer to a new one: search for it
        return ended

    def amend(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        """AmendOrder: the new total size and/or trigger. The order keeps its id. Kraken rejects an amend that changes nothing, so
        that is not sent.
        """
        if qty in (None, order.qty) and trigger_price in (None, order.trigger_price):
            return Placed(order.exchange_id)
        self._venue_clock.before_a_deadline()
        deadline = self._clock.wall_ms() + self._config.deadline_ms
        fields = {"txid": order.exchange_id, "deadline": self._venue_time(deadline)}
        if qty is not None:
            fields["order_qty"] = plain(qty)
        if trigger_price is not None:
            fields["trigger_price"] = plain(trigger_price)
        charge = Charge(order.symbol, amend_cost(self._age(order)), Priority.EXIT)

        def send() -> Outcome:
            result = self._transport.request("AmendOrder", fields, charge, deadline - SOONEST)
            if mapping(result, "AmendOrder").get("amend_id"):
                return Placed(order.exchange_id)
            return Unknown(f"AmendOrder answered without an id: {safe_text(result)}")

        return self._checked(outcome(send))

    def cancel(self, order: VenueOrder) -> Outcome:
        """CancelOrder by the venue's id. Repeating it is harmless."""
        charge = Charge(order.symbol, cancel_cost(self._age(order)), Priority.EXIT)
        return outcome(lambda: self._cancel(order.exchange_id, charge))

    def preview(self, intent: Intent) -> str:
        """AddOrder with `validate`: Kraken's text if it would accept this order; raises `BrokerError` if not."""
        result = failure.understood(lambda: self._send_add(intent, validate=True))
        if txids := _txids(result):
            raise failure(ErrorMeaning.BUSY, self._undo(txids, intent.symbol))
        return safe_text(result.get("descr", result))

    # -- one request ---------------------------------------------------------------------------------------------
    def _add(self, intent: Intent) -> Outcome:
        txids = _txids(self._send_add(intent, validate=False))
        return Placed(order_id(txids[0])) if txids else Unknown("AddOrder answered without an order id")

    def _send_add(self, intent: Intent, *, validate: bool) -> Any:
        """AddOrder. If Kraken refuses `stptype`, which no documentation limits to some order types, the order is sent again
        without it, and so is every later one of its type.
        """
        if intent.purpose is Purpose.ENTRY:
            return self._ask_add(intent, validate=validate)
        kind = _ORDER_TYPES.get(intent.type, "")
        if kind in self._without_stp:
            return self._ask_add(intent, validate=validate, without=_STP)
        try:
            return self._ask_add(intent, validate=validate)
        except BrokerError as error:
            row = row_of(error.text)
            if row is None or row.text not in (_STP_REFUSED, _ARGUMENTS):
                raise
        answer = self._ask_add(intent, validate=validate, without=_STP)
        self._without_stp.add(kind)
        return answer

    def _ask_add(self, intent: Intent, *, validate: bool, without: str = "") -> Any:
        now = self._clock.wall_ms()
        usual = self._config.deadline_ms
        deadline = now + usual if validate else act_until(intent, now, usual)
        fields = order_fields(intent, self._market.pair(intent.symbol), now)
        fields.pop(without, None)
        fields["deadline"] = self._venue_time(deadline)
        if validate:
            fields["validate"] = "true"
        charge = Charge(intent.symbol, ADD_COST, Priority.of(intent))
        return mapping(self._transport.request("AddOrder", fields, charge, deadline - SOONEST), "AddOrder")

    def _cancel(self, txid: str, charge: Charge) -> Outcome:
        latest = self._clock.wall_ms() + LATEST
        result = mapping(self._transport.request("CancelOrder", {"txid": txid}, charge, latest), "CancelOrder")
        if number(result, "count") > 0 or result.get("pending"):
            return Placed(txid)
        return NotPlaced(ErrorMeaning.GONE, "Kraken cancelled nothing")

    def _undo(self, txids: Sequence[str], symbol: str) -> str:
        """Cancel orders that should only have been validated; returns a text with the outcome."""
        charge = Charge(symbol, cancel_cost(0), Priority.EXIT)
        ended = [outcome(lambda txid=txid: self._cancel(txid, charge)) for txid in txids]  # type: ignore[misc]
        self._log.error(Event.VALIDATE_PLACED_ORDER, venue="kraken", exchange_ids=",".join(txids), cancelled=str(ended))
        return f"Kraken placed {', '.join(txids)} although asked only to validate; cancelled at once: {ended}"

    def _checked(self, ended: Outcome) -> Outcome:
        """The same outcome. If it is about the deadline, Kraken's clock is measured again."""
        late = isinstance(ended, Unknown) and plain_words(ended.reason) == plain_words("EService:Deadline elapsed")
        if late or (isinstance(ended, NotPlaced) and ended.meaning is ErrorMeaning.CLOCK):
            self._venue_clock.doubt()
        return ended

    def _venue_time(self, wall_ms: int) -> str:
        return iso(self._venue_clock.of(wall_ms))

    def _age(self, order: VenueOrder) -> int:
        return self._clock.market_ms() - order.created_at


def _txids(result: Any) -> list[str]:
    """The order ids in AddOrder's answer: an array, in older answers a text."""
    value = result.get("txid")
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [safe_text(txid) for txid in found if isinstance(txid, str) and txid]
