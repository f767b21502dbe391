"""Connecting to Coinbase: the form of the key, the clock, what the key may do, and the portfolio it belongs to.

Raises with one line that says what the owner can do; changes nothing at the account.
"""

from __future__ import annotations

import time

from bot.brokers.base import Connection
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.errors import failure
from bot.brokers.coinbase.keys import BadKey, is_name, private_key
from bot.brokers.coinbase.market import understood
from bot.brokers.coinbase.parse import KeyInfo, key_info
from bot.brokers.coinbase.parse_market import server_ms
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.domain.clock import SECOND, Clock
from bot.domain.ids import Account
from bot.domain.instrument import Trading
from bot.domain.outcome import Meaning

#: Tokens are refused when the clocks differ by more; Coinbase's own allowance is not documented.
SKEW_REFUSED = 30 * SECOND
SKEW_SHOWN = 2 * SECOND


def connect(config: CoinbaseConfig, transport: CoinbaseTransport, account: CoinbaseAccount, clock: Clock) -> Connection:
    """Everything that must be true before this portfolio is traded; `BrokerError` with the remedy when it is not."""
    check_key(config)
    skew = measure_skew(transport, clock)
    if abs(skew) > SKEW_REFUSED:
        raise failure(Meaning.CLOCK, "clock off", "clock", seconds=f"{abs(skew) / SECOND:.0f}")
    answer = transport.private("/key_permissions")
    info = understood(lambda: key_info(answer))
    warnings = [*_skew_warning(skew), *check_rights(config, info)]
    account.portfolio = info.portfolio
    account.balances()
    return Connection(
        account=Account(config.mode, "coinbase", config.environment, info.portfolio, config.account_name),
        permissions=info.permissions,
        ip_bound=None,
        clock_skew_ms=skew,
        trading=Trading.ONLINE,
        warnings=tuple(warnings),
    )


def check_key(config: CoinbaseConfig) -> None:
    """A name or private key that cannot be right is refused before anything is sent."""
    if not is_name(config.key):
        raise failure(Meaning.CREDENTIALS, "the key's name is malformed", "name")
    try:
        private_key(config.secret)
    except BadKey as error:
        raise failure(Meaning.CREDENTIALS, error, "pem") from error


def measure_skew(transport: CoinbaseTransport, clock: Clock) -> int:
    """Venue's clock minus ours (ms): of up to three looks the one with the shortest way; one is enough when all is well."""
    looks: list[tuple[float, int]] = []
    for _ in range(3):
        begun, wall = time.monotonic(), clock.wall_ms()
        answer = transport.public("/time")
        took = time.monotonic() - begun
        looks.append((took, understood(lambda told=answer: server_ms(told)) - wall - int(took * 500)))  # type: ignore[misc]
        if took < 1 and abs(looks[-1][1]) <= SECOND:
            break
    return min(looks)[1]


def check_rights(config: CoinbaseConfig, info: KeyInfo) -> list[str]:
    """Refuse a key that may too much or too little; say what is unwise about the others."""
    may_withdraw = "transfer" in info.permissions
    if may_withdraw and not config.allow_withdraw:
        raise failure(Meaning.PERMISSION, "the key may withdraw", "withdraw")
    for right in ("view", "trade"):
        if right not in info.permissions:
            raise failure(Meaning.PERMISSION, f"permission missing: {right}", right)
    if not info.portfolio:
        raise failure(Meaning.PERMISSION, "the key names no portfolio", "portfolio")
    return ["this key may withdraw money (allowed by ALLOW_WITHDRAW_KEYS)"] if may_withdraw else []


def _skew_warning(skew: int) -> list[str]:
    if abs(skew) <= SKEW_SHOWN:
        return []
    return [f"this computer's clock differs from Coinbase's by {skew / SECOND:+.1f} s: switch on NTP"]
