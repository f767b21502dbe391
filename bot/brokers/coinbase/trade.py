"""Coinbase's private side, told: place, cancel, and what takes the place of a deadline: repeat and burn under the same id.

Every order carries our client id and is sent once. Coinbase makes one order an id and answers a repeat with the old one, as
if it had been placed (Create Order, `client_order_id`): so an order that may be late is repeated byte for byte, or its id is
used up by an order that cannot trade. What an answer does not say for sure is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.answers import BadAnswer, mapping, order_id, sequence, text
from bot.brokers.base import BrokerError, Lane, ShapeProof
from bot.brokers.coinbase import parse as wire
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.errors import CANCELS, bare_code, failure, failure_code, order_row
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.domain.clock import MINUTE, Clock, iso
from bot.domain.instrument import Instrument
from bot.domain.log import Log
from bot.domain.money import ONE, ceil_to, plain
from bot.domain.order import DONE, Intent, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import Meaning, NotPlaced, Outcome, Placed, Unknown

#: How far beyond its trigger a stop may sell: what Coinbase itself allows a bracket's stop.
STOP_ROOM = Decimal("0.05")
#: How far from the market an order stands that only uses an id up, as fractions of the price: the far one first.
_FAR = (Decimal("0.5"), Decimal("0.2"), Decimal("0.08"))
_TOO_FAR = frozenset({"LIMIT_PRICE_TOO_FAR_FROM_MARKET", "BREACHED_PRICE_LIMIT", "INVALID_LIMIT_PRICE"})
#: Such an order ends by itself after so long (wall ms), should its cancel be lost.
_BURN_LIFE = MINUTE
#: Waits (real seconds) between looks at an order that was just cancelled or made: two seconds in all.
_WAITS = (0.02, 0.04, 0.08, 0.16, 0.3, 0.4, 0.5, 0.5)
#: What previews find fault with at this moment, not with the shape.
_SHAPE_IS_FINE = frozenset({Meaning.FUNDS, Meaning.TOO_SMALL})
_MOMENTARY = ("_PRECISION", "_TOO_SMALL", "_TOO_LARGE", "_TRADE_PRICE", "_TOO_FAR_FROM_MARKET", "_PRICE_LIMIT")


class Unsupported(ValueError):
    """Coinbase's spot market has no such order."""


def order_body(intent: Intent, instrument: Instrument) -> dict[str, Any]:
    """The body of an order without its id: the same intent gives the same bytes. Raises `Unsupported`."""
    body: dict[str, Any] = {
        "product_id": intent.symbol,
        "side": intent.side.upper(),
        "order_configuration": _configuration(intent, instrument),
    }
    if intent.attached_stop is not None:
        if intent.attached_target is None or intent.side is not Side.BUY:
            raise Unsupported("Coinbase attaches a stop to buys only, and only together with a target")
        body["attached_order_configuration"] = {
            "trigger_bracket_gtc": {
                "limit_price": plain(intent.attached_target),
                "stop_trigger_price": plain(intent.attached_stop),
            }
        }
    return body


def _configuration(intent: Intent, instrument: Instrument) -> dict[str, dict[str, Any]]:
    size = {"base_size": plain(intent.qty)}
    match intent.type, intent.tif:
        case OrderType.MARKET, _:
            return {"market_market_ioc": size}
        case OrderType.LIMIT, TimeInForce.IOC:
            return {"sor_limit_ioc": {**size, "limit_price": _needed(intent.limit_price)}}
        case OrderType.LIMIT, TimeInForce.FOK:
            return {"limit_limit_fok": {**size, "limit_price": _needed(intent.limit_price)}}
        case OrderType.LIMIT, TimeInForce.GTC:
            limit = {"limit_price": _needed(intent.limit_price), "post_only": intent.post_only}
            return {"limit_limit_gtc": {**size, **limit}}
        case ((OrderType.STOP | OrderType.STOP_LIMIT), _):
            return {"stop_limit_stop_limit_gtc": {**size, **_stop(intent, instrument)}}
    raise Unsupported(f"Coinbase has no {intent.type} order that is {intent.tif}")


