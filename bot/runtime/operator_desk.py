"""The operator's word: commands from the database, the emergency file, and what keeps this account from entering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bot.domain.backoff import Backoff
from bot.domain.clock import Pause
from bot.domain.events import Command, Verb
from bot.domain.log import Event, Halt
from bot.engine.business import Business
from bot.store.ledger import Ledger
from bot.store.standing import BY_RESUME
from bot.strategy.gates import OPERATION, Blocked, first
from bot.strategy.snapshot import Operation
from bot.telemetry.log import EventLog

#: Attempts at flattening between two lines about what is still there.
_PATIENCE = 40
#: The waits after attempts that left all as it was.
_AGAIN = Backoff(250, 2, 2_000)


class OperatorDesk:
    """Obeys the owner of one account."""

    def __init__(
        self, ledger: Ledger, business: Business, emergency_file: Path, log: EventLog, *, watch_only: bool
    ) -> None:
        self._ledger = ledger
        self._business = business
        self._emergency_file = emergency_file
        self._log = log
        self._watch_only = watch_only
        self._attempts: Counter[str] = Counter()
        self._left: list[str] = []
        self._wait = 0
        self._pause = Pause(business.desk.clock)

    def blocked_by(self, *, stopping: bool, exchange: str, watching: bool) -> Blocked | None:
        """The gate that blocks entries now, by the daemon's state (the arguments), its host's, or the owner's word; None when
        there is none.
        """
        now = Operation(
            stopping=stopping,
            exchange=exchange,
            watching=watching,
            disk=self._ledger.blocked_by,
            emergency=self._emergency_file.exists(),
            watch_only=self._watch_only,
            paused=bool(self._ledger.fact("paused")),
            second_instance=bool(self._ledger.fact("second_instance")),
        )
        return first(OPERATION, now)

    def attend(self) -> bool:
        """Commands that came in, and a flattening that is not finished; True when something was ordered."""
        waiting = self._ledger.commands()
        self._let_go(waiting)
        fresh = [one for one in waiting if one.verb is not Verb.FLATTEN or self._ledger.fact("flattening") is None]
        void = max((at for at, one in enumerate(fresh) if one.verb is Verb.RESUME), default=0)
        for command in fresh[:void]:
            self._done(command, BY_RESUME)
        for command in fresh[void:]:
            self.obey(command)
        if self._emergency_file.exists():
            self._flatten("EMERGENCY_STOP")
        self._go_on_flattening()
        return bool(fresh)

    def _let_go(self, waiting: Sequence[Command]) -> None:
        """A flattening ends when nobody wants it any more: its order was called back from outside."""
        under_way = self._ledger.fact("flattening")
        if under_way is not None and under_way not in {str(one.number) for one in waiting}:
            self._ledger.remember("flattening", None)
            self._log.info(Event.COMMAND, verb=Verb.FLATTEN, result="called back")

    def obey(self, command: Command) -> None:
        """One command."""
        match command.verb:
            case Verb.PAUSE:
                self._ledger.remember("paused", "yes")
                self._done(command, "paused: no new entries, positions run to their rule's end")
            case Verb.RESUME:
                self._call_back_flattening(before=command.number)
                self._end_second_instance()
                for name in ("paused", "flattening"):
                    self._ledger.remember(name, None)
                self._business.resume()
                self._done(command, "resumed")
            case Verb.FLATTEN:
                self._ledger.remember("paused", "yes")
                self._ledger.remember("flattening", str(command.number))
                self._log.info(Event.COMMAND, verb=command.verb)
            case Verb.TRADE:
                self._watch_only = False
                self._done(command, "this broker trades")
            case Verb.STOP:
                pass

    def _end_second_instance(self) -> None:
        if self._ledger.fact("second_instance") is not None:
            self._ledger.remember("second_instance", None)
            self._log.info(Event.RESUMED, limit=Halt.SECOND_INSTANCE, reason="by the owner's word")

    def _call_back_flattening(self, before: int) -> None:
        for one in self._ledger.commands():
            if one.verb is Verb.FLATTEN and one.number < before:
                self._ledger.answer(one.number, BY_RESUME)

    def _done(self, command: Command, result: str) -> None:
        self._log.info(Event.COMMAND, verb=command.verb, result=result)
        if command.number:
            self._ledger.answer(command.number, result)

    def _go_on_flattening(self) -> None:
        if self._ledger.fact("flattening") is None or self._flatten("flatten"):
            return
        self._ledger.remember("flattening", None)
        for one in self._ledger.commands():
            if one.verb is Verb.FLATTEN:
                self._ledger.answer(one.number, "flat: nothing of ours is held or ordered")
        self._log.info(Event.HALTED, limit=Halt.OPERATOR, reason="flat; `nija resume` starts entries again")

    def _flatten(self, reason: str) -> list[str]:
        """One attempt; what is still there is said now and then. What no attempt changes is tried with growing waits."""
        left = self._business.flattening.left()
        if not left or (left == self._left and not self._pause.is_over()):
            return left
        left = self._business.flattening.step(reason)
        self._wait = _AGAIN.after(self._wait) if left == self._left else 0
        self._pause.begin(self._wait)
        self._left = left
        if left and self._attempts[reason] % _PATIENCE == 0:
            self._log.warning(Event.FLATTEN, left=left)
        self._attempts[reason] += 1
        return left
