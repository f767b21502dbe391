"""Chooses the markets of an account: eligible, not closed to this owner, ranked, and old enough."""

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
from bot.engine.universe import MarketCriteria, choose, eligible, unlisted

#: Market ms after which market rules, fees and the choice of markets are refreshed.
RULES_AGE = HOUR
#: The number of markets whose requests may be refused during a choice; more mean a problem of the exchange.
MOST_REFUSED = 3
#: The age in days that a market must have before it is traded.
OLD_DAYS = 30


@dataclass(slots=True)
class Selection:
    """The markets of one account. `between` is called between requests, because many of them take long."""

    oms: OrderManager
    criteria: MarketCriteria
    ranking: Ranking
    between: Callable[[], None] = lambda: None
    symbols: list[str] = field(default_factory=list)
    at: int = 0
    """When the choice was made (market ms)."""

    def is_due(self) -> bool:
        """Whether to choose again: the choice is too old, or a chosen market is now closed to this owner."""
        too_old = self.oms.clock.market_ms() - self.at >= RULES_AGE
        return too_old or any(self.oms.markets.is_restricted(symbol) for symbol in self.symbols)

    def make(self) -> None:
        """Read the markets, their current rules and our fees, and choose; raises `BrokerError`."""
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
        chosen = self._old_enough(self.ranking.chosen(traded, self.criteria.allow))
        oms.fees.update(markets.each(oms.broker.fees, {*chosen, *held}))
        self.symbols = [symbol for symbol in chosen if symbol in oms.fees and not markets.is_restricted(symbol)]
        self.at = oms.clock.market_ms()
        self._log_choice()

    def _log_choice(self) -> None:
        """Log the markets, and the names of the owner's lists that belong to none: a slip of the pen must not go unseen."""
        log, of, allowed = self.oms.log, len(self.oms.instruments), self._allowed()
        if missed := unlisted(self.oms.instruments, (*allowed.allow, *allowed.deny)):
            log.info(Event.MARKETS, symbols=self.symbols, of=of, unlisted=missed)
        else:
            log.info(Event.MARKETS, symbols=self.symbols, of=of)
        if not self.symbols:
            lists = (
                "PAIRS_ALLOW, PAIRS_DENY and `nija deny` leave none" if allowed.allow or allowed.deny else "none is fit"
            )
            log.warning(Event.MARKETS, reason=f"no market to enter: {lists}")

    def _allowed(self) -> MarketCriteria:
        """The owner's criteria, from settings and commands."""
        return replace(self.criteria, deny={*self.criteria.deny, *Denials(self.oms.book).names()})

    def _old_enough(self, ranked: Sequence[str]) -> list[str]:
        """The first MAX_PAIRS markets that are at least 30 days old; new markets behave differently."""
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
                self.oms.log.warning(Event.MARKETS, symbol=symbol, reason=f"excluded for now: {error.text}")
        return chosen

    def _is_old(self, symbol: str) -> bool:
        """Whether a market is old enough, by its listing date if the exchange has one, else by daily candles. The answer is
        stored once it is yes.
        """
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
    """Whether a refused request about one market may concern that market alone."""
    known = error.meaning.error_class in (ErrorClass.MARKET, ErrorClass.FINAL, ErrorClass.UNKNOWN)
    return known or error.unheard or error.meaning is ErrorMeaning.MARKET_CLOSED
