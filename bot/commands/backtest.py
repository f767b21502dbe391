"""`nija backtest`: what a strategy would have earned on past candles, at the owner's fees and limits.

Owns the conversion of its options to terms, and its output; the numbers come from `bot.backtest`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from bot.commands.evidence import keep_evidence
from bot.commands.files import check_place, write_json, write_page
from bot.commands.research import compile_folder, research_tools
from bot.domain.clock import MINUTE, parse_iso
from bot.runtime.chosen import news_of, params_of, strategy_of, timeframe_of
from bot.runtime.evidence_terms import terms_of
from bot.runtime.known_terms import KnownMarket, known_terms
from bot.runtime.parameters import in_words
from bot.settings.load import ConfigError, Settings

if TYPE_CHECKING:
    from bot.backtest.history import History
    from bot.backtest.run import Backtest
    from bot.backtest.terms import Account, Costs, Limits, Market
    from bot.strategy.base import Strategy

#: The default costs without an exchange: those of a mid-sized account.
FEE, SPREAD = 0.001, 0.0002
OLD_DAYS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one backtest as given; None for those that were not."""

    data: Path
    pairs: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    timeframe: str | None = None
    broker: str | None = None
    fee: float | None = None
    spread: float | None = None
    market: Mapping[str, float] | None = None
    """Those of lot, tick, min_qty and min_cost that were given."""
    equity: float = 10_000.0
    slots: int | None = None
    limits: str = "account"
    shorts: bool = False
    strategy: str | None = None
    params: tuple[str, ...] = ()
    detail: str | None = None
    max_holes: float | None = None
    json: Path | None = None
    report: Path | None = None


class Prepared(NamedTuple):
    """A backtest to be walked: its strategy, its decisions, the terms, what is known of the account's markets, and notes on files."""

    strategy: Strategy
    made: Backtest
    account: Account
    known: Mapping[str, KnownMarket]
    notes: Sequence[str]


def backtest(settings: Settings, wanted: Wanted) -> None:
    """Run a backtest and print its result. An error that the user can fix is one line and exit status 2."""
    began = time.monotonic()
    from bot.backtest.light_imports import import_talib

    gc.disable()  # a short process with many objects and no cycles
    import_talib()
    with research_tools():
        from bot.backtest.run import BacktestError

        try:
            _run(settings, wanted, began)
        except (BacktestError, ValueError) as error:
            raise ConfigError([str(error)]) from None


def _run(settings: Settings, wanted: Wanted, began: float) -> None:
    from bot.backtest.alternatives import alternatives
    from bot.backtest.document import document
    from bot.backtest.fees import next_worse
    from bot.backtest.numbers import numbers
    from bot.backtest.summary import show

    if wanted.report is not None:
        check_place(wanted.report, "--report")
    strategy, made, account, known, notes = prepared(settings, wanted)
    result = made.walk(account)
    found = numbers(result)
    others = alternatives(made, account, result, next_worse(account.costs.fee, wanted.broker))
    seconds = time.monotonic() - began
    rule = wanted.strategy or settings.trading.strategy
    timeframe = wanted.timeframe or timeframe_of(settings.trading, strategy)
    head = {
        "strategy": rule,
        "params": params_of(strategy),
        "timeframe": timeframe,
        "slots": account.slots,
        "limits": wanted.limits,
        "seconds": round(seconds, 3),
    }
    if wanted.json is not None:
        write_json(wanted.json, document(result, head, found, [one._asdict() for one in others]))
    lines = [terms_line(wanted, account, known), *_tuned(strategy), *notes, *too_few(made.histories, strategy)]
    lines += [*_young(made, account), *_troubles(made)]
    if wanted.report is not None:
        from bot.page.of_backtest import Walked, page

        targets = [leg.target for leg in strategy.legs]
        write_page(wanted.report, page(Walked(head, made.histories, result, found, others, targets, lines)))
    how = "compiled" if made.compiled else "called candle by candle, because it has no rows"
    typer.echo(f"{result.candles:,} candles of {len(made.histories)} markets in {seconds:.1f} s ({how})")
    for line in lines:
        typer.echo(line)
    show(found, others)
    binding = settings.limits if wanted.limits == "account" else None
    terms = terms_of(strategy, rule, timeframe, binding, account.costs.fee, account.slots, shorts=account.shorts)
    folder = settings.operation.data_dir
    typer.echo(f"\n{keep_evidence(folder, terms, made.histories, result, found, wanted.broker, wanted.data)}")


