"""Our exact orders, shown to the exchange without money, until it has judged them all."""

from __future__ import annotations

from collections.abc import Sequence

from bot.brokers.base import BrokerError, ShapeProof
from bot.domain.clock import MINUTE
from bot.domain.instrument import Ticker
from bot.domain.log import Event
from bot.domain.outcome import ErrorClass
from bot.engine.desk import Desk
from bot.engine.shapes import prove_shapes

#: Market ms between two times that what was not proved is shown to the exchange again.
PROOF_AGE = 10 * MINUTE


class Proving:
    """One account's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._first = 0
        self._proved = False
        self._at = 0

    def prove(self, symbols: Sequence[str]) -> Sequence[ShapeProof]:
        """Show them on one of these markets. What it does not judge is shown again later, on another; a market that is closed to
        this owner makes room for the next at once.
        """
        desk = self._desk
        proofs: Sequence[ShapeProof] = ()
        for symbol in [*symbols[self._first :], *symbols[: self._first]]:
            try:
                ticker = desk.prices.tickers({symbol}).get(symbol)
                proofs = () if ticker is None else self._shown(symbol, ticker)
            except BrokerError as error:
                desk.markets.heed_error(error, symbol)
                desk.log.warning(Event.PROVED, symbol=symbol, judged=False, reason=error.text)
            if not desk.markets.is_restricted(symbol):
                break
        self._first = (self._first + 1) % max(len(symbols), 1)
        self._proved = bool(proofs) and all(proof.judged or proof.meaning is None for proof in proofs)
        self._at = desk.clock.market_ms()
        return proofs

    def prove_again(self, symbols: Sequence[str]) -> None:
        """What was not judged, or was judged to be lacking, is shown again now and then."""
        able = self._desk.broker.capabilities()
        lacking = not (self._proved and able.attached_stop and able.resting_stop)
        if lacking and self._desk.clock.market_ms() - self._at >= PROOF_AGE:
            self.prove(symbols)

    def _shown(self, symbol: str, ticker: Ticker) -> Sequence[ShapeProof]:
        desk = self._desk
        proofs = prove_shapes(desk.broker, desk.clock, desk.ids, desk.instruments[symbol], ticker)
        for proof in proofs:
            if proof.meaning is not None and proof.meaning.error_class is ErrorClass.MARKET:
                desk.markets.restrict(symbol, proof.answer)
        return proofs
