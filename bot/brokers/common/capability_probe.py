"""What kinds of orders a venue takes from this account: shown without money at the start, learned from real orders afterwards.

One policy for all venues. Only words that speak of the shape take a capability away; whatever else a venue answers proves
nothing and is asked again, on another market or later. An order that was taken in earnest is the better proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.brokers.base import BrokerError, Capabilities, OrderProbe
from bot.brokers.common.outcomes import Unsupported
from bot.domain.log import Event, Log
from bot.domain.order import STOPS, Intent
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed

#: Refusals that find fault with this moment's money, size or price: the venue has looked at the order, and takes its shape.
OF_THE_MOMENT = frozenset({ErrorMeaning.FUNDS, ErrorMeaning.TOO_SMALL, ErrorMeaning.PRICE, ErrorMeaning.ATTACHED_PRICE})

#: Shows one order to a venue without money: its words when it takes it; raises `BrokerError` when it does not, `Unsupported`
#: where it has no such order.
Preview = Callable[[Intent], str]


class NoCheck(Exception):
    """The venue judges no such order without money: it is taken as documented, and not shown again."""


class CapabilityProbe:
    """The capabilities of one account, and what they follow from."""

    def __init__(self, able: Capabilities, venue: str, log: Log) -> None:
        self.able = able
        self._offered = able
        self._venue = venue
        self._log = log
        self._told: dict[str, OrderProbe] = {}

    # -- without money ----------------------------------------------------------------------------------------------
    def probe(self, show: Preview, entry: Intent, stop: Intent) -> list[OrderProbe]:
        """Entry (with its attached stop) and stop; an entry that is refused with its stop is shown again without.

        Never raises `BrokerError`: a question without an answer judges nothing.
        """
        proofs = [_judge("entry", show, entry), _judge("stop", show, stop)]
        if entry.attached_stop is not None:
            self._attachment(proofs, show, entry)
        if proofs[1].judged:
            self._resting(taken=proofs[1].accepted, reason=proofs[1].answer)
        for proof in proofs:
            self._tell(proof)
        return proofs

    def _tell(self, proof: OrderProbe) -> None:
        """One line for each answer that differs from the one before."""
        if self._told.get(proof.name) == proof:
            return
        self._told[proof.name] = proof
        self._log.info(
            Event.PROVED,
            venue=self._venue,
            shape=proof.name,
            accepted=proof.accepted,
            judged=proof.judged,
            answer=proof.answer,
        )

    def _attachment(self, proofs: list[OrderProbe], show: Preview, entry: Intent) -> None:
        """An entry that is refused without its stop as well was not refused for it."""
        whole = proofs[0]
        if not whole.judged:
            return
        if not whole.accepted:
            proofs.append(_judge("entry without stop", show, replace(entry, attached_stop=None, attached_target=None)))
            if whole.meaning is not ErrorMeaning.ATTACHMENT and not (proofs[-1].judged and proofs[-1].accepted):
                return
        self._attached(taken=whole.accepted, reason=whole.answer)

    # -- in earnest -------------------------------------------------------------------------------------------------
    def learn(self, intent: Intent, outcome: Outcome) -> None:
        """What became of a real order."""
        match outcome:
            case Placed():
                if intent.attached_stop is not None:
                    self._attached(taken=True, reason="an entry was taken with its stop")
                if intent.type in STOPS:
                    self._resting(taken=True, reason="a stop was taken")
            case NotPlaced(ErrorMeaning.ATTACHMENT, reason) if intent.attached_stop is not None:
                self._attached(taken=False, reason=reason)
            case NotPlaced(ErrorMeaning.UNSUPPORTED, reason) if intent.type in STOPS:
                self._resting(taken=False, reason=reason)

    # -- what follows -----------------------------------------------------------------------------------------------
    def _attached(self, *, taken: bool, reason: str) -> None:
        able = replace(self.able, attached_stop=taken and self._offered.attached_stop)
        self._become(able, "attached stops", reason)

    def _resting(self, *, taken: bool, reason: str) -> None:
        self._become(replace(self.able, resting_stop=taken and self._offered.resting_stop), "stops", reason)

    def _become(self, able: Capabilities, what: str, reason: str) -> None:
        if able == self.able:
            return
        less = (able.attached_stop, able.resting_stop) < (self.able.attached_stop, self.able.resting_stop)
        self.able = able
        if less:
            self._log.warning(Event.ABLE, venue=self._venue, what=what, taken=False, reason=reason)
        else:
            self._log.info(Event.ABLE, venue=self._venue, what=what, taken=True, reason=reason)


def _judge(name: str, show: Preview, intent: Intent) -> OrderProbe:
    """What a venue's answer to an order says about its shape."""
    try:
        return OrderProbe(name, accepted=True, answer=show(intent))
    except NoCheck as error:
        return OrderProbe(name, accepted=False, answer=str(error), judged=False)
    except Unsupported as error:
        return OrderProbe(name, accepted=False, answer=str(error), meaning=ErrorMeaning.UNSUPPORTED)
    except BrokerError as error:
        if error.meaning in OF_THE_MOMENT:
            return OrderProbe(name, accepted=True, answer=error.text, meaning=error.meaning)
        judged = error.meaning.error_class is ErrorClass.SHAPE
        return OrderProbe(name, accepted=False, answer=error.text, judged=judged, meaning=error.meaning)
