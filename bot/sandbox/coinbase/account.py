"""Coinbase's wallets, key permissions, fee tier and portfolio. Read-only."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import Any

from bot.sandbox.coinbase.errors import invalid, not_found
from bot.sandbox.coinbase.ids import wallet_id
from bot.sandbox.coinbase.portfolios import Portfolios
from bot.sandbox.coinbase.products import FIAT, Listing
from bot.sandbox.coinbase.words import Query, rfc3339
from bot.sandbox.core.accounts import Balances
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO
from bot.sandbox.core.views import View

ACCOUNTS_PAGE = 250
ACCOUNTS = "/api/v3/brokerage/accounts"
OPENED = "2021-05-31T09:59:59Z"
STALE_SECONDS = 10.0


class AccountEndpoints:
    """Answers an account's requests about itself."""

    def __init__(
        self, exchange: Exchange, listing: Listing, switches: Switches, faults: Faults, portfolios: Portfolios
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches
        self._faults = faults
        self._portfolios = portfolios

    # ---- wallets ----

    def accounts(self, who: Credential, query: Query) -> dict[str, Any]:
        """One wallet per currency, empty ones included."""
        self._portfolios.check(who.account, query.get("retail_portfolio_id"))
        balances = self.balances(who)
        names = self._currencies(balances)
        limit = query.number("limit", self._switches.number("accounts_default_limit"), ACCOUNTS_PAGE)
        start = _start(query.get("cursor"), names)
        page = names[start : start + limit]
        more = start + limit < len(names)
        return {
            "accounts": [self._wallet(who, name, balances) for name in page],
            "has_next": more,
            "cursor": base64.b64encode(f"after+{page[-1]}".encode()).decode() if more else "",
            "size": len(page),
        }

    def account(self, who: Credential, uuid: str) -> dict[str, Any]:
        balances = self.balances(who)
        portfolio = self._portfolios.uuid(who.account)
        for name in self._currencies(balances):
            if wallet_id(portfolio, name) == uuid:
                return {"account": self._wallet(who, name, balances)}
        raise not_found("account not found")

    def balances(self, who: Credential) -> Balances:
        """(total, held) by currency; out of date where a fault says so."""
        fault = self._faults.take(FaultKind.STALE_BALANCE, "GET", ACCOUNTS)
        stale = 0.0 if fault is None else fault.seconds if fault.seconds is not None else STALE_SECONDS
        return View(self._exchange, who.account, stale).balances()

    def _currencies(self, balances: Balances) -> list[str]:
        listed = self._listing.currencies()
        return [*listed, *(name for name in balances if name not in listed)]

    def _wallet(self, who: Credential, name: str, balances: Balances) -> dict[str, Any]:
        total, held = balances.get(name, (ZERO, ZERO))
        kind = "FIAT" if name in FIAT else "CRYPTO"
        return {
            "uuid": wallet_id(self._portfolios.uuid(who.account), name),
            "name": f"{name} Wallet",
            "currency": name,
            "available_balance": {"value": plain(total - held), "currency": name},
            "default": True,
            "active": True,
            "created_at": OPENED,
            "updated_at": rfc3339(self._exchange.now),
            "deleted_at": None,
            "type": kind if self._switches.on("account_types_unprefixed") else f"ACCOUNT_TYPE_{kind}",
            "ready": True,
            "hold": {"value": plain(held), "currency": name},
            "retail_portfolio_id": self._portfolios.uuid(who.account),
            "platform": "ACCOUNT_PLATFORM_CONSUMER",
        }

    # ---- the key, its portfolio, its fees ----

    def key_permissions(self, who: Credential, _: Query) -> dict[str, Any]:
        return {
            "can_view": "view" in who.permissions,
            "can_trade": "trade" in who.permissions,
            "can_transfer": "withdraw" in who.permissions,
            "portfolio_uuid": self._portfolios.uuid(who.account),
            "portfolio_type": "DEFAULT",
        }

    def portfolios(self, who: Credential, _: Query) -> dict[str, Any]:
        return self._portfolios.rows(who.account)

    def breakdown(self, who: Credential, uuid: str) -> dict[str, Any]:
        """The value of everything at its last price in USD."""
        portfolio = self._portfolios.find(who.account, uuid)
        balances = View(self._exchange, who.account).balances()
        worth = {name: self._worth(name, total) for name, (total, _) in balances.items()}
        cash = sum((worth[name] for name in worth if name in FIAT), ZERO)
        total = sum(worth.values(), ZERO)
        return {
            "breakdown": {
                "portfolio": portfolio,
                "portfolio_balances": {
                    "total_balance": _usd(total),
                    "total_futures_balance": _usd(ZERO),
                    "total_cash_equivalent_balance": _usd(cash),
                    "total_crypto_balance": _usd(total - cash),
                },
                "spot_positions": [self._position(who, name, balances, worth[name]) for name in balances],
                "perp_positions": [],
                "futures_positions": [],
            }
        }

    def transaction_summary(self, who: Credential, query: Query) -> dict[str, Any]:
        """Volumes and fees are JSON numbers here, rates are strings."""
        del query
        volume = self._exchange.volume(who.account)
        tiers = self._exchange.habits.fees.tiers
        tier, later = self._exchange.tier(who.account), self._exchange.habits.fees.next_tier(volume)
        paid = sum((f.fee_quote for f in self._exchange.state.fills.values() if f.account == who.account), ZERO)
        return {
            "total_volume": float(volume),
            "total_fees": float(paid),
            "fee_tier": {
                "pricing_tier": f"Advanced {tiers.index(tier) + 1}",
                "usd_from": plain(tier.volume),
                "usd_to": "" if later is None else plain(later.volume),
                "taker_fee_rate": plain(tier.taker),
                "maker_fee_rate": plain(tier.maker),
                "aop_from": "",
                "aop_to": "",
            },
            "margin_rate": None,
            "goods_and_services_tax": None,
            "advanced_trade_only_volume": float(volume),
            "advanced_trade_only_fees": float(paid),
            "coinbase_pro_volume": 0,
            "coinbase_pro_fees": 0,
            "total_balance": "",
            "has_promo_fee": False,
        }

    def _position(self, who: Credential, name: str, balances: Balances, worth: Decimal) -> dict[str, Any]:
        total, held = balances[name]
        return {
            "asset": name,
            "account_uuid": wallet_id(self._portfolios.uuid(who.account), name),
            "total_balance_fiat": float(worth),
            "total_balance_crypto": float(total),
            "available_to_trade_fiat": float(self._worth(name, total - held)),
            "allocation": 0,
            "is_cash": name in FIAT,
        }

    def _worth(self, name: str, amount: Decimal) -> Decimal:
        if name in FIAT or name == "USDC":
            return amount
        product = f"{name}-USD"
        if product not in self._listing.by_id:
            return ZERO
        return amount * self._exchange.market.last(product, self._exchange.now)


def _usd(amount: Decimal) -> dict[str, str]:
    return {"value": f"{amount:.2f}", "currency": "USD"}


def _start(cursor: str, names: list[str]) -> int:
    """The index of the first wallet after the cursor."""
    if not cursor:
        return 0
    try:
        last = base64.b64decode(cursor, validate=True).decode().removeprefix("after+")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid("invalid cursor") from error
    return names.index(last) + 1 if last in names else len(names)
