"""Names of accounts, decisions and orders: the client id that all three venues take, the key that makes a decision unique."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from bot.domain.order import Purpose

#: Every client id of ours begins so; an order without it is foreign and never touched.
MARK = "nj"
TAG_LENGTH = 3
_TIME_LENGTH = 8
_TAIL_LENGTH = 5
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_ours(client_id: str | None) -> bool:
    """Whether an order with this client id was sent by a NIJA, this one or another."""
    return client_id is not None and client_id.startswith(MARK) and len(client_id) == 18 and client_id.isalnum()


def tag_of(client_id: str) -> str:
    """The instance tag inside a client id of ours."""
    return client_id[len(MARK) : len(MARK) + TAG_LENGTH]


def base36(number: int, width: int) -> str:
    """`number` in base 36, padded or cut to its last `width` digits."""
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 36)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


def new_tag(rng: random.Random) -> str:
    """A fresh instance tag: three letters or digits."""
    return base36(rng.randrange(36**TAG_LENGTH), TAG_LENGTH)


class ClientIds:
    """Makes client ids: `nj` + instance tag + wall time (base 36, so they sort by time) + random tail, 18 characters.

    Eighteen is Kraken's limit for free text; OKX takes letters and digits only.
    """

    def __init__(self, tag: str, wall: Callable[[], int], rng: random.Random) -> None:
        self._tag = tag
        self._wall = wall
        self._rng = rng

    @property
    def tag(self) -> str:
        return self._tag

    def next(self) -> str:
        """A client id never given before."""
        tail = base36(self._rng.randrange(36**_TAIL_LENGTH), _TAIL_LENGTH)
        return MARK + self._tag + base36(self._wall(), _TIME_LENGTH) + tail


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """What an owner calls an account: its venue alone, or with a name where a venue has several: `kraken`, `kraken:savings`.

    Everything of an account goes by it: thread, book, label in the log, orders of the operator. Raises ValueError for words that
    are not of lower-case letters, digits, - and _.
    """

    venue: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.venue) or (self.name and not _WORD.fullmatch(self.name)):
            raise ValueError(f"{self} is no account: lower-case letters, digits, - and _ are, as in kraken:savings")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that is written so (`str`); raises ValueError."""
        return cls._split(text, ":")

    @classmethod
    def of_stem(cls, stem: str) -> Self:
        """The key whose files are called so (`stem`); raises ValueError."""
        return cls._split(stem, _AT)

    @classmethod
    def _split(cls, text: str, sign: str) -> Self:
        venue, separator, name = text.partition(sign)
        if separator and not name:
            raise ValueError(f"{text} is no account: the name after {sign} is missing")
        return cls(venue, name)

    def __str__(self) -> str:
        return f"{self.venue}:{self.name}" if self.name else self.venue

    @property
    def label(self) -> str:
        """As people read it: `KRAKEN:SAVINGS`."""
        return str(self).upper()

    @property
    def stem(self) -> str:
        """The name of its files, which every file system takes: `kraken@savings`."""
        return f"{self.venue}{_AT}{self.name}" if self.name else self.venue

    def among(self, known: Iterable[AccountKey]) -> AccountKey:
        """Which of the `known` accounts an owner means: this very one, or by a venue alone its only one.

        A venue of which none is known is itself. Raises ValueError where there are several, and for a name that none has.
        """
        of_venue = sorted({one for one in known if one.venue == self.venue})
        if self in of_venue or not (self.name or of_venue):
            return self
        if self.name or len(of_venue) > 1:
            which = ", ".join(map(str, of_venue)) or "none"
            raise ValueError(f"{self} names no account: those of {self.venue} are {which}")
        return of_venue[0]


#: A word of a key. Longer ones would not fit into the name of a file.
_WORD = re.compile("[a-z0-9_-]{1,40}")
#: Stands before the name in the name of a file.
_AT = "@"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money it is. Rows, nonce floors and locks of different accounts never meet.

    `mode` is sandbox, demo or live; `identity` is OKX's uid, Coinbase's portfolio or a hash of Kraken's API key; `name` is
    its owner's, "" for the only account of a venue.
    """

    mode: str
    venue: str
    environment: str
    identity: str
    name: str = ""

    @classmethod
    def read(cls, text: str) -> Account:
        """The account that is written so (`str`); raises ValueError for another text."""
        mode, stem, environment, identity = text.split(":", 3)
        key = AccountKey.of_stem(stem)
        return cls(mode, key.venue, environment, identity, key.name)

    def __str__(self) -> str:
        return f"{self.mode}:{self.key.stem}:{self.environment}:{self.identity}"

    @property
    def key(self) -> AccountKey:
        return AccountKey(self.venue, self.name)

    @property
    def unnamed(self) -> Account:
        """The same money, whatever its owner calls it: two names for one account must not trade it twice."""
        return replace(self, name="")


def decision_key(account: Account, symbol: str, candle_close: int, purpose: Purpose, attempt: int = 0) -> str:
    """The name of one decision: the database takes each only once, whatever restarts in between."""
    return f"{account}/{symbol}/{candle_close}/{purpose}/{attempt}"
