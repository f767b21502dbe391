"""Removes every secret from a text before anyone can read it.

It does so in two ways: by the known secret values in all the forms they are sent in (quoted for a URL, in base64, escaped, line by
line), and by the patterns of secrets (signature headers, bearer tokens, private keys, passwords in addresses), for values that we
do not know, such as a signature that an SDK has just computed.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "[hidden]"
_SHORTEST: Final = 4
"""Replacing a shorter secret would blank out half of every line; the patterns below still catch it by its name."""

_NAMES: Final = (
    r"api[-_]?sign|api[-_]?key|api[-_]?secret|ok[-_]access[-_](?:key|sign|passphrase)|cb[-_]access[-_]\w+"
    r"|(?:proxy[-_])?authorization|(?:set[-_])?cookie|pass(?:phrase|word|wd)|secret(?:[-_]?key)?|private[-_]?key"
    r"|(?:access|auth|bearer|refresh|session|ws)?[-_]?token|signature|sign|otp|jwt"
)
_VALUE: Final = (
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\\"(?:(?!\\\").)*\\\""
    r"|(?:(?:bearer|basic)\s+)?[^\s,;&'\"\\{}\[\]()]+"
)
_PEM: Final = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_JWT: Final = r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"
_SHAPES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(_PEM, re.DOTALL), HIDDEN),
    (re.compile(_JWT), HIDDEN),
    (re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{4,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), f"{HIDDEN}@"),
)
_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_NAMED: Final = re.compile(rf"((?<![A-Za-z])(?:{_NAMES})\\?['\"]?\s*[:=,]\s*(?:b(?=['\"]))?)({_VALUE})", re.IGNORECASE)


class Redactor:
    """Replaces secrets by `[hidden]`. Learning a new secret is safe while other threads are writing."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: frozenset[str] = frozenset()
        self._known: re.Pattern[str] | None = None
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Hide these from now on, too (keys of the sandbox, tokens issued by an exchange)."""
        self._forms |= {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return _NAMED.sub(_hide_value, text)

    def is_secret_name(self, name: str) -> bool:
        """Whether a value under this name is a secret, whatever it looks like."""
        return _SECRET_NAME.fullmatch(name) is not None


def _hide_value(found: re.Match[str]) -> str:
    name, value = found.groups()
    mark = re.match(r"\\?['\"]", value)
    around = mark.group() if mark else ""
    return f"{name}{around}{HIDDEN}{around}"


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, and in every encoded or escaped form, also line by line."""
    for text in {secret, secret.strip(), *_long_lines(secret)}:
        yield text
        yield quote(text, safe="")
        yield quote(text)
        yield quote_plus(text)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/")
        yield repr(text)[1:-1]
        yield from _base64_parts(text.encode())


def _long_lines(secret: str) -> list[str]:
    lines = [line.strip() for line in secret.splitlines()]
    return [line for line in lines if len(line) >= 16 and not line.startswith("-----")]


def _base64_parts(data: bytes) -> Iterator[str]:
    """The part of any base64 text that encodes `data`, for each of the three possible alignments."""
    for before in range(3):
        coded = b64encode(b"\0" * before + data).decode().rstrip("=")
        part = coded[(before * 4 + 2) // 3 :][: len(data) * 4 // 3 - 2]
        if len(part) >= 8:
            yield part
            yield part.replace("+", "-").replace("/", "_")
