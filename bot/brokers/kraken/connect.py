"""Connecting to Kraken: checks the clock, the system status, and the key's secret and permissions.

Raises with one line that says what the owner must do. Changes nothing at the account.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType

from bot.brokers.base import Connection
from bot.brokers.common.answers import text
from bot.brokers.common.keylock import identity
from bot.brokers.common.rights import withdrawal
from bot.brokers.common.venue_clock import VenueClock, skew_warnings
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.errors import failure
from bot.brokers.kraken.parse import KeyInfo, key_info, mapping
from bot.brokers.kraken.parse_market import trading
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import DAY, SECOND, Clock, iso
from bot.domain.ids import Account
from bot.domain.instrument import Trading
from bot.domain.outcome import ErrorMeaning

#: The permissions that trading needs, with their names on Kraken's web page.
NEEDED: Mapping[str, str] = MappingProxyType(
    {
        "query-funds": "'Query' (Funds permissions)",
        "query-open-trades": "'Query open orders & trades'",
        "query-closed-trades": "'Query closed orders & trades'",
        "modify-trades": "'Create & modify orders'",
        "close-trades": "'Cancel & close orders'",
    }
)
SKEW_REFUSED = 60 * SECOND
_KEY_ENDS_SOON = 14 * DAY


def connect(config: KrakenConfig, transport: KrakenTransport, venue_clock: VenueClock, clock: Clock) -> Connection:
    """Check everything that must hold before this account is traded; raises `BrokerError` with a remedy if it does not."""
    check_secret(config)
    skew = venue_clock.compare(SKEW_REFUSED)
    system = system_state(transport)
    info = understood_key(transport)
    skewed = skew_warnings(skew, "Kraken", " (deadlines are corrected)")
    warnings = [*skewed, *_system_warning(system), *key_warnings(config, info, clock)]
    transport.vouch = lambda: check_rights(config, understood_key(transport))
    return Connection(
        account=Account(config.mode, "kraken", config.environment, identity(config.key), config.account_name),
        permissions=info.permissions or frozenset(),
        ip_bound=bool(info.ip_allowlist),
        clock_skew_ms=skew,
        trading=system,
        warnings=tuple(warnings),
    )


def check_secret(config: KrakenConfig) -> None:
    """Refuse a key or secret that cannot be valid, before Kraken counts a failed login."""
    if not config.key:
        raise failure(ErrorMeaning.CREDENTIALS, "no API key", "key")
    try:
        if not base64.b64decode(config.secret, validate=True):
            raise failure(ErrorMeaning.CREDENTIALS, "no API secret", "secret")
    except (binascii.Error, ValueError) as error:
        raise failure(ErrorMeaning.CREDENTIALS, "the API secret is not base64", "secret") from error


def system_state(transport: KrakenTransport) -> Trading:
    """SystemStatus; raises during maintenance."""
    result = transport.public("SystemStatus")
    state = failure.understood(lambda: text(mapping(result, "SystemStatus"), "status"))
    if trading(state) is Trading.SUSPENDED:
        raise failure(ErrorMeaning.BUSY, f"system status: {state or 'unknown'}", "maintenance")
    return trading(state)


def understood_key(transport: KrakenTransport) -> KeyInfo:
    """GetApiKeyInfo, which needs no permission of its own."""
    result = transport.private("GetApiKeyInfo")
    return failure.understood(lambda: key_info(result))


def key_warnings(config: KrakenConfig, info: KeyInfo, clock: Clock) -> list[str]:
    """Refuse a key with too many or too few permissions; warn about what is unwise in an accepted one."""
    warnings = [*check_rights(config, info), *_check_period(info, clock)]
    if not info.ip_allowlist:
        warnings.append("this key works from any IP address: bind it to this computer's on Kraken > Settings > API")
    left = info.valid_until - clock.wall_ms()
    if info.valid_until and left < _KEY_ENDS_SOON:
        warnings.append(f"this key expires in {max(left, 0) // DAY} days: create a new one in time")
    return warnings


def _check_period(info: KeyInfo, clock: Clock) -> list[str]:
    """Refuse a key that does not show new orders, now or from some day on: an order that is not shown would count as not placed.
    Warn if it does not show old ones.
    """
    if info.query_to or info.query_from > clock.wall_ms():
        raise failure(ErrorMeaning.PERMISSION, "the key does not show all orders", "period")
    if not info.query_from:
        return []
    return [f"this key shows no orders from before {iso(info.query_from)[:10]}: remove its query start date"]


def check_rights(config: KrakenConfig, info: KeyInfo) -> list[str]:
    """Refuse a key whose permissions are unknown, too many or too few; warn about unwise ones."""
    if info.permissions is None:
        raise failure(ErrorMeaning.PERMISSION, "no list of permissions", "unlisted")
    warnings = withdrawal(config, failure, may=any("withdraw" in right for right in info.permissions))
    missing = [name for right, name in NEEDED.items() if right not in info.permissions]
    if missing:
        raise failure(ErrorMeaning.PERMISSION, "permission missing", "permission", missing=", ".join(missing))
    return warnings


def _system_warning(system: Trading) -> list[str]:
    return [] if system is Trading.ONLINE else [f"Kraken currently accepts {system.value} orders only"]
