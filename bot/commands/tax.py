"""Files for import into tax software: Koinly's universal format and CoinTracking's.

Every fill is a row under the exchange's own id. The result of a contract is one row, as both programs require; coins that left
the account without a sale are a withdrawal. Dust is not an event: a note on the fill that left it states its value.
Both programs convert to the owner's currency themselves, so dollars appear only in notes, and in Koinly's net worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.domain.clock import SECOND
from bot.domain.money import ZERO, plain, to_places, usd
from bot.domain.order import Side

if TYPE_CHECKING:
    from bot.store.tax_events import TaxEvent

Cells = dict[str, str]


class Program(StrEnum):
    """The software that reads the file."""

    KOINLY = "koinly"
    COINTRACKING = "cointracking"


@dataclass(frozen=True, slots=True)
class _Flow:
    """What was received and what was sent, each an amount of a currency; None for nothing. Neither includes the fee."""

    received: tuple[Decimal, str] | None
    sent: tuple[Decimal, str] | None
    fee: tuple[Decimal, str] | None = None
    pnl: bool = False


_KOINLY = (
    *("Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency"),
    *("Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash"),
)
_COINTRACKING = (
    *("Type", "Buy Amount", "Buy Currency", "Sell Amount", "Sell Currency", "Fee", "Fee Currency"),
    *("Exchange", "Trade-Group", "Comment", "Date", "Tx-ID"),
)
COLUMNS = {Program.KOINLY: _KOINLY, Program.COINTRACKING: _COINTRACKING}


def tax_rows(program: Program, events: Iterable[TaxEvent]) -> list[Cells]:
    """The file's lines, the oldest first."""
    write: Callable[[TaxEvent, _Flow], list[Cells]] = _koinly if program is Program.KOINLY else _cointracking
    return [cells for event in events for cells in write(event, _flow(event))]


def _flow(event: TaxEvent) -> _Flow:
    if event.is_contract:
        earned = (abs(event.realised), event.currency)
        return _Flow(earned, None, pnl=True) if event.realised > 0 else _Flow(None, earned, pnl=True)
    coins, money = (event.qty, event.base), (event.qty * event.price, event.currency)
    if event.withdrawn:
        return _Flow(None, coins)
    received, sent = (coins, money) if event.side is Side.BUY else (money, coins)
    fee = (event.fee, event.fee_asset)
    if event.fee < 0:  # a rebate: more was received, or less was sent
        received, sent, fee = _less(received, fee), _more(sent, fee), (ZERO, event.fee_asset)
    return _Flow(received, sent, fee if event.fee > 0 else None)


def _less(amount: tuple[Decimal, str], fee: tuple[Decimal, str]) -> tuple[Decimal, str]:
    return (amount[0] - fee[0], amount[1]) if amount[1] == fee[1] else amount


def _more(amount: tuple[Decimal, str], fee: tuple[Decimal, str]) -> tuple[Decimal, str]:
    return (amount[0] + fee[0], amount[1]) if amount[1] == fee[1] else amount


# -- Koinly -----------------------------------------------------------------------------------------------------------
def _koinly(event: TaxEvent, flow: _Flow) -> list[Cells]:
    """Amounts without the fee, which Koinly deducts itself."""
    worth = event.realised if event.is_contract else event.qty * event.price
    if worth == 0:
        return []
    row = {
        "Date": f"{_time(event.time)} UTC",
        "Net Worth Amount": plain(to_places(abs(worth) * event.quote_usd, 8)),
        "Net Worth Currency": "USD",
        "Label": "realized gain" if flow.pnl else "",
        "Description": _words(event),
        "TxHash": event.fill_id,
    }
    return [row | _cells("Sent", flow.sent) | _cells("Received", flow.received) | _cells("Fee", flow.fee)]


# -- CoinTracking -----------------------------------------------------------------------------------------------------
def _cointracking(event: TaxEvent, flow: _Flow) -> list[Cells]:
    """Amounts including the fee; a fee in a third currency is a separate row."""
    if event.is_contract and event.realised == 0:
        return []
    row = {
        "Exchange": event.account,
        "Trade-Group": "NIJA",
        "Comment": _words(event),
        "Date": _time(event.time),
        "Tx-ID": event.fill_id,
    }
    received, sent, fee = flow.received, flow.sent, flow.fee
    if received is not None and fee is not None:
        received = _less(received, fee)
    if sent is not None and fee is not None:
        sent = _more(sent, fee)
    shown = {"Fee": "", "Fee Currency": ""} if fee is None else {"Fee": plain(fee[0]), "Fee Currency": fee[1]}
    rows = [{"Type": _kind(flow)} | _cells("Buy", received) | _cells("Sell", sent) | shown | row]
    if fee is not None and fee[1] not in {amount[1] for amount in (received, sent) if amount is not None}:
        apart = row | {"Comment": f"fee of {event.fill_id}", "Tx-ID": f"{event.fill_id}:fee"}
        rows.append({"Type": "Other Fee"} | _cells("Sell", fee) | apart)
    return rows


def _kind(flow: _Flow) -> str:
    if flow.pnl:
        return "Derivatives / Futures Profit" if flow.received else "Derivatives / Futures Loss"
    return "Trade" if flow.received else "Withdrawal"


# -- both -------------------------------------------------------------------------------------------------------------
def _cells(name: str, amount: tuple[Decimal, str] | None) -> dict[str, str]:
    value, currency = ("", "") if amount is None else (plain(amount[0]), amount[1])
    return {f"{name} Amount": value, f"{name} Currency": currency}


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // SECOND, UTC):%Y-%m-%d %H:%M:%S}"


def _words(event: TaxEvent) -> str:
    """A description of the event for readers of the tax report."""
    if event.withdrawn:
        worth = usd(event.qty * event.price * event.quote_usd)
        return f"left the account without a sale that the exchange shows; worth {worth} at the time"
    who = "sold by hand" if event.purpose == "owner" else f"NIJA {event.purpose}"
    fee = f"fee {usd(event.fee_usd)}" if event.fee else ""
    market = event.symbol if event.is_contract else ""
    return ", ".join(part for part in (who, market, fee, event.note) if part)
