"""One broker's actor: one inbox, one loop, and everything that belongs to one account.

It alone joins the engine, one broker and the database. Start and restart are one path: connect, reconcile, protect, trade.
It knows nothing of other brokers; its supervisor shares an inbox, a heartbeat and a stop event with it, and nothing else.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Signal

from bot.brokers.base import BaseBroker, BrokerError, Connection
from bot.domain.clock import SECOND, Clock
from bot.domain.events import Command, Event, Timer, Verb
from bot.domain.ids import Account, ClientIds, new_tag
from bot.domain.instrument import Trading
from bot.domain.money import plain
from bot.domain.outcome import Meaning
from bot.domain.position import Position
from bot.engine.accounting import Standing
from bot.engine.business import Business, Plan
from bot.engine.desk import Desk
from bot.operate.health import Heartbeat, Holding, Pulse, Status
from bot.operate.log import EventLog
from bot.store.health import Health
from bot.store.ledger import Ledger

#: Real seconds between two looks at commands, the emergency file and orders in flight.
TURN = 0.25
#: In lock-step the market jumps, so the loop has to notice quickly.
LOCKSTEP_TURN = 0.005
#: Currencies of account that NIJA does not trade in.
FIAT = frozenset({"EUR", "GBP", "CHF", "CAD", "AUD", "JPY", "TRY", "BRL", "SGD", "AED", "PLN"})
#: Errors that no waiting cures: the owner has to act.
FATAL = frozenset({Meaning.CREDENTIALS, Meaning.PERMISSION, Meaning.LOCKED_OUT})


@dataclass(slots=True)
class _Dues:
    """When each kind of work is next due: cycle and watch in market ms, hunt in wall ms."""

    cycle: int = 0
    watch: int = 0
    hunt: int = 0


@dataclass(slots=True)
class _Tally:
    """What this life of the actor has counted."""

    cycles: int = 0
    cycles_ok: int = 0
    errors: int = 0
    last_error: str = ""
    last_good: int = 0
    reconciled: int = 0
    told: Counter[str] = field(default_factory=Counter)


class BrokerTrader:
    """Trades one account until told to stop. `run` raises whatever ends it: its supervisor starts it again."""

    def __init__(
        self,
        broker: BaseBroker,
        open_ledger: Callable[[BaseBroker, Account], AbstractContextManager[Ledger]],
        plan: Plan,
        clock: Clock,
        log: EventLog,
        heartbeat: Heartbeat,
        inbox: SimpleQueue[Event],
        stop: Signal,
        emergency_file: Path,
        rng: random.Random,
        *,
        may_enter: bool = True,
    ) -> None:
        self._broker = broker
        self._open_ledger = open_ledger
        self._plan = plan
        self._clock = clock
        self._log = log
        self._heartbeat = heartbeat
        self._inbox = inbox
        self._stop = stop
        self._emergency_file = emergency_file
        self._rng = rng
        self._may_enter = may_enter
        self._dues = _Dues()
        self._tally = _Tally()
        self._standing: Standing | None = None
        self._connection: Connection | None = None
        self._reported = Health(status=Status.DEGRADED, heartbeat=clock.wall_ms(), pid=os.getpid())

    # -- the life of an actor -----------------------------------------------------------------------------------
    def run(self) -> None:
        """Connect, reconcile, protect, trade; returns after the stop event, with every order in hand finished."""
        with closing(self._broker):
            self._connection = connection = self._broker.connect()
            with self._open_ledger(self._broker, connection.account) as self._ledger:
                try:
                    self._open(connection)
                    while not self._stop.is_set():
                        self._turn()
                finally:
                    self._sign_off()

    def _open(self, connection: Connection) -> None:
        self._say_connected(connection)
        desk = Desk(self._broker, self._ledger, self._clock, self._log, self._ids())
        self._business = Business.of(desk, self._plan)
        self._standing = self._business.start()
        self._business.prove()
        self._say_funded(self._standing)
        self._tally.reconciled = self._clock.wall_ms()
        self._report()

    def _ids(self) -> ClientIds:
        """Client ids under this book's own tag, so that a second NIJA on the account can be told apart."""
        tag = self._ledger.fact("tag") or new_tag(self._rng)
        self._ledger.remember("tag", tag)
        return ClientIds(tag, self._clock.wall_ms, self._rng)

    def _turn(self) -> None:
        """One pass of the loop: what is due, then what arrives while waiting for the next due time."""
        began = self._clock.market_ms()
        for timer in self._due():
            self._handle(timer)
        self._heartbeat.idle_at = began
        with suppress(Empty):
            self._handle(self._inbox.get(timeout=self._wait()))
        self._obey()
        self._heartbeat.beat(self._clock.wall_ms())

    def _due(self) -> list[Timer]:
        market, wall = self._clock.market_ms(), self._clock.wall_ms()
        due = []
        if wall >= self._dues.hunt:
            self._dues.hunt = wall + int(TURN * SECOND)
            due.append(Timer.HUNT)
        if market >= self._dues.watch:
            self._dues.watch = market - market % self._plan.position_ms + self._plan.position_ms
            due.append(Timer.WATCH)
        if market >= self._dues.cycle:
            self._dues.cycle = self._next_cycle(market)
            due.append(Timer.CYCLE)
        return due

    def _next_cycle(self, market: int) -> int:
        """The next point of the cycle grid, or the moment when the next candle may be traded, whichever comes first."""
        late = self._plan.exclusion_ms
        points = (
            _after(market - late, self._plan.cycle_ms) + late,
            _after(market - late, self._plan.timeframe_ms) + late,
        )
        return min(points)

    def _wait(self) -> float:
        """Real seconds until something is due, a turn at most."""
        if self._clock.speed <= 0:
            return LOCKSTEP_TURN
        market = min(self._dues.cycle, self._dues.watch) - self._clock.market_ms()
        return min(max(market / SECOND / self._clock.speed, 0.001), TURN)

    # -- events -------------------------------------------------------------------------------------------------
    def _handle(self, event: Event) -> None:
        try:
            match event:
                case Timer.HUNT:
                    self._business.hunt.pursue()
                case Timer.WATCH:
                    self._business.watch.look()
                case Timer.CYCLE:
                    self._cycle()
                case Command():
                    self._command(event)
                case _:
                    self._dues.watch = 0
        except BrokerError as error:
            self._failed(error)

    def _cycle(self) -> None:
        self._tally.cycles += 1
        standing = self._business.cycle(self._barrier())
        if self._is_funded(standing) is not self._is_funded(self._standing):
            self._say_funded(standing)
        self._standing = standing
        now = self._clock.wall_ms()
        self._tally.cycles_ok += 1
        self._tally.errors = 0
        self._tally.last_good = self._tally.reconciled = now
        self._report()

    def _failed(self, error: BrokerError) -> None:
        """The exchange did not answer: exits only until a cycle succeeds."""
        self._tally.errors += 1
        self._tally.last_error = error.text
        if self._tally.errors in (1, 10) or error.meaning in FATAL:
            self._log.warning("ERROR", reason=error.text, remedy=error.remedy, in_a_row=self._tally.errors)
        self._report()
        if error.meaning in FATAL:
            raise error

    def _barrier(self) -> str | None:
        """Why the operator, or trouble, allows no entries now."""
        book = self._ledger
        if self._stop.is_set():
            return "stopping"
        if self._emergency_file.exists():
            return "EMERGENCY_STOP is there"
        if not self._may_enter:
            return "watched only: MULTI_BROKER_INDEPENDENT is false and another broker trades"
        if book.fact("paused"):
            return "paused by the operator"
        if book.fact("second_instance"):
            return "another NIJA trades this account"
        if self._connection is not None and self._connection.trading is not Trading.ONLINE:
            return f"the exchange is in {self._connection.trading}"
        return None

    # -- the operator -------------------------------------------------------------------------------------------
    def _obey(self) -> None:
        """Commands in the database, the emergency file, and a flattening that is not finished."""
        for command in self._ledger.commands():
            self._command(command)
        if self._emergency_file.exists():
            self._flatten("EMERGENCY_STOP")
        number = self._ledger.fact("flattening")
        if number is not None:
            left = self._flatten("flatten")
            if not left:
                self._ledger.remember("flattening", None)
                self._ledger.answer(int(number), "flat: nothing of ours is held or ordered")
                self._log.info("HALTED", reason="flat; `nija resume` starts entries again")

    def _command(self, command: Command) -> None:
        book = self._ledger
        if command.verb is not Verb.STOP:
            self._log.info("COMMAND", verb=command.verb)
        match command.verb:
            case Verb.PAUSE:
                book.remember("paused", "yes")
                result = "paused: no new entries, positions run to their rule's end"
            case Verb.RESUME:
                for name in ("paused", "second_instance", "flattening"):
                    book.remember(name, None)
                self._business.accounting.forget_peak()
                result = "resumed"
            case Verb.FLATTEN:
                book.remember("paused", "yes")
                book.remember("flattening", str(command.number))
                self._report()
                return
            case Verb.TRADE:
                self._may_enter = True
                result = "this broker trades"
            case Verb.STOP:
                return
        if command.number:
            book.answer(command.number, result)
        self._report()

    def _flatten(self, reason: str) -> list[str]:
        left = self._business.flattening.step(reason) if self._business.flattening.left() else []
        if left and self._tally.told[reason] % 40 == 0:
            self._log.warning("FLATTEN", left=left)
        self._tally.told[reason] += 1
        return left

    # -- telling ------------------------------------------------------------------------------------------------
    def _say_connected(self, connection: Connection) -> None:
        self._log.info(
            "CONNECTED",
            account=connection.account,
            permissions=" ".join(sorted(connection.permissions)),
            clock_skew_ms=connection.clock_skew_ms,
        )
        for warning in connection.warnings:
            self._log.warning("WARNING", reason=warning)

    def _is_funded(self, standing: Standing | None) -> bool:
        return standing is not None and standing.equity >= self._plan.min_balance

    def _say_funded(self, standing: Standing) -> None:
        foreign = sorted(asset for asset in standing.other if asset in FIAT)
        if foreign:
            held = ", ".join(f"{plain(standing.other[asset])} {asset}" for asset in foreign)
            self._log.info(
                "CURRENCY", holds=held, reason="only dollars (USD, USDT, USDC) are traded; these stay untouched"
            )
        money = {"balance_usd": standing.balance, "equity_usd": standing.equity}
        if not self._is_funded(standing):
            self._log.warning("UNFUNDED", **money, needed_usd=self._plan.min_balance, reason="waits for money")
        elif standing.equity < self._plan.recommended_balance:
            hint = f"under {self._plan.recommended_balance} dollars most trades are below the exchange's minimum"
            self._log.info("FUNDED", **money, hint=hint)
        else:
            self._log.info("FUNDED", **money)

    def _sign_off(self) -> None:
        """The last record of this life: as it was when told to stop, failed when something else ended it."""
        if not self._stop.is_set():
            status = Status.FAILED
            self._ledger.report_health(replace(self._reported, status=status, heartbeat=self._clock.wall_ms()))

    def _report(self) -> None:
        """The newest record: into the heartbeat for the supervisor, into the database for everybody else."""
        pulse = self.pulse()
        self._heartbeat.beat(self._clock.wall_ms(), pulse)
        self._reported = Health(
            status=pulse.status,
            heartbeat=self._clock.wall_ms(),
            pid=os.getpid(),
            balance_usd=pulse.balance_usd,
            equity_usd=pulse.equity_usd,
            cycles=pulse.cycles,
            cycles_ok=pulse.cycles_ok,
            errors=pulse.consecutive_errors,
            last_error=pulse.last_error or None,
            last_good_cycle=pulse.last_good_cycle or None,
            last_reconciled=pulse.last_reconciled or None,
            details={
                "reason": pulse.reason,
                "permissions": sorted(pulse.permissions),
                "ip_bound": pulse.ip_bound,
                "clock_skew_ms": pulse.clock_skew_ms,
                "signals": pulse.signals,
                "skipped": dict(pulse.skipped),
            },
        )
        self._ledger.report_health(self._reported)

    def pulse(self) -> Pulse:
        """How this broker is doing now."""
        tally, entries = self._tally, self._business.entries
        status, reason = self._verdict()
        pulse = Pulse(
            broker=self._broker.name,
            status=status,
            reason=reason,
            cycles=tally.cycles,
            cycles_ok=tally.cycles_ok,
            consecutive_errors=tally.errors,
            last_error=tally.last_error,
            last_good_cycle=tally.last_good,
            last_reconciled=tally.reconciled,
            signals=entries.signals,
            skipped=dict(entries.skipped),
            holdings=tuple(self._holding(one) for one in self._ledger.positions()),
            connected=tally.errors == 0,
        )
        if self._connection is not None:
            pulse = replace(
                pulse,
                account=str(self._connection.account),
                permissions=tuple(sorted(self._connection.permissions)),
                ip_bound=self._connection.ip_bound,
                clock_skew_ms=self._connection.clock_skew_ms,
            )
        if self._standing is None:
            return pulse
        return replace(
            pulse,
            balance_usd=self._standing.balance,
            equity_usd=self._standing.equity,
            other=dict(self._standing.other),
        )

    def _verdict(self) -> tuple[Status, str]:
        if self._tally.errors:
            return Status.DEGRADED, self._tally.last_error
        barrier = self._barrier()
        if barrier is not None and not self._stop.is_set():
            return Status.HALTED, barrier
        objection = self._business.objection(self._standing) if self._standing is not None else None
        if objection == "unfunded":
            return Status.UNFUNDED, "less than MIN_BALANCE_USD"
        return (Status.HALTED, objection) if objection is not None else (Status.HEALTHY, "")

    def _holding(self, position: Position) -> Holding:
        prices = self._standing.prices if self._standing is not None else {}
        price = prices.get(position.symbol, position.entry_price)
        return Holding(
            symbol=position.symbol,
            side=position.side,
            qty=position.qty,
            entry=position.entry_price,
            price=price,
            stop=position.stop_price,
            stage=position.stage,
            unrealised=position.unrealised(price),
        )


def _after(now: int, step: int) -> int:
    """The next multiple of `step` after `now`."""
    return now - now % step + step
