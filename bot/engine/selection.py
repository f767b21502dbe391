"""Which markets an account looks at now: fit, not closed to this owner, ranked, and old enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bot.brokers.base import BrokerError
from bot.domain.clock import DAY, HOUR
from bot.domain.instrument import Trading
from bot.domain.log import Event
from bot.domain.outcome import ErrorClass, ErrorMeaning
from bot.engine.denials import Denials
from bot.engine.order_manager import OrderManager
from bot.engine.ranking import Ranking
from bot.engine.universe import MarketCriteria, choose, eligible

#: Market ms after which the rules of the markets, our fees and the choice of markets are read anew.
RULES_AGE = HOUR
#: Markets whose questions may be refused while others are chosen; more of them are the exchange's trouble.
MOST_REFUSED = 3
#: Days that a market must have existed before it is traded.
OLD_DAYS = 30


@dataclass(slots=True)
class Selection:
    """The markets of one account. `between` is called between two questions: many of them take long."""

    oms: OrderManager
    criteria: MarketCriteria
    ranking: Ranking
    between: Callable[[], None] = lambda: None
    symbols: list[str] = field(default_factory=list)
    at: int = 0
    """When it was made (market ms)."""

    def is_due(self) -> bool:
        """Whether it is to be made again: by its age, or since a chosen market is closed to this owner now."""
        too_old = self.oms.clock.market_ms() - self.at >= RULES_AGE
        return too_old or any(self.oms.markets.is_restricted(symbol) for symbol in self.symbols)

    def make(self) -> None:
        """Read the markets, their rules of the moment and our fees, and choose; raises `BrokerError`."""
        oms = self.oms
        oms.learn_rules()
        instruments = oms.instruments
        held = [one.symbol for one in oms.book.positions() if instruments[one.symbol].trading is not Trading.SUSPENDED]
        markets = oms.markets
        fit = {
            symbol
            for symbol, one in instruments.items()
            if eligible(one, self._allowed()) and not markets.is_restricted(symbol)
        }
        tickers = markets.each(oms.prices.tickers, fit | set(held))
        cash = {asset: one.total for asset, one in oms.broker.balances().items()}
        traded = choose(instruments, tickers, cash, self._allowed())
        chosen = self._old_enough(traded if self.criteria.allow else self.ranking.chosen(traded))
        oms.fees.update(markets.each(oms.broker.fees, {*chosen, *held}))
        self.symbols = [symbol for symbol in chosen if symbol in oms.fees and not markets.is_restricted(symbol)]
        self.at = oms.clock.market_ms()
        oms.log.info(Event.MARKETS, symbols=self.symbols, of=len(instruments))

    def _allowed(self) -> MarketCriteria:
        """The owner's wishes by settings, and by command."""
        return replace(self.criteria, deny={*self.criteria.deny, *Denials(self.oms.book).names()})

    def _old_enough(self, ranked: Sequence[str]) -> list[str]:
        """The first MAX_PAIRS markets that are at least 30 days old: young ones move by other rules."""
        chosen: list[str] = []
        refused = 0
        for symbol in ranked:
            if len(chosen) == self.criteria.most:
                break
            self.between()
            try:
                if self._is_old(symbol):
                    chosen.append(symbol)
            except BrokerError as error:
                self.oms.markets.record_error(error, symbol)
                refused += not self.oms.markets.is_restricted(symbol)
                if refused > MOST_REFUSED or not _may_be_the_markets(error):
                    raise
                self.oms.log.warning(Event.MARKETS, symbol=symbol, reason=f"left out for now: {error.text}")
        return chosen

    def _is_old(self, symbol: str) -> bool:
        """By the listing date where the venue tells it, else by daily candles; what is old once stays so."""
        listed = self.oms.instruments[symbol].listed_at
        if listed is not None:
            return self.oms.clock.market_ms() - listed >= OLD_DAYS * DAY
        if self.oms.book.get_state(f"old:{symbol}"):
            return True
        old = len(self.oms.broker.candles(symbol, DAY, OLD_DAYS)) >= OLD_DAYS
        if old:
            self.oms.book.set_state(f"old:{symbol}", "yes")
        return old


def _may_be_the_markets(error: BrokerError) -> bool:
    """Whether a question about one market was refused in words that may speak of that market alone."""
    known = error.meaning.error_class in (ErrorClass.MARKET, ErrorClass.FINAL, ErrorClass.UNKNOWN)
    return known or error.unheard or error.meaning is ErrorMeaning.MARKET_CLOSED
