"""Authentication in Kraken's order: API key, signature over the raw body, nonce, permission, lockout.

API-Sign = base64(HMAC-SHA512(base64decode(secret), path + SHA256(nonce + body))). Authentication uses the wall
clock. An invalid nonce or signature counts towards a temporary lockout of the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from random import Random

from bot.sandbox.core.credentials import Credential, Keyring
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.venue import Request
from bot.sandbox.kraken import errors
from bot.sandbox.kraken.errors import KrakenError
from bot.sandbox.kraken.words import Words

MAX_NONCE = 2**64 - 1
VIEW = ("query-funds", "query-open-trades", "query-closed-trades", "query-ledger", "create-ws-token")
RIGHTS = {"view": VIEW, "trade": ("modify-trades", "close-trades"), "withdraw": ("withdraw-funds",)}
NEEDS: dict[str, tuple[str, ...]] = {
    "Balance": ("query-funds",),
    "BalanceEx": ("query-funds",),
    "TradeBalance": ("query-funds",),
    "TradeVolume": ("query-funds",),
    "Earn/Allocations": ("query-funds",),
    "OpenOrders": ("query-open-trades",),
    "OpenPositions": ("query-open-trades",),
    "ClosedOrders": ("query-closed-trades",),
    "QueryOrders": ("query-open-trades", "query-closed-trades"),
    "OrderAmends": ("query-open-trades", "query-closed-trades"),
    "TradesHistory": ("query-open-trades", "query-closed-trades"),
    "QueryTrades": ("query-open-trades", "query-closed-trades"),
    "Ledgers": ("query-ledger",),
    "QueryLedgers": ("query-ledger",),
    "AddOrder": ("modify-trades",),
    "AddOrderBatch": ("modify-trades",),
    "EditOrder": ("modify-trades",),
    "AmendOrder": ("modify-trades", "close-trades"),
    "CancelOrder": ("close-trades", "modify-trades"),
    "CancelOrderBatch": ("close-trades", "modify-trades"),
    "CancelAll": ("close-trades", "modify-trades"),
    "CancelAllOrdersAfter": ("close-trades", "modify-trades"),
    "GetWebSocketsToken": ("create-ws-token",),
    "WithdrawMethods": ("withdraw-funds",),
    "WithdrawAddresses": ("withdraw-funds",),
    "WithdrawInfo": ("withdraw-funds",),
    "WithdrawStatus": ("withdraw-funds",),
    "Withdraw": ("withdraw-funds",),
    "WithdrawCancel": ("withdraw-funds",),
}
"""Any one of these permissions is enough."""


def sign(secret: str, path: str, nonce: str, body: bytes) -> str:
    """The API-Sign header of a request."""
    inner = hashlib.sha256(nonce.encode() + body).digest()
    mac = hmac.new(base64.b64decode(secret), path.encode() + inner, hashlib.sha512)
    return base64.b64encode(mac.digest()).decode()


def rights(credential: Credential) -> list[str]:
    """Kraken's names for a key's permissions."""
    return [word for name, words in RIGHTS.items() if name in credential.permissions for word in words]


def new_credential(account: str, dice: Random, wall_ms: int) -> Credential:
    """A random key with Kraken's lengths: 42 bytes public, 64 bytes secret."""
    key, secret = (base64.b64encode(dice.randbytes(length)).decode() for length in (42, 64))
    return Credential(key, secret, account, created_ms=wall_ms)


class Authenticator:
    """Authenticates requests against the keyring."""

    def __init__(self, keyring: Keyring, switches: Switches) -> None:
        self._keyring = keyring
        self._switches = switches
        self._failures: dict[str, int] = {}
        self._locked_until_ms: dict[str, int] = {}
        self._window: dict[str, set[int]] = {}

    def admit(self, request: Request, words: Words, wall_ms: int) -> Credential:
        """The credential of an authenticated request; raises KrakenError otherwise."""
        key = request.headers.get("api-key", "")
        if wall_ms < self._locked_until_ms.get(key, 0):
            raise KrakenError(errors.LOCKOUT)
        try:
            credential = self._check(key, request, words)
        except KrakenError:
            self._count_failure(key, wall_ms)
            raise
        self._failures.pop(key, None)
        credential.used_ms = wall_ms
        self._keyring.note(credential)
        return credential

    def permit(self, credential: Credential, method: str) -> None:
        needed = NEEDS.get(method, ())
        if needed and not set(needed) & set(rights(credential)):
            raise KrakenError(errors.PERMISSION_DENIED)

    def _check(self, key: str, request: Request, words: Words) -> Credential:
        credential = self._keyring.find(key)
        if credential is None:
            raise KrakenError(errors.INVALID_KEY)
        nonce = words.get("nonce", "")
        wanted = sign(credential.secret, request.path, nonce, request.body)
        if not hmac.compare_digest(wanted.encode(), request.headers.get("api-sign", "").encode()):
            raise KrakenError(errors.INVALID_SIGNATURE)
        self._spend(credential, nonce)
        return credential

    def _spend(self, credential: Credential, text: str) -> None:
        """Accepts a nonce above the highest one so far, or an unused one within the key's window below it."""
        nonce = int(text) if text.isascii() and text.isdigit() else -1
        used = self._window.setdefault(credential.key, set())
        window = self._switches.number("nonce_window")
        fresh = nonce > credential.nonce or (nonce > credential.nonce - window and nonce not in used)
        if not 0 < nonce <= MAX_NONCE or not fresh:
            raise KrakenError(errors.INVALID_NONCE)
        credential.nonce = max(nonce, credential.nonce)
        if window:
            used.add(nonce)
            self._window[credential.key] = {n for n in used if n > credential.nonce - window}

    def _count_failure(self, key: str, wall_ms: int) -> None:
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] >= self._switches.number("lockout_after"):
            self._failures[key] = 0
            self._locked_until_ms[key] = wall_ms + self._switches.number("lockout_seconds") * 1000
