"""A second NIJA beside a trading one: refused with one line and exit 3, before it touches anything of the first one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.hostfile import open_shared
from bot.brokers.common.keylock import FARTHEST, KeyFile, KeyLock, PauseLeft
from bot.domain.clock import MINUTE, system_ms
from bot.domain.log import Event
from bot.runtime.hostlock import AlreadyRuns, HostLock, holder_of, holding_folder
from tests.daemon_fixture import Daemon
from tests.log_lines import read_log
from tests.sandbox_fixture import Sandbox

REFUSED_SECONDS = 12.0  # three on an idle machine; tests share theirs


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "60", "--pairs", "2", venues=("kraken",)) as running:
        yield running


def refused(second: Daemon, first: Daemon) -> str:
    """The one line of a refused start; checks that the first one's log and files do not change."""
    log, console = first.log, second.console
    began = time.monotonic()
    with second:
        assert second.wait() == 3
    assert time.monotonic() - began < REFUSED_SECONDS
    (line,) = console.read_text().splitlines()
    added = {line.event for line in read_log(first.log.removeprefix(log))}
    assert not added & {Event.LIVE, Event.SANDBOX, Event.STOPPING, Event.STOPPED, Event.LOCKED}
    return line


def test_another_home_on_the_same_data_folder_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as first:
        first.says(Event.FUNDED)
        again = Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            XDG_STATE_HOME=str(tmp_path / "root"),
        )
        again.console = tmp_path / "again.txt"
        assert f"process {first.running.pid}" in refused(again, first)
        assert first.stop()[0] == 0


def test_another_home_and_data_folder_with_the_same_key_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """Also if it would write into the first one's log."""
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as first:
        first.says(Event.FUNDED)
        other = Daemon(tmp_path / "other", SANDBOX_READY_FILE=str(sandbox.ready_file), LOG_FILE=str(first.log_file))
        line = refused(other, first)
        assert "KRAKEN" in line
        assert f"process {first.running.pid}" in line
        assert first.stop()[0] == 0


def test_a_second_start_in_a_sandbox_of_its_own_leaves_the_first_ones_alone(tmp_path: Path) -> None:
    settings = {"SANDBOX_PAIRS": "2"}
    with Daemon(tmp_path / "nija", **settings) as first:
        first.says(Event.FUNDED)
        ready = (first.data / "sandbox.json").read_text()
        second = Daemon(tmp_path / "nija", **settings)
        second.console = tmp_path / "second.txt"
        assert "data folder" in refused(second, first)
        assert (first.data / "sandbox.json").read_text() == ready
        assert first.stop()[0] == 0


# --- the locks alone


def test_a_folder_is_held_as_what_it_is_and_by_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with holding_folder(tmp_path / "data"):
        (tmp_path / "alias").symlink_to(tmp_path / "data")
        with pytest.raises(AlreadyRuns, match=f"process {os.getpid()}"), holding_folder(tmp_path / "alias"):
            raise AssertionError
        (tmp_path / "data").rename(tmp_path / "moved")
        with pytest.raises(AlreadyRuns), holding_folder(tmp_path / "moved"):
            raise AssertionError
        (tmp_path / "data").mkdir()
        with pytest.raises(AlreadyRuns), holding_folder(tmp_path / "data"):
            raise AssertionError
    with holding_folder(tmp_path / "data"), holding_folder(tmp_path / "moved"):
        pass


HOLD = (
    "import sys; from bot.runtime.hostlock import HostLock; held = HostLock(sys.argv[1], 'x');"
    " print(1, flush=True); sys.stdin.read()"
)


