"""A file replaces an exchange: its candles are delivered as time goes on."""

from __future__ import annotations

from pathlib import Path

from bot.domain.candles import Candles
from bot.domain.events import CandleClosed, Fed
from bot.domain.pacer import RealTime
from bot.marketdata.polled import SETTLES, CandleRequest, Polled
from bot.marketdata.replayed import Replayed
from tests.marketdata.given import FRAME, START, Hand, row


def write(folder: Path, symbol: str, numbers: range) -> None:
    lines = ["time,open,high,low,close,volume", *(",".join(map(str, row(number))) for number in numbers)]
    (folder / f"{symbol}-5m.csv").write_text("\n".join(lines))


def test_what_has_closed_is_told_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "A-USD", range(10))
    clock = Hand(RealTime())
    reader = Replayed(tmp_path, clock)  # type: ignore[arg-type]
    for late, last in ((FRAME - 1, None), (FRAME, 0), (2 * FRAME - 1, 0), (2 * FRAME, 1), (100 * FRAME, 9)):
        clock.now = START + late
        found = reader.candles("A-USD", FRAME, 3)
        assert (int(found.time[-1]) if len(found) else None) == (None if last is None else START + last * FRAME)
        assert len(found) == (0 if last is None else min(last + 1, 3))
    assert found.candle(2) == row(9)
    assert len(reader.candles("B-USD", FRAME, 3)) == 0


def test_a_file_feeds_as_an_exchange_does(tmp_path: Path) -> None:
    write(tmp_path, "A-USD", range(70))
    clock, delivered = Hand(RealTime()), list[CandleClosed | Fed]()
    polled = Polled(Replayed(tmp_path, clock), clock, CandleRequest(FRAME, 60), delivered.append)  # type: ignore[arg-type]
    polled.wanted = ("A-USD",)
    closes = []
    for number in range(60, 70):
        clock.now = START + number * FRAME + SETTLES
        while polled.turn() == 0:
            pass
        closes += [one for one in delivered if isinstance(one, CandleClosed)]
        delivered.clear()
    assert [one.close for one in closes] == [START + number * FRAME for number in range(60, 70)]
    assert all(isinstance(one.found, Candles) and one.found.closed_at == one.close for one in closes)
