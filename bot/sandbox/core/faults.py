"""Faults: what fails at a venue, when and how often.

A fault is armed with filters (`path`, a regular expression, and `method`), a number of matching requests to let pass
(`after`), a number of times to fire (`count`, unlimited by default except for faults of orders) and a probability.
Every firing is counted. This module only decides whether a fault fires; the server and the wires act on it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any


class FaultKind(StrEnum):
    REFUSE = "refuse"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    DELAY = "delay"
    HANG = "hang"
    HTTP_STATUS = "http_status"
    EXCHANGE_ERROR = "exchange_error"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    SLOW_DRIP = "slow_drip"
    PARTIAL_FILL = "partial_fill"
    REJECT_ORDER = "reject_order"
    LATE_FILL = "late_fill"
    STALE_BALANCE = "stale_balance"
    CLOCK_SKEW = "clock_skew"
    RATE_LIMIT = "rate_limit"
    MAINTENANCE = "maintenance"
    WS_DROP = "ws_drop"
    WS_SILENCE = "ws_silence"
    WS_GAP = "ws_gap"
    WS_DUPLICATE = "ws_duplicate"
    WS_REORDER = "ws_reorder"
    BAD_CANDLE = "bad_candle"


ON_REQUESTS = frozenset(
    {
        FaultKind.REFUSE,
        FaultKind.DROP_BEFORE,
        FaultKind.DROP_AFTER,
        FaultKind.DELAY,
        FaultKind.HANG,
        FaultKind.HTTP_STATUS,
        FaultKind.EXCHANGE_ERROR,
        FaultKind.MALFORMED,
        FaultKind.TRUNCATED,
        FaultKind.EMPTY,
        FaultKind.SLOW_DRIP,
        FaultKind.RATE_LIMIT,
        FaultKind.MAINTENANCE,
    }
)
LASTING = frozenset({FaultKind.REFUSE, FaultKind.RATE_LIMIT, FaultKind.MAINTENANCE})
"""Kinds that last for `seconds`."""
ONCE_BY_DEFAULT = frozenset({FaultKind.PARTIAL_FILL, FaultKind.REJECT_ORDER})


@dataclass
class Fault:
    """One armed fault. `seconds` are real seconds; `processed` fixes whether a request of unknown fate is executed."""

    id: str
    venue: str
    kind: FaultKind
    path: str | None = None
    method: str | None = None
    after: int = 0
    count: int | None = None
    probability: float = 1.0
    seconds: float | None = None
    body: str | None = None
    status: int | None = None
    processed: bool | None = None
    seen: int = 0
    fired: int = 0
    ends_wall_ms: int | None = None

    def meets(self, method: str, path: str) -> bool:
        """Whether the fault applies to such a request and is not used up."""
        if self.count is not None and self.fired >= self.count:
            return False
        if self.method is not None and self.method.upper() != method:
            return False
        return self.path is None or re.search(self.path, path) is not None

    @property
    def closes_port(self) -> bool:
        """Whether the fault refuses everything: the venue's port is then closed and requests are not inspected."""
        narrowed = self.path is not None or self.method is not None or self.count is not None
        return self.kind is FaultKind.REFUSE and not narrowed and self.after == 0 and self.probability >= 1

    def row(self) -> dict[str, Any]:
        return asdict(self)


class Faults:
    """The armed faults of one venue. Thread-safe."""

    def __init__(self, venue: str, dice: Random, wall: Callable[[], int]) -> None:
        self._venue = venue
        self._dice = dice
        self._wall = wall
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self._number = 0
        self.on_fire: Callable[[], None] = _nothing
        """Called each time a fault fires."""

    def arm(self, request: dict[str, Any]) -> Fault:
        """Arms a fault from a control API request; ValueError or TypeError says what is wrong with it."""
        known = {k: v for k, v in request.items() if k != "venue"}
        if "kind" not in known:
            raise ValueError("a fault needs a kind")
        known["kind"] = FaultKind(known["kind"])
        _check(known)
        with self._lock:
            self._number += 1
            fault = Fault(id=f"{self._venue}-{self._number}", venue=self._venue, **known)
            if fault.count is None and fault.kind in ONCE_BY_DEFAULT:
                fault.count = 1
            if fault.kind in LASTING and fault.seconds is not None:
                fault.ends_wall_ms = self._wall() + int(fault.seconds * 1000)
            fault.fired = 1 if fault.closes_port else 0
            self._armed.append(fault)
        return fault

    def disarm(self) -> int:
        with self._lock:
            number = len(self._armed)
            self._armed.clear()
        return number

    def rows(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.row() for fault in self._armed]

    def on_request(self, method: str, path: str) -> Fault | None:
        """The first fault that fires for this request; the firing is counted."""
        return self._fire(ON_REQUESTS, method, path)

    def take(self, kind: FaultKind, method: str = "POST", path: str = "") -> Fault | None:
        """The first fault of this kind that fires now; the firing is counted."""
        return self._fire(frozenset({kind}), method, path)

    def standing(self, kind: FaultKind) -> Fault | None:
        """An armed fault of this kind that lasts, such as a skewed clock; not counted."""
        with self._lock:
            return next((f for f in self._armed if f.kind is kind and (f.count is None or f.fired < f.count)), None)

    def port_closed(self) -> bool:
        with self._lock:
            return any(fault.closes_port and not self._over(fault) for fault in self._armed)

    def toss(self) -> bool:
        """A fair coin toss, for requests whose fate the client must not know."""
        with self._lock:
            return self._dice.random() < 0.5

    def _over(self, fault: Fault) -> bool:
        return fault.ends_wall_ms is not None and self._wall() >= fault.ends_wall_ms

    def _fire(self, kinds: frozenset[FaultKind], method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._armed:
                if fault.kind not in kinds or fault.closes_port or self._over(fault):
                    continue
                if not fault.meets(method, path):
                    continue
                fault.seen += 1
                if fault.seen > fault.after and self._dice.random() < fault.probability:
                    fault.fired += 1
                    self.on_fire()
                    return fault
        return None


def _nothing() -> None:
    return None


_NUMBERS: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "method": (str,),
    "body": (str,),
    "after": (int,),
    "count": (int,),
    "status": (int,),
    "probability": (int, float),
    "seconds": (int, float),
    "processed": (bool,),
}


def _check(words: dict[str, Any]) -> None:
    for name, value in words.items():
        if name == "kind" or value is None:
            continue
        wanted = _NUMBERS.get(name)
        if wanted is None:
            raise ValueError(f"a fault has no parameter {name!r}")
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise ValueError(f"{name} cannot be {value!r}")
    for name in [name for name, value in words.items() if value is None]:
        del words[name]
    try:
        re.compile(words.get("path", ""))
    except re.error as error:
        raise ValueError(f"path is not a regular expression: {error}") from error