def test_a_name_is_held_by_one_process_and_dies_with_it(tmp_path: Path) -> None:
    name = str(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", HOLD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"1\n"
    assert holder_of(name) == child.pid
    with pytest.raises(AlreadyRuns, match=f"another NIJA .process {child.pid}. on this host trades"):
        HostLock(name, "trades")
    child.kill()
    child.communicate()
    HostLock(name, "trades").close()
    assert holder_of(name) is None


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs to become another user")
def test_another_user_is_refused_too(tmp_path: Path) -> None:
    child = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"1\n"
    with pytest.raises(AlreadyRuns, match=str(child.pid)):
        HostLock(str(tmp_path), "trades")
    child.communicate()


# --- nonces that two HOMEs share


def soon() -> WaitLimit:
    return WaitLimit(system_ms)


def lock(home: Path, mode: str = "live") -> KeyLock:
    return KeyLock.of(home, mode, "kraken", "main", "a key")


def nonce(held: KeyLock, wall_ms: int, ahead: int = 0) -> int:
    with held.held(soon().deadline(2)) as file:
        return file.next_nonce(wall_ms, ahead)


def test_nonces_rise_over_all_homes_and_none_is_lost_with_either_file(tmp_path: Path) -> None:
    now = system_ms()
    mine, sudo = lock(tmp_path / "mine"), lock(tmp_path / "root")
    first = nonce(mine, now, ahead=10_000)
    second = nonce(sudo, now)
    assert second > first
    for left in tmp_path.glob("root/*"):
        left.unlink()
    assert nonce(lock(tmp_path / "root"), now) > second
    with pytest.MonkeyPatch.context() as gone:
        gone.setattr("bot.brokers.common.hostfile.HOST_FOLDERS", (tmp_path / "emptied",))
        assert nonce(lock(tmp_path / "mine"), now) > first
    assert nonce(lock(tmp_path / "elsewhere", "sandbox"), now) == now


def test_a_silence_is_kept_by_every_home_and_by_no_other_boot(tmp_path: Path) -> None:
    mine, sudo = lock(tmp_path / "mine"), lock(tmp_path / "root")
    with mine.held(soon().deadline(2)) as file:
        file.set_pause(5_000_000, PauseLeft(15 * MINUTE, locked_out=True))
        file.set_pause(5_000_000, PauseLeft(MINUTE, locked_out=False))
    with sudo.held(soon().deadline(2)) as file:
        assert file.pause_left(5_000_000 + MINUTE) == (14 * MINUTE, True)
        assert file.pause_left(4_000).ms == 0


def test_what_other_users_wrote_is_believed_within_bounds(tmp_path: Path) -> None:
    """A nonce in the far future would make the key unusable for good."""
    now = system_ms()
    handle = open_shared("x.key")
    own = os.open(tmp_path / "own", os.O_RDWR | os.O_CREAT)
    assert handle is not None
    for theirs, believed in ((now + FARTHEST // 2, True), (now + 2 * FARTHEST, False)):
        os.ftruncate(own, 0)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{theirs:020d}\n".encode(), 0)
        assert (KeyFile(own, handle).next_nonce(now) == theirs + 1) is believed
    os.pwrite(handle, b"\xb2" * 90, 0)
    assert KeyFile(own, handle).next_nonce(now) >= now


@pytest.mark.parametrize("trap", ["link", "hard link", "pipe", "folder"])
def test_what_somebody_laid_in_its_place_is_not_followed(tmp_path: Path, trap: str) -> None:
    folder, victim = tmp_path / "host", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("precious")
    place = folder / "x.key"
    match trap:
        case "link":
            place.symlink_to(victim)
        case "hard link":
            place.hardlink_to(victim)
        case "pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with pytest.MonkeyPatch.context() as here:
        here.setattr("bot.brokers.common.hostfile.HOST_FOLDERS", (folder,))
        assert open_shared("x.key") is None
    assert victim.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs to become another user")
def test_two_users_share_the_file_in_a_sticky_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    for above in folder.parents:
        if os.access(above, os.W_OK) and above.stat().st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    code = f"""
import os
from pathlib import Path
from bot.brokers.common import hostfile
hostfile.HOST_FOLDERS = (Path({str(folder)!r}),)
os.umask(0o077)
print(os.pwrite(hostfile.open_shared('x.key'), b'7', 0))
"""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "1\n"
    with pytest.MonkeyPatch.context() as here:
        here.setattr("bot.brokers.common.hostfile.HOST_FOLDERS", (folder,))
        handle = open_shared("x.key")
    assert handle is not None
    assert os.pread(handle, 9, 0) == b"7"
    assert os.pwrite(handle, b"8", 0) == 1
