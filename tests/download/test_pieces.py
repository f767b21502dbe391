"""The parts of a download without an exchange: spans, what is kept between two runs, and the file made of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candles import Candles
from bot.domain.clock import MINUTE
from bot.download.assembled import assembled
from bot.download.files import About, BadFile, Table, read, write
from bot.download.spans import Span, merged, missing
from bot.download.staging import Difference, Staging

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: Span(*sorted(ends))), max_size=8)


def inside(found: list[Span]) -> set[int]:
    return {at for one in found for at in range(*one)}


@given(spans, st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: Span(*sorted(ends))))
def test_what_is_missing_is_what_no_span_covers(known: list[Span], wanted: Span) -> None:
    assert inside(merged(known)) == inside(known)
    assert inside(missing(wanted, known)) == inside([wanted]) - inside(known)
    for found in (merged(known), missing(wanted, known)):
        assert all(a.end < b.start for a, b in pairwise(found))


def candles(*rows: tuple[int, float]) -> Candles:
    """Flat candles of one minute: the minute and the price of each."""
    return Candles.of(MINUTE, [(at * MINUTE, price, price, price, price, 1.0) for at, price in rows])


def span(start: int, end: int) -> Span:
    return Span(start * MINUTE, end * MINUTE)


ABOUT = About("kraken", "BTC-USD", MINUTE, 0)


def made(
    staging: Staging, before: Table | None = None, since: int = 0, end: int = 10
) -> list[tuple[int, float, str, bool]]:
    """Minute, close, source and mark of each row."""
    table = assembled(About("kraken", "BTC-USD", MINUTE, since * MINUTE), staging.stored(), before, end * MINUTE)
    if table is None:
        return []
    rows = zip(table.time // MINUTE, table.prices[:, 3], table.source, table.filled, strict=True)
    return [(int(at), float(price), source, filled) for at, price, source, filled in rows]


def test_what_was_read_survives_and_becomes_a_file_without_holes(tmp_path: Path) -> None:
    with Staging(tmp_path / "part") as staging:
        staging.add(candles((2, 5.0), (3, 6.0)), span(0, 4), "kraken a")
    with Staging(tmp_path / "part") as staging:
        staging.add(candles((6, 7.0)), span(4, 8), "kraken b", ("f.zip", "00"))
        assert staging.spans() == [span(0, 8)]
        assert staging.stored().digests == {"f.zip": "00"}
        assert made(staging, end=8) == [
            (2, 5.0, "kraken a", False),
            (3, 6.0, "kraken a", False),
            (4, 6.0, "kraken b", True),
            (5, 6.0, "kraken b", True),
            (6, 7.0, "kraken b", False),
            (7, 7.0, "kraken b", True),
        ]


def test_what_an_earlier_download_had_read_outside_of_the_span_is_left_out(tmp_path: Path) -> None:
    with Staging(tmp_path / "part") as staging:
        staging.add(candles((1, 5.0)), span(0, 2), "kraken a")
        staging.add(candles((7, 6.0), (9, 7.0)), span(7, 10), "kraken a")
        assert [row[0] for row in made(staging, since=7, end=9)] == [7, 8]
        assert made(staging, since=3, end=6) == []


def test_the_first_source_stays_and_a_later_one_is_compared(tmp_path: Path) -> None:
    with Staging(tmp_path / "part") as staging:
        assert staging.add(candles((1, 100.0), (2, 100.0)), span(1, 3), "kraken a") == Difference()
        found = staging.add(candles((0, 1.0), (1, 101.0), (2, 100.0), (3, 9.0)), span(0, 3), "kraken b")
        assert (found.compared, found.differ) == (2, 1)
        assert found.price == pytest.approx(0.01)
        assert made(staging, end=3) == [
            (0, 1.0, "kraken b", False),
            (1, 100.0, "kraken a", False),
            (2, 100.0, "kraken a", False),
        ]


def test_a_files_own_candles_stay(tmp_path: Path) -> None:
    before = Table(ABOUT, np.array([2 * MINUTE]), np.full((1, 5), 3.0), ["kraken old"], [False])
    with Staging(tmp_path / "part") as staging:
        staging.add(candles((2, 9.0), (3, 4.0)), span(2, 4), "kraken a")
        assert made(staging, before, end=4) == [(2, 3.0, "kraken old", False), (3, 4.0, "kraken a", False)]


def test_a_file_comes_back_as_it_was_written_and_always_in_the_same_bytes(tmp_path: Path) -> None:
    table = Table(ABOUT, np.array([0, MINUTE]), np.full((2, 5), 3.0), ["a", "b"], [False, True])
    files = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for file in files:
        write(file, table)
    assert files[0].read_bytes() == files[1].read_bytes()
    found = read(files[0])
    assert found is not None
    assert (found.about, found.source, found.filled, found.span) == (ABOUT, ["a", "b"], [False, True], span(0, 2))
    assert read(tmp_path / "none.parquet") is None
    files[0].write_bytes(files[0].read_bytes()[:-9])
    with pytest.raises(BadFile, match="damaged"):
        read(files[0])
