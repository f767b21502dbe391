"""The variables an owner may set, as groups of plain values: name, type, bounds, default, and a description of valid values.

Field `x` of a group is the variable PREFIX + X. Nothing here reads a file or the environment (bot.settings.load
does); a group created directly, as in tests, has only its arguments. Secrets are SecretStr throughout.
A percentage of 5 means 5 %, money is in US dollars, seconds are seconds of the market's clock.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from bot.settings.symbols import pair, pair_or_base

# --- what a value must look like


def _under_home(path: Path, info: ValidationInfo) -> Path:
    """Make a path relative to the folder that the settings were loaded from, not to the current folder."""
    home = (info.context or {}).get("home")
    path = path.expanduser()
    return path if home is None else home / path


def _readable(path: Path) -> Path:
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError("no such readable file")
    return path


def _address(*schemes: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError("not such an address")
        return text.rstrip("/")

    return check


def _database(url: SecretStr) -> SecretStr:
    if not re.match(r"(sqlite|postgresql(\+psycopg)?)://.", url.get_secret_value()):
        raise ValueError("not such an address")
    return url


def _unbroken(key: SecretStr) -> SecretStr:
    if re.search(r"\s", key.get_secret_value()):
        raise ValueError("white space inside")
    return key


def _base64_key(key: SecretStr) -> SecretStr:
    b64decode(key.get_secret_value(), validate=True)
    return key


_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s*([A-Za-z0-9+/=\s]+)-----END \1-----")


def _coinbase_key(key: SecretStr) -> SecretStr:
    r"""Accept a PEM (with line breaks that are real, written as \n, escaped twice, replaced by spaces or missing), or an Ed25519
    key as base64 of 32 or 64 bytes (also with the URL alphabet, also without padding)."""
    text = re.sub(r"\\+r", "", key.get_secret_value())
    text = re.sub(r"\\+n", "\n", text).strip()
    if _PEM.fullmatch(text):
        return SecretStr(text + "\n")
    bare = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    if len(b64decode(bare + "=" * (-len(bare) % 4), validate=True)) not in (32, 64):
        raise ValueError("neither PEM nor Ed25519")
    return SecretStr(text)


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[,\s]+", value) if part)
    return value


def _addresses(value: object) -> object:
    """Split addresses at commas or white space before a new scheme; other commas are part of an address."""
    if isinstance(value, str):
        return tuple(part.strip(" ,\t\r\n") for part in re.split(r"[,\s]+(?=[A-Za-z][\w+.-]*://)", value.strip()))
    return value


def _service(url: SecretStr) -> SecretStr:
    """Refuse what does not look like an address at all; only Apprise knows which services exist."""
    if not re.fullmatch(r"[A-Za-z][\w+.-]*://\S+", url.get_secret_value()):
        raise ValueError("not such an address")
    return url


def _ping_url(url: SecretStr) -> SecretStr:
    """Check an address for pings; unlike an exchange's, it may contain a login and a query."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url.get_secret_value()):
        raise ValueError("not such an address")
    _ = parts.port  # raises ValueError for an invalid port
    return url


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


UpperCase = BeforeValidator(_upper)
LowerCase = BeforeValidator(_lower)

# --- the kinds of variables; a description completes the sentence "it must be ..."

ApiKey = Annotated[
    Annotated[SecretStr, AfterValidator(_unbroken)] | None,
    Field(description="the key as the exchange shows it, without spaces"),
]
KrakenSecret = Annotated[
    Annotated[SecretStr, AfterValidator(_base64_key)] | None,
    Field(description="the private key as Kraken shows it, in base64"),
]
CoinbaseSecret = Annotated[
    Annotated[SecretStr, AfterValidator(_coinbase_key)] | None,
    Field(
        description=r"the whole private key in double quotes, -----BEGIN to -----END with line breaks or \n, "
        "or an Ed25519 key in base64"
    ),
]
KrakenTier = Annotated[
    Literal["starter", "intermediate", "pro"], LowerCase, Field(description="starter, intermediate or pro")
]
Passphrase = Annotated[SecretStr | None, Field(description="the passphrase chosen when the key was created")]
HttpUrl = Annotated[
    str,
    AfterValidator(_address("http", "https")),
    Field(description="an address such as https://host or http://host:port"),
]
WsUrl = Annotated[
    str,
    AfterValidator(_address("ws", "wss")),
    Field(description="an address such as wss://host/path or ws://host:port/path"),
]
YesNo = Annotated[bool, Field(description="true or false")]
Percent = Annotated[Decimal, Field(gt=0, le=100, description="a percentage above 0, up to 100")]
Usd = Annotated[Decimal, Field(ge=0, le=10**9, description="an amount of US dollars, 0 or more")]


