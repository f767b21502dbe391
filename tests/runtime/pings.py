"""A healthchecks service on this host."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler

from tests.local_service import LocalService

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


class Pings(LocalService[tuple[str, str]]):
    """Accepts pings as (what follows the check's address, body); `status` 0 drips an answer without end. `answer` is the body
    of its answers.
    """

    def __init__(self, status: int = 200, answer: bytes = b"OK") -> None:
        super().__init__(status)
        self.answer = answer
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://{self.place}/{UUID}"

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.accepted]

    def received(self, request: BaseHTTPRequestHandler, text: str) -> tuple[str, str]:
        self.headers.append(dict(request.headers.items()))
        return request.path.removeprefix(f"/{UUID}"), text

    def never_end(self, request: BaseHTTPRequestHandler) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            request.wfile.write(b"HTTP/1.0 2")
            while not self.over.wait(0.05):
                request.wfile.write(b"0")

    def answer_to(self, request: BaseHTTPRequestHandler) -> None:
        if self.status == 302:
            request.send_header("Location", f"http://127.0.0.1:1/elsewhere/{UUID}")
        request.end_headers()
        request.wfile.write(self.answer)
