"""The operator's word: commands from the database, the emergency file, and what keeps this account from entering."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bot.domain.events import Command, Verb
from bot.engine.business import Business
from bot.operate.log import EventLog
from bot.store.ledger import Ledger

#: Attempts at flattening between two lines about what is still there.
_PATIENCE = 40


class OperatorDesk:
    """Obeys the owner of one account."""

    def __init__(
        self, ledger: Ledger, business: Business, emergency_file: Path, log: EventLog, *, may_enter: bool
    ) -> None:
        self._ledger = ledger
        self._business = business
        self._emergency_file = emergency_file
        self._log = log
        self._may_enter = may_enter
        self._attempts: Counter[str] = Counter()

    def barrier(self) -> str | None:
        """Why there must be no entries now, by the owner's word or for his safety; None when they are free."""
        if self._emergency_file.exists():
            return "EMERGENCY_STOP is there"
        if not self._may_enter:
            return "watched only: MULTI_BROKER_INDEPENDENT is false and another broker trades"
        if self._ledger.fact("paused"):
            return "paused by the operator"
        if self._ledger.fact("second_instance"):
            return "another NIJA trades this account"
        return None

    def attend(self) -> bool:
        """Commands that came in, and a flattening that is not finished; True when something was ordered."""
        under_way = self._ledger.fact("flattening")
        fresh = [command for command in self._ledger.commands() if str(command.number) != under_way]
        for command in fresh:
            self.obey(command)
        if self._emergency_file.exists():
            self._flatten("EMERGENCY_STOP")
        self._go_on_flattening()
        return bool(fresh)

    def obey(self, command: Command) -> None:
        """One command."""
        match command.verb:
            case Verb.PAUSE:
                self._ledger.remember("paused", "yes")
                self._done(command, "paused: no new entries, positions run to their rule's end")
            case Verb.RESUME:
                for name in ("paused", "second_instance", "flattening"):
                    self._ledger.remember(name, None)
                self._business.resume()
                self._done(command, "resumed")
            case Verb.FLATTEN:
                self._ledger.remember("paused", "yes")
                self._ledger.remember("flattening", str(command.number))
                self._log.info("COMMAND", verb=command.verb)
            case Verb.TRADE:
                self._may_enter = True
                self._done(command, "this broker trades")
            case Verb.STOP:
                pass

    def _done(self, command: Command, result: str) -> None:
        self._log.info("COMMAND", verb=command.verb, result=result)
        if command.number:
            self._ledger.answer(command.number, result)

    def _go_on_flattening(self) -> None:
        number = self._ledger.fact("flattening")
        if number is None or self._flatten("flatten"):
            return
        self._ledger.remember("flattening", None)
        self._ledger.answer(int(number), "flat: nothing of ours is held or ordered")
        self._log.info("HALTED", reason="flat; `nija resume` starts entries again")

    def _flatten(self, reason: str) -> list[str]:
        """One attempt; what is still there is said now and then."""
        if not self._business.flattening.left():
            return []
        left = self._business.flattening.step(reason)
        if left and self._attempts[reason] % _PATIENCE == 0:
            self._log.warning("FLATTEN", left=left)
        self._attempts[reason] += 1
        return left
