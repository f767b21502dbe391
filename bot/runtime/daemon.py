"""The daemon: settings in, brokers trading, an exit status out. Everything is created here and passed down by constructor."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot import __version__
from bot.broker_manager import BrokerManager
from bot.domain.candles import parse_timeframe
from bot.domain.clock import MINUTE, SECOND
from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.domain.status import MEASURED
from bot.engine.account_engine import TradingPlan
from bot.engine.risk import Limits
from bot.engine.universe import MarketCriteria
from bot.independent_broker_trader import IndependentBrokerTrader
from bot.runtime.backups import backing_up
from bot.runtime.broker_trader import Record
from bot.runtime.chosen import news_of, strategy_of, timeframe_of
from bot.runtime.evidence import unreadable
from bot.runtime.evidence_terms import evidence_asked
from bot.runtime.heartbeat_url import pinging
from bot.runtime.hostlock import holding_keys
from bot.runtime.in_force import keep, planned
from bot.runtime.judgement_writer import writing_judgements
from bot.runtime.ledgers import Ledgers
from bot.runtime.lockstep import Follower
from bot.runtime.memory import keep_small
from bot.runtime.parameters import in_words
from bot.runtime.reporter import last_known
from bot.runtime.service_manager import service_manager
from bot.runtime.trading_environment import TradingEnvironment
from bot.runtime.unwatched import unwatched
from bot.settings.env_file import exposure
from bot.settings.load import ConfigError, Mode, Settings, resolve_mode, service_manager_socket, state_folder
from bot.store.database import StoreError
from bot.store.reader import Books
from bot.telemetry.heartbeat import Observer
from bot.telemetry.log import EventLog, Logs
from bot.telemetry.notify import notifying
from bot.telemetry.redact import Redactor


def run(settings: Settings, stop: threading.Event) -> int:
    """Trade until `stop`; returns the exit status: 0, 1, or 3 for an account that is already traded. The data folder is locked.

    Raises `ConfigError` and `SandboxError` for what cannot work, and `AlreadyRuns` when another NIJA trades with one of the keys:
    all before the log is opened, which may belong to that NIJA.
    """
    keep_small()
    plan = trading_plan(settings)
    if stop.is_set():
        return 0
    with contextlib.closing(TradingEnvironment.of(settings)) as env, holding_keys(_keys(env)):
        return _logged(settings, plan, env, stop)


def _keys(env: TradingEnvironment) -> Iterator[tuple[str, str]]:
    """The exchange and a unique text for each key. Two sandboxes may give out the same key, so their text includes the address."""
    for access in env.accesses.values():
        apart = access.mode == "sandbox" or access.environment != "main"
        yield access.venue, f"{access.api_key.get_secret_value()} {access.rest if apart else ''}"


def _logged(settings: Settings, plan: TradingPlan, env: TradingEnvironment, stop: threading.Event) -> int:
    redact = Redactor(settings.secrets())
    for access in env.accesses.values():
        redact.learn(*access.secrets())
    with Logs(settings.operation, redact, console=sys.stdout) as logs:
        log = logs.event_log()
        for line in unreadable(settings.operation.data_dir):
            log.warning(Event.EVIDENCE, reason=line)
        for warning in (*settings.warnings, *narrowed(settings, plan)):
            log.warning(Event.SETTINGS, reason=warning)
        if (tuned := plan.strategy.tuned) is not None:
            log.info(Event.PARAMETERS, file=tuned.file, params=in_words(tuned), timeframe=tuned.timeframe)
        keep(settings.operation.data_dir, planned(settings, plan), log)
        with (
            notifying(settings, redact, logs, whose=resolve_mode(settings).upper()),
            backing_up(settings.operation, log),
            writing_judgements(settings.operation.data_dir, log) as writer,
        ):
            _greet(log, env, settings.home / ".env")
            with _observing(settings, env, log, redact) as observers:
                return _trade(settings, plan, env, logs.event_log, stop, observers, writer.put)


@contextmanager
def _observing(
    settings: Settings, env: TradingEnvironment, log: EventLog, redact: Redactor
) -> Iterator[list[Observer]]:
    """The outside observers of the brokers' statuses: the service manager and HEARTBEAT_URL."""
    address, watches = service_manager_socket()
    with (
        service_manager(address, env.clock, log, redact, watches=watches) as manager,
        pinging(settings.operation, log, redact) as pinger,
    ):
        yield [*manager, *pinger]


