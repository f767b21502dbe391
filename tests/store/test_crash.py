"""Killed in the middle of its work, and of its commits: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from bot.domain.booking import AlreadyDecided
from bot.domain.money import ZERO
from tests.store.cases import fill, intent, ledger

TRADE = """
import sys
from pathlib import Path
from bot.domain.booking import AlreadyDecided
from bot.domain.order import OrderStatus
from tests.store.cases import fill, intent, ledger, report
book = ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10_000):
    order = intent(number, attempt=number)
    try:
        book.record(order)
    except AlreadyDecided:
        pass
    print(f"intent {number}", flush=True)
    book.update(report(f"X{number}", OrderStatus.FILLED, "1", avg="100", client_id=order.client_id))
    for part in range(2):
        book.record_fill(fill(f"F{number}.{part}", f"X{number}", "0.5"))
        print(f"fill {number}.{part}", flush=True)
"""


def trade_until_killed(folder: Path, start: int, lines: int) -> list[str]:
    """What a child acknowledged before it was killed, which was right after `lines` lines."""
    command = [sys.executable, "-c", TRADE, str(folder), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read().split("\n")[:-1]
    return [line for line in said if line.startswith(("intent ", "fill "))]


def test_every_acknowledged_commit_survives_kill_9(tmp_path: Path) -> None:
    intents: set[str] = set()
    fills: set[str] = set()
    start = 0
    for lines in (40, 1, 23, 77):
        for line in trade_until_killed(tmp_path, start, lines):
            kind, name = line.split()
            (intents if kind == "intent" else fills).add(name)
        start = max((int(name) for name in intents), default=0)
        check(tmp_path, intents, fills)


def check(folder: Path, intents: set[str], fills: set[str]) -> None:
    book = ledger(folder)
    assert all(book.by_client_id(intent(int(name)).client_id) for name in intents)
    with sqlite3.connect(folder / "kraken.db") as raw:
        booked = [row[0] for row in raw.execute("SELECT fill_id FROM fills")]
    raw.close()
    assert len(booked) == len(set(booked))
    assert {f"F{name}" for name in fills} <= set(booked)
    held = sum((position.qty for position in book.positions()), ZERO)
    assert held * 2 == len(booked)
    newest = max(int(name) for name in intents)
    try:
        book.record(intent(newest, attempt=newest))
    except AlreadyDecided:
        return
    raise AssertionError("the same decision was taken twice")


CUT = """
import resource, signal, sys
from pathlib import Path
from tests.store.cases import fill, intent, ledger
folder, room = Path(sys.argv[1]), int(sys.argv[2])
book = ledger(folder)
book.record(intent(1, attempt=1))
log = folder / "kraken.db-wal"
print(log.stat().st_size, flush=True)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + room, resource.RLIM_INFINITY))
book.record_fill(fill("F1", "X1", "1", client_id=intent(1, attempt=1).client_id))
print("booked", log.stat().st_size, flush=True)
"""


def cut(folder: Path, room: int) -> tuple[int, list[str]]:
    """Book a fill where the log may grow by `room` bytes: the kernel kills the process that writes past that, in that very write."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(folder), str(room)], check=False, stdout=subprocess.PIPE, text=True
    )
    return done.returncode, done.stdout.split()


def test_a_commit_that_is_cut_anywhere_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    """Order, position, fill and journal are one transaction: killed at every place of its write, none is ever alone."""
    status, said = cut(tmp_path / "whole", 1_000_000)
    assert status == 0
    grown = int(said[2]) - int(said[0])
    for number, room in enumerate(
        (0, 1, 23, 24, 500, 4096, 4120, 4121, grown // 2, grown - 4096, grown - 24, grown - 1)
    ):
        folder = tmp_path / str(number)
        status, said = cut(folder, room)
        assert (status, len(said)) == (-signal.SIGXFSZ, 1), "the kill did not come in the middle of the commit"
        book = ledger(folder)
        assert book.positions() == []
        assert book.newest_fill() == 0
        (order,) = book.unsettled()
        assert (order.client_id, order.booked_qty) == (intent(1).client_id, ZERO)
        assert book.record_fill(fill("F1", "X1", "1", client_id=order.client_id)) is not None
        assert [position.qty for position in book.positions()] == [1]
