"""What the checks found, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.commands.show import columns, complain, kind, money, say, say_json, table
from bot.domain.clock import iso, system_ms
from bot.domain.instrument import DOLLARS
from bot.domain.money import as_quantity, usd

if TYPE_CHECKING:
    from bot.commands.checks import CheckOptions, Finding


def print_results(
    options: CheckOptions, findings: Sequence[Finding], lines: Sequence[str], status: int, title: str
) -> int:
    """Print findings, or the lines that say why there are none; returns the exit status."""
    if options.as_json:
        brokers = {one.broker: asdict(one) for one in findings}
        say_json({"time": iso(system_ms()), "ok": status == 0, "errors": list(lines), "brokers": brokers})
        return status
    for line in lines:
        complain(line)
    if findings:
        names = "broker, money, status, connected, funded, balance, equity, asked"
        table(columns(names, "balance, equity"), [_row(one) for one in findings], title)
    for one in findings:
        _details(one)
    return status


def _row(one: Finding) -> tuple[str, ...]:
    return (
        one.broker.upper(),
        kind(one.mode),
        one.status,
        "yes" if one.connected else "no",
        "yes" if one.funded else "no",
        money(one.balance_usd),
        money(one.equity_usd),
        one.source or "-",
    )


def _details(one: Finding) -> None:
    name = one.broker.upper()
    details = [
        ("holds", holdings(one.balances)),
        (
            "not counted as equity, because it is in no position of NIJA:",
            ", ".join(f"{qty} {coin}" for coin, qty in one.left_out.items()),
        ),
        ("key may:", ", ".join(one.permissions)),
        ("clock differs by", "" if one.clock_skew_ms is None else f"{one.clock_skew_ms} ms"),
        *(("warning:", warning) for warning in one.warnings),
        *((shape["name"], judgement(shape)) for shape in one.shapes),
        ("problem:", one.problem),
        ("do:", one.remedy),
    ]
    say(*(f"{name} {what} {found}" for what, found in details if found))


def holdings(balances: Mapping[str, str]) -> str:
    """Balances for people: dollars as dollars, coins as coins."""
    return ", ".join(f"{_amount(asset, Decimal(amount))} {asset}" for asset, amount in sorted(balances.items()))


def _amount(asset: str, amount: Decimal) -> str:
    return usd(amount).removeprefix("$") if asset in DOLLARS else as_quantity(amount)


def verdict(shape: Mapping[str, Any]) -> str:
    """The result of an order probe in one word or two."""
    if not shape["judged"]:
        return "not judged"
    return "accepted" if shape["accepted"] else "REFUSED"


def judgement(shape: Mapping[str, Any]) -> str:
    """The verdict on an order probe, with the exchange's answer. An exchange may answer that the account lacks the coins for it;
    that also shows that the order is well formed.
    """
    found, answer = verdict(shape), shape["answer"]
    if found != "accepted" or answer == found:
        return found if answer == found else f"{found}: {answer}"
    if shape["meaning"] is not None:
        return f"{found}: well formed; only the coins for it are missing now, as expected ({answer})"
    return f"{found}: {answer}"
