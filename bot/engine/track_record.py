"""The track record of an account's trading, as what became of one unit of money. Pure.

Money that comes in or goes out changes how many units there are, never what one is worth: a deposit is no gain and a
withdrawal no loss, whatever they do to the equity.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from bot.domain.money import HUNDRED, ONE, ZERO, decimal, plain
from bot.engine.risk import Losses

_EXACT = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The last look: `unit` is one unit's worth (1 at first), `best` its highest so far, `at_midnight` its worth when the day
    that began at `day` (market ms) began; `result` is what trading had earned in all and `equity` what there was (dollars).
    """

    unit: Decimal
    best: Decimal
    at_midnight: Decimal
    day: int
    result: Decimal
    equity: Decimal

    @classmethod
    def begun(cls, result: Decimal, equity: Decimal, day: int) -> TrackRecord:
        """The first look there ever was."""
        return cls(ONE, ONE, ONE, day, round(result, 18), round(equity, 18))

    @classmethod
    def read(cls, text: str) -> TrackRecord:
        """What `written` wrote."""
        unit, best, at_midnight, day, result, equity = text.split()
        return cls(decimal(unit), decimal(best), decimal(at_midnight), int(day), decimal(result), decimal(equity))

    def written(self) -> str:
        return " ".join(
            plain(value) if isinstance(value, Decimal) else str(value)
            for value in (getattr(self, field.name) for field in fields(self))
        )

    def after(self, result: Decimal, equity: Decimal, day: int, earned_today: Decimal) -> TrackRecord:
        """The record after a look that found these. `earned_today` is what fills since 00:00 UTC earned: on the first look of
        a day all else belongs to the days before.
        """
        earned = result - self.result
        at_stake = max(self.equity, equity - earned)
        unit = self._grown(earned, at_stake)
        at_midnight = self.at_midnight if day == self.day else self._grown(earned - earned_today, at_stake)
        return TrackRecord(unit, max(self.best, unit), at_midnight, day, round(result, 18), round(equity, 18))

    def _grown(self, earned: Decimal, at_stake: Decimal) -> Decimal:
        """A unit's worth once all of them together earned so much; money that was all lost is worth nothing."""
        if at_stake <= 0:
            return self.unit
        return max(round(self.unit * (ONE + earned / at_stake), 18), _EXACT)

    def restarted(self) -> TrackRecord:
        """The same record, with drawdown counted from here on."""
        return replace(self, best=self.unit)

    @property
    def losses(self) -> Losses:
        return Losses(_lost(self.unit, self.at_midnight), _lost(self.unit, self.best))


def _lost(now: Decimal, before: Decimal) -> Decimal:
    return max((before - now) / before * HUNDRED, ZERO)
