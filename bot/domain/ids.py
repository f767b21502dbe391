"""Names of decisions and orders: the client id that all three venues take, and the key that makes a decision unique."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money it is. Rows, nonce floors and locks of different accounts never meet.

    `mode` is sandbox, demo or live; `identity` is OKX's uid, Coinbase's portfolio or a hash of Kraken's API key.
    """

    mode: str
    venue: str
    environment: str
    identity: str

    @classmethod
    def read(cls, text: str) -> Account:
        """The account that is written so (`str`); raises ValueError for another text."""
        mode, venue, environment, identity = text.split(":", 3)
        return cls(mode, venue, environment, identity)

    def __str__(self) -> str:
        return f"{self.mode}:{self.venue}:{self.environment}:{self.identity}"


def decision_key(account: Account, symbol: str, candle_close: int, purpose: Purpose, attempt: int = 0) -> str:
    """The name of one decision: the database takes each only once, whatever restarts in between."""
    return f"{account}/{symbol}/{candle_close}/{purpose}/{attempt}"
