"""Whether NIJA is running, and how old its information is, so that old information is not shown as current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.commands.show import moment
from bot.domain.clock import iso, system_ms
from bot.domain.ids import AccountKey
from bot.domain.status import BrokerStatus
from bot.runtime.heartbeat_file import LastWord, last_word
from bot.settings.load import Settings
from bot.store.reader import Books
from bot.telemetry.status import ago, lasting


@dataclass(frozen=True, slots=True)
class Presence:
    """`as_of` is the wall time of the last sign of life, None if NIJA never started; `word` is the daemon's last report."""

    as_of: int | None
    word: LastWord | None

    @property
    def running(self) -> bool:
        return self.word is not None and self.word.running

    def report_of(self, key: AccountKey, mode: str) -> BrokerStatus | None:
        """The daemon's last report on an account, if it traded it in that mode."""
        report = self.word.brokers.get(key) if self.word is not None else None
        return report if report is not None and report.mode in (mode, "") else None

    def is_traded(self, key: AccountKey, mode: str) -> bool:
        """Whether an account is traded now."""
        return self.running and self.report_of(key, mode) is not None

    @property
    def line(self) -> str:
        """One line for people."""
        if self.word is not None and self.word.running:
            since, span = moment(self.word.started), lasting(system_ms() - self.word.started)
            return f"NIJA has been running since {since} ({span}), process {self.word.pid}"
        if self.as_of is None:
            return "NIJA has not started here yet: ./start.sh starts it"
        return f"Not running since {moment(self.as_of)} ({ago(self.as_of, system_ms())}). What NIJA knew then:"

    def heading(self) -> dict[str, Any]:
        """The same for programs."""
        return {"running": self.running, "as_of": iso(self.as_of or system_ms())}


def presence(settings: Settings, books: Books) -> Presence:
    """The state of the installation that the settings name; raises `StoreError` when no database can be read."""
    word = last_word(settings.operation.data_dir)
    known = [report.at for report in books.statuses().values()]
    return Presence(word.at if word is not None else max(known, default=None), word)


def with_presence(content: Mapping[str, Any], here: Presence) -> dict[str, Any]:
    """The document of `nija ledger --json`, with whether NIJA is running and the daemon's own verdict on what it trades now."""
    brokers = {name: _verdict(name, one, here) for name, one in content["brokers"].items()}
    return {**here.heading(), **content, "brokers": brokers}


def _verdict(name: str, broker: Mapping[str, Any], here: Presence) -> dict[str, Any]:
    key = AccountKey.parse(name.partition(" ")[0])
    report = here.report_of(key, broker["mode"]) if here.running and " " not in name else None
    return {**broker, "status": report.status if report is not None else broker["status"]}
