"""An exchange in memory, which accepts or refuses orders as the test says and fills at its quotes at once; and the engine in
front of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from bot.brokers.base import AbsenceProof, BaseBroker, BrokerError, Capabilities, Connection, OrderProbe
from bot.domain.candles import Candles
from bot.domain.clock import HOUR
from bot.domain.events import CandleClosed, Unfit
from bot.domain.fill import Fill
from bot.domain.ids import ClientIds
from bot.domain.instrument import Balance, FeeRate, Instrument, PriceRange, Ticker
from bot.domain.log import Event
from bot.domain.order import Intent, OrderRecord, OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.domain.outcome import NotPlaced, Outcome, Placed, Unknown
from bot.domain.pacer import RealTime
from bot.engine import risk
from bot.engine.account_engine import AccountEngine, TradingPlan
from bot.engine.order_manager import OrderManager
from bot.engine.universe import MarketCriteria
from bot.strategy.base import Evaluation, Strategy
from bot.strategy.gates import Blocked
from bot.strategy.params import RiskSettings
from tests.engine.given import instrument, ticker
from tests.marketdata.given import FRAME, START, Hand, candles
from tests.notes import Fields, Notes
from tests.store.cases import ledger

CLOSE = START + 60 * FRAME
LIMITS = risk.Limits(
    max_open_positions=5,
    max_exposure_pct=Decimal(500),
    max_order_usd=None,
    max_daily_loss_pct=Decimal(90),
    max_drawdown_pct=Decimal(90),
    max_orders_per_minute=1000,
    max_coin_exposure_pct=Decimal(500),
    price_sanity_pct=Decimal(40),
    max_spread_pct=Decimal(1),
    max_losses_in_a_row=3,
    cooldown_ms=HOUR,
)


class Exchange(BaseBroker):
    """`answers` are the answers to the next orders; later orders are accepted. Stops rest, everything else fills."""

    name = "kraken"

    def __init__(self, *symbols: str) -> None:
        self.rules = {symbol: instrument(symbol) for symbol in symbols}
        self.quotes: dict[str, Ticker] = {symbol: ticker(bid="102.9", ask="103") for symbol in symbols}
        self.cash = {"USD": Decimal(1000)}
        self.fee = FeeRate(Decimal("0.001"), Decimal("0.001"))
        self.able = Capabilities(False, True, True, AbsenceProof.DEADLINE, 1_500)
        self.answers: list[NotPlaced | Unknown] = []
        self.error: BrokerError | None = None
        """The error that answers requests for prices."""
        self.share = Decimal(1)
        """How much of an order fills."""
        self.sent: list[Intent] = []
        self.all: dict[str, VenueOrder] = {}
        self.traded: dict[str, list[Fill]] = {}

    def capabilities(self) -> Capabilities:
        return self.able

    def instruments(self) -> Mapping[str, Instrument]:
        return self.rules

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        if self.error is not None:
            raise self.error
        return {symbol: self.quotes[symbol] for symbol in symbols if symbol in self.quotes}

    def balances(self) -> Mapping[str, Balance]:
        return {asset: Balance(amount) for asset, amount in self.cash.items()}

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        return dict.fromkeys(symbols, self.fee)

    def place(self, intent: Intent) -> Outcome:
        self.sent.append(intent)
        if self.answers:
            return self.answers.pop(0)
        number = f"X{len(self.all)}"
        order = VenueOrder(
            exchange_id=number,
            symbol=intent.symbol,
            side=intent.side,
            type=intent.type,
            status=OrderStatus.OPEN,
            qty=intent.qty,
            client_id=intent.client_id,
            trigger_price=intent.trigger_price,
            created_at=intent.created_at,
            attached_stop=intent.attached_stop,
        )
        self.all[number] = order if intent.type is OrderType.STOP else self._filled(order)
        if intent.attached_stop is not None:
            self._rest(self.all[number], intent)
        return Placed(number)

    def _filled(self, order: VenueOrder) -> VenueOrder:
        quote = self.quotes[order.symbol]
        price = quote.ask if order.side is Side.BUY else quote.bid
        qty = self.rules[order.symbol].size(order.qty * self.share)
        if qty > 0:
            fill = Fill(f"F{order.exchange_id}", order.exchange_id, order.symbol, order.side, qty, price,
                        Decimal(0), "USD", order.created_at)  # fmt: skip
            self.traded[order.exchange_id] = [fill]
            self._pay(order, qty * price)
        status = OrderStatus.FILLED if qty == order.qty else OrderStatus.CANCELED
        return replace(order, status=status, filled_qty=qty, avg_price=price if qty else None)

    def _pay(self, order: VenueOrder, amount: Decimal) -> None:
        rules = self.rules[order.symbol]
        if not rules.shortable:
            sign = 1 if order.side is Side.SELL else -1
            self.cash[rules.quote] = self.cash.get(rules.quote, Decimal(0)) + sign * amount

    def _rest(self, entry: VenueOrder, intent: Intent) -> None:
        """Rest the stop attached to an entry."""
        stop = VenueOrder(f"S{entry.exchange_id}", entry.symbol, Side.SELL, OrderType.STOP, OrderStatus.OPEN, entry.filled_qty,
                          parent_id=entry.exchange_id, trigger_price=intent.attached_stop)  # fmt: skip
        self.all[stop.exchange_id] = stop

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        self.all[order.exchange_id] = replace(
            order, qty=qty or order.qty, trigger_price=trigger_price or order.trigger_price
        )
        return Placed(order.exchange_id)

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        return self.all.get(exchange_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        return [order for order in self.all.values() if order.status is OrderStatus.OPEN]

    def look(self, symbol: str, since: int) -> PriceRange:
        last = self.quotes[symbol].last
        return PriceRange(symbol, since, last, last, last)

    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        return self.traded.get(order.exchange_id, ())

    def limit_calls(self, seconds: float | None) -> None:
        """Nothing here takes time."""

    def keep_readable(self, needed: Callable[[str], bool]) -> None:
        self.needed = needed

    # -- what entries do not use --
    def connect(self) -> Connection:
        raise NotImplementedError

    def probe(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        raise NotImplementedError

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        raise NotImplementedError

    def unavailable_balances(self) -> Mapping[str, Decimal]:
        return {}

    def cancel(self, order: VenueOrder) -> Outcome:
        self.all[order.exchange_id] = replace(order, status=OrderStatus.CANCELED)
        return Placed(order.exchange_id)

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        return None

    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        return ()

    def fills(self, since: int) -> Sequence[Fill]:
        return ()

    def hurry(self, until: int) -> None:
        return

    def close(self) -> None:
        return


class Rule(Strategy):
    """A signal at every close, with a stop 4 % away and a given share of the equity."""

    required = 1

    def __init__(self, pct: float = 20.0) -> None:
        super().__init__(RiskSettings(min_position_pct=pct, max_position_pct=100.0))
        self.side = 1
        self.far = 0.04

    def evaluate(self, candles: Candles) -> Evaluation:
        close = float(candles.close[-1])
        return Evaluation(self.side, candles.closed_at, close, close * (1 - self.side * self.far))


class Fed:
    """Market data that the test delivers."""

    def want(self, symbols: Sequence[str]) -> None: ...

    def heard(self, fed: object) -> None: ...

    def tend(self) -> None: ...


class Scene:
    """The engine of one account in front of that exchange, at the newest close of its markets (103)."""

    def __init__(self, folder: Path, *symbols: str, pct: float = 20.0, limits: risk.Limits = LIMITS) -> None:
        self.symbols = symbols or ("BTC-USD",)
        self.clock = Hand(RealTime())
        self.clock.now = CLOSE
        self.exchange = Exchange(*self.symbols)
        self.rule = Rule(pct)
        self.log = Notes()
        clock = cast("Any", self.clock)
        self.book = ledger(folder, clock=clock)
        ids = ClientIds("abc", clock.wall_ms, random.Random(1))
        self.oms = OrderManager(self.exchange, self.book, clock, self.log, ids, pause=lambda _: None)
        self.oms.learn_rules()
        self.oms.fees.update(self.exchange.fees(self.symbols))
        plan = TradingPlan(
            strategy=self.rule,
            risk_settings=self.rule.risk_settings,
            limits=limits,
            criteria=MarketCriteria(most=10),
            timeframe_ms=FRAME,
            cycle_ms=FRAME,
            position_ms=FRAME,
            exclusion_ms=0,
            min_balance=Decimal(2),
            recommended_balance=Decimal(25),
        )
        self.engine = AccountEngine.of(self.oms, plan, lambda _: Fed())
        self.deliver()

    def deliver(self, found: Candles | Unfit | None = None) -> None:
        """Deliver the newest close of every market."""
        candle_cache = self.engine.candle_cache
        number = (candle_cache.newest() - START) // FRAME
        whole = candles(*range(number - 60, number))
        for symbol in self.symbols:
            candle_cache.take(CandleClosed(symbol, candle_cache.newest(), whole if found is None else found))

    def change(self, **rules: object) -> None:
        """Change the rules of the first market."""
        symbol = self.symbols[0]
        self.exchange.rules[symbol] = replace(self.exchange.rules[symbol], **rules)  # type: ignore[arg-type]
        self.oms.instruments = dict(self.exchange.rules)

    def scan(self, blocked_by: Blocked | None = None) -> list[Intent]:
        """Scan all markets once; returns the entries that were sent."""
        before = len(self.exchange.sent)
        self.engine.entries.scan(self.symbols, self.engine.accounting.measure(), blocked_by)
        return [one for one in self.exchange.sent[before:] if one.purpose is Purpose.ENTRY]

    def orders(self, purpose: Purpose = Purpose.ENTRY) -> list[OrderRecord]:
        return [one for symbol in self.symbols for one in self.book.orders_of(symbol, 0) if one.purpose is purpose]

    def sales(self) -> list[OrderRecord]:
        """Sales that were sent, without stops."""
        orders = (one for symbol in self.symbols for one in self.book.orders_of(symbol, 0))
        return [one for one in orders if one.side is Side.SELL and one.purpose is not Purpose.STOP]

    def skipped(self) -> list[str]:
        """The gates that blocked, one per log line."""
        return [str(line["gate"]) for line in self.skips()]

    def skips(self) -> list[Fields]:
        return self.log.said(Event.SKIP)
