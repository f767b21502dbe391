"""A service on this host that takes Apprise's `json://` messages."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.local_service import LocalService


class Receiver(LocalService[tuple[str, str]]):
    """Accepts messages as (title, line)."""

    @property
    def url(self) -> str:
        return f"json://{self.place}/t0ken-of-the-owner"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.accepted]

    def received(self, request: BaseHTTPRequestHandler, text: str) -> tuple[str, str]:
        content: dict[str, Any] = json.loads(text)
        return content["title"], content["message"]