def _trade(
    settings: Settings,
    plan: TradingPlan,
    env: TradingEnvironment,
    log_for: Callable[[str | None], EventLog],
    stop: threading.Event,
    observers: Sequence[Observer],
    record: Record,
) -> int:
    manager = BrokerManager(env, state_folder(), allow_withdraw=settings.limits.allow_withdraw_keys, log_for=log_for)
    for key in manager.unbuilt:
        log_for(key).warning(Event.SKIPPED, reason="this version of NIJA does not trade this exchange")
    if not manager.venues:
        raise ConfigError(["no exchange that this version of NIJA trades has complete credentials"])
    _say_unwatched(settings, env, log_for)
    trader = IndependentBrokerTrader(
        manager=manager,
        open_ledger=Ledgers(settings, env, log_for).opened,
        plan=plan,
        clock=env.clock,
        log_for=log_for,
        data_dir=settings.operation.data_dir,
        status_ms=int(settings.operation.status_minutes * MINUTE),
        stop=stop,
        independent=settings.trading.multi_broker_independent,
        modes=_modes(env),
        observers=observers,
        record=record,
        evidence=evidence_asked(settings, plan),
        rng=random.Random(time.time_ns()),  # noqa: S311 - names orders and spreads waits, guards nothing
    )
    _report_holdings(trader, settings, env)
    _spare_the_collector()
    with Follower.following(env, stop):
        return trader.run(lambda: env.child is None or env.child.alive)


def _modes(env: TradingEnvironment) -> dict[AccountKey, str]:
    return {key: access.mode for key, access in env.accesses.items()}


def _report_holdings(trader: IndependentBrokerTrader, settings: Settings, env: TradingEnvironment) -> None:
    """Fill the statuses with positions and amounts from the databases, for the time until an exchange answers. The actor that
    opens a database reports when it cannot be read.
    """
    url = settings.operation.database_url
    books = Books(settings.operation.data_dir, url.get_secret_value() if url is not None else None)
    try:
        held = last_known(books, _modes(env))
    except StoreError:
        return
    for post in trader.slots:
        if (known := held.get(post.key)) is not None:
            kept = {name: getattr(known, name) for name in (*MEASURED, "holdings")}
            post.heartbeat.beat(replace(post.heartbeat.latest, **kept))


def _say_unwatched(settings: Settings, env: TradingEnvironment, log_for: Callable[[str | None], EventLog]) -> None:
    """Log a line for each account whose positions nobody watches from now on."""
    url = settings.operation.database_url
    books = Books(settings.operation.data_dir, url.get_secret_value() if url is not None else None)
    try:
        found = unwatched(books, {(mode, key) for key, mode in _modes(env).items()})
    except StoreError:
        found = []  # no database can be read: each broker that is traded reports that about its own
    for one in found:
        log_for(str(one.account.key)).warning(Event.UNWATCHED, reason=one.reason, remedy=one.remedy)


def _spare_the_collector() -> None:
    """Exclude everything loaded so far from garbage collection, since it stays anyway. A collection then takes milliseconds
    instead of a tenth of a second, and the megabytes of cyclic garbage that an ended actor leaves are freed within minutes
    instead of hours."""
    gc.collect()
    gc.freeze()
    gc.collect()


