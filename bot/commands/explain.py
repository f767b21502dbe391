"""Why NIJA did not trade: every check at each close of a market, as the daemon recorded it, and a day's counts by gate.

The decisions of an account come from its files, their results from its ledger, because an order may fill long after it was sent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from bot.domain.clock import day_start, iso, system_ms
from bot.domain.ids import Account, AccountKey
from bot.domain.judgement import Condition, Judgement
from bot.domain.money import ZERO
from bot.domain.order import OrderRecord
from bot.store.judgement_files import account_folder, days_of, judgements_of
from bot.store.orders import entered
from bot.store.reader import Books, Seen

#: The columns of `--csv`: one line for each condition of each close.
COLUMNS = (
    "broker",
    "candle",
    "side",
    "name",
    "value",
    "limit",
    "held",
    "gate",
    "gate_value",
    "gate_limit",
    "entered",
)
#: The columns of the counts' `--csv`.
COUNT_COLUMNS = ("broker", "day", "gate", "closes")
SIDES = {1: "long", -1: "short", 0: None}
_PLAY = "sandbox"


@dataclass(frozen=True, slots=True)
class Decision:
    """One market at one close, and the orders that were filled for it."""

    account: Account
    judgement: Judgement
    orders: Sequence[OrderRecord] = ()

    @property
    def gate(self) -> Condition | None:
        """The gate that blocked; None if an order was sent."""
        return None if self.orders else self.judgement.blocked_by

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The strategy's conditions, then the gates that were checked."""
        return (*self.judgement.conditions, *self.judgement.gates)

    @property
    def bought(self) -> tuple[Decimal, Decimal]:
        """Quantity and average price of what was entered."""
        qty = sum((one.booked_qty for one in self.orders), ZERO)
        paid = sum((one.booked_qty * (one.avg_price or ZERO) for one in self.orders), ZERO)
        return qty, paid / qty if qty else ZERO


@dataclass(slots=True)
class Counts:
    """How one account's closes of one day ended."""

    account: Account
    day: int
    judged: int = 0
    entered: int = 0
    gates: Counter[str] = field(default_factory=Counter)


def decisions(
    data_dir: Path, books: Books, key: AccountKey | None, symbol: str, at: int | None = None
) -> list[Decision]:
    """The decisions on a market, oldest first in each account. With `at`, only those on the close that was the newest then."""
    found = []
    for account, filled in _accounts(books, key):
        folder = account_folder(data_dir, account)
        days = days_of(folder) if at is None else [day_start(at)]
        last = {one.candle: one for day in days for one in judgements_of(folder, day, symbol)}
        wanted = [one for one in last.values() if at is None or one.candle <= at < one.candle + one.timeframe_ms]
        orders = filled(min((one.candle for one in wanted), default=0)) if wanted else {}
        wanted.sort(key=lambda one: one.candle)
        found += [Decision(account, one, orders.get((symbol, one.candle), ())) for one in wanted]
    return found


def counts(data_dir: Path, books: Books, key: AccountKey | None) -> list[Counts]:
    """How the closes of today (UTC, market time) ended in each account."""
    found = []
    for account, filled in _accounts(books, key):
        folder = account_folder(data_dir, account)
        made = Counts(account, _today(account, folder))
        last = {(one.symbol, one.candle): one for one in judgements_of(folder, made.day)}
        orders = filled(made.day) if last else {}
        for place, one in last.items():
            decision = Decision(account, one, orders.get(place, ()))
            made.judged += 1
            made.entered += bool(decision.orders)
            if decision.gate is not None:
                made.gates[decision.gate.name] += 1
        found.append(made)
    return found


def markets(data_dir: Path, books: Books, key: AccountKey | None) -> list[str]:
    """The markets that were judged on the newest day of each account."""
    found = set()
    for account, _ in _accounts(books, key):
        folder = account_folder(data_dir, account)
        for day in days_of(folder)[-1:]:
            found |= {one.symbol for one in judgements_of(folder, day)}
    return sorted(found)


Filled = Callable[[int], dict[tuple[str, int], list[OrderRecord]]]


def _accounts(books: Books, key: AccountKey | None) -> Iterator[tuple[Account, Filled]]:
    """The current accounts, each with a function that finds its filled entries since a time."""
    for seen in books.accounts():
        if key in (None, seen.account.key):
            yield seen.account, partial(_filled, books, seen)


def _filled(books: Books, seen: Seen, since: int) -> dict[tuple[str, int], list[OrderRecord]]:
    return books.read(seen, partial(entered, since=since)) or {}


def _today(account: Account, folder: Path) -> int:
    """The market's current day. In the sandbox, whose clock is not known here, it is the newest day with files."""
    known = days_of(folder) if account.mode == _PLAY else []
    return known[-1] if known else day_start(system_ms())


# -- for programs -----------------------------------------------------------------------------------------------------
def document(found: Sequence[Decision]) -> list[dict[str, Any]]:
    """As `--json` prints it."""
    return [_row(one) | {"conditions": [_condition(row) for row in one.conditions]} for one in found]


def lines(found: Sequence[Decision]) -> Iterator[dict[str, Any]]:
    """As `--csv` prints it."""
    for one in found:
        row = _row(one)
        yield from (row | _condition(condition) for condition in one.conditions or (None,))


def _row(one: Decision) -> dict[str, Any]:
    gate = one.gate
    return {
        "broker": str(one.account.key),
        "candle": iso(one.judgement.candle),
        "side": SIDES[one.judgement.side],
        "gate": None if gate is None else gate.name,
        "gate_value": None if gate is None else _known(gate.value),
        "gate_limit": None if gate is None else _known(gate.limit),
        "entered": bool(one.orders),
    }


def _condition(one: Condition | None) -> dict[str, Any]:
    if one is None:
        return {}
    return {"name": one.name, "value": _known(one.value), "limit": _known(one.limit), "held": one.held}


def _known(value: float | str) -> float | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def count_document(found: Sequence[Counts]) -> dict[str, Any]:
    """As `--json` prints the counts."""
    return {
        str(one.account.key): {
            "day": iso(one.day)[:10],
            "judged": one.judged,
            "entered": one.entered,
            "gates": dict(one.gates.most_common()),
        }
        for one in found
    }


def count_lines(found: Sequence[Counts]) -> Iterator[dict[str, Any]]:
    """As `--csv` prints the counts."""
    for one in found:
        for gate, closes in [("entered", one.entered), *one.gates.most_common()]:
            yield {"broker": str(one.account.key), "day": iso(one.day)[:10], "gate": gate, "closes": closes}
