"""The operator's checks: what is configured, connected and funded, as a table or JSON, and what to do about problems.

The scripts in `scripts/` each call one function here. Exit status: 0 all well, 1 a problem, 2 the configuration is wrong. A check
uses a running daemon's report if it is recent, so that only one process sends requests with a key.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from bot.broker_manager import REMEDIES, BrokerManager, Examination
from bot.commands.checks_view import print_results
from bot.commands.show import quiet_pipe
from bot.commands.which import books_of
from bot.domain.clock import SECOND, system_ms
from bot.domain.ids import Account, AccountKey
from bot.domain.instrument import DOLLARS
from bot.domain.log import Event, Log
from bot.domain.money import as_quantity, plain, usd
from bot.domain.position import Position
from bot.domain.status import BrokerStatus, Status
from bot.runtime.heartbeat_file import running_daemon
from bot.runtime.sandbox_child import SandboxError, is_alive, running
from bot.runtime.trading_environment import TradingEnvironment, configured
from bot.settings.load import (
    VENUES,
    ConfigError,
    CredentialSet,
    Mode,
    Settings,
    credential_sets,
    load_settings,
    resolve_mode,
    usable_state_folder,
)
from bot.store.database import StoreError
from bot.store.holdings import open_positions
from bot.store.reader import Books

#: A daemon's report that is older than this (wall ms) no longer counts.
FRESH = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Finding:
    """One account as a check sees it; `broker` is its key.

    `source` is `daemon` for a running daemon's report, `exchange` for an answer requested now. Amounts are None while they are not
    known. `left_out` are coins that belong to no position of NIJA and do not count as equity.
    """

    broker: str
    configured: bool
    connected: bool = False
    funded: bool = False
    status: str = "not configured"
    mode: str = ""
    balance_usd: str | None = None
    equity_usd: str | None = None
    problem: str = ""
    remedy: str = ""
    source: str = ""
    permissions: tuple[str, ...] = ()
    ip_bound: bool | None = None
    clock_skew_ms: int | None = None
    warnings: tuple[str, ...] = ()
    balances: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    shapes: tuple[dict[str, Any], ...] = ()

    @property
    def bad(self) -> bool:
        return bool(self.problem)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The options on the command line."""

    as_json: bool
    sandbox: bool
    validate: bool = False


class Silent:
    """Discards what brokers log: a check prints its own findings."""

    def debug(self, event: Event, /, **fields: object) -> None: ...

    def info(self, event: Event, /, **fields: object) -> None: ...

    def warning(self, event: Event, /, **fields: object) -> None: ...

    def error(self, event: Event, /, **fields: object) -> None: ...


def parse(description: str, *, validate: bool = False) -> CheckOptions:
    """The options that all checks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--sandbox", action="store_true", help="check the local sandbox, whatever credentials are set")
    if validate:
        parser.add_argument("--validate", action="store_true", help="show the exchange our exact entry, without money")
    words = parser.parse_args()
    return CheckOptions(words.json, words.sandbox, getattr(words, "validate", False))


@quiet_pipe()
def main(check: Callable[[Settings, CheckOptions], Sequence[Finding]], options: CheckOptions, title: str) -> int:
    """Run one check, print what it found, return the exit status."""
    try:
        findings = check(settings_for(options), options)
    except ConfigError as error:
        return print_results(options, [], list(error.lines), 2, title)
    except (SandboxError, StoreError) as error:
        return print_results(options, [], [str(error)], 1, title)
    return print_results(options, findings, [], 1 if any(one.bad for one in findings) else 0, title)


def broker_status(settings: Settings, options: CheckOptions) -> list[Finding]:
    """Every account: configured, connected, balances."""
    return examined(settings, options, VENUES)


def independent_status(settings: Settings, options: CheckOptions) -> list[Finding]:
    """Every account with credentials, and a problem if none of them is funded and ready."""
    findings = [one for one in examined(settings, options, VENUES) if one.configured or one.bad]
    if any(one.connected and one.funded for one in findings):
        return findings
    remedy = "fund at least one exchange, or fix its connection: see the lines above"
    return [
        *findings,
        Finding(broker="nija", configured=True, status="idle", problem="no exchange is ready", remedy=remedy),
    ]


def one_venue(venue: str) -> Callable[[Settings, CheckOptions], list[Finding]]:
    """The check of one exchange, with all of its accounts."""
    return lambda settings, options: examined(settings, options, (venue,))


# -- the settings a check runs with -----------------------------------------------------------------------------------
def settings_for(options: CheckOptions) -> Settings:
    """The settings. For the sandbox, they name the running daemon's sandbox, if there is one."""
    settings = load_settings()
    if options.sandbox:
        trading = settings.trading.model_copy(update={"trading_mode": "sandbox"})
        settings = settings.model_copy(update={"trading": trading})
    elif resolve_mode(settings) is Mode.SANDBOX and settings.trading.trading_mode != "sandbox":
        raise ConfigError(
            [
                "no exchange has credentials in .env: fill them in (see .env.example), or add --sandbox to check the sandbox"
            ]
        )
    if resolve_mode(settings) is Mode.SANDBOX and settings.sandbox.ready_file is None:
        ready_file = settings.operation.data_dir / "sandbox.json"
        if running(ready_file) is not None:
            settings = settings.model_copy(
                update={"sandbox": settings.sandbox.model_copy(update={"ready_file": ready_file})}
            )
    return settings