def _whole(low: int, high: int) -> Any:
    return Field(ge=low, le=high, description=f"a whole number, {low} to {high}")


def _between(low: str, high: str, unit: str) -> Any:
    return Field(ge=Decimal(low), le=Decimal(high), description=f"{unit}, {low} to {high}")


class Group(BaseModel):
    """Variables that belong together, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    prefix: ClassVar[str] = ""
    renamed: ClassVar[Mapping[str, str]] = {}
    credential_fields: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def variable(cls, field: str) -> str:
        return cls.renamed.get(field, cls.prefix + field.upper())

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Variable -> field, in the order of declaration."""
        return {cls.variable(field): field for field in cls.model_fields}


# --- the exchanges


class KrakenSettings(Group):
    """Kraken: API key and addresses."""

    prefix = "KRAKEN_"
    credential_fields = ("api_key", "api_secret")

    api_key: ApiKey = None
    api_secret: KrakenSecret = None
    tier: KrakenTier = "starter"
    api_url: HttpUrl = "https://api.kraken.com"
    ws_url: WsUrl = "wss://ws.kraken.com/v2"
    ws_auth_url: WsUrl = "wss://ws-auth.kraken.com/v2"


def _okx_socket(channel: str) -> Callable[[dict[str, Any]], str]:
    """Demo trading uses the same REST host, but other WebSocket hosts (OKX API guide, "Demo Trading Services")."""

    def url(given: dict[str, Any]) -> str:
        host = "wspap.okx.com" if given.get("use_testnet") else "ws.okx.com"
        return f"wss://{host}/ws/v5/{channel}"

    return url


class OkxSettings(Group):
    """OKX: API key, demo or real account, and addresses (they differ by region)."""

    prefix = "OKX_"
    credential_fields = ("api_key", "api_secret", "passphrase")

    api_key: ApiKey = None
    api_secret: ApiKey = None
    passphrase: Passphrase = None
    use_testnet: YesNo = False
    trade_swaps: YesNo = False
    trade_non_crypto: YesNo = False
    api_url: HttpUrl = "https://www.okx.com"
    ws_public_url: WsUrl = Field(default_factory=_okx_socket("public"))
    ws_private_url: WsUrl = Field(default_factory=_okx_socket("private"))
    ws_business_url: WsUrl = Field(default_factory=_okx_socket("business"))


class CoinbaseSettings(Group):
    """Coinbase Advanced Trade: API key and addresses."""

    prefix = "COINBASE_"
    credential_fields = ("api_key", "api_secret")

    api_key: ApiKey = None
    api_secret: CoinbaseSecret = None
    api_url: HttpUrl = "https://api.coinbase.com"
    ws_url: WsUrl = "wss://advanced-trade-ws.coinbase.com"
    ws_user_url: WsUrl = "wss://advanced-trade-ws-user.coinbase.com"


# --- trading

TradingMode = Annotated[
    Literal["auto", "live", "sandbox", "paper"], LowerCase, Field(description="auto, live or sandbox")
]
Timeframe = Annotated[
    Literal["5m", "15m", "30m", "1h", "4h", "1d"],
    Field(
        description="5m, 15m, 30m, 1h, 4h or 1d "
        "(VWAP starts at 00:00 UTC: a day of shorter candles does not fit the 720 that Kraken gives)"
    ),
]
#: The possible lengths of a candle.
TIMEFRAMES: tuple[str, ...] = get_args(get_args(Timeframe)[0])
Pairs = Annotated[
    tuple[Annotated[str, AfterValidator(pair)], ...],
    BeforeValidator(_listed),
    Field(description="pairs as BASE-QUOTE separated by commas, such as BTC-USD,ETH-USD"),
]
PairsOrCoins = Annotated[
    tuple[Annotated[str, AfterValidator(pair_or_base)], ...],
    BeforeValidator(_listed),
    Field(description="pairs or base coins separated by commas, such as DOGE-USD,SHIB"),
]
StrategyPath = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z_][\w.]*|.+\.py):[A-Za-z_]\w*$",
        description="module:Class or file.py:Class, such as bot.strategy.apex:ApexStrategy",
    ),
]


class TradingSettings(Group):
    """What is traded, and how often the daemon checks."""

    trading_mode: TradingMode = "auto"
    multi_broker_independent: YesNo = True
    timeframe: Timeframe = "5m"
    cycle_seconds: Annotated[Decimal, _between("1", "86400", "seconds")] = Decimal(150)
    position_seconds: Annotated[Decimal, _between("1", "3600", "seconds")] = Decimal(15)
    min_balance_usd: Usd = Decimal(2)
    recommended_balance_usd: Usd = Decimal(25)
    pairs_allow: Pairs = ()
    pairs_deny: PairsOrCoins = ()
    max_pairs: Annotated[int, _whole(1, 1000)] = 10
    strategy: StrategyPath = "bot.strategy.apex:ApexStrategy"


