"""A healthchecks service on this host: it keeps each ping as (what follows the check's address, body), or misbehaves instead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


class Pings:
    """`with Pings() as pings:`; `status` 0 drips an answer without end. `answer` is the body of its answers."""

    def __init__(self, status: int = 200, answer: bytes = b"OK") -> None:
        self.status, self.answer = status, answer
        self.came: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self._over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                service.asked += 1
                if service.status == 0:
                    with suppress(BrokenPipeError, ConnectionResetError):
                        self.wfile.write(b"HTTP/1.0 2")
                        while not service._over.wait(0.05):
                            self.wfile.write(b"0")
                    return
                if service.status == 200:
                    service.came.append((self.path.removeprefix(f"/{UUID}"), text))
                    service.headers.append(dict(self.headers.items()))
                self.send_response(service.status)
                if service.status == 302:
                    self.send_header("Location", f"http://127.0.0.1:1/elsewhere/{UUID}")
                self.end_headers()
                self.wfile.write(service.answer)

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/{UUID}"

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.came]

    def until(self, done: Callable[[], bool], why: str, patience: float = 60.0) -> None:
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"{why}: {self.came}"
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
