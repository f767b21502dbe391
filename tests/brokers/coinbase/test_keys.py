"""Every form in which a key may be copied, and the token that each kind of key signs."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bot.brokers.coinbase import CoinbaseConfig
from bot.brokers.coinbase.keys import BadKey, PrivateKey, canonical, is_name, private_key
from bot.brokers.coinbase.transport import CoinbaseTransport
from tests.brokers.coinbase.conftest import EC_KEY, ED_KEY, NAME, PEM, SEED, TlsServer, ok

Make = Callable[..., CoinbaseTransport]
PKCS8 = canonical(EC_KEY)
ED_PEM = canonical(ED_KEY)
SEED_AND_PUBLIC = base64.b64encode(
    base64.b64decode(SEED) + ED_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()
LINE_BREAKS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "dos": lambda text: text.replace("\n", "\r\n"),
    "escaped": lambda text: text.replace("\n", "\\n"),
    "escaped dos": lambda text: text.replace("\n", "\\r\\n"),
    "escaped twice": lambda text: text.replace("\n", "\\\\n"),
    "blanks": lambda text: text.replace("\n", " "),
    "gone": lambda text: text.replace("\n", ""),
    "quoted": lambda text: f'"{text}"',
    "quoted and escaped": lambda text: "'" + text.replace("\n", "\\n") + "'",
    "surrounded": lambda text: f"\n  {text}\n\n",
}


def same(one: PrivateKey, other: PrivateKey) -> bool:
    return canonical(one) == canonical(other)


@pytest.mark.parametrize("form", LINE_BREAKS)
@pytest.mark.parametrize("pem", [PEM, PKCS8], ids=["SEC1", "PKCS8"])
def test_an_ec_key_is_read_however_its_lines_were_broken(pem: str, form: str) -> None:
    assert same(private_key(LINE_BREAKS[form](pem)), EC_KEY)


@pytest.mark.parametrize("form", LINE_BREAKS)
def test_an_ed25519_pem_is_read_however_its_lines_were_broken(form: str) -> None:
    assert same(private_key(LINE_BREAKS[form](ED_PEM)), ED_KEY)


@pytest.mark.parametrize(
    "text",
    [
        SEED,
        SEED_AND_PUBLIC,
        SEED.rstrip("="),
        SEED.replace("+", "-").replace("/", "_"),
        SEED + "\n",
        f'"{SEED}"',
        SEED + "\\n",
    ],
    ids=["seed", "seed and public", "unpadded", "url-safe", "with a line break", "quoted", "with an escaped break"],
)
def test_an_ed25519_key_is_read_from_base64(text: str) -> None:
    assert same(private_key(text), ED_KEY)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "QUJD",
        PEM[:80],
        PEM.replace("EC PRIVATE", "EC PUBLIC"),
        PEM[:60] + "!!!" + PEM[60:],
        _pem(ec.generate_private_key(ec.SECP384R1())),
        _pem(rsa.generate_private_key(65537, 2048)),
        "ключ",
    ],
    ids=["empty", "words", "too short", "cut off", "public", "broken", "other curve", "RSA", "no ASCII"],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        private_key(text)
    assert len(text) < 4 or text[:30] not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (NAME, True),
        (NAME.rsplit("/", 1)[-1], True),
        ("", False),
        ("organizations/x/apiKeys/y", False),
        (NAME + "0", False),
        (f"{NAME}\n", False),
    ],
)
def test_the_shape_of_a_name(name: str, good: bool) -> None:
    assert is_name(name) is good


@pytest.mark.parametrize(
    ("secret", "key", "algorithm"), [(PEM, EC_KEY, "ES256"), (SEED, ED_KEY, "EdDSA")], ids=["EC", "Ed25519"]
)
def test_each_kind_of_key_signs_a_token_for_this_one_call(
    secret: str, key: PrivateKey, algorithm: str, server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    server.answer = ok({"accounts": []})
    transport = make_transport(dataclasses.replace(config, api_secret=secret))
    transport.private("/accounts", {"limit": "250"})
    transport.private("/accounts", {"limit": "250"})
    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]
    claims = jwt.decode(tokens[0], key.public_key(), algorithms=[algorithm], options={"require": ["exp", "nbf", "sub"]})
    assert claims["uri"] == f"GET {server.host}/api/v3/brokerage/accounts"
    assert (claims["sub"], claims["iss"]) == (NAME, "cdp")
    assert claims["exp"] - claims["nbf"] <= 120
    nonces = {jwt.get_unverified_header(token)["nonce"] for token in tokens}
    assert len(nonces) == 2


def test_the_public_clock_is_asked_without_a_token(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    transport.public("/time")
    transport.private("/accounts")
    assert ["authorization" in request.headers for request in server.requests] == [False, True]


def test_no_representation_shows_a_secret(config: CoinbaseConfig) -> None:
    assert NAME not in repr(config)
    assert PEM.splitlines()[1] not in repr(config)
