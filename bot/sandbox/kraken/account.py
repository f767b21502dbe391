"""Kraken's private reads: balances, orders, trades, ledger, volumes, the key itself. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Fill, Movement, Order, sure
from bot.sandbox.core.views import View
from bot.sandbox.kraken import errors, render
from bot.sandbox.kraken.auth import rights
from bot.sandbox.kraken.earn import AutoEarn, in_vault
from bot.sandbox.kraken.errors import KrakenError, invalid
from bot.sandbox.kraken.pairs import Listing, asset_of
from bot.sandbox.kraken.public import newer_names
from bot.sandbox.kraken.words import Words

PAGE = 50
MAX_ORDERS_ASKED = 50
MAX_TRADES_ASKED = 20
T = TypeVar("T")


class AccountEndpoints:
    """Answers an account's requests about itself."""

    def __init__(
        self, exchange: Exchange, listing: Listing, switches: Switches, faults: Faults, earn: AutoEarn
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches
        self._faults = faults
        self._earn = earn

    # ---- money ----

    def balance(self, who: Credential, words: Words) -> dict[str, str]:
        money = self._balances(who, "Balance").items()
        return {self._asset(name, words): _amount(name, total) for name, (total, _) in money}

    def balance_ex(self, who: Credential, words: Words) -> dict[str, Any]:
        number = float if self._switches.on("balance_ex_numbers") else str
        return {
            self._asset(name, words): {
                "balance": number(_amount(name, total)),
                "hold_trade": number(_amount(name, held)),
            }
            for name, (total, held) in self._balances(who, "BalanceEx").items()
        }

    def trade_balance(self, who: Credential, _: Words) -> dict[str, str]:
        """The value of everything at its last price in USD; a spot account has no positions."""
        equity = sum((self._worth(name, total) for name, (total, _) in self._balances(who, "").items()), ZERO)
        worth, none = f"{equity:.4f}", "0.0000"
        zero = dict.fromkeys(("m", "uv", "n", "c", "v"), none)
        return {"eb": worth, "tb": worth, **zero, "e": worth, "mf": worth}

    def trade_volume(self, who: Credential, words: Words) -> dict[str, Any]:
        volume = self._exchange.volume(who.account)
        answer: dict[str, Any] = {"currency": "ZUSD", "volume": f"{volume:.4f}"}
        if words.get("pair"):
            pairs = self._listing.some(words["pair"])
            answer["fees"] = {pair.id: self._fee(volume, "taker") for pair in pairs}
            answer["fees_maker"] = {pair.id: self._fee(volume, "maker") for pair in pairs}
        return answer

    def allocations(self, who: Credential, _: Words) -> dict[str, Any]:
        return self._earn.allocations(who.account, self._worth)

    # ---- orders ----

    def open_orders(self, who: Credential, words: Words) -> dict[str, Any]:
        orders = _matching(View(self._exchange, who.account).open_orders(), words)
        return {"open": self._records(reversed(orders), words)}

    def closed_orders(self, who: Credential, words: Words) -> dict[str, Any]:
        view = View(self._exchange, who.account)
        ended = [order for order in _matching(view.orders(), words) if not order.working]
        which = words.get("closetime", "both") or "both"
        if which not in {"open", "close", "both"}:
            raise invalid("closetime")
        start, end = self._seen(self._range(words, lambda txid: _opened(view, txid)))
        chosen = [o for o in ended if any(_within(t, start, end) for t in _times(o, which))]
        chosen.sort(key=lambda order: (order.closed_ms or 0, order.sequence), reverse=True)
        return self._counted({"closed": self._records(_page(chosen, words), words)}, len(chosen), words)

    def query_orders(self, who: Credential, words: Words) -> dict[str, Any]:
        asked = words.need("txid").split(",")
        if len(asked) > MAX_ORDERS_ASKED:
            raise invalid("txid")
        view = View(self._exchange, who.account)
        found = [order for order in (view.order(txid.strip()) for txid in asked) if order is not None]
        if "userref" in words:
            found = _matching(found, words)
        if len(found) < len(asked) and self._switches.on("query_unknown_is_error"):
            raise KrakenError(errors.INVALID_ORDER)
        return self._records(found, words)

    # ---- trades and ledger ----

    def trades_history(self, who: Credential, words: Words) -> dict[str, Any]:
        view = View(self._exchange, who.account)
        start, end = self._seen(self._range(words, lambda txid: _filled(view, txid)))
        chosen = [fill for fill in view.fills(int(start)) if _within(fill.time_ms, start, end)]
        groups = (
            _grouped(chosen) if words.get("consolidate_taker", "true").lower() != "false" else [[f] for f in chosen]
        )
        groups.reverse()
        if words.get("type", "all") not in {"", "all", "no position"}:
            groups = []
        rows = {group[0].id: self._trade(group, words, view) for group in _page(groups, words)}
        return self._counted({"trades": rows}, len(groups), words)

    def query_trades(self, who: Credential, words: Words) -> dict[str, Any]:
        asked = words.need("txid").split(",")
        if len(asked) > MAX_TRADES_ASKED:
            raise invalid("txid")
        view = View(self._exchange, who.account)
        found = [fill for fill in (view.fill(txid.strip()) for txid in asked) if fill is not None]
        if len(found) < len(asked):
            raise KrakenError(errors.INVALID_ORDER)
        return {fill.id: self._trade([fill], words, view) for fill in found}

    def ledgers(self, who: Credential, words: Words) -> dict[str, Any]:
        view = View(self._exchange, who.account)
        start, end = self._seen(self._range(words, lambda txid: _moved(view, txid)))
        wanted = {name.strip() for name in words.get("asset", "all").split(",")} - {"", "all"}
        kind = words.get("type", "all") or "all"
        chosen = [
            m
            for m in view.movements()
            if _within(m.time_ms, start, end)
            and kind in {"all", m.kind}
            and _is_asset(m, wanted)
            and not in_vault(m.asset)
        ]
        chosen.reverse()
        rows = {movement.id: render.ledger_record(movement) for movement in _page(chosen, words)}
        return self._counted({"ledger": rows}, len(chosen), words)

    def query_ledgers(self, who: Credential, words: Words) -> dict[str, Any]:
        asked = {txid.strip() for txid in words.need("id").split(",")}
        rows = View(self._exchange, who.account).movements()
        return {movement.id: render.ledger_record(movement) for movement in rows if movement.id in asked}

    def open_positions(self, _: Credential, words: Words) -> Any:
        """Open positions. A spot account has none; `consolidation=market` turns the map into a list."""
        return [] if words.get("consolidation") == "market" else {}

    # ---- the key ----

    def key_info(self, who: Credential, _: Words) -> dict[str, Any]:
        """The key's information; both spellings exist, see the switch."""
        created = str(who.created_ms // 1000)
        info: dict[str, Any] = {
            "apiKeyName": "sandbox",
            "apiKey": who.key,
            "nonce": str(who.nonce),
            "nonceWindow": self._switches.number("nonce_window"),
            "permissions": rights(who),
            "iban": "AA00 N84G SAND BOXX",
            "validUntil": "0",
            "queryFrom": str(self._switches.number("key_query_from")),
            "queryTo": str(self._switches.number("key_query_to")),
            "createdTime": created,
            "modifiedTime": created,
            "ipAllowlist": ["127.0.0.1"] if who.ip_bound else [],
            "lastUsed": str(who.used_ms // 1000),
        }
        if not self._switches.on("key_info_snake_case"):
            return info
        snake = {_snake(name): value for name, value in info.items()}
        return {**snake, "nonce_window": str(snake["nonce_window"])}

    def withdraw_methods(self, _: Credential, __: Words) -> list[Any]:
        return []

    def withdraw_info(self, _: Credential, __: Words) -> Any:
        raise KrakenError(errors.UNKNOWN_WITHDRAW_KEY)

    # ---- parts ----

    def _balances(self, who: Credential, method: str) -> dict[str, tuple[Decimal, Decimal]]:
        fault = self._faults.take(FaultKind.STALE_BALANCE, "POST", f"/0/private/{method}") if method else None
        stale = 0.0 if fault is None else fault.seconds if fault.seconds is not None else 10.0
        money = View(self._exchange, who.account, stale).balances()
        return {name: amounts for name, amounts in money.items() if not in_vault(name)}

    def _asset(self, name: str, words: Words) -> str:
        return asset_of(name).name if newer_names(self._switches, words) else asset_of(name).id

    def _worth(self, name: str, total: Decimal) -> Decimal:
        coin = name.partition(".")[0]
        if coin in {"USD", "USDT", "USDC"}:
            return total
        symbol = f"{coin}-USD"
        if symbol not in self._exchange.instruments:
            return ZERO
        return total * self._exchange.market.last(symbol, self._exchange.now)

    def _fee(self, volume: Decimal, side: str) -> dict[str, Any]:
        tiers = self._exchange.habits.fees.tiers
        tier, later = self._exchange.habits.fees.tier(volume), self._exchange.habits.fees.next_tier(volume)
        return {
            "fee": _percent(getattr(tier, side)),
            "minfee": _percent(getattr(tiers[-1], side)),
            "maxfee": _percent(getattr(tiers[0], side)),
            "nextfee": None if later is None else _percent(getattr(later, side)),
            "nextvolume": None if later is None else f"{later.volume:.4f}",
            "tiervolume": f"{tier.volume:.4f}",
        }

    def _records(self, orders: Iterable[Order], words: Words) -> dict[str, Any]:
        trades = words.flag("trades")
        pairs = self._listing.by_symbol
        orders = list(orders)
        records = {o.id: render.order_record(pairs[o.symbol], o, with_trades=trades) for o in orders}
        if self._switches.on("untidy_order_records"):
            for record in records.values():
                render.untidy(record)
        for order in orders:
            if self._is_odd(order):
                render.odd(records[order.id], order.sequence)
        return records

    def _is_odd(self, order: Order | None) -> bool:
        """Whether an order's rows are odd: one made by hand, so without a client id and without a parent."""
        by_hand = order is not None and order.client_id is None and order.parent_id is None
        return by_hand and self._switches.on("odd_foreign_rows")

    def _trade(self, group: list[Fill], words: Words, view: View) -> dict[str, Any]:
        record = render.trade_record(self._listing.by_symbol[group[0].symbol], group)
        if self._is_odd(view.order(group[0].order_id)):
            render.odd(record, group[0].sequence)
        if words.flag("ledgers"):
            refs = {fill.id for fill in group}
            record["ledgers"] = [movement.id for movement in view.movements() if movement.ref in refs]
        return record

    def _counted(self, answer: dict[str, Any], count: int, words: Words) -> dict[str, Any]:
        if words.flag("without_count") or self._switches.on("count_absent"):
            return answer
        return {**answer, "count": count + PAGE if self._switches.on("count_overstated") else count}

    def _range(self, words: Words, time_of: Callable[[str], int | None]) -> tuple[Decimal, Decimal]:
        """`start` (exclusive) and `end` (inclusive) in milliseconds; either may also be given as an id."""
        return _bound(words, "start", time_of, Decimal(-1)), _bound(words, "end", time_of, Decimal("Infinity"))

    def _seen(self, asked: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
        """The part of a period that the key may query."""
        start, end = (self._switches.number(name) * 1000 for name in ("key_query_from", "key_query_to"))
        return max(asked[0], Decimal(start - 1)), min(asked[1], Decimal(end or "Infinity"))


def _bound(words: Words, name: str, time_of: Callable[[str], int | None], default: Decimal) -> Decimal:
    text = words.get(name, "")
    if not text:
        return default
    if text[0] in "OTL":
        moment = time_of(text)
        if moment is None:
            raise invalid(name)
        return Decimal(moment)
    return sure(words.number(name)) * 1000


def _opened(view: View, txid: str) -> int | None:
    order = view.order(txid)
    return None if order is None else order.created_ms


def _filled(view: View, txid: str) -> int | None:
    fill = view.fill(txid)
    return None if fill is None else fill.time_ms


def _moved(view: View, txid: str) -> int | None:
    return next((movement.time_ms for movement in view.movements() if movement.id == txid), None)


def _within(time_ms: int, start: Decimal, end: Decimal) -> bool:
    return start < time_ms <= end


def _times(order: Order, which: str) -> list[int]:
    closed_ms = sure(order.closed_ms)
    return {"open": [order.created_ms], "close": [closed_ms], "both": [order.created_ms, closed_ms]}[which]


def _matching(orders: list[Order], words: Words) -> list[Order]:
    """Orders with the requested userref and client id."""
    if words.get("userref"):
        userref = str(words.integer("userref", 0))
        orders = [order for order in orders if order.tags.get("userref", "0") == userref]
    if words.get("cl_ord_id"):
        orders = [order for order in orders if order.client_id == words["cl_ord_id"]]
    return orders


def _grouped(fills: list[Fill]) -> list[list[Fill]]:
    """Groups the taker fills of one order at one instant; all other fills stay single. Keeps the order."""
    groups: dict[tuple[str, int, int], list[Fill]] = {}
    for fill in fills:
        alone = fill.sequence if fill.maker else 0
        groups.setdefault((fill.order_id, fill.time_ms, alone), []).append(fill)
    return list(groups.values())


def _page(rows: list[T], words: Words) -> list[T]:
    offset = words.integer("ofs", 0)
    if offset < 0:
        raise invalid("ofs")
    return rows[offset : offset + PAGE]


def _is_asset(movement: Movement, wanted: set[str]) -> bool:
    asset = asset_of(movement.asset)
    return not wanted or bool({asset.id, asset.altname} & wanted)


def _amount(name: str, value: Decimal) -> str:
    return f"{value:.{asset_of(name).decimals}f}"


def _percent(fraction: Decimal) -> str:
    return f"{fraction * 100:.4f}"


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
