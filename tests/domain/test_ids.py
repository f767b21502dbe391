"""Client ids that three exchanges take and an empty book recognises; decision keys that are one decision's alone."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from bot.domain.ids import Account, ClientIds, base36, decision_key, is_ours, new_tag, tag_of
from bot.domain.order import Purpose

ACCOUNT = Account("live", "kraken", "main", "abc")


def test_ids_carry_mark_and_tag_and_sort_by_time() -> None:
    wall = [1_700_000_000_000]
    ids = ClientIds("k7z", lambda: wall[0], random.Random(1))
    made = []
    for _ in range(50):
        made.append(ids.next())
        wall[0] += 1
    assert all(is_ours(one) and tag_of(one) == "k7z" and len(one) == 18 and one.isalnum() for one in made)
    assert all(before < after for before, after in pairwise(made))


def test_ids_of_one_moment_differ() -> None:
    ids = ClientIds("abc", lambda: 1_700_000_000_000, random.Random(1))
    assert len({ids.next() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "foreign", [None, "", "nj", "njabc", "xx12345678901234567", "nj-bc8901234567890", "NJabc0123456789012"]
)
def test_foreign_ids(foreign: str | None) -> None:
    assert not is_ours(foreign)


def test_tags_are_three_signs() -> None:
    rng = random.Random(3)
    assert all(len(new_tag(rng)) == 3 for _ in range(100))


@pytest.mark.parametrize(("number", "text"), [(0, "000"), (35, "00z"), (36, "010"), (36**3, "000")])
def test_base36(number: int, text: str) -> None:
    assert base36(number, 3) == text


def test_a_key_for_each_account_symbol_candle_purpose_and_attempt() -> None:
    keys = {
        decision_key(account, symbol, candle, purpose, attempt)
        for account in (ACCOUNT, Account("sandbox", "kraken", "main", "abc"))
        for symbol in ("BTC-USD", "BTC-USDT")
        for candle in (1, 11)
        for purpose in Purpose
        for attempt in (0, 1)
    }
    assert len(keys) == 2 * 2 * 2 * len(Purpose) * 2
