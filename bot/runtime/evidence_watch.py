"""One account's evidence while it trades: said at its start and whenever it changes, and what REQUIRE_EVIDENCE makes of it.

Reads a file only when one has changed, once a cycle; the gate reads what was found then.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.ids import Account
from bot.domain.instrument import FeeRate
from bot.domain.log import Event, Log
from bot.runtime.evidence import EvidenceFolder
from bot.runtime.evidence_judged import EvidenceAsked, Finding


class EvidenceWatch:
    """`asked` None: nobody asks, and nothing is said."""

    def __init__(self, asked: EvidenceAsked | None, account: Account, log: Log) -> None:
        self._asked = asked
        self._account = account
        self._log = log
        self._folder = None if asked is None else EvidenceFolder(asked.data_dir)
        self._found: Finding | None = None
        self._said = ""

    @property
    def blocks(self) -> str:
        """Why entries need to wait for evidence; "" if they need not."""
        if self._asked is None or not self._asked.required:
            return ""
        if self._found is None:
            return "no market's fee is known"
        return "" if self._found.earns else self._found.reason

    @property
    def warning(self) -> str:
        """What an owner should know where evidence matters, for real money or because it is required, in one line; "" if it
        earned.
        """
        matters = self._asked is not None and (self._is_real or self._asked.required)
        return self._found.line if matters and self._found is not None and not self._found.earns else ""

    def look(self, fees: Mapping[str, FeeRate], now: int) -> None:
        """Compare with what is known now (wall ms) and at the highest of these fees, and say so if the outcome is new."""
        if self._asked is None or self._folder is None or not fees:
            return
        self._folder.read()
        fee = float(max(one.taker for one in fees.values()))
        found = self._found = self._asked.finding(self._folder.known, self._account.key.venue, fee, now)
        if found.reason != self._said:
            self._say(found)
        self._said = found.reason

    @property
    def _is_real(self) -> bool:
        return self._account.mode == "live"

    def _say(self, found: Finding) -> None:
        if self._is_real and not found.earns:
            self._log.warning(Event.EVIDENCE, reason=found.reason, tested=found.tested, command=found.command)
        else:
            self._log.info(Event.EVIDENCE, reason=found.reason, tested=found.tested, command=found.command)
