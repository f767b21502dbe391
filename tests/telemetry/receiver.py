"""A service on this host that takes Apprise's `json://` messages, or hangs, refuses or drips instead."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Receiver:
    """`with Receiver() as receiver:`; `status` 0 never answers. `messages` are (title, line) as they came."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.messages: list[tuple[str, str]] = []
        self.asked = 0
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.asked += 1
                if receiver.status == 0:
                    receiver._over.wait(60)
                    return
                if receiver.status == 200:
                    receiver.messages.append((content["title"], content["message"]))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/t0ken-of-the-owner"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.messages]

    def until(self, done: Callable[[], bool], why: str, patience: float = 30.0) -> None:
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"{why}: {self.messages}"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
