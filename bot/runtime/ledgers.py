"""Opens an account's ledger: takes its lock, opens its database, then checks whose money it is.

On a full disk, a fallback ledger in memory is used, with the emergency journal for the orders that must go out. The next normal
start merges that journal into the database before anything else. On a read-only disk, no ledger is opened.
"""

from __future__ import annotations

import fcntl
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from bot.brokers.base import BaseBroker, BrokerError
from bot.domain.backoff import Backoff
from bot.domain.booking import OLDER_BOOK, RESUME_OLDER
from bot.domain.clock import SECOND
from bot.domain.ids import Account, AccountKey, new_tag
from bot.domain.log import Event, Halt
from bot.domain.outcome import ErrorMeaning
from bot.engine.adoption import TAGS_HERE
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import Settings, state_folder
from bot.store.database import Store, StoreDamaged, StoreError, StoreFull, StoreMoved, StoreReadOnly, address
from bot.store.disk import Disk, DiskFault, FileIdentity
from bot.store.emergency import EmergencyJournal, journal_file
from bot.store.fallback import DiskLedger, FallbackLedger, files_of, merge, refuse_moved
from bot.store.key_rotation import inherit, left_alone, predecessor
from bot.store.ledger import Ledger
from bot.store.lock import AccountLock, AccountLocked, ServerLedger, ServerLock
from bot.store.older_book import BookMark
from bot.telemetry.log import EventLog

#: How long a fallback ledger is used at least: longer each time the disk fails again after it seemed sound.
PATIENCE = Backoff(2 * SECOND, 2, 300 * SECOND)
_OLDER = "the database lacks what NIJA last wrote on this computer: it is an older copy"
#: Real ms that a normal ledger must have been open for the disk to count as sound.
PROVED = 60 * SECOND


