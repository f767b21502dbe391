"""Coinbase's order requests: place, cancel, and instead of a deadline: repeat a request, or burn its client id.

Every order is sent once and carries our client id. Coinbase creates one order per id and answers a repeat with the existing
order, as if it had just been placed (Create Order, `client_order_id`). So a request that may still arrive is repeated byte for
byte, or its id is used up by an order that cannot trade. An answer that leaves any doubt is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerError, Priority
from bot.brokers.coinbase import parse as wire
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.bodies import harmless_body, order_body
from bot.brokers.coinbase.errors import failure, of_cancel, of_order, of_preview
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.answers import BadAnswer, mapping, order_id, sequence, text
from bot.brokers.common.outcomes import outcome
from bot.domain.clock import MINUTE, Clock
from bot.domain.log import Event, Log
from bot.domain.order import DONE, Intent, Side, VenueOrder
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed, Unknown

#: Distances from the market (fractions of the price) for an order that only uses up an id, tried from far to near.
_FAR = (Decimal("0.5"), Decimal("0.2"), Decimal("0.08"), Decimal("0.03"))
#: Such an order expires after this long (wall ms), in case its cancel is lost.
_BURN_LIFE = MINUTE
#: Waits (real seconds) between queries of an order that was just cancelled or created, and the limit for all of them together.
_WAITS = (0.02, 0.04, 0.08, 0.16, 0.3, 0.4, 0.5, 0.5)
_PATIENCE = 2.0


class CoinbaseTrade:
    """Requests that change something."""

    def __init__(
        self, transport: CoinbaseTransport, market: CoinbaseMarket, account: CoinbaseAccount, clock: Clock, log: Log
    ) -> None:
        self._transport = transport
        self._market = market
        self._account = account
        self._clock = clock
        self._log = log

    def place(self, intent: Intent) -> Outcome:
        """Create the order, once. Repeating the same intent is safe: Coinbase answers with the existing order."""

        def send() -> Outcome:
            body = order_body(intent, self._market.instrument(intent.symbol))
            return self._create(intent.client_id, body, Priority.of(intent))

        return outcome(send)

    def amend(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        """Always `NotPlaced`: Coinbase cannot edit stops and brackets, so they are cancelled and replaced."""
        text = f"Coinbase cannot amend {order.exchange_id} to {qty} at {trigger_price}"
        return NotPlaced(ErrorMeaning.UNSUPPORTED, text)

    def cancel(self, order: VenueOrder) -> Outcome:
        """Request the cancel and wait a moment for the order to end: until then its coins are held. Repeating it is harmless."""
        return outcome(lambda: self._cancel(order.exchange_id))

    def burn(self, intent: Intent) -> VenueOrder | None:
        """Use up the intent's id. Returns the order that now has it: the lost one, or a harmless one that was cancelled.

        None if Coinbase refused or did not answer; raises `BrokerError` if it does not show the order it created. Both can be
        retried. If one side is refused for a reason of that order, such as its funds or price, the other side is tried: it uses
        up the id as well.
        """
        for side in (intent.side, intent.side.opposite):
            end = self._use_up(intent, side)
            if isinstance(end, Placed):
                return self.buried(end.exchange_id)
            self._log.info(Event.BURN, venue="coinbase", client_id=intent.client_id, side=side, reason=end.reason)
            if not (_is_too_far(end) or _is_of_the_order(end)):
                return None
        return None

    def buried(self, exchange_id: str) -> VenueOrder | None:
        """The order with a used-up id: the lost one unchanged, or the harmless one, cancelled."""
        row = self._seen(exchange_id)
        if row is None:
            return None
        if wire.is_burnt(row) and wire.order(row).status not in DONE:
            self._cancel(exchange_id)
            row = self._seen(exchange_id) or row
        return wire.order(row)

    def preview(self, intent: Intent) -> str:
        """Preview: "accepted" if Coinbase would accept this order. Otherwise raises the `BrokerError` for its complaints."""
        answer = self._transport.preview("/orders/preview", order_body(intent, self._market.instrument(intent.symbol)))
        complaint = of_preview(failure.understood(lambda: _complaints(answer)))
        if complaint is not None:
            raise complaint
        return "accepted"

    # -- one request ---------------------------------------------------------------------------------------------
    def _create(self, client_id: str, body: Mapping[str, Any], priority: Priority) -> Placed:
        """Raises `BrokerError` if the order was refused, `BadAnswer` if the answer says neither yes nor no."""
        answer = self._transport.request("/orders", {"client_order_id": client_id, **body}, priority)
        if answer.get("success") is False:
            raise of_order(answer)
        if answer.get("success") is not True:
            raise BadAnswer("neither success nor failure")
        made = mapping(answer.get("success_response"), "success_response")
        exchange_id = order_id(text(made, "order_id"))
        if child := text(made, "attached_order_id"):
            self._account.announce(child, coming=True)
        return Placed(exchange_id)

    def _cancel(self, exchange_id: str) -> Placed:
        answer = self._transport.request("/orders/batch_cancel", {"order_ids": [exchange_id]}, Priority.EXIT)
        rows = [mapping(row, "result") for row in sequence(answer.get("results"), "results")]
        row = next((each for each in rows if text(each, "order_id") in (exchange_id, "")), None)
        if row is None:
            raise BadAnswer("the cancel's answer does not mention this order")
        if row.get("success") is not True:
            raise of_cancel(text(row, "failure_reason"))
        self._await_end(exchange_id)
        return Placed(exchange_id)

    def _await_end(self, exchange_id: str) -> None:
        """Query the order until it has ended, for at most two seconds; after that it stays among the open orders.

        Its coins may be held a little longer: only the wallet shows what is free.
        """
        self._account.announce(exchange_id, coming=False)
        try:
            self._transport.seen(lambda: self._ended(exchange_id), _WAITS, _PATIENCE)
        except BrokerError as error:
            self._log.warning(Event.CANCEL, venue="coinbase", exchange_id=exchange_id, reason=error.text)

    def _ended(self, exchange_id: str) -> VenueOrder | None:
        found = self._account.order(exchange_id)
        return found if found is not None and found.status in DONE else None

    def _use_up(self, intent: Intent, side: Side) -> Outcome:
        """Send the harmless order under the intent's id, closer to the market each time Coinbase rejects its price."""
        end: Outcome = NotPlaced(ErrorMeaning.PRICE, "")
        for distance in _FAR:
            body = self._harmless(intent.symbol, side, distance)
            end = outcome(lambda fields=body: self._create(intent.client_id, fields, Priority.EXIT))  # type: ignore[misc]
            if not _is_too_far(end):
                break
        return end

    def _harmless(self, symbol: str, side: Side, distance: Decimal) -> dict[str, Any]:
        instrument, ticker = self._market.instrument(symbol), self._market.tickers({symbol}).get(symbol)
        if ticker is None:
            raise failure(ErrorMeaning.BUSY, f"no price of {symbol}")
        return harmless_body(side, distance, instrument, ticker, self._clock.wall_ms() + _BURN_LIFE)

    def _seen(self, exchange_id: str) -> Mapping[str, Any] | None:
        """An order that was just created; Coinbase may need a moment to show it."""
        return self._transport.seen(lambda: self._account.row(exchange_id), _WAITS, _PATIENCE)


def _is_too_far(end: Outcome) -> bool:
    """Whether a price closer to the market may be accepted: after any rejected price, and any error that our table lacks."""
    return (isinstance(end, NotPlaced) and end.meaning is ErrorMeaning.PRICE) or (
        isinstance(end, Unknown) and end.unheard
    )


def _is_of_the_order(end: Outcome) -> bool:
    """Whether the refusal is about this order, so that one of the other side may be accepted."""
    if not isinstance(end, NotPlaced):
        return False
    of_it = (ErrorClass.MARKET, ErrorClass.SHAPE, ErrorClass.FINAL)
    return end.meaning is ErrorMeaning.FUNDS or end.meaning.error_class in of_it


def _complaints(answer: Mapping[str, Any]) -> list[Any]:
    """A preview's complaints. Raises `BadAnswer` if it has neither complaints nor an id."""
    if "errs" not in answer and not text(answer, "preview_id"):
        raise BadAnswer("neither complaints nor a preview")
    return sequence(answer.get("errs") or [], "errs")
