"""The track record of an account's trading, as the value of one unit of money over time. Pure.

Deposits and withdrawals change the number of units, never their value: a deposit is not a gain and a withdrawal is not a loss,
whatever they do to the equity. Nor is an exchange's wrong balance a loss, however often it is repeated: only results are, and they
are measured against money that was certainly there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from bot.domain.money import MAX_EXPONENT, ONE, ZERO, decimal, plain, storable
from bot.engine.risk import Losses
from bot.strategy.checks import lost_pct

_LEAST = ONE.scaleb(-MAX_EXPONENT)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The last measurement. `unit` is the value of one unit (initially 1), `best` its highest value so far, `at_midnight` its
    value at `day`, the start of the current day (market ms). `result` is the total result of trading and `equity` the money it is
    measured against (`measured_against`), in dollars.
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
        return cls(ONE, ONE, ONE, day, storable(result), storable(equity))

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

        A result without any money, before or after it, is not counted: nobody knows what share of the money it was.
        """
        earned = result - self.result
        at_stake = max(self.equity, equity - earned) if max(self.equity, equity) > 0 else ZERO
        unit = self._grown(earned, at_stake)
        at_midnight = self.at_midnight if day == self.day else self._grown(earned - earned_today, at_stake)
        return TrackRecord(unit, max(self.best, unit), at_midnight, day, storable(result), storable(equity))

    def _grown(self, earned: Decimal, at_stake: Decimal) -> Decimal:
        """The value of a unit after all units together earned `earned`; 0 if everything was lost."""
        if at_stake <= 0:
            return self.unit
        return max(storable(self.unit * (ONE + earned / at_stake)), _LEAST)

    def restarted(self) -> TrackRecord:
        """The same record, with drawdown measured from now on. The unit is 1 again: after the loss of nearly everything it would
        have no digits left to show a further loss.
        """
        return replace(self, unit=ONE, best=ONE, at_midnight=storable(self.at_midnight / self.unit))

    @property
    def losses(self) -> Losses:
        return Losses(lost_pct(self.unit, self.at_midnight), lost_pct(self.unit, self.best))


def measured_against(equity: Decimal, invested: Decimal) -> Decimal:
    """The money that a result is measured against: the equity, but never less than what the book has `invested` in positions and
    entries. An exchange that shows no balances for a while, or coins that the owner has taken out, would otherwise make each
    small result of those positions a gain or loss of everything.
    """
    return max(equity, invested)
