"""The supervisor: one thread for each account, so that a sick exchange affects no other.

The supervisor starts every actor, restarts one that crashes after growing waits, replaces one that hangs, writes the heartbeat
file and the status block, and stops them all within seconds. It shares an inbox, a heartbeat and a stop event with each.
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Signal
from threading import Thread, current_thread
from types import MappingProxyType

from bot.broker_manager import BrokerManager
from bot.brokers.base import BaseBroker, BrokerError
from bot.domain.backoff import Backoff
from bot.domain.clock import MINUTE, SECOND, Clock, Pause
from bot.domain.events import Command, Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.log import Event, Halt
from bot.domain.outcome import ErrorMeaning
from bot.domain.status import CONNECTING, MANY_ERRORS, STUCK_AFTER, BrokerStatus, Status
from bot.engine.account_engine import TradingPlan
from bot.runtime.actor_run import ActorRun, HeartbeatClock, Liveness, Post
from bot.runtime.broker_trader import ACTOR, BrokerTrader, Record
from bot.runtime.evidence_judged import EvidenceAsked
from bot.runtime.heartbeat_file import HeartbeatFile
from bot.runtime.schedule import DueTime, Now
from bot.store.database import StoreDamaged, StoreError, StoreReadOnly
from bot.store.ledger import Ledger
from bot.store.lock import AccountLocked
from bot.telemetry.heartbeat import Heartbeat, Observer
from bot.telemetry.log import EventLog
from bot.telemetry.status import say

#: Real ms that an order in hand may still take once the daemon is asked to stop.
ORDER_IN_HAND = 6 * SECOND
#: Real seconds after which the process ends, counted from the same moment, whatever hangs.
LAST_WAIT = 7.3
#: The waits between restarts of a crashed actor, and how long (real ms) one must have run for the waits to start over.
RESTARTS, LIVED = Backoff(SECOND, 2, 30 * SECOND, jitter=0.2), MINUTE
#: Real ms before a key that the exchange refused is tried again: more attempts could lock the account.
REFUSED_WAIT = 5 * MINUTE
#: How often in a row the refusal of a key that was accepted before is doubted: a sick exchange refuses good keys, too.
DOUBTS = 5
#: Real seconds between two turns of the supervisor, and real ms between two heartbeats in its file.
TURN, HEARTBEAT = 0.2, 2 * SECOND
#: The order of preference when only one broker may trade.
ONE_OF = ("coinbase", "kraken", "okx")
_REFUSED = frozenset({ErrorMeaning.CREDENTIALS, ErrorMeaning.PERMISSION})


class IndependentBrokerTrader:
    """Runs all brokers of a `BrokerManager` until `stop`; `run` returns the exit status."""

    def __init__(
        self,
        manager: BrokerManager,
        open_ledger: Callable[[BaseBroker, Account], AbstractContextManager[Ledger]],
        plan: TradingPlan,
        clock: Clock,
        log_for: Callable[[str | None], EventLog],
        data_dir: Path,
        status_ms: int,
        stop: Signal,
        rng: random.Random,
        *,
        independent: bool = True,
        modes: Mapping[AccountKey, str] = MappingProxyType({}),
        observers: Sequence[Observer] = (),
        record: Record = lambda *_: None,
        evidence: EvidenceAsked | None = None,
    ) -> None:
        """`modes` is each account's mode (sandbox, demo, live), for the heartbeat file; `record` takes the judgements; `evidence`
        is what each account needs, None to ask for none.
        """
        self._manager = manager
        self._modes = modes
        self._record = record
        self._evidence = evidence
        self._open_ledger = open_ledger
        self._plan = plan
        self._clock = clock
        self._log = log_for(None)
        self._data_dir = data_dir
        self._status_ms = status_ms
        self._stop = stop
        self._rng = rng
        self._run = str(clock.wall_ms())
        self._independent = independent
        self._observers = observers
        self._chosen: AccountKey | None = None
        self._file = HeartbeatFile(data_dir, clock, self._log)
        self.slots = [self._new_slot(AccountKey.parse(key), log_for(key)) for key in manager.venues]

    # -- the supervisor's loop ----------------------------------------------------------------------------------
    def run(self, still_well: Callable[[], bool] = lambda: True) -> int:
        """Start every actor and look after them until `stop`.

        Returns 0; 1 if `still_well` fails or every database is damaged; 3 if another NIJA trades one of the accounts.
        """
        for post in self.slots:
            self._start(post)
        self._write_heartbeat()
        status, heartbeat = DueTime(), Pause(self._clock, HEARTBEAT)
        while not self._stop.wait(TURN):
            self._notice_stuck()
            self._notice_recovery()
            self._revive()
            self._choose_one()
            if heartbeat.is_over():
                heartbeat.begin(HEARTBEAT)
                self._write_heartbeat()
            now = Now.by(self._clock)
            if status.has_come(now) and self._all_reported():
                status.set(now.market + self._status_ms, now, self._clock.pacer)
                self._say_status()
            if any(post.locked for post in self.slots) or self._nothing_sound() or not still_well():
                break
        return self._end(still_well() and not self._nothing_sound())

    def _nothing_sound(self) -> bool:
        """Whether every broker's database is damaged, so that nothing can be traded until the owner recovers one."""
        return all(post.damaged and post.heartbeat.latest.status is Status.FAILED for post in self.slots)

    def _end(self, well: bool) -> int:
        self._stop.set()
        for observer in self._observers:
            observer.stopping()
        for post in self.slots:
            if post.run is not None:
                post.run.over.set()
        until = self._clock.wall_ms() + ORDER_IN_HAND
        self._log.info(Event.STOPPING, reason="finishing orders in hand; stops stay at the exchange")
        for post in self.slots:
            post.inbox.put(Command(Verb.STOP))
            if (broker := post.broker) is not None:
                broker.hurry(until)
        last = Pause(self._clock, int(LAST_WAIT * SECOND))
        for post in self.slots:
            if post.thread is not None:
                post.thread.join(last.left() / SECOND)
        self._say_what_stays()
        self._write_heartbeat(stopped=True)
        locked = [post.locked for post in self.slots if post.locked is not None]
        for one in locked:
            self._log.error(Event.LOCKED, reason=str(one))
        return 3 if locked else (0 if well else 1)

    def _say_what_stays(self) -> None:
        for post in self.slots:
            for held in post.heartbeat.latest.holdings:
                one = held.position
                post.log.info(Event.STAYS, symbol=one.symbol, qty=one.qty, entry=one.entry_price, stop=one.stop_price)
            if post.thread is not None and post.thread.is_alive():
                post.log.warning(
                    Event.UNFINISHED, reason="still waiting for the exchange; the next start clears this up"
                )
        self._log.info(Event.STOPPED, positions=sum(len(post.heartbeat.latest.holdings) for post in self.slots))

    # -- actors -------------------------------------------------------------------------------------------------
    def _new_slot(self, key: AccountKey, log: EventLog) -> Post:
        self._clock.pacer.worker(key, ACTOR)  # a market in lock-step waits until it has started or failed
        mode = self._modes.get(key, "")
        heartbeat = Heartbeat(BrokerStatus(key, Status.DEGRADED, reason=CONNECTING, mode=mode))
        return Post(key, heartbeat, Liveness(heartbeat, self._clock), log)

    def _start(self, post: Post, before: ActorRun | None = None) -> None:
        post.born = self._clock.steady_ms()
        post.thread = Thread(target=self._keep_alive, args=(post, before), name=str(post.key), daemon=True)
        post.thread.start()

    @staticmethod
    def _is_abandoned(post: Post) -> bool:
        """Whether the calling thread was replaced while it hung: then it must not report anything."""
        return post.thread is not current_thread()

    def _keep_alive(self, post: Post, before: ActorRun | None) -> None:
        """The actor's thread: one run after the other, each through the same start-up path.

        `before` is a run that hangs or was lost: its resources are closed first.
        """
        if before is not None:
            before.abandon()
        wait = 0
        while not self._stop.is_set():
            born = self._clock.steady_ms()
            patience = self._run_once(post)
            if self._is_abandoned(post):
                return
            post.run = post.broker = None
            gc.collect()  # free the cyclic garbage of this run before the next one starts; it would take megabytes
            if post.locked is not None or self._stop.is_set():
                return
            post.restarts += 1
            wait = RESTARTS.after(0 if self._clock.steady_ms() - born > LIVED else wait)
            self._rest(post, max(RESTARTS.spread(wait, self._rng), patience))

    def _rest(self, post: Post, ms: int) -> None:
        """Wait between two runs (real ms), giving signs of life."""
        rest = Pause(self._clock, ms)
        while rest.left() and not self._stop.wait(min(rest.left(), SECOND) / SECOND):
            post.heartbeat.beat()

    def _revive(self) -> None:
        """Start a new thread, after growing waits, for a broker whose thread has ended unexpectedly."""
        for post in self.slots:
            if post.thread is None or post.thread.is_alive() or post.locked is not None:
                continue
            passed = self._clock.steady_ms() - post.born
            wait = RESTARTS.after(0 if passed > LIVED else post.wait)
            if passed >= wait:
                post.wait = wait
                post.restarts += 1
                post.log.error(Event.CRASHED, reason="its thread ended: a new one starts through reconciliation")
                self._mark_failed(post, "its thread ended", "")
                self._start(post, post.run)

    def _run_once(self, post: Post) -> int:
        """One run of an actor; returns the shortest wait before the next one (real ms)."""
        actor: BrokerTrader | None = None
        try:
            actor = self._new_trader(post)
            actor.run()
        except AccountLocked as locked:
            self._locked(post, locked)
        except BrokerError as error:
            self._failed(post, error.text, error.remedy)
            return _patience(error, doubtful=self._is_doubtful(post, error, actor))
        except StoreReadOnly as error:
            post.log.error(Event.HALTED, limit=Halt.DISK, reason=str(error))  # noqa: TRY400 - one line, no traceback
            self._mark_failed(post, str(error), error.remedy)
        except StoreDamaged as error:
            self._failed(post, str(error), error.remedy)
            post.damaged = True
        except StoreError as error:
            self._failed(post, str(error), error.remedy)
        except Exception as error:  # noqa: BLE001 - supervised boundary: a crashed actor is restarted without affecting others
            if not self._is_abandoned(post):
                post.log.failure(Event.CRASHED, error, reason="starts again through reconciliation")
                self._mark_failed(post, f"crashed: {type(error).__name__}", "")
        return 0

    def _new_trader(self, post: Post) -> BrokerTrader:
        """The actor of a new run in this slot. Its inbox is new, so that it gets nothing meant for an earlier run."""
        post.inbox = SimpleQueue()
        clock = HeartbeatClock(self._clock, post.heartbeat)
        clock.wall_ms()
        post.broker = self._manager.build(post.key, clock)
        post.run = ActorRun(post.broker, self._open_ledger)
        if self._stop.is_set():
            post.run.over.set()
        return self._actor(post, post.run, clock)

    def _locked(self, post: Post, locked: AccountLocked) -> None:
        """End the daemon if another process trades the account. If it is this process, an earlier run still holds the lock."""
        if locked.pid == os.getpid():
            self._failed(post, str(locked), "an earlier run still holds it: nothing to do, NIJA retries automatically")
        else:
            post.locked = locked

    def _is_doubtful(self, post: Post, error: BrokerError, actor: BrokerTrader | None) -> bool:
        """Whether a key that is refused now may still be valid: it was accepted before, and not refused too often since."""
        if actor is not None and actor.admitted:
            post.admitted, post.doubts = True, 0
        if not post.admitted or error.meaning not in _REFUSED:
            return False
        post.doubts += 1
        return post.doubts <= DOUBTS

    def _actor(self, post: Post, run: ActorRun, clock: Clock) -> BrokerTrader:
        return BrokerTrader(
            broker=run.broker,
            open_ledger=run.opened_ledger,
            plan=self._plan,
            clock=clock,
            log=post.log,
            heartbeat=post.heartbeat,
            inbox=post.inbox,
            stop=run.over,
            emergency_file=self._data_dir / "EMERGENCY_STOP",
            watch_only=not (self._independent or self._chosen == post.key),
            rng=random.Random(self._rng.random()),  # noqa: S311 - names orders and spreads waits, guards nothing
            run=self._run,
            record=self._record,
            evidence=self._evidence,
        )

    def _failed(self, post: Post, reason: str, remedy: str) -> None:
        if self._is_abandoned(post):
            return
        remedy = remedy or "nothing to do: NIJA retries automatically"
        post.log.error(Event.FAILED, reason=reason, remedy=remedy)
        self._mark_failed(post, reason, remedy)

    def _mark_failed(self, post: Post, reason: str, remedy: str) -> None:
        latest = post.heartbeat.latest
        failed = replace(
            latest,
            status=Status.FAILED,
            reason=reason,
            remedy=remedy,
            last_error=reason,
            at=self._clock.wall_ms(),
        )
        post.heartbeat.beat(failed.after(latest))
        self._clock.pacer.excuse(post.key)

    def _notice_stuck(self) -> None:
        for post in self.slots:
            silence = post.liveness.seconds()
            if post.run is not None and silence * SECOND > STUCK_AFTER:
                post.stuck = True
                post.log.error(
                    Event.STUCK,
                    silent_s=int(silence),
                    reason="no sign of life: it is replaced; the others keep trading",
                )
                self._replace_hung(post, post.run)
            elif post.heartbeat.latest.status is not Status.FAILED:
                post.stuck = False

    def _replace_hung(self, post: Post, run: ActorRun) -> None:
        """Start another run in a new thread, through the usual start-up path."""
        self._mark_failed(post, "stuck: another run replaces it", "")
        post.run = None
        post.restarts += 1
        self._start(post, run)

    def _notice_recovery(self) -> None:
        """Log when a broker that had failed, or had many errors in a row, has completed a cycle again."""
        for post in self.slots:
            latest = post.heartbeat.latest
            if latest.status is Status.FAILED or latest.errors >= MANY_ERRORS:
                post.down = True
            elif post.down and latest.connected and latest.cycles_ok:
                post.down = False
                post.log.info(Event.RECOVERED, status=latest.status, reason="a whole cycle succeeded again")

    def _choose_one(self) -> None:
        """With MULTI_BROKER_INDEPENDENT=false, the first funded broker of `ONE_OF` trades; the others only watch their positions."""
        if self._independent or self._chosen is not None or not self._all_reported():
            return
        for venue in ONE_OF:
            for post in self.slots:
                latest = post.heartbeat.latest
                if post.key.venue == venue and latest.connected and latest.equity_usd >= self._plan.min_balance:
                    self._chosen = post.key
                    post.inbox.put(Command(Verb.TRADE))
                    return

    # -- telling ------------------------------------------------------------------------------------------------
    def _all_reported(self) -> bool:
        """Whether every broker has connected or failed; before that, a status block would say nothing."""
        return not any(post.heartbeat.latest.connecting for post in self.slots)

    def _say_status(self) -> None:
        say(self._log, self._statuses(), self._clock.wall_ms())

    def _write_heartbeat(self, *, stopped: bool = False) -> None:
        statuses = self._statuses()
        self._file.write(statuses, stopped=stopped)
        for observer in () if stopped else self._observers:
            observer.observe(statuses)

    def _statuses(self) -> list[BrokerStatus]:
        """Each actor's last status, completed with what only the supervisor knows."""
        return [
            replace(
                post.heartbeat.latest,
                silent_ms=int(post.liveness.seconds() * SECOND),
                restarts=post.restarts,
                stuck=post.stuck,
            )
            for post in self.slots
        ]


def _patience(error: BrokerError, *, doubtful: bool) -> int:
    """The shortest wait before a failed broker is retried (real ms); a `doubtful` refusal is retried soon."""
    return max(error.retry_after_ms, REFUSED_WAIT if error.meaning in _REFUSED and not doubtful else 0)
