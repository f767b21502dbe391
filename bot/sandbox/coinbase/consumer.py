"""The calls of Coinbase's older v2 API that general clients make before trading: currencies, rates, time."""

from __future__ import annotations

from typing import Any

from bot.sandbox.coinbase.account import AccountEndpoints
from bot.sandbox.coinbase.ids import trade_id
from bot.sandbox.coinbase.products import FIAT, NAMES, Listing
from bot.sandbox.coinbase.words import Query
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.times import iso
from bot.sandbox.core.values import ZERO


class ConsumerEndpoints:
    """Wraps every answer in `{"data": …}`."""

    def __init__(self, exchange: Exchange, listing: Listing, account: AccountEndpoints) -> None:
        self._exchange = exchange
        self._listing = listing
        self._account = account

    def time(self, wall_ms: int) -> dict[str, Any]:
        return {"data": {"iso": iso(wall_ms), "epoch": wall_ms // 1000}}

    def currencies(self) -> dict[str, Any]:
        money = [name for name in self._listing.currencies() if name in FIAT]
        return {"data": [{"id": name, "name": NAMES[name], "min_size": "0.01"} for name in money]}

    def crypto(self) -> dict[str, Any]:
        coins = [name for name in self._listing.currencies() if name not in FIAT]
        return {
            "data": [
                {
                    "code": name,
                    "name": NAMES[name],
                    "color": "#000000",
                    "sort_index": number,
                    "exponent": 8,
                    "type": "crypto",
                    "asset_id": trade_id(name),
                }
                for number, name in enumerate(coins)
            ]
        }

    def rates(self) -> dict[str, Any]:
        now = self._exchange.now
        rates = {"USD": "1.0", "USDC": "1.0"}
        for product in self._listing.by_id.values():
            if product.quote == "USD":
                price = self._exchange.market.last(product.id, now)
                rates[product.base] = f"{1 / price:.16f}"
        return {"data": {"currency": "USD", "rates": rates}}

    def accounts(self, who: Credential, query: Query) -> dict[str, Any]:
        """All wallets on one page."""
        del query
        rows = self._account.accounts(who, Query("limit=250"))["accounts"]
        none = dict.fromkeys(("ending_before", "starting_after", "previous_ending_before", "next_starting_after"))
        pagination = {**none, "limit": 250, "order": "desc", "previous_uri": None, "next_uri": None}
        return {"pagination": pagination, "data": [self._wallet(row, who) for row in rows]}

    def _wallet(self, row: dict[str, Any], who: Credential) -> dict[str, Any]:
        name = row["currency"]
        total, _ = self._account.balances(who).get(name, (ZERO, ZERO))
        return {
            "id": row["uuid"],
            "name": row["name"],
            "primary": False,
            "type": "fiat" if name in FIAT else "wallet",
            "currency": {"code": name, "name": NAMES.get(name, name), "type": "fiat" if name in FIAT else "crypto"},
            "balance": {"amount": plain(total), "currency": name},
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
            "resource": "account",
            "resource_path": f"/v2/accounts/{row['uuid']}",
        }
