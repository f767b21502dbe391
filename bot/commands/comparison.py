"""`nija report --compare`: what was traded beside a backtest of the same days, on the terms of the same accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.backtest.candle_names import candle_files
from bot.backtest.comparison import Comparison, Judged, LiveTrade, Sides, compared
from bot.commands.backtest import Wanted, prepared
from bot.domain.candles import parse_timeframe
from bot.domain.clock import DAY, day_start, iso
from bot.domain.order import Purpose
from bot.domain.profit import GIVEN_UP_LEG, TAKEN_LEG, Trade
from bot.page.live_result import number
from bot.runtime.chosen import strategy_of, timeframe_of
from bot.settings.load import Settings
from bot.store.judgement_files import account_folder, judgements_of
from bot.store.trades import AccountTrades

#: Reasons of ends that no rule decided on.
_BY_HAND = (Purpose.OWNER, Purpose.FLATTEN, TAKEN_LEG, GIVEN_UP_LEG)
#: The reason of a sale at the market because the stop's price had passed.
_STOP_PASSED = "stop price passed"


def beside_backtest(
    settings: Settings, account: AccountTrades, equity: float, since: int, until: int, data: Path
) -> Comparison | None:
    """One account's trades that were decided from `since` to before `until` (market ms), beside a backtest that begins with `equity`
    (dollars). None if the folder has no candles of its markets.
    """
    judged = judgements(settings.operation.data_dir, account, since, until)
    trades = [one for one in account.trades if one.is_position and since <= one.decided_at < until]
    seen = {symbol for symbol, _ in judged} | {one.symbol for one in trades}
    pairs = sorted(seen & {file.symbol for file in candle_files(data)})
    if not pairs:
        return None
    began = min([*(at for _, at in judged), *(one.decided_at for one in trades)])
    timeframe = parse_timeframe(timeframe_of(settings.trading, strategy_of(settings)))
    wanted = Wanted(
        data,
        tuple(pairs),
        iso(began - timeframe),
        iso(until),
        broker=account.account.key.venue,
        equity=equity,
        shorts=any(one.side.sign < 0 for one in trades),
        max_holes=1.0,
    )
    strategy, made, terms, *_ = prepared(settings, wanted)
    terms = terms._replace(limits=terms.limits._replace(min_age_ms=0))  # live knew how old they are
    return compared(
        Sides(
            str(account.account.key),
            [live_trade(one, timeframe) for one in trades if one.symbol in pairs],
            list(made.walk(terms)),
            made.blocked(terms),
            judged,
            {one.symbol: int(one.time[0]) + strategy.required * timeframe for one in made.histories},
        )
    )


def live_trade(trade: Trade, timeframe: int) -> LiveTrade:
    """A trade of the ledger for the comparison. What is sold at a close belongs to the candle that closed."""
    reason = "stop" if trade.reason == _STOP_PASSED else trade.reason
    last = trade.legs[-1]
    candle = None if trade.closed_at is None else last.time // timeframe * timeframe
    if candle is not None and last.purpose == Purpose.EXIT and reason != "stop":
        candle -= timeframe
    return LiveTrade(
        trade.symbol,
        trade.decided_at,
        number(trade.bought_at),
        number(trade.qty),
        number(trade.result_usd),
        reason,
        candle,
        by_hand=reason in _BY_HAND,
    )


def judgements(data_dir: Path, account: AccountTrades, since: int, until: int) -> Mapping[tuple[str, int], Judged]:
    """What was made of each close, as far as the files of `nija explain` go back; the last word counts."""
    folder = account_folder(data_dir, account.account)
    found = {}
    for day in range(day_start(since), until, DAY):
        for one in judgements_of(folder, day):
            if since <= one.candle < until:
                gate = one.blocked_by
                found[one.symbol, one.candle] = Judged(one.signal, "" if gate is None else gate.name)
    return found


def blocked_signals(of: Sequence[Mapping[tuple[str, int], Judged]]) -> dict[str, int]:
    """How many signals each gate blocked."""
    found: dict[str, int] = {}
    for judged in of:
        for one in judged.values():
            if one.signal and one.gate:
                found[one.gate] = found.get(one.gate, 0) + 1
    return found
