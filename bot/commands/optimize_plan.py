"""What a search of parameters is made of: its options, and the plan that every worker makes alike from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import __version__
from bot.commands.backtest import (
    LoadedCandles,
    Wanted,
    account_of,
    chosen_strategy,
    decide,
    given_params,
    known_by,
    load_candles,
    moment,
    too_few,
)
from bot.runtime.chosen import own_words, source_of
from bot.runtime.parameters import fault_of
from bot.settings.load import Settings
from bot.store.database import StoreError, shared

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

    from bot.backtest.folds import Fold
    from bot.backtest.study import Search
    from bot.backtest.terms import Account
    from bot.backtest.tuning import Tuning
    from bot.strategy.base import Searched, Strategy


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one search: `terms` are those of a backtest. None for what was not given."""

    terms: Wanted
    trials: int = 1_000
    jobs: int = 1
    storage: str | None = None
    study: str | None = None
    folds: int = 4
    objective: str = "sharpe"
    seed: int = 0
    write: bool = False
    force: bool = False
    json: Path | None = None


class Plan:
    """What is searched, over which candles and on which terms: the same in every worker. Raises ValueError and what loading does."""

    def __init__(self, settings: Settings, asked: Asked) -> None:
        from bot.backtest.folds import folds

        terms = asked.terms
        self.settings, self.asked = settings, asked
        self.named_as = terms.strategy or settings.trading.strategy
        self.strategy: Strategy = chosen_strategy(settings, terms, untuned=True)
        self.fixed = {**own_words(settings, self.strategy), **given_params(terms)}
        self.space = _searched(self.strategy, self.fixed)
        self.loaded: LoadedCandles = load_candles(settings, terms, self.strategy)
        histories = self.loaded.histories
        begin = min(int(one.time[0]) for one in histories)
        end = max(int(one.time[-1]) for one in histories) + histories[0].timeframe_ms
        since = max(moment("since", terms.since) or begin, begin)
        self.folds: tuple[Fold, ...] = folds(since, end, histories[0].timeframe_ms, asked.folds)
        for line in too_few(histories, self.strategy):
            raise ValueError(line)
        self.known = known_by(settings, terms)
        self.account: Account = account_of(settings, terms, self.strategy, histories, self.known)
        self.url = _address(settings, asked.storage)

    def own(self) -> dict[str, float]:
        """The strategy's own parameters, of those that are searched."""
        params: Any = self.strategy.params  # type: ignore[attr-defined]
        return {one.name: getattr(params, one.name) for one in self.space}

    def tuning(self, fold: Fold, *, outside: bool = False) -> Tuning:
        """The candles of a fold that are searched, or those that its parameters are tried on."""
        from bot.backtest.tuning import Tuning

        since, until = (fold.cut, fold.until) if outside else (fold.since, fold.cut)
        histories = [kept for one in self.loaded.histories if (kept := one.before(until)) is not None]
        base = decide(self.settings, self.asked.terms, self.strategy, self.loaded, histories, since)
        return Tuning(base, self.account, self.asked.objective)

    def searches(self, where: RDBStorage) -> list[Search]:
        """A study for each fold, begun where there is none. Raises StudyError for one that was begun with something else."""
        from bot.backtest.study import Search

        facts = self.facts()
        short = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
        name = self.asked.study or f"{type(self.strategy).__name__}-{short}"
        own = self.own()
        return [
            Search(
                where,
                f"{name} fold {one.number} of {len(self.folds)}",
                self.space,
                own,
                facts,
                self.asked.seed + one.number,
            )
            for one in self.folds
        ]

    def facts(self) -> dict[str, Any]:
        """Everything that decides what a trial finds, by the word that a person knows it by."""
        from bot.backtest.data_check import checksum

        account, terms = self.account, self.asked.terms
        return {
            "version of NIJA": __version__,
            "strategy": self.named_as,
            "strategy's source text": source_of(self.strategy),
            "search space": [list(one) for one in self.space],
            "--param": self.fixed,
            "candles": {one.symbol: checksum(one.candles)[:16] for one in self.loaded.histories},
            "timeframe": self.loaded.timeframe,
            "--detail": terms.detail or "",
            "--folds": [[one.since, one.cut, one.until] for one in self.folds],
            "--objective": self.asked.objective,
            "fee": account.costs.fee,
            "spread": account.costs.spread,
            "equity": account.equity,
            "slots": account.slots,
            "shorts": account.shorts,
            "limits": list(account.limits),
            "risk settings": list(self.strategy.risk_settings),
            "markets": {name: list(one) for name, one in account.markets.items()},
        } | {"news": str(self.settings.rule.news_calendar or "")}


def _searched(strategy: Strategy, fixed: Mapping[str, str]) -> tuple[Searched, ...]:
    name = type(strategy).__name__
    if not strategy.search_space:
        raise ValueError(f"{name} declares nothing to search: give it a search_space, see docs/strategies.md")
    params: Any = strategy.params  # type: ignore[attr-defined]
    if fault := fault_of(strategy, {one: getattr(params, one) for one in fixed if hasattr(params, one)}):
        raise ValueError(f"--param: {fault}")
    found = tuple(one for one in strategy.search_space if one.name not in fixed)
    if not found:
        raise ValueError(f"--param: every parameter that {name} declares is given: nothing is left to search")
    return found


def _address(settings: Settings, url: str | None) -> str:
    """The storage: an address like DATABASE_URL's, else a file in the data folder."""
    if url is None:
        return f"sqlite:///{settings.operation.data_dir.absolute() / 'optimize.db'}"
    try:
        return shared(url).render_as_string(hide_password=False)
    except StoreError as error:
        raise ValueError(str(error).replace("DATABASE_URL", "--storage", 1)) from None