# -- looking ----------------------------------------------------------------------------------------------------------
def examined(settings: Settings, options: CheckOptions, venues: Sequence[str]) -> list[Finding]:
    """A finding for each account of `venues`, from a running daemon's recent report or by asking the exchange."""
    sets = {found.venue: found for found in credential_sets(settings)}
    failed = _failed_brokers(settings)
    reports = {} if options.validate else _fresh_reports(settings)
    reports = {key: report for key, report in reports.items() if key not in failed}
    keys = _accounts(venues, {*configured(settings), *reports})
    with _environment(settings, keys, reports) as env:
        findings = []
        for key in keys:
            if key in reports:
                findings.append(to_finding(reports[key], settings.trading.min_balance_usd))
            elif env is not None and key in env.accesses:
                findings.append(_beside(_asked(settings, env, key, options), failed.get(key)))
            else:
                findings.append(_unconfigured(sets[key.venue], resolve_mode(settings)))
    return findings


def _accounts(venues: Sequence[str], known: Collection[AccountKey]) -> list[AccountKey]:
    """The known accounts of each venue; for a venue without any, its unnamed account."""
    return [
        key for venue in venues for key in sorted(one for one in known if one.venue == venue) or [AccountKey(venue)]
    ]


@contextmanager
def _environment(
    settings: Settings, keys: Sequence[AccountKey], reports: Mapping[AccountKey, BrokerStatus]
) -> Iterator[TradingEnvironment | None]:
    """The environment for asking the exchanges; None if the daemon's reports are enough."""
    if all(key in reports for key in keys):
        yield None
        return
    with closing(TradingEnvironment.of(settings)) as env:
        yield env


def _fresh_reports(settings: Settings) -> dict[AccountKey, BrokerStatus]:
    """What a running daemon of this installation reported within the last minute."""
    books = books_of(settings)
    mode = resolve_mode(settings)
    reports = books.statuses()
    fits = {seen.account.key for seen in books.accounts() if (seen.account.mode == "sandbox") == (mode is Mode.SANDBOX)}
    now = system_ms()
    return {
        key: report
        for key, report in reports.items()
        if key in fits and now - report.at < FRESH and is_alive(report.pid)
    }


def _failed_brokers(settings: Settings) -> dict[AccountKey, BrokerStatus]:
    """Brokers that a running daemon could not connect, or that crashed: nothing uses their keys now, so a check may."""
    brokers = running_daemon(settings.operation.data_dir) or {}
    return {key: report for key, report in brokers.items() if report.status is Status.FAILED}


def _beside(asked: Finding, failed: BrokerStatus | None) -> Finding:
    """An exchange's answer, with the problem that a running daemon has nevertheless."""
    if failed is None or asked.bad:
        return asked
    remedy = failed.remedy or "NIJA retries automatically; restart it after a change of .env"
    return replace(asked, status="failed", problem=f"the running NIJA failed here: {failed.reason}", remedy=remedy)


