"""A daemon's secrets appear in nothing that it writes or starts, whatever fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox
from tests.telemetry.receiver import Receiver

PLANTED = {
    "KRAKEN_API_KEY": "PLANTEDKrakenKey0123456789abcdefghijklmnopqrstuvwxyzABCD",
    "KRAKEN_API_SECRET": "UExBTlRFREtyYWtlblNlY3JldDAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJz",
    "OKX_API_KEY": "planted1-2d3e-4f50-6172-8394a5b6c7d8",
    "OKX_API_SECRET": "PLANTED582BD0CFF14C41EDBF1AB9850",
    "OKX_PASSPHRASE": "planted phrase $1",
}
TOKEN = "t0ken-of-the-owner"
PASSWORD = "pl4nted-passw0rd"


def everything_written(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()


def shows(folder: Path, *secrets: str) -> list[tuple[str, str]]:
    return [
        (name, secret)
        for name, content in everything_written(folder)
        for secret in secrets
        if secret.encode() in content
    ]


def test_wrong_keys_a_crash_and_a_dead_notifier_tell_nothing(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "60", venues=("kraken", "okx")) as sandbox, Receiver(500) as receiver:
        urls = {f"{name.upper()}_API_URL": sandbox.venue(name).rest for name in ("kraken", "okx")}
        daemon = Daemon(
            tmp_path / "nija",
            **PLANTED,
            **urls,
            LOG_LEVEL="DEBUG",
            NOTIFY_URLS=f"{receiver.url} json://me:{PASSWORD}@127.0.0.1:1/x",
        )
        with daemon:
            daemon.says(Event.FAILED, times=2)
            daemon.until(lambda: any(" WARN " in line for line in daemon.lines(Event.NOTIFY)), "the notifier's failure")
            assert "DEBUG" in daemon.log
            command = Path(f"/proc/{daemon.running.pid}/cmdline").read_bytes().decode()
            assert daemon.stop()[0] == 0
    assert shows(daemon.folder, *PLANTED.values(), TOKEN, PASSWORD) == []
    assert not [secret for secret in PLANTED.values() if secret in command]


class Crashing(Daemon):
    module = "tests.e2e.leaking"


@pytest.mark.parametrize(("kind", "word"), [(Crashing, Event.CRASHED), (Daemon, Event.STRATEGY)])
def test_a_mistake_with_keys_in_its_text_tells_nothing(tmp_path: Path, kind: type[Daemon], word: Event) -> None:
    """A trader that dies of an exception with the keys in its text, and a strategy that raises one; the log reports both."""
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        keys = {"KRAKEN_API_KEY": sandbox.kraken.api_key, "KRAKEN_API_SECRET": sandbox.kraken.api_secret}
        daemon = kind(
            tmp_path / "nija",
            **keys,
            KRAKEN_API_URL=sandbox.kraken.rest,
            LOG_LEVEL="DEBUG",
            STRATEGY="tests.e2e.leaking:Leaking" if kind is Daemon else "",
            CANDLE_EXCLUSION_SECONDS="0",
        )
        with daemon:
            daemon.says(word)
            assert daemon.stop()[0] == 0
        assert ("Traceback" in daemon.log) is (word is Event.CRASHED)
        assert "signing failed for" in daemon.log
        assert shows(daemon.folder, *keys.values()) == []


def test_a_database_password_is_in_no_error(tmp_path: Path) -> None:
    url = f"postgresql://nija:{PASSWORD}@127.0.0.1:1/nija"
    with Daemon(tmp_path / "nija", DATABASE_URL=url, LOG_LEVEL="DEBUG") as daemon:
        daemon.until(lambda: bool(daemon.lines(Event.FAILED)) or "nija:" in daemon.console.read_text(), "the failure")
        if daemon.running.poll() is None:
            daemon.stop()
    assert shows(daemon.folder, PASSWORD) == []


def test_the_sandbox_is_not_given_the_owners_keys(tmp_path: Path) -> None:
    settings = {**PLANTED, "TRADING_MODE": "sandbox", "NOTIFY_URLS": f"json://127.0.0.1:1/{TOKEN}"}
    with Daemon(tmp_path / "nija", **settings) as daemon:
        daemon.says(Event.SANDBOX)
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        children = [pid for pid in pids if parent(pid) == daemon.running.pid]
        assert children
        for pid in children:
            shown = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not [name for name, secret in settings.items() if secret != "sandbox" and secret.encode() in shown]
        daemon.stop()


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_live_start_warns_of_keys_that_others_can_read(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "nija"
    folder.mkdir()
    env = folder / ".env"
    env.touch()
    env.chmod(mode)
    urls = {"KRAKEN_API_URL": "http://127.0.0.1:1"}
    keys = {name: PLANTED[name] for name in ("KRAKEN_API_KEY", "KRAKEN_API_SECRET")}
    with Daemon(folder, **keys, **urls) as daemon:
        daemon.says(Event.FAILED)
        daemon.stop()
        warned = [line for line in daemon.lines(Event.CREDENTIALS) if "chmod 600" in line]
    assert bool(warned) is (mode == 0o644)
