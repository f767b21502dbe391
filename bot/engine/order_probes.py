"""Has the exchange validate our exact orders without money, until it has judged them all."""

from __future__ import annotations

from collections.abc import Sequence

from bot.brokers.base import BrokerError, OrderProbe
from bot.domain.clock import MINUTE
from bot.domain.instrument import Ticker
from bot.domain.log import Event
from bot.domain.outcome import ErrorClass
from bot.engine.order_manager import OrderManager
from bot.engine.probe import probe_orders

#: Market ms until orders that are not proved yet are probed again.
PROOF_AGE = 10 * MINUTE


class OrderProbes:
    """The order probes of one account."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._first = 0
        self._proved = False
        self._at = 0

    def probe(self, symbols: Sequence[str]) -> Sequence[OrderProbe]:
        """Probe the orders on one of these markets. Orders that the exchange does not judge are probed later on another market.
        A market that is closed to this owner is replaced by the next at once.
        """
        oms = self._oms
        proofs: Sequence[OrderProbe] = ()
        for symbol in [*symbols[self._first :], *symbols[: self._first]]:
            try:
                ticker = oms.prices.tickers({symbol}).get(symbol)
                proofs = () if ticker is None else self._shown(symbol, ticker)
            except BrokerError as error:
                oms.markets.record_error(error, symbol)
                oms.log.warning(Event.PROVED, symbol=symbol, judged=False, reason=error.text)
            if not oms.markets.is_restricted(symbol):
                break
        self._first = (self._first + 1) % max(len(symbols), 1)
        self._proved = bool(proofs) and all(proof.judged or proof.meaning is None for proof in proofs)
        self._at = oms.clock.market_ms()
        return proofs

    def probe_again(self, symbols: Sequence[str]) -> None:
        """Repeat, at intervals, the probes of orders that were not judged or were refused."""
        able = self._oms.broker.capabilities()
        lacking = not (self._proved and able.attached_stop and able.resting_stop)
        if lacking and self._oms.clock.market_ms() - self._at >= PROOF_AGE:
            self.probe(symbols)

    def _shown(self, symbol: str, ticker: Ticker) -> Sequence[OrderProbe]:
        oms = self._oms
        proofs = probe_orders(oms.broker, oms.clock, oms.ids, oms.instruments[symbol], ticker)
        for proof in proofs:
            if proof.meaning is not None and proof.meaning.error_class is ErrorClass.MARKET:
                oms.markets.restrict(symbol, proof.answer)
        return proofs