def to_finding(report: BrokerStatus, least: Decimal) -> Finding:
    """A running daemon's report as a finding; `least` is the equity (dollars) from which a broker counts as funded."""
    return Finding(
        broker=str(report.key),
        configured=True,
        connected=report.connected,
        funded=report.status is not Status.UNFUNDED and report.equity_usd >= least,
        status=report.status,
        mode=report.mode,
        balance_usd=plain(report.balance_usd) if report.measured_at else None,
        equity_usd=plain(report.equity_usd) if report.measured_at else None,
        problem="" if report.connected else report.last_error or report.reason,
        remedy="" if report.connected else report.remedy,
        source="daemon",
        permissions=report.permissions,
        ip_bound=report.ip_bound,
        clock_skew_ms=report.clock_skew_ms,
    )


def _asked(settings: Settings, env: TradingEnvironment, key: AccountKey, options: CheckOptions) -> Finding:
    manager = BrokerManager(
        env,
        usable_state_folder(),
        allow_withdraw=settings.limits.allow_withdraw_keys,
        log_for=lambda _: _silent(),
    )
    if str(key) in manager.unbuilt:
        text = "this version of NIJA does not trade this exchange"
        return Finding(broker=str(key), configured=True, status="failed", problem=text)
    books = books_of(settings)
    examination = manager.examine(key, prove=options.validate, positions_of=lambda account: _positions(books, account))
    return replace(_of_examination(examination, settings), mode=env.accesses[key].mode)


def _positions(books: Books, account: Account) -> Sequence[Position]:
    """NIJA's positions in an account, from its ledger; none if no database can be read, which the readiness check reports."""
    with suppress(StoreError):
        for seen in books.accounts(every=True):
            if seen.account == account:
                return books.read(seen, open_positions) or ()
    return ()


def _silent() -> Log:
    return Silent()


def _of_examination(found: Examination, settings: Settings) -> Finding:
    finding = Finding(
        broker=str(found.key),
        configured=True,
        status="failed",
        problem=found.problem,
        remedy=found.remedy,
        source="exchange",
    )
    if not found.connected or found.connection is None:
        return finding
    problem = funding(found, settings.trading.min_balance_usd)
    funded = not problem
    refused = [proof for proof in found.shapes if proof.judged and not proof.accepted]
    remedy = "" if funded else REMEDIES[found.key.venue]["unfunded"]
    if refused:
        problem, remedy = (
            f"{refused[0].name} refused: {refused[0].answer}",
            "no trades are made there until this is fixed",
        )
    return replace(
        finding,
        connected=True,
        funded=funded,
        status="ready" if funded else "unfunded",
        balance_usd=plain(found.balance_usd),
        equity_usd=plain(found.balance_usd + found.positions_usd),
        problem=problem,
        remedy=remedy,
        permissions=tuple(sorted(found.connection.permissions)),
        ip_bound=found.connection.ip_bound,
        clock_skew_ms=found.connection.clock_skew_ms,
        warnings=found.connection.warnings,
        left_out={asset: as_quantity(amount) for asset, amount in sorted(found.foreign.items())},
        balances={asset: plain(held.total) for asset, held in found.balances.items() if held.total},
        shapes=tuple(asdict(proof) for proof in found.shapes),
    )


def funding(found: Examination, least: Decimal) -> str:
    """Why an account is not funded, with the money that does not count; "" if it is funded."""
    if found.useful_usd >= least:
        return ""
    useless = [asset for asset, held in sorted(found.balances.items()) if held.total and asset in DOLLARS]
    useless = [asset for asset in useless if asset not in found.spendable]
    return (
        f"not funded: {usd(found.useful_usd)} of at least {usd(least)}"
        + (f"; {' and '.join(useless)} buys nothing here" if useless else "")
        + (f"; there is {found.elsewhere}" if found.elsewhere else "")
    )


def _unconfigured(found: CredentialSet, mode: Mode) -> Finding:
    if found.incomplete:
        remedy = f"set {' and '.join(found.missing)} in .env"
        return Finding(broker=found.venue, configured=False, status="incomplete", problem=found.line(), remedy=remedy)
    note = "not in this sandbox" if mode is Mode.SANDBOX else "not configured"
    return Finding(broker=found.venue, configured=False, status=note)
