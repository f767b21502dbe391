"""OKX's private side, told: place, amend, cancel, leverage, and the proof of an order's shape without money.

Every order carries our client id and `expTime`, and is sent once. Algo orders know no `expTime`: they carry our client id,
by which a lost one is looked up. How a request ended is an `Outcome`; what OKX's answer does not say for sure is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from bot.brokers.answers import BadAnswer, order_id, text
from bot.brokers.base import BrokerError, Lane, ShapeProof
from bot.brokers.okx.account import OkxAccount
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.connect import MANY_COINS, SPOT_MODE
from bot.brokers.okx.errors import code_of
from bot.brokers.okx.market import OkxMarket
from bot.brokers.okx.orders import Terms, Unsupported, algo_fields, is_algo, order_fields, wire_size
from bot.brokers.okx.parse import Settings, stop_id
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SECOND, Clock
from bot.domain.instrument import Kind
from bot.domain.log import Log
from bot.domain.money import plain
from bot.domain.order import Intent, OrderType, Purpose, VenueOrder
from bot.domain.outcome import Meaning, NotPlaced, Outcome, Placed, Unknown

#: A request that would reach OKX with less than this left (ms) is not worth sending.
SOONEST = 500
_LONGEST = 60 * SECOND
#: Kinds that OKX amends as algo orders.
_ALGO_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.BRACKET})
#: Refusals of a shape that find fault with this moment's price, size or money, not with the shape.
_SHAPE_IS_FINE = frozenset({"51004", "51005", "51006", "51137", "51138", "51051", "51052", "51053", "51279", "51280"})
_NOT_JUDGED = frozenset(Meaning) - {Meaning.REJECTED, Meaning.UNSUPPORTED, Meaning.FUNDS, Meaning.TOO_SMALL}


class OkxTrade:
    """Requests that change something. `skew_ms` (venue minus us) and `settings` are set by connecting."""

    def __init__(
        self,
        config: OkxConfig,
        transport: OkxTransport,
        market: OkxMarket,
        account: OkxAccount,
        clock: Clock,
        log: Log,
    ) -> None:
        self._config = config
        self._transport = transport
        self._market = market
        self._account = account
        self._clock = clock
        self._log = log
        self._levered: set[str] = set()
        self.skew_ms = 0
        self.settings: Settings | None = None

    # -- verbs ---------------------------------------------------------------------------------------------------------------
    def place(self, intent: Intent) -> Outcome:
        """trade/order or trade/order-algo, once."""
        return _outcome(lambda: self._algo(intent) if is_algo(intent) else self._order(intent))

    def amend(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        """amend-algos of a stop, amend-order of another: the new total size and/or trigger. The order keeps its id."""
        if self._account.is_algo(order) or order.type in _ALGO_TYPES:
            return _outcome(lambda: self._amend_algo(order, qty, trigger_price))
        return _outcome(lambda: self._amend_order(order, qty))

    def cancel(self, order: VenueOrder) -> Outcome:
        """cancel-algos or cancel-order by the venue's id. Asking twice does no harm."""
        about = {"instId": order.symbol}
        latest = self._clock.wall_ms() + _LONGEST

        def send() -> Outcome:
            if self._account.is_algo(order):
                body = [{**about, "algoId": order.exchange_id}]
                self._transport.request("/api/v5/trade/cancel-algos", body, Lane.EXIT, latest)
            else:
                fields = {**about, "ordId": order.exchange_id}
                self._transport.request("/api/v5/trade/cancel-order", fields, Lane.EXIT, latest)
            return Placed(order.exchange_id)

        return _outcome(send)

    def prove(self, name: str, intent: Intent) -> ShapeProof:
        """order-precheck: whether OKX takes this shape. Raises `BrokerError` when it did not judge."""
        if is_algo(intent):
            return ShapeProof(name, accepted=True, answer="OKX has no check of algo orders: as its API guide says")
        if self.settings is None or self.settings.level == SPOT_MODE:
            return ShapeProof(name, accepted=True, answer="OKX checks no orders in Spot mode: as its API guide says")
        try:
            self._precheck(intent)
        except Unsupported as error:
            return ShapeProof(name, accepted=False, answer=str(error))
        except BrokerError as error:
            return ShapeProof(name, accepted=_judged(error), answer=error.text)
        return ShapeProof(name, accepted=True, answer="order-precheck found nothing wrong")

    # -- orders ----------------------------------------------------------------------------------------------------------------
    def _order(self, intent: Intent) -> Outcome:
        deadline = self._deadline(intent)
        fields = order_fields(intent, self._terms(intent))
        self._lever(intent, deadline)
        row = self._transport.request(
            "/api/v5/trade/order", fields, _lane(intent), deadline - SOONEST, deadline + self.skew_ms
        )
        exchange_id = order_id(text(row, "ordId"))
        self._account.remember(intent.client_id, exchange_id, algo=False)
        if intent.attached_stop is not None:
            self._account.await_stop(stop_id(intent.client_id), intent.symbol, exchange_id)
        return Placed(exchange_id)

    def _algo(self, intent: Intent) -> Outcome:
        deadline = self._deadline(intent)
        fields = algo_fields(intent, self._terms(intent))
        self._account.expect(fields["ordType"])
        row = self._transport.request("/api/v5/trade/order-algo", fields, _lane(intent), deadline - SOONEST)
        algo_id = order_id(text(row, "algoId"))
        self._account.remember(intent.client_id, algo_id, algo=True)
        return Placed(algo_id)

    def _amend_order(self, order: VenueOrder, qty: Decimal | None) -> Outcome:
        if qty is None:
            return NotPlaced(Meaning.UNSUPPORTED, "only a size can be changed of an order without a trigger")
        size = wire_size(qty, self._market.listing(order.symbol).instrument)
        fields = {"instId": order.symbol, "ordId": order.exchange_id, "newSz": size}
        deadline = self._clock.wall_ms() + self._config.deadline_ms
        self._transport.request(
            "/api/v5/trade/amend-order", fields, Lane.EXIT, deadline - SOONEST, deadline + self.skew_ms
        )
        return Placed(order.exchange_id)

    def _amend_algo(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome:
        fields = {"instId": order.symbol, "algoId": order.exchange_id}
        if qty is not None:
            fields["newSz"] = wire_size(qty, self._market.listing(order.symbol).instrument)
        if trigger_price is not None:
            fields |= _new_trigger(order, trigger_price)
        latest = self._clock.wall_ms() + self._config.deadline_ms
        self._transport.request("/api/v5/trade/amend-algos", fields, Lane.EXIT, latest - SOONEST)
        return Placed(order.exchange_id)

    def _precheck(self, intent: Intent) -> None:
        latest = self._clock.wall_ms() + self._config.deadline_ms
        fields = order_fields(intent, self._terms(intent))
        self._transport.request("/api/v5/trade/order-precheck", fields, Lane.QUERY, latest)

    # -- swaps -------------------------------------------------------------------------------------------------------------------
    def _lever(self, intent: Intent, deadline: int) -> None:
        """Set the leverage of a contract before its first entry; what the venue answers is the same however often asked."""
        instrument = self._market.listing(intent.symbol).instrument
        if instrument.kind is Kind.SPOT or intent.reduce_only or intent.symbol in self._levered:
            return
        for fields in self._leverages(intent.symbol):
            try:
                self._transport.request("/api/v5/account/set-leverage", fields, _lane(intent), deadline - SOONEST)
            except BrokerError as error:
                if error.meaning is not Meaning.UNKNOWN:
                    raise
                raise BrokerError(error.venue, Meaning.BUSY, f"leverage not set: {error.text}") from error
        self._levered.add(intent.symbol)
        self._log.info("LEVERAGE", venue="okx", symbol=intent.symbol, leverage=self._config.leverage)

    def _leverages(self, symbol: str) -> Sequence[Mapping[str, str]]:
        """One setting; isolated and hedged there is one for each side."""
        margin = self._config.margin.value
        fields = {"instId": symbol, "lever": plain(self._config.leverage), "mgnMode": margin}
        if margin == "isolated" and self.settings is not None and self.settings.hedged:
            return [{**fields, "posSide": "long"}, {**fields, "posSide": "short"}]
        return [fields]

    # -- parts -------------------------------------------------------------------------------------------------------------------
    def _terms(self, intent: Intent) -> Terms:
        """How this account trades this market."""
        listing, settings = self._market.listing(intent.symbol), self.settings
        spot = listing.instrument.kind is Kind.SPOT
        many = settings is not None and settings.level in MANY_COINS
        mode = ("cross" if many else "cash") if spot else self._config.margin.value
        hedged = not spot and settings is not None and settings.hedged
        return Terms(listing, mode, hedged=hedged)

    def _deadline(self, intent: Intent) -> int:
        """Wall time (ours) after which this request must not act."""
        now = self._clock.wall_ms()
        return min(intent.deadline or now + self._config.deadline_ms, now + _LONGEST)


def _new_trigger(order: VenueOrder, price: Decimal) -> dict[str, str]:
    if order.type is OrderType.TAKE_PROFIT:
        return {"newTpTriggerPx": plain(price), "newTpOrdPx": "-1"}
    limit = "-1" if order.limit_price is None else plain(order.limit_price)
    return {"newSlTriggerPx": plain(price), "newSlOrdPx": limit}


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
        reason = f"{error.text} - {error.remedy}" if error.remedy else error.text
        return NotPlaced(error.meaning, reason)


def _judged(error: BrokerError) -> bool:
    """Whether a refusal leaves the shape standing; raises the error when it says nothing about the shape."""
    if error.meaning in (Meaning.FUNDS, Meaning.TOO_SMALL) or code_of(error.text) in _SHAPE_IS_FINE:
        return True
    if error.meaning in _NOT_JUDGED:
        raise error
    return False
