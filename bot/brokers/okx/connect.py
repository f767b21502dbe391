"""Connecting to OKX: checks the clock, the system status, the key's permissions, the account's settings and its funds.

Raises with one line that says what the owner must do. Changes nothing at the account.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bot.brokers.base import BrokerError, Connection
from bot.brokers.common.answers import text
from bot.brokers.common.rights import withdrawal
from bot.brokers.common.venue_clock import VenueClock, skew_warnings
from bot.brokers.okx import parse
from bot.brokers.okx.account import OkxAccount
from bot.brokers.okx.answers import only
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import REMEDIES, code_of, failure
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SECOND
from bot.domain.ids import Account
from bot.domain.instrument import DOLLARS, STABLECOINS, Instrument, Trading
from bot.domain.money import ZERO, plain
from bot.domain.outcome import ErrorMeaning

#: OKX refuses a request whose time differs by more than 30 s from its own.
SKEW_REFUSED = 30 * SECOND
#: Maintenance types that stop trading: of trading as a whole, by batches of accounts, by batches of products.
_STOPS_TRADING = frozenset({"5", "8", "9"})
#: "This API key doesn't have permission to use this function."
_NO_RIGHT = "50120"
SPOT_MODE, PORTFOLIO, MANY_COINS = "1", "4", frozenset({"3", "4"})
#: Below this many dollars there is nothing to trade with: about OKX's smallest Bitcoin order.
_NOTHING = Decimal(1)


class Entry(NamedTuple):
    """What connecting found out: the connection, and the account's settings, on which orders depend."""

    connection: Connection
    settings: parse.Settings


def connect(config: OkxConfig, transport: OkxTransport, venue_clock: VenueClock) -> Entry:
    """Check everything that must hold before this account is traded; raises `BrokerError` with a remedy if it does not."""
    check_credentials(config)
    skew = venue_clock.compare(SKEW_REFUSED)
    check_system(config, transport)
    settings = _first_settings(transport)
    skewed = skew_warnings(skew, "OKX", " (deadlines are corrected)")
    warnings = [*skewed, *key_warnings(config, settings), *mode_warnings(config, settings)]
    connection = Connection(
        account=Account(config.mode, "okx", config.environment, settings.uid, config.account_name),
        permissions=settings.permissions or frozenset(),
        ip_bound=None if settings.ips is None else bool(settings.ips),
        clock_skew_ms=skew,
        trading=Trading.ONLINE,
        warnings=tuple(warnings),
    )
    return Entry(connection, settings)


def _first_settings(transport: OkxTransport) -> parse.Settings:
    """The settings. A key that may not read even them lacks the 'Read' permission, whatever the code usually means."""
    try:
        return read_settings(transport)
    except BrokerError as error:
        if code_of(error.text) != _NO_RIGHT:
            raise
        raise failure(ErrorMeaning.PERMISSION, error.text, "no_read") from error


def read_settings(transport: OkxTransport) -> parse.Settings:
    """account/config: the key's permissions and the account's settings."""
    rows = transport.private("/api/v5/account/config")
    return failure.understood(lambda: parse.settings(only(rows, "account/config")))


def check_credentials(config: OkxConfig) -> None:
    """Refuse credentials that cannot be sent, before anything is sent."""
    named = (("OKX_API_KEY", config.key), ("OKX_API_SECRET", config.secret), ("OKX_PASSPHRASE", config.phrase))
    for name, value in named:
        if not value or not value.isascii() or not value.isprintable():
            raise failure(ErrorMeaning.CREDENTIALS, f"unusable {name}", "missing", missing=name)


def check_system(config: OkxConfig, transport: OkxTransport) -> None:
    """system/status: raises during maintenance of trading. OKX allows only one such query in five seconds, so a refusal for its
    rate does not keep us from connecting; neither does an error that our table lacks."""
    try:
        rows = transport.public("/api/v5/system/status", state="ongoing")
    except BrokerError as error:
        if error.meaning is not ErrorMeaning.RATE_LIMITED and not error.unheard:
            raise
        return
    ours = "2" if config.demo else "1"
    under_way = [row for row in rows if isinstance(row, dict) and _stops(row, ours)]
    if under_way:
        raise failure(ErrorMeaning.BUSY, f"maintenance: {text(under_way[0], 'title')}", "maintenance")


def _stops(row: Mapping[str, Any], env: str) -> bool:
    return text(row, "serviceType") in _STOPS_TRADING and text(row, "env") in ("", env)


def key_warnings(config: OkxConfig, settings: parse.Settings) -> list[str]:
    """Refuse a key with too many or too few permissions; warn about what is unwise in an accepted one."""
    rights = settings.permissions
    if rights is None:
        raise failure(ErrorMeaning.PERMISSION, "no list of permissions", "unlisted")
    warnings = withdrawal(config, failure, may="withdraw" in rights)
    if "trade" not in rights:
        raise failure(ErrorMeaning.PERMISSION, "the key may not trade", "read_only")
    if "read_only" not in rights:
        raise failure(ErrorMeaning.PERMISSION, "the key may not read", "no_read")
    if settings.ips == "":
        warnings.append(
            "this key works from any IP address, and OKX deletes such keys after 14 days without use: "
            "bind it to this computer's address on OKX > API > Edit"
        )
    return warnings


def mode_warnings(config: OkxConfig, settings: parse.Settings) -> list[str]:
    """Refuse an account mode that cannot do what is configured; warn about what is unwise in it."""
    if settings.level not in ("1", "2", "3", "4"):
        raise failure(ErrorMeaning.UNSUPPORTED, f"account mode {settings.level or 'not set'}", "mode_unset")
    if config.swaps and settings.level == SPOT_MODE:
        raise failure(ErrorMeaning.UNSUPPORTED, "Spot mode", "mode")
    if config.swaps and settings.level == PORTFOLIO:
        raise failure(ErrorMeaning.UNSUPPORTED, "Portfolio margin mode", "portfolio")
    if settings.may_borrow and settings.level in MANY_COINS:
        return ["this account borrows automatically: switch off auto-borrow on OKX > Trade > Settings > Account mode"]
    return []


def money_warnings(account: OkxAccount, markets: Collection[Instrument]) -> list[str]:
    """Warn if there is nothing to trade with, and say where money is instead: in currencies that no pair uses, in Funding or Earn."""
    coins = [one for one in markets if one.base not in STABLECOINS and not one.exotic]
    quotes = sorted({currency for one in coins for currency in one.currencies})
    named = " or ".join(quotes) or "USDT"
    usual = [] if "USDT" in quotes else [REMEDIES["no_usdt_pairs"].format(quotes=named)]
    held = {asset: one.total for asset, one in account.balances().items() if asset in DOLLARS and one.total > 0}
    if sum((held.get(currency, ZERO) for currency in quotes), ZERO) >= _NOTHING:
        return usual
    useless = sorted(set(held) - set(quotes))
    if useless:
        usual.append(REMEDIES["unpayable"].format(held=" or ".join(useless), quotes=named))
    return [*usual, REMEDIES["no_usdt"].format(elsewhere=_elsewhere(account), quotes=named)]


def _elsewhere(account: OkxAccount) -> str:
    """Dollars in Funding or Simple Earn, as text for the owner; "" if there are none or OKX does not say, which must not stop us."""
    try:
        found = [
            f"{plain(amount)} {asset}" for asset, amount in account.unavailable_balances().items() if asset in DOLLARS
        ]
    except BrokerError:
        return ""
    return f" ({' and '.join(found)} in Funding or Simple Earn)" if found else ""
