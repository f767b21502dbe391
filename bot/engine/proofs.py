"""When our exact orders are shown to the exchange, and on which market: once at the start, and again while it lacks an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.brokers.base import BrokerError, ShapeProof
from bot.domain.clock import MINUTE
from bot.domain.instrument import Ticker
from bot.domain.log import Event
from bot.domain.outcome import ErrorClass
from bot.engine.desk import Desk
from bot.engine.shapes import prove_shapes

#: Market ms between two times that what was not proved is shown to the exchange again.
PROOF_AGE = 10 * MINUTE


@dataclass(slots=True)
class Proofs:
    """What one account's exchange has judged of our orders."""

    desk: Desk
    _next: int = 0
    _complete: bool = False
    _at: int = 0

    def show(self, symbols: Sequence[str]) -> None:
        """Show the orders on one of these markets. What it does not judge is shown again later, on another market; a market that
        is closed to this owner makes room for the next at once.
        """
        desk = self.desk
        proofs: Sequence[ShapeProof] = ()
        for symbol in [*symbols[self._next :], *symbols[: self._next]]:
            try:
                ticker = desk.prices.tickers({symbol}).get(symbol)
                proofs = () if ticker is None else self._show(symbol, ticker)
            except BrokerError as error:
                desk.markets.heed_error(error, symbol)
                desk.log.warning(Event.PROVED, symbol=symbol, judged=False, reason=error.text)
            if not desk.markets.is_restricted(symbol):
                break
        self._next = (self._next + 1) % max(len(symbols), 1)
        self._complete = bool(proofs) and all(proof.judged or proof.meaning is None for proof in proofs)
        self._at = desk.clock.market_ms()

    def show_again(self, symbols: Sequence[str]) -> None:
        """What was not judged, or was judged to be lacking, is shown again now and then."""
        able = self.desk.broker.capabilities()
        lacking = not (self._complete and able.attached_stop and able.resting_stop)
        if lacking and self.desk.clock.market_ms() - self._at >= PROOF_AGE:
            self.show(symbols)

    def _show(self, symbol: str, ticker: Ticker) -> Sequence[ShapeProof]:
        desk = self.desk
        proofs = prove_shapes(desk.broker, desk.clock, desk.ids, desk.instruments[symbol], ticker)
        for proof in proofs:
            if proof.meaning is not None and proof.meaning.error_class is ErrorClass.MARKET:
                desk.markets.restrict(symbol, proof.answer)
        return proofs