def prepared(settings: Settings, wanted: Wanted) -> Prepared:
    """All decisions made, and the terms to walk on. Raises `ValueError`, `BacktestError` and `BadCandles`."""
    strategy = chosen_strategy(settings, wanted)
    loaded = load_candles(settings, wanted, strategy)
    made = decide(settings, wanted, strategy, loaded, loaded.histories, moment("since", wanted.since) or 0)
    known = known_by(settings, wanted)
    account = account_of(settings, wanted, strategy, loaded.histories, known)
    return Prepared(strategy, made, account, known, loaded.notes)


def terms_line(wanted: Wanted, account: Account, known: Mapping[str, KnownMarket]) -> str:
    """On what terms it trades, and whose they are."""
    costs, whose = account.costs, ""
    if wanted.broker is not None and wanted.fee is None:
        whose = f" (your account at {wanted.broker})" if known else f" (a newcomer at {wanted.broker})"
    limits = "your limits" if wanted.limits == "account" else "no limits"
    return f"fee {costs.fee:.3%} a side{whose}, spread {costs.spread:.3%}, {account.slots} slots, {limits}"


def _tuned(strategy: Strategy) -> list[str]:
    """The file that parameters come from, where they do."""
    tuned = strategy.tuned
    return [] if tuned is None else [f"parameters of {tuned.file} (searched on {tuned.timeframe}): {in_words(tuned)}"]


def _young(made: Backtest, account: Account) -> list[str]:
    """A line that names the markets that count as listed when their candles begin."""
    begin = min(int(one.time[0]) for one in made.histories)
    later = [one.symbol for one in made.histories if int(one.time[0]) > begin]
    if not later or not account.limits.min_age_ms:
        return []
    return [f"their candles begin later, so they count as young for {OLD_DAYS} days: {', '.join(later)}"]


def _troubles(made: Backtest) -> list[str]:
    """Lines for the first calls to which the strategy gave no valid answer."""
    troubles = made.troubles
    lines = [f"{one.symbol}: no valid answer from {one.question} ({one.where}): {one.reason}" for one in troubles[:5]]
    return lines if len(troubles) <= 5 else [*lines, f"({len(troubles) - 5} more of these)"]


def given_params(wanted: Wanted) -> dict[str, str]:
    """The parameters given as options. Raises ValueError for one without a value."""
    given = {}
    for word in wanted.params:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"--param {word}: name=value is needed, such as score_needed=4")
        given[name] = value
    return given


def own_terms(strategy: Strategy, wanted: Wanted) -> dict[str, str]:
    """What the options say of a strategy's own numbers: its slots, and that the account bounds its sizes no more than it does."""
    found = {}
    if wanted.slots is not None and "slots" in params_of(strategy):
        found["slots"] = str(wanted.slots)
    if wanted.limits == "none" and strategy.largest_pct is not None:
        found["max_position_pct"] = "100"
    return found


def chosen_strategy(settings: Settings, wanted: Wanted, *, untuned: bool = False) -> Strategy:
    """The strategy that the options name, with the parameters that they give. Raises `ConfigError` and `ValueError`."""
    given = given_params(wanted)
    strategy = strategy_of(settings, wanted.strategy, given, untuned=untuned)
    own = own_terms(strategy, wanted)
    return strategy_of(settings, wanted.strategy, {**own, **given}, untuned=untuned) if own else strategy


class LoadedCandles(NamedTuple):
    """What is walked, finer candles if they were asked for, and a line for each file that needed repairs."""

    timeframe: str
    histories: list[History]
    fine: dict[str, History]
    notes: list[str]


def load_candles(settings: Settings, wanted: Wanted, strategy: Strategy) -> LoadedCandles:
    """The candles that the options name."""
    from bot.backtest.candle_files import MAX_HOLES, load

    timeframe = wanted.timeframe or timeframe_of(settings.trading, strategy)
    holes = MAX_HOLES if wanted.max_holes is None else wanted.max_holes
    loaded = load(wanted.data, wanted.pairs, timeframe, holes)
    histories = _before(loaded.histories, moment("until", wanted.until), wanted)
    if (moment("since", wanted.since) or 0) > max(int(one.time[-1]) for one in histories):
        raise ValueError(f"--since {wanted.since}: the candles end before that")
    fine = {}
    if wanted.detail is not None:
        finer = load(wanted.data, [one.symbol for one in histories], wanted.detail, holes)
        fine = {one.symbol: one for one in finer.histories}
    return LoadedCandles(timeframe, histories, fine, loaded.notes)


