"""Authentication: one JSON Web Token per request, bound to its method, host and path.

Accepts the variants of Coinbase's own clients: `iss` cdp or coinbase-cloud, `uri` or `uris`, with or without `aud`.
The algorithm follows from the stored key, never from the token. Token times are wall-clock times.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bot.sandbox.coinbase.errors import SCOPES, Unauthorized, denied
from bot.sandbox.core.credentials import Credential, Keyring
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.venue import Request

ISSUERS = frozenset({"cdp", "coinbase-cloud"})
AUDIENCES = frozenset({"retail_rest_api_proxy", "cdp_service"})
LIFE_SECONDS = 120
SIGNATURE_ONLY = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_credential(account: str, kind: str, dice: Random, wall_ms: int) -> Credential:
    """A new key; `kind` is ecdsa (PEM), ed25519 (base64 of seed and public key) or ed25519_pem."""
    organization, key = (UUID(bytes=dice.randbytes(16), version=4) for _ in range(2))
    name = f"organizations/{organization}/apiKeys/{key}"
    return Credential(name, _new_secret(kind), account, created_ms=wall_ms)


def _new_secret(kind: str) -> str:
    if kind == "ecdsa":
        curve_key = ec.generate_private_key(ec.SECP256R1())
        return _pem(curve_key, serialization.PrivateFormat.TraditionalOpenSSL)
    key = ed25519.Ed25519PrivateKey.generate()
    if kind == "ed25519_pem":
        return _pem(key, serialization.PrivateFormat.PKCS8)
    return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()


def _pem(key: PrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def private_key(secret: str) -> PrivateKey:
    """The private key in a secret that this module issued."""
    if not secret.startswith("-----BEGIN"):
        return ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret)[:32])
    key = serialization.load_pem_private_key(secret.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise TypeError("no key of Coinbase's kinds")
    return key


class Authenticator:
    """Verifies tokens against the keyring. `wall_ms` is the venue's clock, which may be wrong."""

    def __init__(self, keyring: Keyring, switches: Switches, wall_ms: Callable[[], int]) -> None:
        self._keyring = keyring
        self._switches = switches
        self._wall_ms = wall_ms
        self._public: dict[str, tuple[Any, str]] = {}
        self._nonces: dict[str, float] = {}

    def admit(self, request: Request) -> Credential:
        """The credential of an authenticated request; raises Unauthorized."""
        token = _bearer(request)
        header = _header(token)
        credential = self._keyring.find(str(header.get("kid")))
        if credential is None:
            raise Unauthorized("unknown key")
        claims = self._verified(token, credential)
        self._check_times(claims)
        _check_names(claims, credential)
        _check_target(claims, request)
        self._check_nonce(header, float(claims["exp"]))
        return credential

    def permit(self, credential: Credential, right: str) -> None:
        """`right` is view or trade."""
        if right not in credential.permissions:
            raise denied(SCOPES)

    def _verified(self, token: str, credential: Credential) -> dict[str, Any]:
        key, algorithm = self._key_of(credential)
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=SIGNATURE_ONLY)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            raise Unauthorized("bad signature") from error
        return claims

    def _key_of(self, credential: Credential) -> tuple[Any, str]:
        if credential.key not in self._public:
            key = private_key(credential.secret)
            algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else "ES256"
            self._public[credential.key] = (key.public_key(), algorithm)
        found = self._public[credential.key]
        if found[1] == "EdDSA" and not self._switches.on("ed25519_accepted"):
            raise Unauthorized("Ed25519 key")
        return found

    def _check_times(self, claims: dict[str, Any]) -> None:
        now, leeway = self._wall_ms() / 1000, self._switches.number("jwt_leeway_seconds")
        begin, end = claims.get("nbf"), claims.get("exp")
        if not isinstance(begin, int | float) or not isinstance(end, int | float):
            raise Unauthorized("no nbf or exp")
        if now < begin - leeway:
            raise Unauthorized("not yet valid")
        if now >= end + leeway:
            raise Unauthorized("expired")
        if end - begin > LIFE_SECONDS + leeway:
            raise Unauthorized("lives too long")

    def _check_nonce(self, header: dict[str, Any], until: float) -> None:
        """Checks the nonce. It is required; whether reuse is rejected is not documented."""
        nonce = header.get("nonce")
        if not isinstance(nonce, str) or not nonce:
            raise Unauthorized("no nonce")
        if not self._switches.on("nonce_replay_refused"):
            return
        now = self._wall_ms() / 1000
        self._nonces = {used: end for used, end in self._nonces.items() if end > now - LIFE_SECONDS}
        if nonce in self._nonces:
            raise Unauthorized("nonce used before")
        self._nonces[nonce] = until


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise Unauthorized("no token")
    return token


def _header(token: str) -> dict[str, Any]:
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise Unauthorized("no token") from error
    return header


def _check_names(claims: dict[str, Any], credential: Credential) -> None:
    if claims.get("sub") != credential.key:
        raise Unauthorized("sub is not the key")
    if claims.get("iss") not in ISSUERS:
        raise Unauthorized("unknown issuer")
    audience = claims.get("aud", [])
    if not {audience} <= AUDIENCES if isinstance(audience, str) else not set(audience) <= AUDIENCES:
        raise Unauthorized("unknown audience")


def _check_target(claims: dict[str, Any], request: Request) -> None:
    """Checks the token's `METHOD host path`, without scheme and query."""
    wanted = f"{request.method} {request.headers.get('host', '')}{request.path}"
    named = claims.get("uris", [claims.get("uri")])
    if not isinstance(named, list) or wanted not in named:
        raise Unauthorized("token of another request")
