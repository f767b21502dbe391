"""Readiness: everything that must be right before trading real money, check by check, and one verdict.

Checks the exchanges (connection, key, clock, balances, our exact orders without money) and this computer (SDKs, disk, database,
permissions of the `.env` file).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.backtest.fees import newcomer
from bot.commands.checks import CheckOptions, Finding, examined, settings_for
from bot.commands.checks_view import holdings, judgement, verdict
from bot.commands.show import columns, complain, money, quiet_pipe, say_json, table, whose
from bot.commands.which import books_of
from bot.domain.clock import iso, system_ms
from bot.domain.ids import AccountKey
from bot.runtime.daemon import trading_plan
from bot.runtime.evidence import Evidence, EvidenceFolder
from bot.runtime.evidence_judged import EvidenceAsked
from bot.runtime.evidence_terms import evidence_asked
from bot.runtime.known_terms import known_terms
from bot.runtime.sandbox_child import SandboxError
from bot.runtime.unwatched import traded_by, unwatched
from bot.settings.env_file import exposure
from bot.settings.load import VENUES, ConfigError, Settings, resolve_mode
from bot.store.database import StoreError

#: Free bytes below which a database may stop taking orders.
ENOUGH_DISK = 500 * 2**20
#: Milliseconds by which our clock may differ from an exchange's before a warning.
CLOCK_DRIFT = 1_000
_VERDICTS = {"accepted": "ok", "not judged": "ok", "REFUSED": "failure"}
SDKS = {"kraken": ("krakenex", "pykrakenapi"), "okx": ("okx",), "coinbase": ("coinbase-advanced-py",)}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `verdict` is ok, warning or failure."""

    broker: str
    name: str
    verdict: str
    found: str
    remedy: str = ""


@quiet_pipe()
def main(options: CheckOptions) -> int:
    """Run all checks, print them and the verdict; 0 ready, 1 not ready, 2 the configuration is wrong."""
    try:
        settings = settings_for(options)
        checks = list(_all(settings, options))
    except ConfigError as error:
        return _say(options, [Check("nija", "configuration", "failure", line) for line in error.lines], 2)
    except (SandboxError, StoreError) as error:
        return _say(options, [Check("nija", "start", "failure", str(error))], 1)
    failed = any(check.verdict == "failure" for check in checks)
    return _say(options, checks, 1 if failed else 0, str(resolve_mode(settings)))


def _all(settings: Settings, options: CheckOptions) -> Iterator[Check]:
    yield from _host(settings)
    asked = evidence_asked(settings, trading_plan(settings))
    evidence = EvidenceFolder(asked.data_dir)
    evidence.read()
    for line in evidence.unreadable:
        yield Check("nija", "evidence", "warning", line)
    ready = set()
    for finding in examined(settings, CheckOptions(options.as_json, options.sandbox, validate=True), VENUES):
        yield from _broker(finding)
        if finding.connected:
            yield evidence_row(asked, evidence.known, finding.broker, finding.mode)
        if finding.connected and finding.funded and not finding.bad:
            ready.add(AccountKey.parse(finding.broker).venue)
    found = f"{len(ready)} of {len(VENUES)} exchanges can be traded"
    yield Check(
        "nija", "brokers", "ok" if ready else "failure", found, "" if ready else "configure and fund at least one"
    )


def _host(settings: Settings) -> Iterator[Check]:
    folder = settings.operation.data_dir
    free = shutil.disk_usage(_existing(folder)).free
    remedy = "" if free >= ENOUGH_DISK else f"free some space on the disk of {folder}"
    yield Check("nija", "disk", "ok" if free >= ENOUGH_DISK else "failure", f"{free // 2**20} MB free", remedy)
    yield _database(settings)
    yield from unattended(settings)
    yield _env_file(settings.home / ".env")
    for warning in settings.warnings:
        yield Check("nija", "settings", "warning", warning)


def _database(settings: Settings) -> Check:
    try:
        books = books_of(settings)
        known, wrong = books.accounts(), "; ".join(books.unreadable.values())
    except StoreError as error:
        known, wrong = (), str(error)
    if wrong:
        return Check("nija", "database", "failure", wrong, "nija recover sets a damaged database aside")
    return Check("nija", "database", "ok", f"readable, {len(known)} accounts so far")


