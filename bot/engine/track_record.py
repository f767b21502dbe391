"""The track record of an account's trading, as the value of one unit of money over time. Pure.

Deposits and withdrawals change the number of units, never their value: a deposit is not a gain and a withdrawal is not a loss,
whatever they do to the equity.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from bot.domain.money import HUNDRED, ONE, ZERO, decimal, plain
from bot.engine.risk import Losses

_EXACT = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The last measurement. `unit` is the value of one unit (initially 1), `best` its highest value so far, `at_midnight` its
    value at `day`, the start of the current day (market ms). `result` is the total result of trading and `equity` the equity, in
    dollars.
    """

    unit: Decimal
    best: Decimal
    at_midnight: Decimal
    day: int
    result: Decimal
    equity: Decimal

    @classmethod
    def begun(cls, result: Decimal, equity: Decimal, day: int) -> TrackRecord:
        """The record of the first measurement."""
        return cls(ONE, ONE, ONE, day, round(result, 18), round(equity, 18))

    @classmethod
    def read(cls, text: str) -> TrackRecord:
        """The inverse of `written`."""
        unit, best, at_midnight, day, result, equity = text.split()
        return cls(decimal(unit), decimal(best), decimal(at_midnight), int(day), decimal(result), decimal(equity))

    def written(self) -> str:
        return " ".join(
            plain(value) if isinstance(value, Decimal) else str(value)
            for value in (getattr(self, field.name) for field in fields(self))
        )

    def after(self, result: Decimal, equity: Decimal, day: int, earned_today: Decimal) -> TrackRecord:
        """The record after a measurement of these values. `earned_today` is what fills since 00:00 UTC earned; at the first
        measurement of a day, everything else belongs to earlier days.
        """
        earned = result - self.result
        at_stake = max(self.equity, equity - earned)
        unit = self._grown(earned, at_stake)
        at_midnight = self.at_midnight if day == self.day else self._grown(earned - earned_today, at_stake)
        return TrackRecord(unit, max(self.best, unit), at_midnight, day, round(result, 18), round(equity, 18))

    def _grown(self, earned: Decimal, at_stake: Decimal) -> Decimal:
        """The value of a unit after all units together earned `earned`; 0 if everything was lost."""
        if at_stake <= 0:
            return self.unit
        return max(round(self.unit * (ONE + earned / at_stake), 18), _EXACT)

    def restarted(self) -> TrackRecord:
        """The same record, with drawdown measured from now on."""
        return replace(self, best=self.unit)

    @property
    def losses(self) -> Losses:
        return Losses(_lost(self.unit, self.at_midnight), _lost(self.unit, self.best))


def _lost(now: Decimal, before: Decimal) -> Decimal:
    return max((before - now) / before * HUNDRED, ZERO)
