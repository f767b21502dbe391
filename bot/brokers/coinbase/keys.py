"""Coinbase's API keys: a name, and a private key (EC P-256 or Ed25519) in any form that copying may leave it in. Pure.

Line breaks may be real, `\\r\\n`, written as `\\n` (escaped once or twice), replaced by blanks or missing. Ed25519 keys may also
be base64 (standard or URL alphabet, with or without padding) of a 32-byte seed, or of 64 bytes: seed and public key.
"""

from __future__ import annotations

import base64
import binascii
import re
from textwrap import wrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_NAME = re.compile(rf"(organizations/{_UUID}/apiKeys/)?{_UUID}")
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_SEED = 32

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey


class BadKey(ValueError):
    """A text that is not a private key Coinbase accepts. The error's message never shows any of it."""


def is_name(name: str) -> bool:
    """Whether this has the form of a key's name."""
    return _NAME.fullmatch(name) is not None


def private_key(secret: str) -> PrivateKey:
    """The key, in whichever form it was copied; raises `BadKey`."""
    text = re.sub(r"\\+r", "", secret.strip().strip("\"'"))
    text = re.sub(r"\\+n", "\n", text).strip()
    found = _PEM.search(text)
    return _of_pem(found[1], found[2]) if found else _of_base64(text)


def canonical(key: PrivateKey) -> str:
    """The key as PKCS8 PEM, the form that the SDK reads for both kinds."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _of_pem(label: str, body: str) -> PrivateKey:
    lines = "\n".join(wrap("".join(body.split()), 64))
    pem = f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("the PEM does not hold a private key") from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise BadKey("the key is neither EC P-256 nor Ed25519")


def _of_base64(text: str) -> PrivateKey:
    bare = "".join(text.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey("neither PEM nor base64") from error
    if len(raw) not in (_SEED, 2 * _SEED):
        raise BadKey(f"base64 of {len(raw)} bytes: an Ed25519 key has 32 or 64")
    return Ed25519PrivateKey.from_private_bytes(raw[:_SEED])