def unattended(settings: Settings) -> Iterator[Check]:
    """Positions in accounts that these settings do not trade."""
    books = books_of(settings)
    try:
        found = unwatched(books, traded_by(settings))
    except StoreError:
        return  # reported as the database's failure
    for one in found:
        yield Check(str(one.account.key), "positions", "failure", one.reason, one.remedy)


def _env_file(file: Path) -> Check:
    if not file.exists():
        return Check("nija", ".env", "ok", "none: the environment's variables are used")
    if exposed := exposure(file):
        found, _, remedy = exposed.rpartition(": ")
        return Check("nija", ".env", "warning", found, remedy)
    return Check("nija", ".env", "ok", "readable by you alone")


def _broker(one: Finding) -> Iterator[Check]:
    name = one.broker
    if not one.configured:
        incomplete = one.status == "incomplete"
        yield Check(name, "credentials", "failure" if incomplete else "ok", one.problem or one.status, one.remedy)
        return
    yield Check(name, "credentials", "ok", "complete")
    yield _sdk(name, AccountKey.parse(name).venue)
    if not one.connected:
        yield Check(name, "connection", "failure", one.problem, one.remedy)
        return
    yield Check(name, "connection", "ok", "connected")
    yield Check(name, "permissions", "ok", " ".join(one.permissions))
    yield _ip(one)
    yield _clock(one)
    for warning in one.warnings:
        yield Check(name, "account", "warning", warning)
    yield Check(name, "balances", "ok", holdings(one.balances) or "nothing")
    yield Check(
        name,
        "funding",
        "ok" if one.funded else "failure",
        f"{money(one.balance_usd)}{_play(one.mode)}",
        "" if one.funded else one.remedy,
    )
    for shape in one.shapes:
        yield Check(name, f"order shape: {shape['name']}", _VERDICTS[verdict(shape)], judgement(shape))


def evidence_row(asked: EvidenceAsked, known: Sequence[Evidence], key: str, mode: str) -> Check:
    """What backtests say of the strategy at this account's fee, else a newcomer's. Play money needs none unless it is required."""
    venue = AccountKey.parse(key).venue
    fees = [float(one.fee) for one in known_terms(asked.data_dir, key).values()]
    found = asked.finding(known, venue, max(fees, default=newcomer(venue)), system_ms())
    words = "; ".join(part for part in (found.reason, found.tested) if part)
    if found.earns:
        return Check(key, "evidence", "ok", words)
    if asked.required:
        return Check(key, "evidence", "failure", f"{words} (REQUIRE_EVIDENCE is true)", found.command)
    return Check(key, "evidence", "ok" if whose(mode) else "warning", words, found.command)


def _play(mode: str) -> str:
    return f" ({whose(mode)})" if whose(mode) else ""


def _sdk(name: str, venue: str) -> Check:
    try:
        found = " ".join(f"{package} {version(package)}" for package in SDKS[venue])
    except PackageNotFoundError as error:
        return Check(name, "SDK", "failure", f"{error.name} is missing", "run ./start.sh setup")
    return Check(name, "SDK", "ok", found)


def _ip(one: Finding) -> Check:
    if one.ip_bound is None:
        return Check(one.broker, "IP binding", "ok", "the exchange does not say")
    if one.ip_bound:
        return Check(one.broker, "IP binding", "ok", "the key works from your addresses only")
    return Check(one.broker, "IP binding", "warning", "the key works from anywhere", "bind it to this server's address")


def _clock(one: Finding) -> Check:
    skew = one.clock_skew_ms or 0
    if abs(skew) <= CLOCK_DRIFT:
        return Check(one.broker, "clock", "ok", f"{skew} ms")
    return Check(one.broker, "clock", "warning", f"differs by {skew} ms", "switch on NTP on this computer")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _say(options: CheckOptions, checks: Sequence[Check], status: int, mode: str = "") -> int:
    verdict = {0: "READY", 1: "NOT READY", 2: "NOT CONFIGURED"}[status]
    if options.as_json:
        content = {
            "time": iso(system_ms()),
            "ready": status == 0,
            "mode": mode or None,
            "checks": [asdict(check) for check in checks],
        }
        say_json(content)
        return status
    if status == 2:
        for check in checks:
            complain(check.found)
        return status
    rows = [(one.broker.upper(), one.name, one.verdict, one.found, one.remedy) for one in checks]
    table(columns("broker, check, verdict, found, do"), rows, f"readiness: {verdict}{_play(mode)}")
    return status