def _stop(intent: Intent, instrument: Instrument) -> dict[str, str]:
    """Trigger and limit of a stop; without a limit of its own one that fills like a market order."""
    trigger, limit = intent.trigger_price, intent.limit_price
    if trigger is None:
        raise Unsupported("a stop needs a trigger")
    if intent.side is Side.SELL:
        limit = limit or max(instrument.price_down(trigger * (ONE - STOP_ROOM)), instrument.tick)
        direction = "STOP_DIRECTION_STOP_DOWN"
    else:
        limit = limit or instrument.price_up(trigger * (ONE + STOP_ROOM))
        direction = "STOP_DIRECTION_STOP_UP"
    return {"limit_price": plain(limit), "stop_price": plain(trigger), "stop_direction": direction}


def _needed(price: Decimal | None) -> str:
    if price is None:
        raise Unsupported("a limit order needs a price")
    return plain(price)


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
        """Create the order, once. The same intent again is the same order: Coinbase answers with the first one."""
        return _outcome(lambda: self._create(intent.client_id, order_body(intent, self._rules(intent)), _lane(intent)))

    def cancel(self, order: VenueOrder) -> Outcome:
        """Ask for the cancel and wait for its end for a moment: until then the coins are held. Asking twice does no harm."""
        return _outcome(lambda: self._cancel(order.exchange_id))

    def burn(self, intent: Intent) -> VenueOrder | None:
        """Use the intent's id up: the order that now stands under it, the lost one or a harmless one that was cancelled.

        None when Coinbase refused; raises `BrokerError` when it did not answer. Either way it may be tried again. Where the
        coins of a lost sale are held by another order, a purchase uses its id up as well.
        """
        for side in (intent.side, intent.side.opposite):
            outcome = self._use_up(intent, side)
            if isinstance(outcome, Placed):
                return self.buried(outcome.exchange_id)
            self._log.info("BURN", venue="coinbase", client_id=intent.client_id, side=side, reason=outcome.reason)
            if isinstance(outcome, Unknown) or outcome.meaning is not Meaning.FUNDS:
                return None
        return None

    def buried(self, exchange_id: str) -> VenueOrder | None:
        """What stands under a used-up id: the lost order as it is, or the harmless one, cancelled."""
        row = self._seen(exchange_id)
        if row is None:
            return None
        if wire.is_burnt(row) and wire.order(row).status not in DONE:
            self._cancel(exchange_id)
            row = self._seen(exchange_id) or row
        return wire.order(row)

    def prove(self, name: str, intent: Intent) -> ShapeProof:
        """Preview: whether Coinbase takes this shape. Raises `BrokerError` when it did not judge."""
        try:
            body = order_body(intent, self._rules(intent))
            answer = self._transport.preview("/orders/preview", body)
            errors = [str(each) for each in sequence(answer.get("errs", []), "errs")]
        except Unsupported as error:
            return ShapeProof(name, accepted=False, answer=str(error))
        except BadAnswer as error:
            raise failure(Meaning.BUSY, f"unreadable answer: {error}") from error
        except BrokerError as error:
            if error.meaning is not Meaning.REJECTED:
                raise
            return ShapeProof(name, accepted=False, answer=error.text)
        faults = [code for code in errors if not _is_momentary(code)]
        return ShapeProof(name, accepted=not faults, answer=", ".join(errors) or "accepted")

    # -- one request ---------------------------------------------------------------------------------------------
    def _create(self, client_id: str, body: Mapping[str, Any], lane: Lane) -> Outcome:
        answer = self._transport.request("/orders", {"client_order_id": client_id, **body}, lane)
        if answer.get("success") is not True:
            return _refused(answer)
        made = mapping(answer.get("success_response"), "success_response")
        exchange_id = order_id(text(made, "order_id"))
        if child := text(made, "attached_order_id"):
            self._account.announce(child, coming=True)
        return Placed(exchange_id)

    def _cancel(self, exchange_id: str) -> Outcome:
        answer = self._transport.request("/orders/batch_cancel", {"order_ids": [exchange_id]}, Lane.EXIT)
        rows = [mapping(row, "result") for row in sequence(answer.get("results"), "results")]
        row = next((each for each in rows if text(each, "order_id") in (exchange_id, "")), None)
        if row is None:
            return Unknown("the cancel's answer does not speak of this order")
        if row.get("success") is True:
            self._await_end(exchange_id)
            return Placed(exchange_id)
        reason = text(row, "failure_reason")
        meaning = CANCELS.get(reason, Meaning.UNKNOWN)
        return Unknown(reason) if meaning is Meaning.UNKNOWN else NotPlaced(meaning, reason)

    def _await_end(self, exchange_id: str) -> None:
        """Look until the order has ended, for two seconds; an order still on its way is kept in mind as open."""
        self._account.announce(exchange_id, coming=False)
        for wait in _WAITS:
            try:
                now = self._account.order(exchange_id)
            except BrokerError as error:
                self._log.warning("CANCEL", venue="coinbase", exchange_id=exchange_id, reason=error.text)
                return
            if (now is not None and now.status in DONE) or not self._transport.pause(wait):
                return

    def _use_up(self, intent: Intent, side: Side) -> Outcome:
        """Send the harmless order under the intent's id, nearer to the market where Coinbase finds it too far away."""
        outcome: Outcome = NotPlaced(Meaning.REJECTED, "")
        for distance in _FAR:
            outcome = self._create(intent.client_id, self._harmless(intent.symbol, side, distance), Lane.EXIT)
            if not isinstance(outcome, NotPlaced) or bare_code(outcome.reason.partition(" ")[0]) not in _TOO_FAR:
                break
        return outcome

    def _harmless(self, symbol: str, side: Side, distance: Decimal) -> dict[str, Any]:
        """An order that cannot trade: the smallest there is, far off the market, as a maker only, for a minute."""
        instrument, ticker = self._market.instrument(symbol), self._market.tickers({symbol}).get(symbol)
        if ticker is None:
            raise failure(Meaning.BUSY, f"no price of {symbol}")
        if side is Side.BUY:
            price = max(instrument.price_down(ticker.bid * (ONE - distance)), instrument.tick)
        else:
            price = instrument.price_up(ticker.ask * (ONE + distance))
        smallest = max(instrument.min_qty, instrument.min_cost / min(price, ticker.bid))
        shape = {
            "base_size": plain(ceil_to(smallest, instrument.lot)),
            "limit_price": plain(price),
            "end_time": iso(self._clock.wall_ms() + _BURN_LIFE),
            "post_only": True,
        }
        return {"product_id": symbol, "side": side.upper(), "order_configuration": {"limit_limit_gtd": shape}}

    def _seen(self, exchange_id: str) -> Mapping[str, Any] | None:
        """An order that was just made; Coinbase may need a moment to show it."""
        for wait in _WAITS:
            row = self._account.row(exchange_id)
            if row is not None or not self._transport.pause(wait):
                return row
        return None

    def _rules(self, intent: Intent) -> Instrument:
        return self._market.instrument(intent.symbol)


