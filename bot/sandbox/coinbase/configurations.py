"""The order configuration of a request: one key with its fields."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.sandbox.coinbase.errors import OrderRefused, invalid
from bot.sandbox.coinbase.render import SHAPES
from bot.sandbox.coinbase.words import decimal_of

MARKET = "market_market_ioc"
KNOWN_ELSEWHERE = frozenset({"market_market_fok", "twap_limit_gtd", "scaled_limit_gtc"})


@dataclass(frozen=True)
class Asked:
    """One order configuration: key and fields."""

    key: str
    fields: dict[str, Any]

    @property
    def kind(self) -> str:
        """MARKET, LIMIT, STOP_LIMIT or BRACKET."""
        return SHAPES[self.key][0]

    def number(self, name: str) -> Decimal:
        return decimal_of(self.fields.get(name), name)

    def has(self, name: str) -> bool:
        return self.fields.get(name) not in {None, ""}

    @property
    def echo(self) -> dict[str, Any]:
        """The configuration as the venue returns it."""
        return echoed({self.key: self.fields})


def echoed(configuration: dict[str, Any]) -> dict[str, Any]:
    """A configuration as the venue returns it; market orders come back with more fields than were sent."""
    if MARKET not in configuration:
        return configuration
    return {MARKET: {**configuration[MARKET], "rfq_enabled": False, "rfq_disabled": False, "reduce_only": False}}


def read_configuration(configuration: object) -> Asked:
    """The single key of a configuration, which must be one for spot."""
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise invalid("order_configuration must have exactly one key")
    key, fields = next(iter(configuration.items()))
    if key in KNOWN_ELSEWHERE:
        raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION")
    if key not in SHAPES or not isinstance(fields, dict):
        raise invalid(f"unknown order_configuration {key}")
    return Asked(key, fields)
