"""Positions that nobody watches: those of an account that the current settings no longer trade.

Their stops rest at the exchange, if they did when NIJA last looked, but no target is sold, no stop is trailed, and no lost stop is
replaced. Positions with real money are always reported, those with play money only while the same kind of play money is traded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.ids import Account, AccountKey
from bot.domain.money import plain
from bot.domain.position import Position
from bot.runtime.trading_environment import configured, mode_of
from bot.settings.load import Settings
from bot.store import naked_periods
from bot.store.holdings import open_positions
from bot.store.reader import Books, Seen

REAL = "live"


@dataclass(frozen=True, slots=True)
class Unwatched:
    """An account with open positions that is not traded."""

    seen: Seen
    positions: tuple[Position, ...]
    naked: tuple[str, ...]
    """The symbols of those that had no stop, or too small a one, when NIJA last looked."""

    @property
    def account(self) -> Account:
        return self.seen.account

    @property
    def held(self) -> str:
        return ", ".join(f"{plain(one.qty)} {one.symbol}" for one in self.positions)

    @property
    def reason(self) -> str:
        many = len(self.positions)
        what = f"{many} position{'s' if many > 1 else ''} ({self.held})"
        what += f": nobody watches {'them' if many > 1 else 'it'}, as {self.account} is not traded"
        if len(self.naked) == many:
            return f"{what}, and no stop protects {'them' if many > 1 else 'it'}"
        return f"{what}; stops rest at the exchange" + (
            f", but none protects {', '.join(self.naked)}" if self.naked else ""
        )

    @property
    def remedy(self) -> str:
        back = "restore its keys" if self.account.mode != "sandbox" else "trade the sandbox that it belongs to"
        return f"{back}, or sell at the exchange and then `nija recover {self.account.key} --forget-account`"


def traded_by(settings: Settings) -> set[tuple[str, AccountKey]]:
    """Mode and key of every account that these settings trade; raises `ConfigError`. In the sandbox, that is every venue."""
    return {(mode_of(key, settings), key) for key in configured(settings)}


def unwatched(books: Books, traded: Collection[tuple[str, AccountKey]]) -> list[Unwatched]:
    """Accounts with positions that are not among `traded` (mode, key); raises `StoreError` when no database can be read."""
    modes = {mode for mode, _ in traded} | {REAL}
    found = []
    for seen in books.accounts(every=True):
        if seen.account.mode in modes and (seen.account.mode, seen.account.key) not in traded:
            held = books.read(seen, lambda tx: (open_positions(tx), naked_periods.open_ones(tx)))
            if held and held[0]:
                found.append(
                    Unwatched(seen, tuple(held[0]), tuple(one.symbol for one in held[0] if one.symbol in held[1]))
                )
    return found
