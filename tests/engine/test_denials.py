"""Denials by command: which markets they bar, for how long, and that the last command counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bot.domain.events import Lasts
from bot.domain.instrument import Instrument
from bot.engine.denials import Denials
from tests.engine.given import instrument


@dataclass
class Facts:
    """The part of a book that stores state."""

    kept: dict[str, str] = field(default_factory=dict)

    def get_state(self, name: str) -> str | None:
        return self.kept.get(name)

    def set_state(self, name: str, value: str | None) -> None:
        self.kept.pop(name, None)
        if value is not None:
            self.kept[name] = value


def denials(facts: Facts, run: str = "1") -> Denials:
    """The denials as a run of NIJA opens them."""
    made = Denials(cast("Any", facts))
    made.begin(run)
    return made


def market(symbol: str) -> Instrument:
    return instrument(symbol)


@pytest.mark.parametrize(
    ("name", "barred"),
    [("DOGE-USD", {"DOGE-USD"}), ("DOGE", {"DOGE-USD", "DOGE-USDT"}), ("USD", set()), ("DOGE-USDT", {"DOGE-USDT"})],
)
@pytest.mark.parametrize("lasts", Lasts)
def test_a_symbol_bars_itself_and_a_coin_all_of_its_markets(name: str, barred: set[str], lasts: Lasts) -> None:
    denied = denials(Facts())
    denied.deny(name, lasts)
    symbols = ("DOGE-USD", "DOGE-USDT", "BTC-USD")
    assert {symbol for symbol in symbols if denied.reason(market(symbol))} == barred
    for symbol in barred:
        assert denied.reason(market(symbol)) == f"{name} is denied {lasts}, or until `nija allow {name}`"


def test_a_restart_ends_only_what_was_denied_until_then() -> None:
    facts = Facts()
    first = denials(facts, "1")
    first.deny("DOGE", Lasts.UNTIL_RESTART)
    first.deny("SHIB-USD", Lasts.FOR_GOOD)
    assert denials(facts, "1").names() == {"DOGE", "SHIB-USD"}, "a new actor is not a restart of NIJA"
    assert denials(facts, "2").names() == {"SHIB-USD"}
    assert denials(facts, "3").names() == {"SHIB-USD"}


@pytest.mark.parametrize(
    ("first", "then"), [(Lasts.FOR_GOOD, Lasts.UNTIL_RESTART), (Lasts.UNTIL_RESTART, Lasts.FOR_GOOD)]
)
def test_the_last_word_counts(first: Lasts, then: Lasts) -> None:
    facts = Facts()
    denied = denials(facts)
    denied.deny("DOGE", first)
    denied.deny("DOGE", then)
    assert str(then) in denied.reason(market("DOGE-USD"))
    assert ("DOGE" in denials(facts, "2").names()) is (then is Lasts.FOR_GOOD)


@pytest.mark.parametrize("lasts", Lasts)
def test_allow_ends_it(lasts: Lasts) -> None:
    denied = denials(Facts())
    denied.deny("DOGE", lasts)
    denied.deny("DOGE-USD", lasts)
    assert denied.allow("DOGE-USD")
    assert denied.names() == {"DOGE"}
    assert denied.allow("DOGE")
    assert not denied.allow("DOGE")
    assert denied.reason(market("DOGE-USD")) == ""
