"""Connecting to Coinbase: the form of the key, the clock, what the key may do, and the portfolio it belongs to.

Raises with one line that says what the owner can do; changes nothing at the account.
"""

from __future__ import annotations

from bot.brokers.base import Connection
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.errors import failure
from bot.brokers.coinbase.keys import BadKey, is_name, private_key
from bot.brokers.coinbase.parse import KeyInfo, key_info
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.rights import withdrawal
from bot.brokers.common.venue_clock import VenueClock, skew_warnings
from bot.domain.clock import SECOND
from bot.domain.ids import Account
from bot.domain.instrument import Trading
from bot.domain.outcome import ErrorMeaning

#: Tokens are refused when the clocks differ by more; Coinbase's own allowance is not documented.
SKEW_REFUSED = 30 * SECOND


def connect(
    config: CoinbaseConfig, transport: CoinbaseTransport, account: CoinbaseAccount, venue_clock: VenueClock
) -> Connection:
    """Everything that must be true before this portfolio is traded; `BrokerError` with the remedy when it is not."""
    check_key(config)
    skew = venue_clock.compare(SKEW_REFUSED)
    answer = transport.private("/key_permissions")
    info = failure.understood(lambda: key_info(answer))
    warnings = [*skew_warnings(skew, "Coinbase"), *check_rights(config, info)]
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
        raise failure(ErrorMeaning.CREDENTIALS, "the key's name is malformed", "name")
    try:
        private_key(config.secret)
    except BadKey as error:
        raise failure(ErrorMeaning.CREDENTIALS, error, "pem") from error


def check_rights(config: CoinbaseConfig, info: KeyInfo) -> list[str]:
    """Refuse a key that may too much or too little; say what is unwise about the others."""
    warnings = withdrawal(config, failure, may="transfer" in info.permissions)
    for right in ("view", "trade"):
        if right not in info.permissions:
            raise failure(ErrorMeaning.PERMISSION, f"permission missing: {right}", right)
    if not info.portfolio:
        raise failure(ErrorMeaning.PERMISSION, "the key names no portfolio", "portfolio")
    return warnings
