"""Which kinds of orders a venue accepts from this account: probed without money at the start, then learned from real orders.

One policy for all venues. Only an error about the order's shape removes a capability. Any other answer proves nothing, and
the probe is repeated later or on another market. A real order that was accepted is the stronger proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.brokers.base import BrokerError, Capabilities, OrderProbe
from bot.brokers.common.outcomes import Unsupported
from bot.domain.log import Event, Log
from bot.domain.order import STOPS, Intent
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed

#: Refusals because of the funds, size or price at this moment: the venue has judged the order and accepts its shape.
OF_THE_MOMENT = frozenset({ErrorMeaning.FUNDS, ErrorMeaning.TOO_SMALL, ErrorMeaning.PRICE, ErrorMeaning.ATTACHED_PRICE})

#: Asks a venue about one order without placing it: its text if it would accept. Raises `BrokerError` if it would not, and
#: `Unsupported` if it has no such order type.
Preview = Callable[[Intent], str]


class NoCheck(Exception):
    """The venue cannot check such an order without placing it. The documentation is trusted and the probe is not repeated."""


class CapabilityProbe:
    """The capabilities of one account, and the answers they are based on."""

    def __init__(self, able: Capabilities, venue: str, log: Log) -> None:
        self.able = able
        self._offered = able
        self._venue = venue
        self._log = log
        self._logged: dict[str, OrderProbe] = {}

    # -- without money ----------------------------------------------------------------------------------------------
    def probe(self, show: Preview, entry: Intent, stop: Intent) -> list[OrderProbe]:
        """Probe the entry (with its attached stop) and the stop. An entry refused with its stop is probed again without.

        Never raises `BrokerError`: a probe without an answer judges nothing.
        """
        proofs = [_judge("entry", show, entry), _judge("stop", show, stop)]
        if entry.attached_stop is not None:
            self._attachment(proofs, show, entry)
        if proofs[1].judged:
            self._resting(taken=proofs[1].accepted, reason=proofs[1].answer)
        for proof in proofs:
            self._log_change(proof)
        return proofs

    def _log_change(self, proof: OrderProbe) -> None:
        """Log each answer that differs from the previous one."""
        if self._logged.get(proof.name) == proof:
            return
        self._logged[proof.name] = proof
        self._log.info(
            Event.PROVED,
            venue=self._venue,
            shape=proof.name,
            accepted=proof.accepted,
            judged=proof.judged,
            answer=proof.answer,
        )

    def _attachment(self, proofs: list[OrderProbe], show: Preview, entry: Intent) -> None:
        """Decide about attached stops. An entry that is also refused without its stop was not refused because of the stop."""
        whole = proofs[0]
        if not whole.judged:
            return
        if not whole.accepted:
            proofs.append(_judge("entry without stop", show, replace(entry, attached_stop=None, attached_target=None)))
            if whole.meaning is not ErrorMeaning.ATTACHMENT and not (proofs[-1].judged and proofs[-1].accepted):
                return
        self._attached(taken=whole.accepted, reason=whole.answer)

    # -- with real orders -------------------------------------------------------------------------------------------
    def learn(self, intent: Intent, outcome: Outcome) -> None:
        """Update the capabilities from the outcome of a real order."""
        match outcome:
            case Placed():
                if intent.attached_stop is not None:
                    self._attached(taken=True, reason="an entry was accepted with its stop")
                if intent.type in STOPS:
                    self._resting(taken=True, reason="a stop was accepted")
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
    """What a venue's answer says about the shape of an order."""
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