class Ledgers:
    """Opens the ledgers of this installation; each account's is used by one thread."""

    def __init__(self, settings: Settings, env: TradingEnvironment, log_for: Callable[[str | None], EventLog]) -> None:
        self._settings = settings
        self._env = env
        self._log_for = log_for
        self._patience: dict[AccountKey, int] = {}
        self._opened_at: dict[AccountKey, int] = {}
        self._halted: set[AccountKey] = set()
        self._folder = FileIdentity([settings.operation.data_dir])
        self._places: dict[AccountKey, FileIdentity] = {}
        self._keys: dict[Account, AccountKey] = {}

    @contextmanager
    def opened(self, broker: BaseBroker, account: Account) -> Iterator[Ledger]:
        """Open an account's ledger. Raises `AccountLocked`, `StoreError`, and `BrokerError` for API keys of another account."""
        self._refuse_twin(account)
        with ExitStack() as held:
            lock = held.enter_context(closing(AccountLock(state_folder(), account)))
            try:
                ledger = self._book(broker, account, held)
                self._introduce(ledger, lock)
                yield ledger
            except StoreDamaged:
                self._places.pop(account.key, None)  # the owner may replace the file now
                raise

    def _book(self, broker: BaseBroker, account: Account, held: ExitStack) -> Ledger:
        where = self._address(account.key)
        if where.get_backend_name() != "sqlite":
            lock = held.enter_context(closing(ServerLock(where, account)))
            store = held.enter_context(closing(Store.open(where)))
            self._claim(store, broker, account)
            return ServerLedger(store, account, self._env.clock, lock)
        return self._on_disk(where, broker, account, held)

    def _address(self, key: AccountKey) -> URL:
        url = self._settings.operation.database_url
        return address(self._settings.operation.data_dir, key.stem, url.get_secret_value() if url is not None else None)

    # -- on a disk ------------------------------------------------------------------------------------------------
    def _on_disk(self, where: URL, broker: BaseBroker, account: Account, held: ExitStack) -> Ledger:
        file = Path(where.database or "")
        disk = Disk(file.parent)
        self._refuse_moved(account.key)
        _hold_beside(file, account, held)
        _refuse_emptied(file, account)
        try:
            if disk.is_cramped() and file.exists():
                raise StoreFull(f"{file}: the disk is full: free some space")
            return self._ordinary(where, disk, broker, account, held)
        except StoreDamaged:
            raise
        except StoreError as error:
            fault = disk.fault()
            if fault is DiskFault.READ_ONLY:
                self._halted.add(account.key)
                raise StoreReadOnly(
                    f"{file}: its file system is read-only: nothing is sent; the stops at the exchange protect your positions;"
                    " make it writable again and NIJA continues"
                ) from error
            if not file.exists() or (fault is not DiskFault.FULL and not isinstance(error, StoreFull)):
                raise
            return self._fallback(where, disk, broker, account, held, str(error))

    def _refuse_moved(self, key: AccountKey) -> None:
        """Refuse a database that was removed or replaced since this daemon opened it: a missing file would look like a new account.
        The data folder must also be the one that was there at the start.
        """
        try:
            for place in (self._folder, self._places.get(key)):
                if place is not None:
                    refuse_moved(place)
        except StoreMoved:
            self._halted.add(key)
            raise

    def _ordinary(self, where: URL, disk: Disk, broker: BaseBroker, account: Account, held: ExitStack) -> Ledger:
        clock = self._env.clock
        file = Path(where.database or "")
        with ExitStack() as opening:
            store = opening.enter_context(closing(Store.open(where)))
            before = self._claim(store, broker, account)
            ledger = DiskLedger(store, account, clock, disk, FileIdentity(files_of(file)))
            for owner in (before, account):
                if owner is not None:
                    self._merge(ledger, journal_file(disk.folder, owner))
            held.push(opening.pop_all())
        self._places[account.key] = FileIdentity([file])
        self._opened_at[account.key] = clock.steady_ms()
        if account.key in self._halted:
            self._halted.discard(account.key)
            self._log_for(str(account.key)).info(Event.RESUMED, limit=Halt.DISK, reason="the disk can be used again")
        return ledger

    def _merge(self, ledger: Ledger, file: Path) -> None:
        """Merge what was sent while the disk was full into the ledger; the journal file stays for the next time."""
        with closing(EmergencyJournal.open(file)) as journal:
            entries = len(journal.entries)
            lacked = merge(ledger, journal.entries)
            journal.clear()
        if entries:
            self._log_for(str(ledger.account.key)).info(
                Event.MERGED,
                orders=lacked,
                file=file.name,
                reason="orders sent while the disk was full are in the database now",
            )

    def _fallback(
        self, where: URL, disk: Disk, broker: BaseBroker, account: Account, held: ExitStack, why: str
    ) -> Ledger:
        clock = self._env.clock
        self._halted.add(account.key)
        self._log_for(str(account.key)).error(
            Event.HALTED,
            limit=Halt.DISK,
            reason=why,
            disk=disk.folder,
            remedy="free space on this disk; until then no entries are made, exits and stops continue; NIJA then recovers on its own",
        )
        with ExitStack() as opening:
            kept = journal_file(disk.folder, account)
            journal = opening.enter_context(closing(EmergencyJournal.open(kept)))
            place = FileIdentity([Path(where.database or ""), kept])
            store = opening.enter_context(closing(Store.copy(where)))
            self._claim(store, broker, account)
            merge(Ledger(store, account, clock), journal.entries)
            ledger = FallbackLedger(store, account, clock, journal, disk, place, self._next_patience(account.key))
            held.push(opening.pop_all())
        return ledger

    def _next_patience(self, key: AccountKey) -> int:
        """How long to wait before trying the disk again (real ms): longer each time it fails soon after it seemed sound."""
        opened_at = self._opened_at.get(key)
        proved = opened_at is None or self._env.clock.steady_ms() - opened_at > PROVED
        wait = PATIENCE.after(0 if proved else self._patience.get(key, 0))
        self._patience[key] = wait
        return wait

    # -- which book it is ----------------------------------------------------------------------------------------
    def _introduce(self, ledger: Ledger, lock: AccountLock) -> None:
        """Give the ledger its tag, and store the other tags that this host has traded the account under: their NIJAs have ended.
        Then judge whether it is an older copy, before any of its commands is executed.
        """
        known = ledger.get_state("tag")
        tag = known or new_tag(random.SystemRandom())
        ledger.set_state("tag", tag)
        ledger.set_state(TAGS_HERE, " ".join(sorted(lock.tags(tag))))
        mark = BookMark(lock.file.with_suffix(".newest"))
        if known is not None and ledger.get_state(OLDER_BOOK) is None:
            self._judge_age(ledger, mark.newest(known))
        ledger.mark_progress(partial(mark.keep, tag))

    def _judge_age(self, ledger: Ledger, newest: int | None) -> None:
        """Pause an account whose database lacks entries that this host has committed (`newest`). Without knowledge of them, its
        commands wait until the exchange's history has been read.
        """
        if newest is None:
            ledger.hold_commands()
        elif ledger.newest_entry() < newest:
            ledger.pause_as_older(_OLDER)
            self._log_for(str(ledger.account.key)).error(
                Event.HALTED, limit=Halt.OLDER_DATABASE, reason=_OLDER, remedy=RESUME_OLDER
            )

    # -- whose money it is ------------------------------------------------------------------------------------------
    def _refuse_twin(self, account: Account) -> None:
        """Refuse a second account key for the same account: its orders would be in two ledgers. The first key to open it keeps it."""
        first = self._keys.setdefault(account.unnamed, account.key)
        if first != account.key:
            raise BrokerError(
                account.venue,
                ErrorMeaning.PERMISSION,
                f"these keys open the account that {first.label} already trades",
                remedy=f"give {account.key} the keys of another account",
            )

    def _claim(self, store: Store, broker: BaseBroker, account: Account) -> Account | None:
        """A new API key must open the same account if the ledger has open positions; otherwise nothing is traded.

        Returns the account whose rows the key inherited, None if it inherited none.
        """
        before = predecessor(store, account)
        if before is None:
            for other, held in left_alone(store, account):
                self._log_for(str(account.key)).warning(
                    Event.UNWATCHED,
                    account=other,
                    reason=f"{held} positions of {other} are not watched: these keys open another account; their stops are left alone",
                    remedy="restore that account's keys, or sell at the exchange",
                )
            return None
        if not any(broker.order(exchange_id, symbol) is not None for exchange_id, symbol in before.traces):
            raise BrokerError(
                account.venue,
                ErrorMeaning.PERMISSION,
                f"these keys open a different account from the one with {before.open_positions} open positions in the ledger",
                remedy=f"restore the keys of {before.account}, or give its positions up: "
                f"nija recover {account.key} --forget-account",
            )
        inherit(store, before, account, self._env.clock)
        return before.account


def _hold_beside(file: Path, account: Account, held: ExitStack) -> None:
    """Lock a file beside the database, one per account, against a NIJA on another host or in another container that shares this
    disk. If the file cannot be created, only the locks of this host protect the account. Raises `AccountLocked`."""
    stem = account.key.stem
    name = file.name if file.stem == stem else f"{file.name}.{stem}"
    try:
        handle = os.open(file.with_name(f"{name}.lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AccountLocked(account, None) from None
    except OSError:
        return


def _refuse_emptied(file: Path, account: Account) -> None:
    """Refuse an empty file where a database was: SQLite would take it for a new one."""
    emptied = file.exists() and file.stat().st_size == 0
    if emptied and journal_file(file.parent, account).exists():
        raise StoreDamaged(
            f"{file} is damaged (it is empty): nothing was changed; `nija recover` sets the file aside (it is kept), and the"
            " next start finds NIJA's orders at the exchange"
        )
