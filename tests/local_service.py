"""A service on this host that takes what the daemon posts to it, or hangs, refuses or drips instead."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class LocalService(Generic[T]):
    """`with` it, it runs. `status` is its answer to each request, 0 for none that ends. `accepted` holds what it answered with 200,
    as `received` reads it; `asked` counts all requests.
    """

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.accepted: list[T] = []
        self.asked = 0
        self.over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                service.asked += 1
                if service.status == 0:
                    service.never_end(self)
                    return
                if service.status == 200:
                    service.accepted.append(service.received(self, text))
                self.send_response(service.status)
                service.answer_to(self)

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    @abstractmethod
    def received(self, request: BaseHTTPRequestHandler, text: str) -> T: ...

    def never_end(self, request: BaseHTTPRequestHandler) -> None:
        self.over.wait(60)

    def answer_to(self, request: BaseHTTPRequestHandler) -> None:
        request.end_headers()

    def until(self, done: Callable[[], bool], why: str, patience: float = 60.0) -> None:
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"{why}: {self.accepted}"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
