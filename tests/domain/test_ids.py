"""Client ids that three exchanges accept and an empty book recognises; decision keys that are unique per decision."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import Account, AccountKey, ClientIds, base36, decision_key, is_ours, new_tag, tag_of
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


# -- what an owner calls an account

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=40)
KEYS = st.builds(AccountKey, WORDS, WORDS | st.just(""))
MAIN, SAVINGS, OKX = AccountKey("kraken"), AccountKey("kraken", "savings"), AccountKey("okx", "one")


@given(KEYS, KEYS)
def test_a_key_is_read_as_it_was_written_and_no_two_look_alike(one: AccountKey, two: AccountKey) -> None:
    assert AccountKey.parse(str(one)) == AccountKey.of_stem(one.stem) == one
    assert (str(one) == str(two)) is (one.stem == two.stem) is (one.label == two.label) is (one == two)
    assert not set(one.stem) & set('/\\:*?"<>|. ')


@given(KEYS, st.text("ab:/@", min_size=1))
def test_an_account_is_read_as_it_was_written(key: AccountKey, identity: str) -> None:
    account = Account("live", key.venue, "main", identity, key.name)
    assert Account.read(str(account)) == account
    assert account.unnamed == Account("live", key.venue, "main", identity)


def test_an_account_without_a_name_is_written_as_ever() -> None:
    assert str(ACCOUNT) == "live:kraken:main:abc"
    assert (str(SAVINGS), SAVINGS.label, SAVINGS.stem) == ("kraken:savings", "KRAKEN:SAVINGS", "kraken@savings")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Kraken",
        "kraken:",
        ":savings",
        "kraken:a:b",
        "kraken@a",
        "kraken:my savings",
        "kraken:é",
        "k/..",
        "a\n",
        "x" * 41,
    ],
)
def test_a_word_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an account"):
        AccountKey.parse(text)


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        (MAIN, [MAIN, SAVINGS, OKX], MAIN),
        (SAVINGS, [MAIN, SAVINGS], SAVINGS),
        (MAIN, [SAVINGS, OKX], SAVINGS),
        (MAIN, [OKX], MAIN),
        (AccountKey("okx"), [MAIN, OKX, OKX], OKX),
    ],
)
def test_a_venue_alone_means_its_one_account(word: AccountKey, known: list[AccountKey], meant: AccountKey) -> None:
    assert word.among(known) == meant


@pytest.mark.parametrize(
    ("word", "known", "complaint"),
    [
        (MAIN, [SAVINGS, AccountKey("kraken", "other"), OKX], "those of kraken are kraken:other, kraken:savings"),
        (SAVINGS, [MAIN, OKX], "kraken:savings is not an account: those of kraken are kraken"),
        (SAVINGS, [OKX], "those of kraken are none"),
    ],
)
def test_a_word_that_could_be_several_or_none_asks_which(
    word: AccountKey, known: list[AccountKey], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        word.among(known)
