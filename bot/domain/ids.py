"""Names of accounts, decisions and orders: the client id that all three exchanges accept, and the key that makes a decision
unique.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from bot.domain.order import Purpose

#: The prefix of all our client ids; an order without it is foreign and never touched.
MARK = "nj"
TAG_LENGTH = 3
_TIME_LENGTH = 8
_TAIL_LENGTH = 5
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_ours(client_id: str | None) -> bool:
    """Whether a NIJA, this one or another, sent the order with this client id."""
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
    """Generates client ids: `nj` + instance tag + wall time (base 36, so that they sort by time) + random tail, 18 characters.

    Kraken's limit for free text is 18 characters; OKX accepts letters and digits only.
    """

    def __init__(self, tag: str, wall: Callable[[], int], rng: random.Random) -> None:
        self._tag = tag
        self._wall = wall
        self._rng = rng

    @property
    def tag(self) -> str:
        return self._tag

    def next(self) -> str:
        """A new client id, never used before."""
        tail = base36(self._rng.randrange(36**_TAIL_LENGTH), _TAIL_LENGTH)
        return MARK + self._tag + base36(self._wall(), _TIME_LENGTH) + tail


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """What an owner calls an account: the exchange alone, or with a name if there are several accounts: `kraken`,
    `kraken:savings`.

    Thread, book, log label and operator commands of an account all use it. Raises ValueError unless both parts consist of
    lower-case letters, digits, - and _.
    """

    venue: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.venue) or (self.name and not _WORD.fullmatch(self.name)):
            raise ValueError(f"{self} is not an account: use lower-case letters, digits, - and _, as in kraken:savings")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`; raises ValueError."""
        return cls._split(text, ":")

    @classmethod
    def of_stem(cls, stem: str) -> Self:
        """The inverse of `stem`; raises ValueError."""
        return cls._split(stem, _AT)

    @classmethod
    def _split(cls, text: str, sign: str) -> Self:
        venue, separator, name = text.partition(sign)
        if separator and not name:
            raise ValueError(f"{text} is not an account: the name after {sign} is missing")
        return cls(venue, name)

    def __str__(self) -> str:
        return f"{self.venue}:{self.name}" if self.name else self.venue

    @property
    def label(self) -> str:
        """The form for people: `KRAKEN:SAVINGS`."""
        return str(self).upper()

    @property
    def stem(self) -> str:
        """The name of its files, valid on every file system: `kraken@savings`."""
        return f"{self.venue}{_AT}{self.name}" if self.name else self.venue

    def among(self, known: Iterable[AccountKey]) -> AccountKey:
        """The one of the `known` accounts that an owner means: this one, or the only account of an exchange named alone.

        An exchange without a known account is returned as it is. Raises ValueError if it has several, or if no account has the
        name.
        """
        of_venue = sorted({one for one in known if one.venue == self.venue})
        if self in of_venue or not (self.name or of_venue):
            return self
        if self.name or len(of_venue) > 1:
            which = ", ".join(map(str, of_venue)) or "none"
            raise ValueError(f"{self} is not an account: those of {self.venue} are {which}")
        return of_venue[0]


#: One part of a key. A longer one would not fit into a file name.
_WORD = re.compile("[a-z0-9_-]{1,40}")
#: Separates exchange and name in a file name.
_AT = "@"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money it is. Rows, nonce floors and locks of different accounts never meet.

    `mode` is sandbox, demo or live. `identity` is OKX's uid, Coinbase's portfolio or a hash of Kraken's API key. `name` is the
    owner's, "" for the only account at an exchange.
    """

    mode: str
    venue: str
    environment: str
    identity: str
    name: str = ""

    @classmethod
    def read(cls, text: str) -> Account:
        """The inverse of `str`; raises ValueError."""
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
        """The same account without the owner's name for it: two names for one account must not trade it twice."""
        return replace(self, name="")


def decision_key(account: Account, symbol: str, candle_close: int, purpose: Purpose, attempt: int = 0) -> str:
    """The name of one decision. The database accepts each only once, across restarts."""
    return f"{account}/{symbol}/{candle_close}/{purpose}/{attempt}"