def trading_plan(settings: Settings) -> TradingPlan:
    """The owner's settings as a plan for the engine; raises `ConfigError` for a strategy or calendar that cannot be used."""
    rule, limits, trading = settings.rule, settings.limits, settings.trading
    strategy = strategy_of(settings)
    return TradingPlan(
        strategy=strategy,
        risk_settings=strategy.risk_settings,
        limits=Limits(
            max_open_positions=min(limits.max_open_positions, strategy.slots or limits.max_open_positions),
            max_exposure_pct=limits.max_exposure_pct,
            max_order_usd=limits.max_order_usd,
            max_daily_loss_pct=limits.max_daily_loss_pct,
            max_drawdown_pct=limits.max_drawdown_pct,
            max_orders_per_minute=limits.max_orders_per_minute,
            max_coin_exposure_pct=limits.max_coin_exposure_pct,
            price_sanity_pct=limits.max_price_jump_pct,
            max_spread_pct=limits.max_spread_pct,
            max_losses_in_a_row=limits.max_losses_in_a_row,
            cooldown_ms=_ms(limits.loss_cooldown_minutes * 60),
        ),
        criteria=MarketCriteria(
            most=trading.max_pairs,
            allow=trading.pairs_allow,
            deny=frozenset(trading.pairs_deny),
            swaps=settings.okx.trade_swaps,
        ),
        timeframe_ms=parse_timeframe(timeframe_of(trading, strategy)),
        cycle_ms=_ms(trading.cycle_seconds),
        position_ms=_ms(trading.position_seconds),
        exclusion_ms=_ms(rule.candle_exclusion_seconds),
        min_balance=trading.min_balance_usd,
        recommended_balance=trading.recommended_balance_usd,
        news=news_of(settings),
    )


def narrowed(settings: Settings, plan: TradingPlan) -> Iterator[str]:
    """A warning for each setting that differs from what the strategy was made for. The setting applies, but the strategy's
    evidence was obtained without it."""
    rule, limits = plan.strategy, settings.limits
    if rule.slots is not None and limits.max_open_positions < rule.slots:
        yield f"MAX_OPEN_POSITIONS is {limits.max_open_positions}: the strategy was made for {rule.slots}, and is limited to fewer"
    if rule.largest_pct is not None and plan.risk_settings.max_position_pct < rule.largest_pct:
        yield (
            f"MAX_POSITION_PCT is {plan.risk_settings.max_position_pct:g}: the strategy's own sizes go up to"
            f" {rule.largest_pct:g}, and are cut to that setting"
        )
    if rule.universe is not None and not plan.criteria.allow and plan.criteria.most < rule.universe.most:
        yield f"MAX_PAIRS is {plan.criteria.most}: the strategy chooses {rule.universe.most}, and is limited to fewer"
    if rule.timeframe is not None and parse_timeframe(rule.timeframe) != plan.timeframe_ms:
        yield f"TIMEFRAME is {settings.trading.timeframe}: the strategy was made for {rule.timeframe}"
    if rule.tuned is not None and parse_timeframe(rule.tuned.timeframe) != plan.timeframe_ms:
        yield f"TIMEFRAME is {settings.trading.timeframe}: {rule.tuned.file} was searched on {rule.tuned.timeframe}"


def _ms(seconds: Decimal) -> int:
    return int(seconds * SECOND)


def _greet(log: EventLog, env: TradingEnvironment, env_file: Path) -> None:
    """Log the first line, which says whose money this is."""
    if env.mode is Mode.SANDBOX:
        log.info(
            Event.SANDBOX,
            version=__version__,
            money="play money at local exchanges, generated market",
            speed=str(env.clock.pacer),
            brokers=[str(key) for key in env.accesses],
            note="fees of a middle tier; new accounts pay more at the real exchanges",
        )
    else:
        log.info(Event.LIVE, version=__version__, money="YOUR MONEY", brokers=[str(key) for key in env.accesses])
        if exposed := exposure(env_file):
            log.warning(Event.CREDENTIALS, reason=exposed)
    for warning in env.warnings:
        log.warning(Event.CREDENTIALS, reason=warning)