def decide(
    settings: Settings,
    wanted: Wanted,
    strategy: Strategy,
    loaded: LoadedCandles,
    histories: Sequence[History],
    since: int,
) -> Backtest:
    """The decisions of a strategy over these candles, from `since` (ms UTC) on."""
    from bot.backtest.funding import funding_rates
    from bot.backtest.run import Backtest

    return Backtest(
        strategy,
        histories,
        since=since,
        compile_to=compile_folder(settings),
        news=news_of(settings) if wanted.limits == "account" else (),
        fine=loaded.fine,
        funding=funding_rates(wanted.data, histories) if wanted.limits == "account" else None,
        pairs=wanted.pairs,
    )


def too_few(histories: Sequence[History], strategy: Strategy) -> list[str]:
    """A line if no market has candles enough for a single decision."""
    longest = max(len(one.time) for one in histories)
    if longest >= strategy.required:
        return []
    return [f"no market has more than {longest:,} candles: {strategy.required:,} are needed for the first decision"]


def _before(histories: Sequence[History], until: int | None, wanted: Wanted) -> list[History]:
    """The candles that open before `until`."""
    kept = [one if until is None else one.before(until) for one in histories]
    found = [one for one in kept if one is not None]
    if not found:
        raise ValueError(f"--until {wanted.until}: the candles begin after that")
    return found


def moment(option: str, text: str | None) -> int | None:
    """The time (ms UTC) that an option gives. Raises ValueError."""
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise ValueError(f"--{option} {text}: a date or time in ISO 8601 is needed, such as 2025-04-01") from None


# -- terms ------------------------------------------------------------------------------------------------------------
def known_by(settings: Settings, wanted: Wanted) -> Mapping[str, KnownMarket]:
    """What the account at the named exchange pays and may trade, as far as that is known."""
    return {} if wanted.broker is None else known_terms(settings.operation.data_dir, wanted.broker)


def account_of(
    settings: Settings,
    wanted: Wanted,
    strategy: Strategy,
    histories: Sequence[History],
    known: Mapping[str, KnownMarket],
) -> Account:
    """The terms that the options and the owner's settings ask for."""
    from bot.backtest.terms import Account, Limits

    if wanted.shorts and wanted.broker is not None:
        from bot.backtest.venues import SHORTABLE

        if wanted.broker not in SHORTABLE:
            raise ValueError(
                f"--shorts: NIJA sells short only swaps at {', '.join(sorted(SHORTABLE))}, not at {wanted.broker}"
            )
    own = strategy.slots or (settings.limits.max_open_positions if wanted.limits == "account" else 5)
    if wanted.limits == "account":
        own = min(own, settings.limits.max_open_positions)
    markets = {
        one.symbol: _market(wanted, one.symbol, known.get(one.symbol), float(one.close[-1])) for one in histories
    }
    return Account(
        costs=_costs(wanted, known),
        equity=wanted.equity,
        slots=own if wanted.slots is None else wanted.slots,
        shorts=wanted.shorts,
        limits=_limits(settings) if wanted.limits == "account" else Limits(),
        markets=markets,
    )


def _costs(wanted: Wanted, known: Mapping[str, KnownMarket]) -> Costs:
    """The highest fee of the account's markets if it is known; else the fee of a new account."""
    from bot.backtest.fees import newcomer
    from bot.backtest.terms import Costs

    usual = FEE if wanted.broker is None else newcomer(wanted.broker)
    if known:
        usual = float(max(one.fee for one in known.values()))
    return Costs(
        fee=usual if wanted.fee is None else wanted.fee,
        spread=SPREAD if wanted.spread is None else wanted.spread,
    )


def _market(wanted: Wanted, symbol: str, known: KnownMarket | None, price: float) -> Market:
    """The rules that the exchange last reported, else the usual ones at this price; options come first."""
    from bot.backtest.terms import Market
    from bot.backtest.venues import usual

    if known is not None:
        lot, tick, min_qty, min_cost = map(float, (known.lot, known.tick, known.min_qty, known.min_cost))
        terms = Market(lot, tick, min_qty, min_cost, known.in_coin)
    else:
        terms = Market() if wanted.broker is None else usual(wanted.broker, symbol, price)
    return terms._replace(**(wanted.market or {}))  # type: ignore[arg-type]  # sizes alone


def _limits(settings: Settings) -> Limits:
    from bot.backtest.terms import Limits

    own = settings.limits
    return Limits(
        max_exposure_pct=float(own.max_exposure_pct),
        max_coin_exposure_pct=float(own.max_coin_exposure_pct),
        max_order=float("inf") if own.max_order_usd is None else float(own.max_order_usd),
        slippage=0.002,
        max_day_pct=float(own.max_daily_loss_pct),
        max_drawdown_pct=float(own.max_drawdown_pct),
        max_losses=own.max_losses_in_a_row,
        cooldown_ms=round(own.loss_cooldown_minutes * MINUTE),
        min_age_ms=OLD_DAYS * 86_400_000,
    )
