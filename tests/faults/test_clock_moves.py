"""A clock that moves while the daemon trades: what looks like a wrong key is none, and exits must not wait for minutes."""

from __future__ import annotations

from pathlib import Path

from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox


def test_a_key_that_is_refused_for_the_clocks_sake_trades_on_soon(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "60", venues=("coinbase",)) as sandbox:
        daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file))
        with daemon:
            daemon.says("FUNDED")
            sandbox.control("POST", "faults", venue="coinbase", kind="clock_skew", seconds=-40.0)
            daemon.until(lambda: "401" in "".join(daemon.lines("FAILED")), "the refusal")
            sandbox.control("DELETE", "faults?venue=coinbase")
            daemon.says("CONNECTED", times=2)
            assert daemon.stop()[0] == 0
