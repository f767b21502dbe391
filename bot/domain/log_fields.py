"""The meaning, levels and fields of each log event: the log's reference, as data.

A test checks every logging call against it. Trading code does not import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.domain.log import Event


@dataclass(frozen=True, slots=True)
class Spec:
    """One event: a sentence for people, its levels (`debug`, `info`, `warning`, `error`) and the names of its fields."""

    meaning: str
    levels: frozenset[str]
    required: frozenset[str]
    optional: frozenset[str]

    def objections(self, level: str, fields: Iterable[str]) -> list[str]:
        """How a line differs from its declaration; empty if it does not."""
        given = frozenset(fields)
        return [
            *([f"never comes at level {level}"] if level not in self.levels else []),
            *(f"lacks the field {name}" for name in sorted(self.required - given)),
            *(f"does not declare the field {name}" for name in sorted(given - self.required - self.optional)),
        ]


def _spec(meaning: str, levels: str, required: str = "", optional: str = "") -> Spec:
    return Spec(meaning, frozenset(levels.split()), frozenset(required.split()), frozenset(optional.split()))


_DAEMON: Final = {
    Event.LIVE: _spec("NIJA starts and trades real money.", "info", "version money brokers"),
    Event.SANDBOX: _spec(
        "NIJA starts and trades play money at local exchanges.", "info", "version money speed brokers note"
    ),
    Event.SETTINGS: _spec("A setting may not do what you expect.", "warning", "reason"),
    Event.PARAMETERS: _spec("The strategy trades parameters that a search wrote.", "info", "file params timeframe"),
    Event.CREDENTIALS: _spec("Credentials are incomplete or readable by other users.", "warning", "reason"),
    Event.SKIPPED: _spec("An exchange has credentials, but this version does not support it.", "warning", "reason"),
    Event.LOCKED: _spec("Another NIJA on this computer already trades one of the accounts.", "error", "reason"),
    Event.UNWATCHED: _spec(
        "An account that is no longer traded holds positions.", "warning", "reason remedy", "account"
    ),
    Event.STATUS: _spec(
        "One line of the status block: an account or one of its positions. In JSON without `text`.",
        "info",
        "text broker",
        "mode status reason balance_usd equity_usd today_usd measured_s positions signals skipped cycles cycles_ok"
        " reconciled_s foreign evidence symbol side qty entry price stop unrealised_usd stage",
    ),
    Event.HEARTBEAT: _spec(
        "Where pings go, or a heartbeat file, HEARTBEAT_URL or service manager that cannot be reached.",
        "info warning",
        "reason",
        "service lost",
    ),
    Event.BACKUP: _spec("A backup of a database was made, or failed.", "info warning", "", "file bytes reason"),
    Event.EXPLAIN: _spec("The data for `nija explain` cannot be stored, or can be again.", "info warning", "reason"),
    Event.NOTIFY: _spec(
        "Where alarms are sent, or a service that did not accept one.",
        "info warning",
        "",
        "services service reason hint lost",
    ),
    Event.NOTIFIED: _spec("How many alarms this run sent, held back and lost.", "info", "alarms kept_back sent lost"),
    Event.DROPPED: _spec("Lines are missing here because their reader was too slow.", "warning", "lines reason"),
    Event.ERROR_IGNORED: _spec("Python raised an error where no code could handle it.", "error", "where"),
    Event.STOPPING: _spec("The daemon has begun to stop.", "info", "reason"),
    Event.STAYS: _spec(
        "A position that stays open, with its stop, while the daemon is down.", "info", "symbol qty entry stop"
    ),
    Event.UNFINISHED: _spec("A thread was still waiting for its exchange when the daemon ended.", "warning", "reason"),
    Event.STOPPED: _spec("The daemon has ended.", "info", "positions"),
}
_ACCOUNT: Final = {
    Event.CONNECTED: _spec("The exchange accepted the key.", "info", "account permissions clock_skew_ms"),
    Event.WARNING: _spec("Something about the key or the account that you should know.", "warning", "reason"),
    Event.FUNDED: _spec("The account has enough money to trade.", "info", "balance_usd equity_usd", "hint"),
    Event.UNFUNDED: _spec(
        "The account has too little money to trade.", "warning", "balance_usd equity_usd needed_usd reason"
    ),
    Event.EVIDENCE: _spec(
        "What backtests say of the strategy on this account's terms, or a file of theirs that cannot be read.",
        "info warning",
        "reason",
        "tested command",
    ),
    Event.CURRENCY: _spec("The account holds a currency that is not traded.", "info", "holds reason"),
    Event.DAY: _spec("The result of a UTC day.", "info", "day equity_usd result_usd trades open_positions fees_usd"),
    Event.HALTED: _spec(
        "No new entries; `limit` says what blocks them.",
        "info warning error",
        "limit reason",
        "symbol client_id disk remedy",
    ),
    Event.RESUMED: _spec("What blocked entries is over.", "info", "limit reason", "symbol"),
    Event.COMMAND: _spec("A command of yours arrived, or was carried out.", "info", "verb", "result symbol"),
    Event.FAILED: _spec("The account cannot be traded until you fix something.", "error", "reason remedy"),
    Event.ERROR: _spec("A cycle failed because the exchange did not answer.", "warning", "reason remedy in_a_row"),
    Event.RECOVERED: _spec("A complete cycle succeeded again.", "info", "status reason"),
    Event.STUCK: _spec("A thread showed no activity and was replaced.", "error", "silent_s reason"),
    Event.CRASHED: _spec("A bug in NIJA ended a thread or the program.", "error", "", "reason thread"),
    Event.MERGED: _spec(
        "Orders that were sent while the disk was full are in the database.", "info", "orders file reason"
    ),
    Event.POCKETS: _spec("The exchange's other wallets could not be read.", "debug", "reason"),
}
_EXCHANGE: Final = {
    Event.WAITS: _spec(
        "A request waits for the exchange's rate limit.", "info", "seconds", "venue budget what since reason"
    ),
    Event.TIER: _spec(
        "The rate limit seems to be that of a lower account tier.", "warning", "venue set believed reason"
    ),
    Event.PROVED: _spec(
        "The exchange validated a sample order without placing it.",
        "info warning",
        "judged",
        "venue shape accepted answer symbol reason",
    ),
    Event.ABLE: _spec("The exchange now accepts stops, or no longer does.", "info warning", "venue what taken reason"),
    Event.MODE: _spec("The account's settings could not be refreshed.", "warning", "venue reason"),
    Event.LEVERAGE: _spec("The leverage of a market was set.", "info", "venue symbol leverage"),
    Event.CLOCK: _spec("The clock was compared with the exchange's.", "warning", "venue", "skew_ms reason"),
    Event.NONCE_REFUSED: _spec("The exchange refused a nonce; a larger one is tried.", "warning", "venue method"),
    Event.PAUSE_NOT_SHARED: _spec(
        "Other programs with this key could not be notified of a pause that the exchange demands.",
        "warning",
        "venue reason",
    ),
    Event.VENUE_WARNING: _spec("The exchange's answer carried a warning.", "warning", "venue text"),
    Event.EARN_UNKNOWN: _spec("The amount in Earn could not be read.", "debug", "venue reason"),
    Event.LEFT_OUT: _spec(
        "A row or balance that does not concern NIJA was ignored.",
        "warning",
        "venue product reason",
    ),
    Event.VALIDATE_PLACED_ORDER: _spec(
        "The exchange placed an order that it should only have validated; the order was cancelled.",
        "error",
        "venue exchange_ids cancelled",
    ),
}
_MARKETS: Final = {
    Event.MARKETS: _spec(
        "The markets that are traded, or one that is excluded for now. `unlisted`: names of your lists that no market here has.",
        "info warning",
        "",
        "symbols of unlisted symbol reason",
    ),
    Event.MARKET_LEFT_OUT: _spec("A market cannot be traded.", "warning", "venue reason", "symbol"),
    Event.RULES: _spec("The exchange changed a rule of a market.", "warning", "symbol rule was now"),
    Event.SKIP: _spec(
        "A gate blocks an entry: once for each market, gate and candle.", "info", "symbol gate value limit reason"
    ),
}
_ORDERS: Final = {
    Event.REJECTED: _spec(
        "The exchange refused an order, or ended sale after sale of a position with nothing sold.",
        "warning",
        "symbol purpose client_id reason",
    ),
    Event.UNKNOWN: _spec(
        "The outcome of an order is not known yet.", "warning error", "symbol client_id reason", "purpose"
    ),
    Event.HUNT: _spec("A step of the search for a lost order.", "debug info", "client_id reason"),
    Event.FOUND: _spec("A lost order was found.", "info", "symbol client_id exchange_id status"),
    Event.REPEATED: _spec("A lost order was sent again under the same id.", "info", "symbol client_id exchange_id"),
    Event.BURN: _spec("The client id of a lost order could not be used up.", "info", "venue client_id side reason"),
    Event.BURNT: _spec(
        "The client id of a lost order is used up.",
        "info",
        "symbol client_id exchange_id status",
    ),
    Event.ABSENT: _spec("A lost order was never placed.", "info", "symbol client_id reason"),
    Event.CERTAIN: _spec("The outcome of a lost order is known.", "info", "client_id reason"),
    Event.FORGOTTEN: _spec("An order left no trace and no fill.", "info", "symbol client_id reason"),
    Event.UNSETTLED: _spec("The exchange could not be asked how an order ended.", "warning", "symbol client_id reason"),
    Event.CANCEL: _spec("The end of a cancelled order could not be seen.", "warning", "venue exchange_id reason"),
    Event.CORRECTED: _spec(
        "The exchange reduced the quantity that it had reported as filled.",
        "warning",
        "symbol exchange_id filled was reason",
    ),
    Event.FILL: _spec("A fill was recorded.", "info", "symbol side qty price fee fee_asset purpose fill_id"),
    Event.OVERSOLD: _spec("More was sold than was held.", "error", "symbol qty fill_id"),
    Event.HISTORY: _spec(
        "The exchange's history was read, or could not be read.", "debug info", "", "since fills seconds reason"
    ),
    Event.ADOPTED: _spec(
        "An order found at the exchange was added to the database.", "info", "symbol purpose exchange_id", "client_id"
    ),
    Event.WATCHING: _spec("Orders of another NIJA are watched before they are adopted.", "warning", "for_s reason"),
    Event.LET_GO: _spec("A position was returned to the NIJA that bought it.", "error", "symbol qty reason"),
}
_POSITIONS: Final = {
    Event.ENTRY: _spec("A position was opened.", "info", "symbol side qty price stop score client_id"),
    Event.TP1: _spec("The first target was sold.", "info", "symbol qty price left reason"),
    Event.TP2: _spec("The second target was sold.", "info", "symbol qty price left reason"),
    Event.TP3: _spec(
        "The third target was sold. Later targets are logged in the same way.", "info", "symbol qty price left reason"
    ),
    Event.EXIT: _spec(
        "A position was closed (`price`: the average of its sales; `result` and `fees` in `currency`), or a part was sold.",
        "info",
        "symbol price reason",
        "purpose entry result fees currency qty left",
    ),
    Event.FLATTEN: _spec(
        "A flatten sold a position, or still has positions to sell.",
        "info warning",
        "left",
        "symbol qty price reason",
    ),
    Event.STOP: _spec(
        "A stop rests at the exchange, or could not be placed, changed or seen.",
        "info warning error",
        "symbol",
        "qty trigger naked_ms exchange_id outcome reason",
    ),
    Event.NAKED: _spec("A position has no full stop at the exchange.", "error", "symbol reason for_s"),
    Event.COVERED: _spec("A position has its stop again, or is closed.", "info", "symbol reason"),
    Event.STRATEGY: _spec(
        "A strategy raised an exception or returned an impossible value, which is ignored; or it took over 2 seconds to answer.",
        "error",
        "strategy symbol where reason",
    ),
    Event.WATCH: _spec("A position could not be checked this time.", "warning", "symbol reason"),
    Event.MISSING: _spec("The account does not show all that a position should hold.", "warning", "symbol qty reason"),
    Event.GONE: _spec(
        "Coins or contracts of a position are gone, and NIJA did not sell them.", "error", "symbol qty sold reason"
    ),
    Event.DUST: _spec("The rest of a position is too small to sell.", "info", "symbol qty reason"),
}

GROUPS: Final[Mapping[str, Mapping[Event, Spec]]] = MappingProxyType(
    {
        "The daemon": _DAEMON,
        "The account": _ACCOUNT,
        "The exchange": _EXCHANGE,
        "Markets": _MARKETS,
        "Orders": _ORDERS,
        "Positions": _POSITIONS,
    }
)
"""The events by what they are about."""
SPECS: Final[Mapping[Event, Spec]] = MappingProxyType(
    {event: spec for group in GROUPS.values() for event, spec in group.items()}
)


def spec_of(event: Event) -> Spec:
    """The declaration of an event; later targets share that of the first."""
    return SPECS.get(event, SPECS[Event.TP1])
