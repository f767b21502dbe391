"""An operator's order reaches the money that is traded, also before its account is known; and it can be called back.

The "real" exchange is a sandbox at the market's own speed.
"""

from __future__ import annotations

from pathlib import Path

from tests.daemon_fixture import Daemon
from tests.e2e.test_accounts import live
from tests.sandbox_fixture import Sandbox


def test_an_order_waits_for_the_live_account_and_never_goes_to_play_money(tmp_path: Path) -> None:
    """Play money was traded first; the live exchange does not answer when the order is given."""
    folder = tmp_path / "nija"
    with Sandbox(tmp_path, "--speed", "1") as sandbox:
        sandbox.control("POST", "switches", venue="kraken", name="rate_counter_max", value=10_000)
        with Daemon(folder, SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="ETH-USD", STRATEGY="") as play:
            play.says("FUNDED")
            play.stop()
        keys = sandbox.control("POST", "accounts", venue="kraken")
        sandbox.control("POST", "deposit", venue="kraken", asset="USD", amount="3000", account=keys["account"])
        fault = sandbox.control("POST", "faults", venue="kraken", kind="refuse")
        with live(folder, sandbox, keys) as real:
            real.says("FAILED")
            paused = real.order("pause", "kraken")
            assert paused.returncode == 1
            assert "for YOUR MONEY, not done yet" in paused.stdout
            assert "KRAKEN pause ordered at" in real.command("orders")
            sandbox.control("DELETE", "faults")
            real.says("COMMAND")
            real.until(lambda: real.book().get("status") == "halted", "halted")
            begun = real.book()["cycles"]
            real.until(lambda: real.book()["cycles"] >= begun + 1, "a cycle")
            assert real.lines("ENTRY") == []
            assert "no order of yours waits" in real.command("orders")
            assert "resumed" in real.command("resume")
            real.says("ENTRY")
            real.command("pause")
            held = real.book()["positions"]
            assert real.stop()[0] == 0
        assert fault
        called_back(live(folder, sandbox, keys), held)


def called_back(daemon: Daemon, held: list[dict[str, object]]) -> None:
    """A flatten that waits is void after a resume: the next start sells nothing."""
    flat = daemon.order("flatten", "--yes")
    assert flat.returncode == 1
    assert "`nija orders kraken --cancel` calls it back" in flat.stdout
    daemon.order("resume")
    assert "flatten" not in daemon.command("orders")
    commands = len(daemon.lines("COMMAND"))
    with daemon:
        daemon.says("COMMAND", times=commands + 1)
        assert "verb=resume" in daemon.lines("COMMAND")[-1]
        assert {one["symbol"] for one in daemon.book()["positions"]} >= {one["symbol"] for one in held}
        assert daemon.lines("FLATTEN") == []
        assert daemon.stop()[0] == 0


def test_a_flatten_at_work_ends_when_it_is_called_back(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon,
    ):
        daemon.says("ENTRY")
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=502, path="AddOrder")
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=502, path="OpenOrders")
        waiting = len(daemon.lines("COMMAND"))
        from bot.domain.events import Verb
        from bot.store.reader import Books

        Books(daemon.data).post(Verb.FLATTEN)
        daemon.says("COMMAND", times=waiting + 1)
        assert "called back" in daemon.command("orders", "--cancel")
        daemon.says("COMMAND", times=waiting + 2)
        assert "called back" in daemon.lines("COMMAND")[-1]
        held = daemon.book()["positions"]
        sandbox.control("DELETE", "faults")
        begun = daemon.book()["cycles_ok"]
        daemon.until(lambda: daemon.book()["cycles_ok"] > begun + 1, "cycles")
        assert daemon.book()["status"] == "halted"
        sold = [one for one in daemon.book()["orders"] if one["purpose"] == "flatten" and one["status"] == "filled"]
        assert held
        assert sold == []
        assert daemon.stop()[0] == 0
