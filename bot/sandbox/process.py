"""The sandbox as a process: opens the service and its control API, announces them and runs until it is stopped."""

from __future__ import annotations

import os
import secrets
import signal
import threading

import orjson
import uvicorn

from bot.sandbox.control import Control
from bot.sandbox.core.journal import DamagedState
from bot.sandbox.market import MarketError
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import listen
from bot.sandbox.service import LEAD_SECONDS, SandboxService


class Unusable(Exception):
    """The state or the candles cannot be used; the message is one line."""


class ControlServer:
    """Serves the control API on its own thread."""

    def __init__(self, control: Control, host: str) -> None:
        self._socket = listen(host, 0)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            control.app(),
            lifespan="off",
            log_config=None,
            access_log=False,
            loop="asyncio",
            http="httptools",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox-control", daemon=True
        )

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)


def run(plan: SandboxOptions) -> int:
    """Opens everything, announces it and runs until it is stopped."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if plan.ready_file is not None:
        plan.ready_file.unlink(missing_ok=True)
    try:
        service = SandboxService(plan)
    except (DamagedState, MarketError) as error:
        raise Unusable(str(error)) from error
    token = secrets.token_urlsafe(24)
    control = ControlServer(Control(service, token), plan.host)
    service.open()
    control.open()
    _announce(plan, orjson.dumps(service.ready(os.getpid(), {"url": control.url, "token": token})))
    if plan.parent_pipe:
        threading.Thread(target=_watch_parent, args=(stop,), daemon=True).start()
    while service.well and not stop.wait(LEAD_SECONDS / 2):
        service.save_time(lead=LEAD_SECONDS)
    status = 0 if service.well else 1
    control.close()
    service.close()
    return status


def _announce(plan: SandboxOptions, ready: bytes) -> None:
    if plan.ready_file is not None:
        fresh = plan.ready_file.with_name(plan.ready_file.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(ready + b"\n")
        fresh.replace(plan.ready_file)
    print(ready.decode(), flush=True)


def _watch_parent(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()