def _lane(intent: Intent) -> Lane:
    return Lane.ENTRY if intent.purpose is Purpose.ENTRY else Lane.EXIT


def _outcome(send: Callable[[], Outcome]) -> Outcome:
    """A request's end as a value: an answer that cannot be read leaves it unknown."""
    try:
        return send()
    except Unsupported as error:
        return NotPlaced(Meaning.UNSUPPORTED, str(error))
    except BadAnswer as error:
        return Unknown(f"unreadable answer: {error}")
    except BrokerError as error:
        if error.meaning is Meaning.UNKNOWN:
            return Unknown(error.text)
        return NotPlaced(error.meaning, error.text)


def _refused(answer: Mapping[str, Any]) -> Outcome:
    """`success: false` with its code. An answer that says neither yes nor no leaves the order unknown."""
    if answer.get("success") is not False:
        return Unknown("an answer without success or failure")
    code, message = failure_code(answer)
    reason, row = f"{code} {message}".strip(), order_row(code)
    return Unknown(reason) if row.meaning is Meaning.UNKNOWN else NotPlaced(row.meaning, reason)


def _is_momentary(code: str) -> bool:
    """Whether a preview's complaint leaves the shape standing."""
    return order_row(code).meaning in _SHAPE_IS_FINE or code.endswith(_MOMENTARY)
