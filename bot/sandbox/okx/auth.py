"""Authentication: key, passphrase, timestamp, signature over the raw request, environment, permission.

OK-ACCESS-SIGN = base64(HMAC-SHA256(secret, timestamp + METHOD + path?query + body)), all exactly as sent.
Authentication uses the wall clock; the timestamp may be off by 30 s.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from random import Random

from bot.sandbox.core.credentials import Credential, Keyring
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.venue import Request
from bot.sandbox.okx.errors import OkxError, refused

WINDOW_MS = 30_000
RIGHTS = {"view": "read_only", "trade": "trade", "withdraw": "withdraw"}
HEX = "0123456789ABCDEF"
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
DEMO = "x-simulated-trading"


def sign(secret: str, prehash: bytes) -> str:
    """The signature of a request."""
    return base64.b64encode(hmac.new(secret.encode(), prehash, hashlib.sha256).digest()).decode()


def prehash(request: Request) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    return f"{request.headers.get('ok-access-timestamp', '')}{request.method}{target}".encode() + request.body


def timestamp_ms(text: str) -> int:
    """Milliseconds of `2020-12-08T09:08:57.715Z` (epoch seconds are accepted too); raises 50112."""
    try:
        if text.replace(".", "", 1).isdigit():
            return int(float(text) * 1000)
        return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise OkxError("50112") from error


def permissions(credential: Credential) -> str:
    """OKX's names for a key's permissions."""
    return ",".join(word for name, word in RIGHTS.items() if name in credential.permissions)


def new_credential(account: str, dice: Random, wall_ms: int) -> Credential:
    """A random key in OKX's format: a UUID, 32 hexadecimal digits, and a passphrase."""
    raw = "".join(dice.choices(HEX.lower(), k=32))
    key = f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"
    secret = "".join(dice.choices(HEX, k=32))
    passphrase = "".join(dice.choices(LETTERS, k=16))
    return Credential(key, secret, account, passphrase=passphrase, created_ms=wall_ms)


class Authenticator:
    """Authenticates requests against the keyring, in OKX's order of checks."""

    def __init__(self, keyring: Keyring, switches: Switches) -> None:
        self._keyring = keyring
        self._switches = switches

    def admit(self, request: Request, wall_ms: int) -> Credential:
        """The credential of an authenticated request; raises OkxError otherwise."""
        headers = request.headers
        for name, code in (("key", "50103"), ("passphrase", "50104"), ("sign", "50106"), ("timestamp", "50107")):
            if not headers.get(f"ok-access-{name}"):
                raise OkxError(code)
        self._check_time(headers["ok-access-timestamp"], wall_ms)
        credential = self._find(headers["ok-access-key"])
        self._check_place(request)
        if not _same(headers["ok-access-passphrase"], credential.passphrase):
            raise OkxError("50105")
        if not _same(headers["ok-access-sign"], sign(credential.secret, prehash(request))):
            raise OkxError("50113")
        credential.used_ms = wall_ms
        return credential

    def permit(self, credential: Credential, right: str) -> None:
        if right not in credential.permissions:
            raise OkxError("50120")

    def _check_time(self, text: str, wall_ms: int) -> None:
        if abs(timestamp_ms(text) - wall_ms) > WINDOW_MS:
            raise OkxError("50102")

    def _find(self, key: str) -> Credential:
        credential = self._keyring.find(key)
        if len(key) != 36 or key.count("-") != 4:
            raise OkxError("50111")
        if credential is None or self._switches.on("wrong_region"):
            raise OkxError("50119")
        return credential

    def _check_place(self, request: Request) -> None:
        """Checks the key's environment, then the caller's address."""
        demo = request.headers.get(DEMO, "0") == "1"
        if demo != self._switches.on("demo_account"):
            raise OkxError("50101")
        if self._switches.on("ip_refused"):
            raise refused("50110", "127.0.0.1")


def _same(offered: str, wanted: str) -> bool:
    return hmac.compare_digest(offered.encode(), wanted.encode())
