"""OKX's public endpoints: instruments, prices and market history. Rows are newest first."""

from __future__ import annotations

from typing import Any

from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.market import Side, Trade
from bot.sandbox.okx import candles
from bot.sandbox.okx.errors import OkxError, bad, missing
from bot.sandbox.okx.floor import FUNDING_MS, Floor, next_funding_ms
from bot.sandbox.okx.listing import Listed, Listing
from bot.sandbox.okx.pages import page
from bot.sandbox.okx.words import Words

KINDS = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
REACHABLE = 1440
LAST_TRADES = 5_000
MS_NS = 1_000_000
DAY = candles.DAY
Rows = list[Any]


class PublicEndpoints:
    """Answers public requests; `now_ms` is the settled market time, `wall_ms` the server's clock, possibly skewed."""

    def __init__(self, floor: Floor, listing: Listing, switches: Switches, faults: Faults) -> None:
        self._floor = floor
        self._listing = listing
        self._switches = switches
        self._faults = faults

    def time(self, wall_ms: int) -> Rows:
        return [{"ts": str(wall_ms)}]

    def instruments(self, words: Words) -> Rows:
        kind = words.one_of("instType", KINDS)
        if kind == "OPTION" and not words.keys() & {"uly", "instFamily"}:
            raise missing("instFamily")
        wanted = set(words.names("instId")) | ({words["instIdCode"]} if "instIdCode" in words else set())
        family = words.get("instFamily", words.get("uly", ""))
        return [
            listed.row(self.state(listed), str(self._switches.number("max_market_usd")))
            for listed in self._listing.of_kind(kind)
            if (not wanted or wanted & {listed.symbol, str(listed.code)}) and family in {"", listed.family}
        ]

    def state(self, listed: Listed) -> str:
        return self._switches.word(f"state.{listed.symbol}")

    # ---- prices ----

    def ticker(self, words: Words, now_ms: int) -> Rows:
        return [self._ticker(self._listing.find(words.need("instId")), now_ms)]

    def tickers(self, words: Words, now_ms: int) -> Rows:
        kind = words.one_of("instType", KINDS)
        return [self._ticker(listed, now_ms) for listed in self._listing.of_kind(kind) if self.state(listed) == "live"]

    def books(self, words: Words, now_ms: int) -> Rows:
        listed = self._listing.find(words.need("instId"))
        depth = words.integer("sz", 1) or 0
        if not 1 <= depth <= 400:
            raise bad("sz")
        book = self._floor.book(listed.symbol, now_ms, depth)
        sides = {"asks": book.asks, "bids": book.bids}
        shown = {
            name: [[listed.price(px), listed.size(qty), "0", str(1 + int(qty * px) % 7)] for px, qty in levels]
            for name, levels in sides.items()
        }
        return [{**shown, "ts": str(now_ms), "seqId": now_ms}]

    def trades(self, words: Words, now_ms: int) -> Rows:
        listed = self._listing.find(words.need("instId"))
        newest = self._floor.recent(listed.symbol, now_ms, words.limit(500, 100))
        return [_trade(listed, trade) for trade in reversed(newest)]

    def history_trades(self, words: Words, now_ms: int) -> Rows:
        """Trades, paged by trade id, or by time with type 2, which does not allow `before`."""
        listed = self._listing.find(words.need("instId"))
        by_time = words.one_of("type", ("1", "2"), "1") == "2"
        if by_time and "before" in words:
            raise OkxError("50039")
        newest = self._floor.recent(listed.symbol, now_ms, LAST_TRADES)
        chosen = page(reversed(newest), lambda t: t.time_ns // MS_NS if by_time else t.trade_id, words)
        return [_trade(listed, trade) for trade in chosen]

    def mark_price(self, words: Words, now_ms: int) -> Rows:
        return [
            {**self._named(listed, now_ms), "markPx": listed.price(self._floor.last(listed.symbol, now_ms))}
            for listed in self._some_swaps(words)
        ]

    def band(self, listed: Listed, now_ms: int) -> tuple[Any, Any]:
        """The highest accepted buy price and the lowest accepted sell price."""
        last = self._floor.last(listed.symbol, now_ms)
        width = last * self._switches.number("price_band_bps") / 10_000
        return last + width, max(listed.tick, last - width)

    # ---- candles ----

    def candles(self, words: Words, now_ms: int, path: str) -> Rows:
        """The newest 1440 bars; the running one has confirm 0."""
        grid = candles.grid_of(words.get("bar", "1m"))
        oldest = grid.opened(now_ms) - (REACHABLE - 1) * grid.step_ms
        return self._candles(words, now_ms, oldest, path)

    def history_candles(self, words: Words, now_ms: int, path: str) -> Rows:
        return [row for row in self._candles(words, now_ms, 0, path) if row[-1] == "1"]

    def _candles(self, words: Words, now_ms: int, oldest_ms: int, path: str) -> Rows:
        listed = self._listing.find(words.need("instId"))
        grid = candles.grid_of(words.get("bar", "1m"))
        after, before = words.integer("after"), words.integer("before")
        count = words.limit(self._switches.number("candles_page"), 100)
        newest = grid.opened(now_ms if after is None else min(now_ms, after - 1))
        first = max(
            newest - (count - 1) * grid.step_ms, oldest_ms, listed.listed_ms, 0 if before is None else before + 1
        )
        begin = grid.opened(first + grid.step_ms - 1)
        end = min(now_ms, newest + grid.step_ms - 1)
        bars = self._floor.bars(listed.symbol, grid.step_ms, begin, end, grid.origin_ms) if begin <= end else []
        rows = [candles.row(listed, bar, bar.time_ms + grid.step_ms <= now_ms) for bar in reversed(bars)]
        fault = self._faults.take(FaultKind.BAD_CANDLE, "GET", path)
        return rows if fault is None else candles.spoil(rows, fault.body)

    # ---- funding ----

    def funding_rate(self, words: Words, now_ms: int) -> Rows:
        return [self._funding(listed, now_ms) for listed in self._some_swaps(words)]

    def funding_history(self, words: Words, now_ms: int) -> Rows:
        listed = self._swap(words.need("instId"))
        newest = now_ms // FUNDING_MS * FUNDING_MS
        times = range(newest, newest - 300 * FUNDING_MS, -FUNDING_MS)
        chosen = page(times, lambda moment: moment, words, 400)
        return [self._paid(listed, moment) for moment in chosen if moment > listed.listed_ms]

    def _paid(self, listed: Listed, moment: int) -> dict[str, Any]:
        rate = plain(self._floor.rate(listed.symbol, moment))
        return {
            "fundingRate": rate,
            "fundingTime": str(moment),
            "instId": listed.symbol,
            "instType": listed.kind,
            "method": "current_period",
            "realizedRate": rate,
        }

    def _funding(self, listed: Listed, now_ms: int) -> dict[str, Any]:
        moment = next_funding_ms(now_ms)
        rate = self._floor.rate(listed.symbol, moment)
        return {
            "formulaType": "withRate",
            "fundingRate": plain(rate),
            "fundingTime": str(moment),
            "impactValue": "20000",
            "instId": listed.symbol,
            "instType": listed.kind,
            "interestRate": "0.0001",
            "maxFundingRate": "0.00375",
            "method": "current_period",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": str(moment + FUNDING_MS),
            "premium": plain(rate - self._floor.rate(listed.symbol, moment - FUNDING_MS)),
            "settFundingRate": plain(self._floor.rate(listed.symbol, moment - FUNDING_MS)),
            "settState": "settled",
            "ts": str(now_ms),
        }

    # ---- the system ----

    def status(self, words: Words, wall_ms: int, *, maintenance: bool = False) -> Rows:
        """Empty, or the current maintenance."""
        if not maintenance and self._switches.word("system_status") == "ok":
            return []
        if words.get("state", "ongoing") != "ongoing":
            return []
        begin, end = wall_ms - 60_000, wall_ms + 600_000
        return [
            {
                "begin": str(begin), "end": str(end), "env": "1", "href": "", "maintType": "2", "preOpenBegin": "",
                "scheDesc": "", "serviceType": "5", "state": "ongoing", "system": "unified",
                "title": "Trading account system upgrade", "ts": str(wall_ms),
            }
        ]  # fmt: skip

    # ---- parts ----

    def _named(self, listed: Listed, now_ms: int) -> dict[str, Any]:
        return {"instType": listed.kind, "instId": listed.symbol, "ts": str(now_ms)}

    def _some_swaps(self, words: Words) -> list[Listed]:
        """The requested instrument; without one (or with ANY), all swaps."""
        name = words.get("instId", "ANY")
        return self._listing.of_kind("SWAP") if name == "ANY" else [self._swap(name)]

    def _swap(self, name: str) -> Listed:
        listed = self._listing.find(name)
        if not listed.is_swap:
            raise OkxError("51000", "Instrument type error")
        return listed

    def _ticker(self, listed: Listed, now_ms: int) -> dict[str, Any]:
        quote = self._floor.quote(listed.symbol, now_ms)
        stats = self._floor.stats24h(listed.symbol, now_ms)
        newest = self._floor.recent(listed.symbol, now_ms, 1)
        day = stats.last24h
        paid = f"{day.volume * day.vwap:.4f}"
        return {
            "instType": listed.kind,
            "instId": listed.symbol,
            "last": listed.price(self._floor.last(listed.symbol, now_ms)),
            "lastSz": listed.size(newest[-1].qty) if newest else "0",
            "askPx": listed.price(quote.ask),
            "askSz": listed.size(quote.ask_qty),
            "bidPx": listed.price(quote.bid),
            "bidSz": listed.size(quote.bid_qty),
            "open24h": listed.price(day.open),
            "high24h": listed.price(day.high),
            "low24h": listed.price(day.low),
            "volCcy24h": plain(day.volume) if listed.is_swap else paid,
            "vol24h": listed.size(day.volume),
            "sodUtc0": listed.price(stats.today.open),
            "sodUtc8": listed.price(self._opened_utc8(listed, now_ms)),
            "ts": str(now_ms),
        }

    def _opened_utc8(self, listed: Listed, now_ms: int) -> Any:
        grid = candles.grid_of("1D")
        start = grid.opened(now_ms)
        return self._floor.bars(listed.symbol, candles.MINUTE, start, start)[0].open


def _trade(listed: Listed, trade: Trade) -> dict[str, Any]:
    return {
        "instId": listed.symbol,
        "side": "buy" if trade.side is Side.BUY else "sell",
        "sz": listed.size(trade.qty),
        "px": listed.price(trade.price),
        "source": "0",
        "tradeId": str(trade.trade_id),
        "ts": str(trade.time_ns // MS_NS),
    }