class RuleSettings(Group):
    """Parameters of the trading rule that the owner may change."""

    candle_exclusion_seconds: Annotated[Decimal, _between("0", "300", "seconds")] = Decimal(6)
    news_calendar: Annotated[
        Annotated[Path, AfterValidator(_under_home), AfterValidator(_readable)] | None,
        Field(description="a readable CSV or ICS file"),
    ] = None
    min_position_pct: Percent = Decimal(2)
    max_position_pct: Percent = Decimal(10)
    max_position_pct_small: Percent = Decimal(50)
    min_reward_to_cost: Annotated[Decimal, _between("0", "100", "a number")] = Decimal("1.0")


class TrendSettings(Group):
    """Parameters of the rule Trend C3 that the owner may change; their defaults are the rule's own."""

    prefix = "TREND_"
    risk_pct: Percent = Decimal(10)
    slots: Annotated[int, _whole(1, 100)] = 10
    min_stop_to_cost: Annotated[Decimal, _between("0", "100", "a number")] = Decimal("3.0")


class LimitSettings(Group):
    """Limits that are never exceeded, whatever the strategy says."""

    max_open_positions: Annotated[int, _whole(0, 1000)] = 5
    max_exposure_pct: Percent = Decimal(50)
    max_coin_exposure_pct: Percent = Decimal(50)
    max_order_usd: Annotated[
        Annotated[Decimal, Field(gt=0, le=10**9)] | None, Field(description="an amount of US dollars above 0")
    ] = None
    max_daily_loss_pct: Percent = Decimal(5)
    max_drawdown_pct: Percent = Decimal(20)
    max_orders_per_minute: Annotated[int, _whole(1, 10_000)] = 30
    max_losses_in_a_row: Annotated[int, _whole(1, 100)] = 3
    loss_cooldown_minutes: Annotated[Decimal, _between("0", "10080", "minutes")] = Decimal(60)
    max_price_jump_pct: Percent = Decimal(3)
    max_spread_pct: Percent = Decimal(1)
    require_evidence: YesNo = False
    allow_withdraw_keys: YesNo = False


# --- operation


class OperationSettings(Group):
    """Where the daemon keeps its files, what it reports, and to whom."""

    renamed: ClassVar[Mapping[str, str]] = {"data_dir": "NIJA_DATA_DIR", "ca_file": "NIJA_CA_FILE"}

    data_dir: Annotated[Path, AfterValidator(_under_home), Field(description="a folder")] = Path("data")
    ca_file: Annotated[
        Annotated[Path, AfterValidator(_under_home), AfterValidator(_readable)] | None,
        Field(description="a readable PEM file of certificates"),
    ] = None
    log_file: Annotated[Path, AfterValidator(_under_home), Field(description="a file")] = Path("nija.log")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        UpperCase,
        Field(description="DEBUG, INFO, WARNING or ERROR"),
    ] = "INFO"
    log_format: Annotated[Literal["text", "json"], LowerCase, Field(description="text or json")] = "text"
    status_minutes: Annotated[Decimal, Field(gt=0, le=1440, description="a number of minutes above 0, up to 1440")] = (
        Decimal(25)
    )
    database_url: Annotated[
        Annotated[SecretStr, AfterValidator(_database)] | None,
        Field(description="sqlite:///file or postgresql://user:password@host/name"),
    ] = None
    backup_hours: Annotated[Decimal, _between("0", "8760", "hours, 0 for never")] = Decimal(24)
    backup_keep: Annotated[int, _whole(1, 1000)] = 7
    notify_urls: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_service)], ...],
        BeforeValidator(_addresses),
        Field(description="Apprise addresses separated by commas, such as ntfys://ntfy.sh/topic"),
    ] = ()
    heartbeat_url: Annotated[
        Annotated[SecretStr, AfterValidator(_ping_url)] | None,
        Field(description="an address for pings, such as https://hc-ping.com/the-check's-uuid"),
    ] = None


class SandboxSettings(Group):
    """The local exchanges that play money is traded on."""

    prefix = "SANDBOX_"

    ready_file: Annotated[
        Annotated[Path, AfterValidator(_under_home)] | None,
        Field(description="the ready file of a running sandbox"),
    ] = None
    seed: Annotated[int, _whole(0, 2**31 - 1)] = 7
    speed: Annotated[Decimal, _between("0.1", "600", "market seconds per real second")] = Decimal(60)
    pairs: Annotated[int, _whole(1, 1000)] = 8
    fee_tier: Annotated[
        Annotated[int, Field(ge=0, le=9)] | None, Field(description="a whole number, 0 (new account) to 9")
    ] = None
