"""Executes the operator's commands from the database and the emergency file, and knows what blocks entries because of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.domain.backoff import Backoff
from bot.domain.booking import OLDER_BOOK
from bot.domain.clock import Pause
from bot.domain.events import Command, Lasts, Verb
from bot.domain.log import Event, Halt
from bot.engine.account_engine import AccountEngine
from bot.engine.denials import Denials
from bot.store.ledger import Ledger
from bot.store.pending_commands import BY_RESUME, ENDED_BY_RESUME, FLATTENING
from bot.strategy.gate_inputs import Operation
from bot.strategy.gates import OPERATION, Blocked, first
from bot.telemetry.log import EventLog

#: Stored states that end when the owner resumes, and the halts that they stand for.
_UNTIL_RESUME = {"second_instance": Halt.SECOND_INSTANCE, OLDER_BOOK: Halt.OLDER_DATABASE}
#: Attempts at flattening between two log lines about what is left.
_PATIENCE = 40
_FLAT = "flat: NIJA has no positions and no open orders"
#: The waits after attempts that changed nothing.
_AGAIN = Backoff(250, 2, 2_000)


@dataclass(slots=True)
class _Selling:
    """One position being sold: `wait` is the last wait before another attempt (real ms), `text` why it is not sold yet."""

    pause: Pause
    wait: int = 0
    text: str = ""


class OperatorCommands:
    """Executes the operator's commands for one account."""

    def __init__(
        self, ledger: Ledger, engine: AccountEngine, emergency_file: Path, log: EventLog, *, watch_only: bool
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._emergency_file = emergency_file
        self._log = log
        self._watch_only = watch_only
        self._attempts: Counter[str] = Counter()
        self._left: list[str] = []
        self._wait = 0
        self._pause = Pause(engine.oms.clock)
        self._selling: dict[int, _Selling] = {}

    def blocked_by(self, *, stopping: bool, exchange: str, watching: bool, evidence: str = "") -> Blocked | None:
        """The gate that blocks entries now, because of the daemon's state (the arguments), its host or the owner; None if none
        does.
        """
        now = Operation(
            stopping=stopping,
            exchange=exchange,
            watching=watching,
            disk=self._ledger.blocked_by,
            emergency=self._emergency_file.exists(),
            watch_only=self._watch_only,
            paused=bool(self._ledger.get_state("paused")),
            second_instance=bool(self._ledger.get_state("second_instance")),
            evidence=evidence,
        )
        return first(OPERATION, now)

    def poll(self) -> bool:
        """Execute new commands and continue unfinished ones; returns whether there was a new command."""
        waiting = self._ledger.commands()
        self._let_go(waiting)
        fresh = [one for one in waiting if not self._is_at_work(one)]
        void = max((at for at, one in enumerate(fresh) if one.verb is Verb.RESUME), default=0)
        for at, command in enumerate(fresh):
            if at < void and command.verb in ENDED_BY_RESUME:
                self._done(command, BY_RESUME)
            else:
                self.execute(command)
        if self._emergency_file.exists():
            self._flatten("EMERGENCY_STOP")
        self._go_on_flattening()
        self._go_on_selling([one for one in waiting if one.verb is Verb.SELL])
        return bool(fresh)

    def _is_at_work(self, command: Command) -> bool:
        """Whether a command is already being executed."""
        if command.verb is Verb.SELL:
            return command.number in self._selling
        return command.verb is Verb.FLATTEN and self._ledger.get_state(FLATTENING) is not None

    def _let_go(self, waiting: Sequence[Command]) -> None:
        """Stop sales and flattenings whose command was cancelled from outside."""
        for number in self._selling.keys() - {one.number for one in waiting}:
            so_far = self._selling.pop(number).text
            self._log.info(
                Event.COMMAND, verb=Verb.SELL, result=f"cancelled; so far: {so_far}" if so_far else "cancelled"
            )
        under_way = self._ledger.get_state(FLATTENING)
        if under_way is not None and under_way not in {str(one.number) for one in waiting}:
            self._ledger.set_state(FLATTENING, None)
            self._log.info(Event.COMMAND, verb=Verb.FLATTEN, result="cancelled")

    def execute(self, command: Command) -> None:
        """Execute one command, or begin to if it takes several attempts."""
        match command.verb:
            case Verb.PAUSE:
                self._ledger.set_state("paused", "yes")
                self._done(command, "paused: no new entries; open positions run until their exit rule closes them")
            case Verb.RESUME:
                self._end_flattening(before=command.number)
                self._end_halts()
                for name in ("paused", FLATTENING):
                    self._ledger.set_state(name, None)
                self._engine.resume()
                self._done(command, "resumed")
            case Verb.FLATTEN:
                self._begin_flattening(command)
            case Verb.SELL:
                self._selling[command.number] = _Selling(Pause(self._engine.oms.clock))
                self._log.info(Event.COMMAND, verb=command.verb, symbol=command.symbol)
            case Verb.DENY:
                known = self._engine.deny(command.symbol, Lasts(command.detail))
                result = f"{command.symbol} denied {command.detail}: no new entries; open positions stay"
                self._done(command, result if known else f"{result}; but no market here has this name")
            case Verb.ALLOW:
                self._allow(command)
            case Verb.TRADE:
                self._watch_only = False
                self._done(command, "this broker trades")
            case Verb.STOP:
                pass

    def _allow(self, command: Command) -> None:
        was_denied = self._engine.allow(command.symbol)
        left = ", ".join(sorted(Denials(self._ledger).names()))
        result = f"{command.symbol} allowed" if was_denied else f"{command.symbol} was not denied"
        self._done(command, f"{result}; still denied: {left}" if left else result)

    def _end_halts(self) -> None:
        for name, halt in _UNTIL_RESUME.items():
            if self._ledger.get_state(name) is not None:
                self._ledger.set_state(name, None)
                self._log.info(Event.RESUMED, limit=halt, reason="the owner resumed trading")

    def _begin_flattening(self, command: Command) -> None:
        """Begin, unless the command was answered as cancelled since it was read; from now on, whoever cancels it sees that it has
        begun.
        """
        paused = self._ledger.get_state("paused")
        self._ledger.set_state("paused", "yes")
        self._ledger.set_state(FLATTENING, str(command.number))
        if command.number and command.number not in {one.number for one in self._ledger.commands()}:
            self._ledger.set_state(FLATTENING, None)
            self._ledger.set_state("paused", paused)
        else:
            self._log.info(Event.COMMAND, verb=command.verb)

    def _end_flattening(self, before: int) -> None:
        """Answer the flattenings that a `resume` ends, by what has become of them."""
        for one in self._ledger.commands():
            if one.verb is Verb.FLATTEN and one.number < before:
                self._ledger.answer(one.number, self._ended_by_resume())

    def _ended_by_resume(self) -> str:
        if self._ledger.get_state(FLATTENING) is None:
            return BY_RESUME
        if left := self._engine.flattening.left():
            return f"stopped by a later `nija resume`, entries are no longer paused; left: {', '.join(left)}"
        return f"{_FLAT}; a later `nija resume` has ended the pause"

    def _done(self, command: Command, result: str) -> None:
        self._log.info(Event.COMMAND, verb=command.verb, result=result)
        if command.number:
            self._ledger.answer(command.number, result)

    def _go_on_selling(self, commands: Sequence[Command]) -> None:
        """Make one attempt at each sale; attempts that change nothing are repeated after growing waits."""
        for command in commands:
            selling = self._selling.get(command.number)
            if selling is None or not selling.pause.is_over():
                continue
            done, text = self._engine.flattening.sell_one(command.symbol, command.detail)
            if done:
                del self._selling[command.number]
                self._done(command, text)
                continue
            if text != selling.text:
                self._log.info(Event.COMMAND, verb=command.verb, symbol=command.symbol, result=text)
            selling.wait = _AGAIN.after(selling.wait) if text == selling.text else 0
            selling.text = text
            selling.pause.begin(selling.wait)

    def _go_on_flattening(self) -> None:
        if self._ledger.get_state(FLATTENING) is None or self._flatten("flatten"):
            return
        self._ledger.set_state(FLATTENING, None)
        for one in self._ledger.commands():
            if one.verb is Verb.FLATTEN:
                self._ledger.answer(one.number, _FLAT)
        self._log.info(Event.HALTED, limit=Halt.OPERATOR, reason="flat; `nija resume` starts entries again")

    def _flatten(self, reason: str) -> list[str]:
        """Make one attempt to flatten, with a log line about the rest now and then. Attempts that change nothing are repeated after
        growing waits."""
        left = self._engine.flattening.left()
        if not left or (left == self._left and not self._pause.is_over()):
            return left
        left = self._engine.flattening.step(reason)
        self._wait = _AGAIN.after(self._wait) if left == self._left else 0
        self._pause.begin(self._wait)
        self._left = left
        if left and self._attempts[reason] % _PATIENCE == 0:
            self._log.warning(Event.FLATTEN, left=left)
        self._attempts[reason] += 1
        return left
