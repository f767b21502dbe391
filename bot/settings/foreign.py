"""Names of variables that mean "do not trade" in other programs. NIJA uses other names, and must never trade against such a wish.

`.env` is NIJA's own file, so every name that can be read that way counts there. The process's environment is shared with other
programs: there a name counts only if it is unambiguous, or mentions trading or one of our exchanges. Values are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_PLAY: Final = "TRADING_MODE=sandbox trades play money"
_DEMO: Final = "OKX_USE_TESTNET=true trades with a key of OKX's Demo Trading, TRADING_MODE=sandbox trades play money"
_NO_ENTRIES: Final = "MAX_OPEN_POSITIONS=0 makes no entries, TRADING_MODE=sandbox trades play money"
_STOP: Final = "a file EMERGENCY_STOP in NIJA_DATA_DIR sells everything, MAX_OPEN_POSITIONS=0 makes no entries"
_NO_KEYS: Final = "an exchange without keys is not traded, MAX_OPEN_POSITIONS=0 makes no entries anywhere"

_VENUES: Final = frozenset({"KRAKEN", "OKX", "COINBASE"})


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """`spoken` maps phrases, written as one word, to what to use instead. `switches` turn `trades` (or a venue) on or off. Words of
    `around` may accompany either without changing the meaning.
    """

    spoken: Mapping[str, str]
    switches: frozenset[str]
    trades: frozenset[str]
    around: frozenset[str]


_CLEAR: Final = _Vocabulary(
    spoken={
        **dict.fromkeys(("DRYRUN", "DRY", "PAPER", "LIVE", "SANDBOX", "SIMULATE", "SIMULATED", "SIMULATION"), _PLAY),
        **dict.fromkeys(("PLAYMONEY", "REALMONEY", "FAKEMONEY", "LIVEMONEY", "PAPERMONEY", "TRADINGMODE"), _PLAY),
        **dict.fromkeys(("ISDRYRUN", "ISPAPER", "ISLIVE"), _PLAY),
        **dict.fromkeys(("TESTNET", "DEMO"), _DEMO),
        **dict.fromkeys(("READONLY", "WATCHONLY", "NOTRADE", "NOTRADING", "DONOTTRADE", "DONTTRADE"), _NO_ENTRIES),
        **dict.fromkeys(("EMERGENCYSTOP", "KILLSWITCH"), _STOP),
    },
    switches=frozenset({"ENABLED", "ENABLE", "DISABLED", "DISABLE", "ALLOW", "STOP", "PAUSE", "NO"}),
    trades=frozenset({"TRADING", "TRADE", "TRADES"}),
    around=_VENUES | {"NIJA", "BOT", "MODE", "TRADING", "TRADE", "USE", "ENABLED", "ENABLE"},
)
_IN_OUR_FILE: Final = _Vocabulary(
    spoken={
        **_CLEAR.spoken,
        **dict.fromkeys(("SIM", "SIMULATOR", "MOCK", "FAKE", "TEST", "TESTING", "VIRTUAL", "BACKTEST", "REAL"), _PLAY),
        **dict.fromkeys(("PROD", "PRODUCTION", "SANDBOXED", "PRACTICE", "TRAINING", "VALIDATEONLY"), _PLAY),
        **dict.fromkeys(
            ("MODE", "RUNMODE", "TRADEMODE", "ENV", "ENVIRONMENT", "STAGING", "SHADOW", "WHATIF", "PRETEND"), _PLAY
        ),
        **dict.fromkeys(("BACKTESTING", "LIVECAPITAL", "LIVECAPITALVERIFIED"), _PLAY),
        **dict.fromkeys(("DEV", "DEVELOPMENT", "PREVIEW", "TRIAL", "EMULATE", "EMULATION", "PLAYGROUND"), _PLAY),
        "OKXFLAG": _DEMO,
        **dict.fromkeys(("PAUSE", "PAUSED", "HALT", "HALTED", "NOOP", "AUTOTRADE", "AUTOTRADING"), _NO_ENTRIES),
        **dict.fromkeys(("ENABLED", "ENABLE", "DISABLED", "DISABLE", "ACTIVE", "STOP", "STOPPED"), _NO_ENTRIES),
        **dict.fromkeys(("FREEZE", "FROZEN", "SUSPEND", "SUSPENDED", "ARMED", "DISARM", "DISARMED"), _NO_ENTRIES),
        **dict.fromkeys(("EXECUTE", "MAINTENANCE", "AUTOSTART", "SAFEMODE", "SAFETYMODE", "MANUALMODE"), _NO_ENTRIES),
        **dict.fromkeys(("OBSERVERMODE", "MONITORMODE", "WATCHMODE", "MASTERSWITCH", "TRADINGSWITCH"), _NO_ENTRIES),
        **dict.fromkeys(("ALERTONLY", "ALERTSONLY", "NOTIFYONLY", "LOGONLY"), _NO_ENTRIES),
        **dict.fromkeys(
            ("SIGNALONLY", "SIGNALSONLY", "MONITORONLY", "VIEWONLY", "OBSERVEONLY", "OBSERVE"), _NO_ENTRIES
        ),
        **dict.fromkeys(("CLOSEONLY", "EXITONLY", "SELLONLY", "REDUCEONLY", "LIQUIDATEONLY"), _NO_ENTRIES),
        **dict.fromkeys(("STANDBY", "IDLE", "OFFLINE", "ONLINE", "INACTIVE", "ACTIVATE", "ACTIVATED"), _NO_ENTRIES),
        **dict.fromkeys(("DEACTIVATE", "DEACTIVATED", "INITIALSTATE", "BOTSTATE", "BOTSTATUS"), _NO_ENTRIES),
        **dict.fromkeys(("TRADINGSTATE", "TRADINGSTATUS"), _NO_ENTRIES),
        **dict.fromkeys(("PANIC", "FLATTEN", "FLATTENALL", "CLOSEALL", "LIQUIDATE"), _STOP),
        **dict.fromkeys((f"{venue}ONLY" for venue in _VENUES), _NO_KEYS),
        **dict.fromkeys((f"ONLY{venue}" for venue in _VENUES), _NO_KEYS),
        **dict.fromkeys(("EXCHANGES", "BROKERS", "VENUES", "EXCHANGE", "BROKER", "VENUE"), _NO_KEYS),
    },
    switches=_CLEAR.switches
    | {"ALLOWED", "STOPPED", "PAUSED", "HALT", "HALTED", "ACTIVE", "ON", "OFF", "NOT", "PLACE", "BLOCK", "BLOCKED"}
    | {"LOCK", "LOCKED", "FREEZE", "FROZEN", "SUSPEND", "SUSPENDED", "SKIP", "IGNORE", "EXCLUDE", "EXECUTE", "SEND"}
    | {
        "SUBMIT",
        "CONFIRM",
        "USE",
        "START",
        "RUN",
        "RUNNING",
        "DONT",
        "ASK",
        "APPROVE",
        "REQUIRE",
        "REQUIRED",
        "MANUAL",
    },
    trades=_CLEAR.trades
    | {
        "TRADER",
        "ORDER",
        "ORDERS",
        "ENTRY",
        "ENTRIES",
        "BUY",
        "BUYS",
        "BUYING",
        "POSITION",
        "POSITIONS",
        "APPROVAL",
        "CONFIRMATION",
        "BOT",
        "NIJA",
    },
    around=_CLEAR.around
    | {"IS", "ON", "OFF", "ONLY", "DISABLED", "DISABLE", "FLAG", "RUN", "MONEY", "ACCOUNT", "BOT", "EXCHANGE", "BROKER"}
    | {"API", "NO", "NOT", "ALLOW", "FORCE", "TRADES", "TRADER", "ORDERS", "ENV", "ENVIRONMENT", "SWITCH", "GO", "NEW"}
    | {"OR", "NON", "EXECUTION", "PAPER", "LIVE", "DO", "BEFORE", "ACTIVE", "LIST"},
)
#: With one of these words, a name in the environment is read as if it were in our file.
_OURS: Final = _VENUES | _CLEAR.trades | {"NIJA", "TRADER"}
#: Endings that may be joined to a phrase: PAPERTRADING, LIVEMODE.
_ENDS: Final = ("TRADING", "TRADE", "MODE")


def means_no_trading(name: str, *, our_file: bool) -> str | None:
    """What to use in place of a variable whose name says "do not trade" (or "do"); None for any other name."""
    words = re.split(r"[_\W]+", name.upper().strip("_"))
    known = _IN_OUR_FILE if our_file or _OURS.intersection(words) else _CLEAR
    for first, last in _stretches(len(words)):
        instead = _phrase("".join(words[first:last]), known.spoken)
        if instead is not None and known.around.issuperset(words[:first] + words[last:]):
            return instead
    said = set(words)
    if our_file and said & _VENUES and said <= _VENUES | known.trades:
        return _NO_KEYS
    if not said & known.switches or not said <= known.switches | known.trades | known.around:
        return None
    if said & known.trades:
        return _NO_ENTRIES
    return _NO_KEYS if said & _VENUES else None


def _phrase(said: str, spoken: Mapping[str, str]) -> str | None:
    shorter = (said.removesuffix(end) for end in _ENDS if said.endswith(end))
    return next((spoken[each] for each in (said, *shorter) if each in spoken), None)


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    """Every run of consecutive words as (first, last), the longest first."""
    for length in range(count, 0, -1):
        yield from ((first, first + length) for first in range(count - length + 1))


def refusals(in_file: Iterable[str], outside: Iterable[str], known: Iterable[str]) -> list[str]:
    """One line for each variable that means "do not trade" and is not `known`."""
    ours = set(known)
    found: dict[str, str] = {}
    for names, our_file in ((in_file, True), (outside, False)):
        for name in sorted(set(names) - ours - found.keys()):
            if instead := means_no_trading(name, our_file=our_file):
                place = ".env" if our_file else "the environment"
                found[name] = (
                    f"{name} (in {place}) is not a variable of NIJA and would not keep it from trading: {instead}"
                )
    return list(found.values())
