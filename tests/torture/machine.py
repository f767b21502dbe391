"""What a torture does to the machine and as the owner, besides faults of the exchanges; drawn from the seed.

Each deed is undone before the next action. Its required consequences are checked here, with one line per error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from random import Random

from bot.store.database import StoreError
from tests.torture.owner import DEPOSITS
from tests.torture.processes import Exchange, TortureError, Trader

#: `foreign_trades`: the owner makes many trades by hand; `owner_sells`: the owner sells all or half of a position of NIJA's;
#: `second_home`: a second NIJA starts under another HOME on the same data folder; `folder_away`: the data folder is renamed
#: and put back; `log_stalled`: nobody reads the console; `frozen`: SIGSTOP and SIGCONT.
KINDS = ("foreign_trades", "owner_sells", "second_home", "folder_away", "log_stalled", "frozen")
#: Deeds during which the daemon cannot manage positions.
HELPLESS = frozenset({"folder_away", "frozen"})
#: Switch values that let the owner sell coins under a stop, and let the venue's history show the sale.
_OWNER_MAY_SELL = {
    "kraken": {"stop_holds_base": False},
    "coinbase": {"stops_hold_base": False, "hand_orders_advanced": True},
}
_BETWEEN = (4.0, 14.0)
_SECONDS = (1.0, 4.0)
_TRADES = 8
_FOREIGN = {"kraken": "LINK-USD", "okx": "LINK-USDT", "coinbase": "LINK-USD"}
_QTY = ("2", "1.9")
_TRADED = "LINK"
_LOCKED_OUT = 3
_TURN = 0.2


@dataclass(frozen=True, slots=True)
class Deed:
    """A deed at `at` (real seconds from the beginning of the torture) that lasts `seconds`, at `venue` if it concerns one."""

    at: float
    kind: str
    seconds: float
    venue: str


def deeds(seed: int, seconds: float, kinds: Sequence[str], venues: Sequence[str]) -> Iterator[Deed]:
    """The deeds of a seed, in order."""
    dice = Random(f"{seed}/machine")
    at = dice.uniform(*_BETWEEN)
    while kinds and at < seconds:
        yield Deed(at, dice.choice(kinds), dice.uniform(*_SECONDS), dice.choice(venues))
        at += dice.uniform(*_BETWEEN)


def loosened(seed: int, venue: str, kinds: Sequence[str]) -> dict[str, bool]:
    """The switches that let this seed's owner sell coins under a stop; empty for one seed in three."""
    able = "owner_sells" in kinds and Random(f"{seed}/{venue}/owner").random() < 2 / 3
    return dict(_OWNER_MAY_SELL.get(venue, {})) if able else {}


class Machine:
    """Runs the deeds with a running daemon."""

    def __init__(self, exchange: Exchange, trader: Trader) -> None:
        self._exchange = exchange
        self._trader = trader
        self.sold: set[tuple[str, str]] = set()
        """Venue and symbol of NIJA's coins that the owner has sold."""
        self._acts: dict[str, Callable[[Deed], str | None]] = {
            "foreign_trades": self._trade_by_hand,
            "owner_sells": self._sell_ours,
            "second_home": self._start_a_second,
            "folder_away": self._move_the_folder,
            "log_stalled": self._stall_the_console,
            "frozen": self._freeze,
        }

    def do(self, deed: Deed) -> str | None:
        """Runs one deed to its end; returns an error in its consequences, if any."""
        return self._acts[deed.kind](deed)

    def _trade_by_hand(self, deed: Deed) -> str | None:
        """Trades coins that NIJA may trade too. Sells a little less than was bought, as the fee may be taken in the coin."""
        bought, sold = _QTY
        try:
            for _ in range(_TRADES):
                for side, qty in (("buy", bought), ("sell", sold)):
                    self._exchange.call(
                        "POST", "manual", venue=deed.venue, symbol=_FOREIGN[deed.venue], side=side, qty=qty
                    )
        except TortureError:
            return None  # the market is closed now, or the owner's money is spent
        return None

    def _sell_ours(self, deed: Deed) -> str | None:
        """Sells all or half of a position of NIJA's at the market, in a coin of which the owner has none, once there is one."""
        whole = deed.seconds > sum(_SECONDS) / 2
        until = time.monotonic() + deed.seconds
        while time.monotonic() < until:
            for venue, symbol, qty in self._held():
                if self._sold_by_hand(venue, symbol, qty if whole else _four_digits(qty / 2)):
                    return None
            time.sleep(_TURN)
        return None

    def _sold_by_hand(self, venue: str, symbol: str, qty: Decimal) -> bool:
        """Whether the venue sold any of it: a stop may hold the coins, and half may not be a valid size in this market."""
        try:
            words = {"symbol": symbol, "side": "sell", "qty": f"{qty:f}"}
            answer = self._exchange.call("POST", "manual", venue=venue, **words)
        except TortureError:
            return False
        if Decimal(answer["filled"]):
            self.sold.add((venue, symbol))
        return bool(Decimal(answer["filled"]))

    def _held(self) -> list[tuple[str, str, Decimal]]:
        """NIJA's positions in coins of which the owner has none: venue, symbol and size."""
        try:
            books = self._trader.brokers()
        except StoreError:
            return []  # a start may be creating its database
        return [
            (venue, one["symbol"], Decimal(one["qty"]))
            for venue, book in books.items()
            for one in book["positions"]
            if one["symbol"].count("-") == 1 and one["symbol"].split("-")[0] not in {*DEPOSITS, _TRADED}
        ]

    def _start_a_second(self, deed: Deed) -> str | None:
        if not self._trader.speaks or self._trader.ended is not None:
            return None
        status = self._trader.start_a_second()
        return (
            None
            if status == _LOCKED_OUT
            else f"a second NIJA under another HOME ended with {status}, not {_LOCKED_OUT}"
        )

    def _move_the_folder(self, deed: Deed) -> str | None:
        if not self._trader.speaks:
            return None  # a starting daemon would create a new folder
        folder = self._trader.folder / "data"
        away = folder.with_name("data.away")
        folder.rename(away)
        time.sleep(deed.seconds)
        if folder.exists():
            away.rename(folder.with_name(f"data.{time.time_ns()}"))
            return "the data folder was created again while it was away"
        away.rename(folder)
        return None

    def _stall_the_console(self, deed: Deed) -> str | None:
        self._trader.stall_console(deed.seconds)
        return None

    def _freeze(self, deed: Deed) -> str | None:
        with self._trader.frozen():
            time.sleep(deed.seconds)
        return None


def _four_digits(qty: Decimal) -> Decimal:
    """Rounds down to a size that markets accept."""
    return qty.quantize(Decimal(1).scaleb(qty.adjusted() - 3), ROUND_DOWN)
