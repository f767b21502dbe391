"""The events of the log, and the interface for packages that must not import the log itself.

`log_fields` has the fields of each event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from bot.domain.numbered import numbered


class Event(StrEnum):
    """Every event of the log, by the word to grep for. Log, alarms, checks and tests rely on its members, never on message
    texts.
    """

    ABLE = "ABLE"
    ABSENT = "ABSENT"
    ADOPTED = "ADOPTED"
    BACKUP = "BACKUP"
    BURN = "BURN"
    BURNT = "BURNT"
    CANCEL = "CANCEL"
    CERTAIN = "CERTAIN"
    CLOCK = "CLOCK"
    COMMAND = "COMMAND"
    CONNECTED = "CONNECTED"
    CORRECTED = "CORRECTED"
    COVERED = "COVERED"
    CRASHED = "CRASHED"
    CREDENTIALS = "CREDENTIALS"
    CURRENCY = "CURRENCY"
    DAY = "DAY"
    DROPPED = "DROPPED"
    DUST = "DUST"
    EARN_UNKNOWN = "earn_unknown"
    ENTRY = "ENTRY"
    ERROR = "ERROR"
    ERROR_IGNORED = "ERROR_IGNORED"
    EVIDENCE = "EVIDENCE"
    EXIT = "EXIT"
    EXPLAIN = "EXPLAIN"
    FAILED = "FAILED"
    FILL = "FILL"
    FLATTEN = "FLATTEN"
    FORGOTTEN = "FORGOTTEN"
    FOUND = "FOUND"
    FUNDED = "FUNDED"
    GONE = "GONE"
    HALTED = "HALTED"
    HEARTBEAT = "HEARTBEAT"
    HISTORY = "HISTORY"
    HUNT = "HUNT"
    LEFT_OUT = "LEFT_OUT"
    LET_GO = "LET_GO"
    LEVERAGE = "LEVERAGE"
    LIVE = "LIVE"
    LOCKED = "LOCKED"
    MARKETS = "MARKETS"
    MARKET_LEFT_OUT = "market_left_out"
    MERGED = "MERGED"
    MISSING = "MISSING"
    MODE = "MODE"
    NAKED = "NAKED"
    NONCE_REFUSED = "nonce_refused"
    NOTIFIED = "NOTIFIED"
    NOTIFY = "NOTIFY"
    OVERSOLD = "OVERSOLD"
    PARAMETERS = "PARAMETERS"
    PAUSE_NOT_SHARED = "pause_not_shared"
    POCKETS = "POCKETS"
    PROVED = "PROVED"
    RECOVERED = "RECOVERED"
    REJECTED = "REJECTED"
    REPEATED = "REPEATED"
    RESUMED = "RESUMED"
    RULES = "RULES"
    SANDBOX = "SANDBOX"
    SETTINGS = "SETTINGS"
    SKIP = "SKIP"
    SKIPPED = "SKIPPED"
    STATUS = "STATUS"
    STAYS = "STAYS"
    STOP = "STOP"
    STOPPED = "STOPPED"
    STOPPING = "STOPPING"
    STRATEGY = "STRATEGY"
    STUCK = "STUCK"
    TIER = "TIER"
    TP1 = "TP1"
    TP2 = "TP2"
    TP3 = "TP3"
    UNFINISHED = "UNFINISHED"
    UNFUNDED = "UNFUNDED"
    UNKNOWN = "UNKNOWN"
    UNSETTLED = "UNSETTLED"
    UNWATCHED = "UNWATCHED"
    VALIDATE_PLACED_ORDER = "validate_placed_order"
    VENUE_WARNING = "venue_warning"
    WAITS = "WAITS"
    WARNING = "WARNING"
    WATCH = "WATCH"
    WATCHING = "WATCHING"

    @classmethod
    def _missing_(cls, value: object) -> Event | None:
        return numbered(cls, "TP", value)

    @classmethod
    def of_sale(cls, purpose: str) -> Event:
        """The event of a sale with this purpose: `TP1` and so on at a target."""
        return cls(purpose.upper())


class Halt(StrEnum):
    """The field `limit` of HALTED and RESUMED: what blocks entries, or no longer does."""

    ACCOUNT = "account"
    """The exchange accepts no orders from this account now."""
    DAILY_LOSS = "MAX_DAILY_LOSS_PCT"
    DISK = "the disk"
    """The database cannot be written."""
    DRAWDOWN = "MAX_DRAWDOWN_PCT"
    MARKET = "market"
    """The exchange accepts no orders in one market now; the field `symbol` names it."""
    OLDER_DATABASE = "older database"
    """An older copy of the database was put back."""
    OPERATOR = "operator"
    SECOND_INSTANCE = "one NIJA"
    """Another NIJA trades the same account."""


class Log(Protocol):
    """Writes one line per event, with fixed keys."""

    def debug(self, event: Event, /, **fields: object) -> None: ...

    def info(self, event: Event, /, **fields: object) -> None: ...

    def warning(self, event: Event, /, **fields: object) -> None: ...

    def error(self, event: Event, /, **fields: object) -> None: ...
