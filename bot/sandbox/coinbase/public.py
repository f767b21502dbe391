"""Coinbase's market data, the same on public paths and on the authenticated ones."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

from bot.sandbox.coinbase.books import SharedBooks
from bot.sandbox.coinbase.candles import spoil
from bot.sandbox.coinbase.errors import CoinbaseError, invalid
from bot.sandbox.coinbase.products import NAMES, Listing, Product
from bot.sandbox.coinbase.words import Query, rfc3339
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import floor_to, plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.times import iso
from bot.sandbox.market import Bar, Book, Side, Trade

MINUTE_MS = 60_000
MINUTES = {
    "ONE_MINUTE": 1,
    "FIVE_MINUTE": 5,
    "FIFTEEN_MINUTE": 15,
    "THIRTY_MINUTE": 30,
    "ONE_HOUR": 60,
    "TWO_HOUR": 120,
    "FOUR_HOUR": 240,
    "SIX_HOUR": 360,
    "ONE_DAY": 1440,
}
QUIET_MINUTES = 5
TICKER_ROWS = 100
TICKER_LIMIT = 1000
BOOK_ROWS = 1000
TOO_MANY_CANDLES = "start and end argument is invalid - number of candles requested should be less than 350 "
FLAGS = ("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "auction_mode", "view_only")
EMPTY = (
    "market_cap",
    "base_cbrn",
    "quote_cbrn",
    "product_cbrn",
    "icon_color",
    "icon_url",
    "display_name_overwrite",
    "about_description",
    "best_bid_price",
    "best_ask_price",
)


class PublicEndpoints:
    """Answers requests for market data; `now_ms` is market time."""

    def __init__(self, market: SharedBooks, listing: Listing, switches: Switches, faults: Faults) -> None:
        self._market = market
        self._listing = listing
        self._switches = switches
        self._faults = faults

    def time(self, wall_ms: int) -> dict[str, str]:
        return {"iso": iso(wall_ms), "epochSeconds": str(wall_ms // 1000), "epochMillis": str(wall_ms)}

    # ---- products ----

    def products(self, query: Query, now_ms: int) -> dict[str, Any]:
        """Spot products; there are no futures."""
        wanted = query.many("product_ids")
        found = [p for p in self._listing.shown() if not wanted or p.id in wanted]
        if query.get("product_type", "SPOT") != "SPOT":
            found = []
        offset = int(query.get("offset", "0")) if query.get("offset", "0").isdecimal() else 0
        page = found[offset : offset + query.number("limit", max(1, len(found)))]
        count: int | str = len(found)
        answer: dict[str, Any] = {
            "products": [self._product(product, now_ms) for product in page],
            "num_products": str(count) if self._switches.on("num_products_text") else count,
        }
        if not self._switches.on("products_without_pagination"):
            answer["pagination"] = {"prev_cursor": "", "next_cursor": "", "has_next": False, "has_prev": False}
        return answer

    def product(self, name: str, now_ms: int) -> dict[str, Any]:
        return self._product(self._listing.find(name), now_ms)

    def _product(self, product: Product, now_ms: int) -> dict[str, Any]:
        day = self._market.stats24h(product.id, now_ms).last24h
        price = self._market.last(product.id, now_ms)
        flag = self._switches.word(f"product_flag.{product.id}")
        shown_quote = "USD" if product.is_alias else product.quote
        return {
            "product_id": product.id,
            "price": plain(price),
            "price_percentage_change_24h": plain((price / day.open - 1) * 100),
            "volume_24h": plain(day.volume),
            "volume_percentage_change_24h": "0",
            "base_increment": plain(product.lot),
            "quote_increment": plain(product.tick),
            "quote_min_size": plain(product.least_cost),
            "quote_max_size": "150000000",
            "base_min_size": plain(product.base_min),
            "base_max_size": plain(product.base_max),
            "base_name": NAMES[product.base],
            "quote_name": NAMES[product.quote],
            "watched": False,
            "new": product.new,
            "status": self._switches.word(f"product_status.{product.id}"),
            **{name: name == flag for name in FLAGS},
            "product_type": "SPOT",
            "quote_currency_id": product.quote,
            "base_currency_id": product.base,
            "fcm_trading_session_details": None,
            "mid_market_price": "",
            "alias": product.book if product.is_alias else "",
            "alias_to": self._listing.aliases_of(product),
            "base_display_symbol": product.base,
            "quote_display_symbol": shown_quote,
            "price_increment": plain(product.tick),
            "display_name": f"{product.base}-{shown_quote}",
            "product_venue": "CBE",
            "approximate_quote_24h_volume": f"{day.volume * day.vwap:.2f}",
            "new_at": iso(product.listed_ms) if product.new else "2023-01-01T00:00:00Z",
            **dict.fromkeys(EMPTY, ""),
            "high_24h": plain(day.high),
            "low_24h": plain(day.low),
            "is_alpha_testing": False,
        }

    # ---- books ----

    def product_book(self, query: Query, now_ms: int) -> dict[str, Any]:
        product = self._listing.find(query.get("product_id"))
        rows = query.number("limit", BOOK_ROWS, BOOK_ROWS)
        book = self._market.book(product.id, now_ms, rows)
        quote = self._market.quote(product.id, now_ms)
        mid, spread = (quote.ask + quote.bid) / 2, quote.ask - quote.bid
        return {
            "pricebook": _pricebook(product.id, book, now_ms),
            "last": plain(self._market.last(product.id, now_ms)),
            "mid_market": plain(mid),
            "spread_bps": plain(floor_to(spread / mid * 10_000, Decimal("1e-16"))),
            "spread_absolute": plain(spread),
        }

    def best_bid_ask(self, query: Query, now_ms: int) -> dict[str, Any]:
        names = query.many("product_ids") or [product.id for product in self._listing.shown()]
        products = [self._listing.find(name) for name in names]
        return {"pricebooks": [self._best(p, now_ms) for p in products if self._quote(p) != "left_out"]}

    def _quote(self, product: Product) -> str:
        return self._switches.word(f"quote.{product.id}")

    def _best(self, product: Product, now_ms: int) -> dict[str, Any]:
        book = self._market.book(product.id, now_ms, 1)
        return _pricebook(product.id, Book([], []) if self._quote(product) == "empty" else book, now_ms)

    # ---- trades ----

    def ticker(self, name: str, query: Query, now_ms: int) -> dict[str, Any]:
        product = self._listing.find(name)
        limit = query.number("limit", TICKER_ROWS)
        if limit > TICKER_LIMIT:
            raise CoinbaseError("INTERNAL", "internal error")
        start, end = query.seconds("start"), query.seconds("end")
        until = now_ms if end is None else min(end, now_ms)
        found = self._market.recent(product.id, until, min(limit, TICKER_ROWS))
        quote = self._market.quote(product.id, now_ms)
        return {
            "trades": [
                _trade(product.id, trade, taker=self._switches.on("ticker_side_is_taker"))
                for trade in reversed(found)
                if start is None or trade.time_ns >= start * 1_000_000
            ],
            "best_bid": plain(quote.bid),
            "best_ask": plain(quote.ask),
        }

    # ---- candles ----

    def candles(self, name: str, query: Query, now_ms: int, path: str) -> dict[str, Any]:
        """Candles, newest first, including the running one; buckets without trades are missing."""
        product = self._listing.find(name)
        if query.get("granularity") not in MINUTES:
            raise invalid("granularity argument is invalid")
        step = MINUTES[query.get("granularity")] * MINUTE_MS
        most = self._switches.number("candles_max")
        limit = query.number("limit", most)
        if limit > most:
            raise invalid("limit argument is invalid")
        first, last = self._span(query, step, limit, now_ms)
        known = min(last + step - 1, now_ms)
        bars = self._market.bars(product.id, step, max(first, product.listed_ms), known) if first <= known else []
        rows = [_candle(bar) for bar in bars if bar.trades and not self._is_quiet(product, bar, step, now_ms)]
        rows = rows[-limit:][::-1]
        fault = self._faults.take(FaultKind.BAD_CANDLE, "GET", path)
        return {"candles": rows if fault is None else spoil(rows, fault.body)}

    def _span(self, query: Query, step: int, limit: int, now_ms: int) -> tuple[int, int]:
        """Open times of the first and last requested bucket. Too many are an error; the range is not cut."""
        end = query.seconds("end")
        end = now_ms if end is None else end
        start = query.seconds("start")
        if start is None:
            start = end - limit * step
        if start > end or (end - start) // step > self._switches.number("candles_max"):
            raise invalid(TOO_MANY_CANDLES)
        first, last = -(-start // step) * step, end // step * step
        open_end = end % step == 0 and not self._switches.on("candles_end_inclusive")
        return first, last - step if open_end else last

    def _is_quiet(self, product: Product, bar: Bar, step: int, now_ms: int) -> bool:
        """Whether the bucket lies in a period that the switch keeps free of trades."""
        if step > QUIET_MINUTES * MINUTE_MS or bar.time_ms + step > now_ms:
            return False
        stretch = bar.time_ms // (QUIET_MINUTES * MINUTE_MS)
        chance = hashlib.blake2b(f"{product.book}/{stretch}".encode(), digest_size=2).digest()
        return int.from_bytes(chance) * 100 < self._switches.number("quiet_percent") * 2**16


def _pricebook(name: str, book: Book, now_ms: int) -> dict[str, Any]:
    sides = {"bids": book.bids, "asks": book.asks}
    rows = {
        side: [{"price": plain(level.price), "size": plain(level.qty)} for level in levels]
        for side, levels in sides.items()
    }
    return {"product_id": name, **rows, "time": rfc3339(now_ms)}


def _trade(name: str, trade: Trade, *, taker: bool) -> dict[str, str]:
    """A trade's row; `side` is the maker's, or the taker's if the switch says so."""
    bought = (trade.side is Side.BUY) == taker
    return {
        "trade_id": str(trade.trade_id),
        "product_id": name,
        "price": plain(trade.price),
        "size": plain(trade.qty),
        "time": rfc3339(trade.time_ns // 1_000_000),
        "side": "BUY" if bought else "SELL",
        "bid": "",
        "ask": "",
        "exchange": "coinbase",
    }


def _candle(bar: Bar) -> dict[str, str]:
    return {
        "start": str(bar.time_ms // 1000),
        "low": plain(bar.low),
        "high": plain(bar.high),
        "open": plain(bar.open),
        "close": plain(bar.close),
        "volume": plain(bar.volume),
    }
