"""Connecting to Coinbase: checks the key's form, the clock, the key's permissions and its portfolio.

Raises with one line that says what the owner must do. Changes nothing at the account.
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

#: A larger difference of the clocks (ms) is refused, because tokens would be. Coinbase does not document its own tolerance.
SKEW_REFUSED = 30 * SECOND


def connect(
    config: CoinbaseConfig, transport: CoinbaseTransport, account: CoinbaseAccount, venue_clock: VenueClock
) -> Connection:
    """Check everything that must hold before this portfolio is traded; raises `BrokerError` with a remedy if it does not."""
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
    """Refuse a key name or private key that cannot be valid, before anything is sent."""
    if not is_name(config.key):
        raise failure(ErrorMeaning.CREDENTIALS, "the key's name is malformed", "name")
    try:
        private_key(config.secret)
    except BadKey as error:
        raise failure(ErrorMeaning.CREDENTIALS, error, "pem") from error


def check_rights(config: CoinbaseConfig, info: KeyInfo) -> list[str]:
    """Refuse a key with too many or too few permissions; warn about what is unwise in an accepted one."""
    warnings = withdrawal(config, failure, may="transfer" in info.permissions)
    for right in ("view", "trade"):
        if right not in info.permissions:
            raise failure(ErrorMeaning.PERMISSION, f"permission missing: {right}", right)
    if not info.portfolio:
        raise failure(ErrorMeaning.PERMISSION, "the key names no portfolio", "portfolio")
    return warnings
