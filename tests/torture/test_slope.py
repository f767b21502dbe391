"""The slope of a process: its arithmetic, its reading of a real process, and its verdict."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.torture import slope
from tests.torture.report import parse, show_slope
from tests.torture.slope import Sample, growths, long_enough, look, settled


def samples(rss: Sequence[float], *, threads: Sequence[float] | None = None, every: float = 60.0) -> list[Sample]:
    """One sample per minute; quantities that are not given are constant."""
    counts = threads if threads is not None else [9.0] * len(rss)
    return [
        Sample(n * every, one, one, many, 26.0, 4.0, 3.0) for n, (one, many) in enumerate(zip(rss, counts, strict=True))
    ]


@given(st.floats(-50, 50), st.floats(0, 500), st.integers(2, 200))
def test_the_slope_of_a_line_is_its_own(per_hour: float, start: float, count: int) -> None:
    line = [(n * 5.0, start + per_hour * n * 5.0 / 3600) for n in range(count)]
    assert slope.slope(line) == pytest.approx(per_hour, abs=1e-6)


def test_noise_is_no_slope() -> None:
    assert slope.slope([(n * 5.0, 100.0 + n % 2) for n in range(1_000)]) == pytest.approx(0, abs=0.01)
    assert slope.slope([]) == slope.slope([(3.0, 7.0)]) == 0


def test_the_warm_up_is_left_out() -> None:
    steep = [float(n) for n in range(15)]
    quiet = settled(samples(steep + [150.0] * 60))
    assert [one.per_hour for one in growths(quiet)] == [0.0] * 6


@pytest.mark.parametrize(
    ("rss", "threads", "grows"),
    [
        ([150.0] * 75, None, False),
        ([150.0 + n % 3 for n in range(75)], None, False),
        ([150.0 + n / 60 * 0.9 for n in range(75)], None, False),
        ([150.0 + n / 60 * 1.1 for n in range(75)], None, True),
        ([150.0] * 75, [9.0 + n // 20 for n in range(75)], True),
    ],
)
def test_what_grows_is_told(rss: list[float], threads: list[float] | None, grows: bool) -> None:
    assert show_slope(samples(rss, threads=threads)) is grows


def test_a_short_run_has_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    short = samples([150.0 + n for n in range(30)])
    assert not long_enough(settled(short))
    assert not show_slope(short)
    assert "too short" in capsys.readouterr().out
    assert not show_slope([])


def test_a_process_is_read(tmp_path: Path) -> None:
    began = time.monotonic()
    before = look(os.getpid(), began)
    with (tmp_path / "kraken.db").open("w"):
        after = look(os.getpid(), began)
    assert before is not None
    assert after is not None
    assert after.connections == before.connections + 1
    assert after.handles == before.handles + 1
    assert after.at >= before.at >= 0
    assert after.rss > after.own > 5
    assert after.threads >= 1
    assert look(2**22 + 1, began) is None


def test_a_slope_is_measured_without_kills() -> None:
    course = parse(["--slope", "--kill-every", "5"])
    assert course.slope
    assert course.kill_every == 0
    assert course.kinds
