"""Kraken's public endpoints: assets, pairs and market data. Prices in books and tickers keep five decimals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO
from bot.sandbox.kraken import errors
from bot.sandbox.kraken.candles import spoil
from bot.sandbox.kraken.errors import KrakenError, invalid
from bot.sandbox.kraken.pairs import Asset, Listing, Pair
from bot.sandbox.kraken.residence import open_to
from bot.sandbox.kraken.words import Words
from bot.sandbox.market import Market, Side, Stats

INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
COMMITTED_ROWS = 720
SPREAD_ROWS = 100
NANOSECONDS_FROM = 10**14
VENUE = "international"


class PublicEndpoints:
    """Answers public methods; `now_ms` is the settled market time, `wall_ms` the server's clock, possibly skewed."""

    def __init__(self, market: Market, listing: Listing, switches: Switches, faults: Faults) -> None:
        self._market = market
        self._listing = listing
        self._switches = switches
        self._faults = faults

    def time(self, wall_ms: int) -> dict[str, Any]:
        moment = datetime.fromtimestamp(wall_ms // 1000, UTC)
        return {"unixtime": wall_ms // 1000, "rfc1123": moment.strftime("%a, %d %b %y %H:%M:%S +0000")}

    def system_status(self, wall_ms: int, status: str | None = None) -> dict[str, Any]:
        moment = datetime.fromtimestamp(wall_ms // 1000, UTC)
        shown = status if status is not None else self._switches.word("system_status")
        return {"status": shown, "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def assets(self, words: Words) -> dict[str, Any]:
        known = self._listing.assets().values()
        if not words.get("asset"):
            return self._assets(known, words)
        by_name = {name: asset for asset in known for name in (asset.id, asset.altname)}
        wanted = [name.strip() for name in words["asset"].split(",")]
        if any(name not in by_name for name in wanted):
            raise KrakenError(errors.UNKNOWN_ASSET)
        return self._assets([by_name[name] for name in wanted], words)

    def _assets(self, found: Iterable[Asset], words: Words) -> dict[str, Any]:
        if newer_names(self._switches, words):
            return {asset.name: {**_asset(asset), "altname": asset.name} for asset in found}
        return {asset.id: _asset(asset) for asset in found}

    def asset_pairs(self, words: Words) -> dict[str, Any]:
        info = words.get("info", "info") or "info"
        if info not in {"info", "leverage", "fees", "margin"}:
            raise invalid("info")
        if words.get("execution_venue", VENUE) != VENUE:
            return {}
        pairs = self._listing.some(words.get("pair"))
        pairs = [pair for pair in pairs if open_to(self._switches, pair, words.get("country_code", ""))]
        rows = {pair.id: self._pair(pair) for pair in pairs}
        if newer_names(self._switches, words):
            rows = {pair.new_name: {**rows[pair.id], **pair.new_names()} for pair in pairs}
        if words.get("aclass_base"):
            rows = {key: row for key, row in rows.items() if row["aclass_base"] == words["aclass_base"]}
        return rows if info == "info" else {key: _part(row, info) for key, row in rows.items()}

    def ticker(self, words: Words, now_ms: int) -> dict[str, Any]:
        return {pair.id: self._ticker(pair, now_ms) for pair in self._listing.some(words.get("pair"))}

    def ohlc(self, words: Words, now_ms: int, path: str) -> dict[str, Any]:
        """Up to 720 committed candles later than `since`, and always the running one."""
        pair = self._listing.find(words.need("pair"))
        minutes = words.integer("interval", 1)
        if minutes not in INTERVALS:
            raise invalid("interval")
        step = minutes * 60_000
        running = now_ms // step * step
        first = max(running - COMMITTED_ROWS * step, pair.listed_ms)
        since = words.integer("since", 0)
        later = (max(since, 0) * 1_000 // step + 1) * step
        bars = self._market.bars(pair.symbol, step, min(max(first, later), running), now_ms)
        rows = [
            [
                bar.time_ms // 1000,
                pair.price(bar.open),
                pair.price(bar.high),
                pair.price(bar.low),
                pair.price(bar.close),
                pair.price(bar.vwap) if bar.trades else "0.0",
                f"{bar.volume:.8f}",
                bar.trades,
            ]
            for bar in bars
            if bar.time_ms // 1000 > since or bar.time_ms == running
        ]
        fault = self._faults.take(FaultKind.BAD_CANDLE, "GET", path)
        if fault is not None:
            rows = spoil(rows, fault.body)
        return {pair.id: rows, "last": (running - step) // 1000}

    def depth(self, words: Words, now_ms: int) -> dict[str, Any]:
        pair = self._listing.find(words.need("pair"))
        count = words.integer("count", 100)
        if not 1 <= count <= 500:
            raise invalid("count")
        book = self._market.book(pair.symbol, now_ms, count)
        seconds = now_ms // 1000
        sides = {"asks": book.asks, "bids": book.bids}
        return {
            pair.id: {
                name: [[_five(level.price), f"{level.qty:.3f}", seconds] for level in levels]
                for name, levels in sides.items()
            }
        }

    def trades(self, words: Words, now_ms: int) -> dict[str, Any]:
        pair = self._listing.find(words.need("pair"))
        count = words.integer("count", 1000)
        if not 1 <= count <= 1000:
            raise invalid("count")
        since = _nanoseconds(words)
        found = (
            self._market.recent(pair.symbol, now_ms, count)
            if since is None
            else self._market.trades(pair.symbol, since, now_ms, count)
        )
        rows = [
            [
                _five(trade.price),
                f"{trade.qty:.8f}",
                round(trade.time_ns / 1e9, 7),
                "b" if trade.side is Side.BUY else "s",
                "l" if trade.trade_id % 3 else "m",
                "",
                trade.trade_id,
            ]
            for trade in found
        ]
        last = str(found[-1].time_ns if found else since or now_ms * 1_000_000)
        return {pair.id: rows, "last": last[:-1] if self._switches.on("trades_last_cut") else last}

    def spread(self, words: Words, now_ms: int) -> dict[str, Any]:
        pair = self._listing.find(words.need("pair"))
        since = words.integer("since", 0)
        now = now_ms // 1000
        rows = []
        for second in range(max(since, now - SPREAD_ROWS) + 1, now + 1):
            quote = self._market.quote(pair.symbol, second * 1000)
            rows.append([second, _five(quote.bid), _five(quote.ask)])
        return {pair.id: rows, "last": now}

    def _pair(self, pair: Pair) -> dict[str, Any]:
        return {
            "altname": pair.altname,
            "wsname": pair.wsname,
            "aclass_base": "tokenized_asset" if self._switches.on(f"tokenised.{pair.symbol}") else "currency",
            "base": pair.base.id,
            "aclass_quote": "currency",
            "quote": pair.quote.id,
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": pair.price_decimals,
            "lot_decimals": pair.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [],
            "fees_maker": [],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": str(pair.order_min),
            "costmin": str(pair.cost_min),
            "tick_size": str(pair.tick),
            "status": self._switches.word(f"pair_status.{pair.symbol}"),
            "execution_venue": VENUE,
        }

    def _ticker(self, pair: Pair, now_ms: int) -> dict[str, Any]:
        quote = self._market.quote(pair.symbol, now_ms)
        stats = self._market.stats24h(pair.symbol, now_ms)
        last = self._market.recent(pair.symbol, now_ms, 1)
        both = (stats.today, stats.last24h)
        return {
            "a": [_five(quote.ask), _whole(quote.ask_qty), f"{quote.ask_qty:.3f}"],
            "b": [_five(quote.bid), _whole(quote.bid_qty), f"{quote.bid_qty:.3f}"],
            "c": [_five(self._market.last(pair.symbol, now_ms)), f"{last[-1].qty if last else ZERO:.8f}"],
            "v": [f"{part.volume:.8f}" for part in both],
            "p": [_five(part.vwap) for part in both],
            "t": [part.trades for part in both],
            "l": [_five(part.low) for part in both],
            "h": [_five(part.high) for part in both],
            "o": _five(_opened(stats.today)),
        }


def newer_names(switches: Switches, words: Words) -> bool:
    """Whether the response uses BTC and USD instead of XXBT and ZUSD."""
    return words.get("assetVersion") == "1" and switches.on("asset_version_obeyed")


def _opened(today: Stats) -> Decimal:
    return today.open


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "aclass": "currency",
        "altname": asset.altname,
        "decimals": asset.decimals,
        "display_decimals": asset.display_decimals,
        "status": "enabled",
    }


def _part(row: dict[str, Any], info: str) -> dict[str, Any]:
    names = {
        "leverage": ("leverage_buy", "leverage_sell"),
        "fees": ("fees", "fees_maker", "fee_volume_currency"),
        "margin": ("margin_call", "margin_stop"),
    }[info]
    return {name: row[name] for name in names}


def _five(value: Decimal) -> str:
    return f"{value:.5f}"


def _whole(qty: Decimal) -> str:
    """The whole-lot volume, rounded up to at least one."""
    return str(max(1, int(qty)))


def _nanoseconds(words: Words) -> int | None:
    """`since` is an id in nanoseconds; smaller numbers are seconds, possibly with a fraction."""
    since = words.number("since")
    if since is None:
        return None
    return int(since) if since >= NANOSECONDS_FROM else int(since * 1_000_000_000)
