"""API keys: which account each opens, what it may do, and the highest nonce it has used.

Keys are generated at the first start and saved in the state, so that no two sandboxes share one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.core.records import from_record, to_record
from bot.sandbox.core.state import State

RIGHTS = ("view", "trade", "withdraw")
MAIN = "main"


@dataclass
class Credential:
    """One API key. `passphrase` is set only where the venue has one; times are wall milliseconds."""

    key: str
    secret: str
    account: str
    passphrase: str = ""
    permissions: list[str] = field(default_factory=lambda: ["view", "trade"])
    ip_bound: bool = True
    nonce: int = 0
    created_ms: int = 0
    used_ms: int = 0


class Keyring:
    """The keys of one venue."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._keys = {key: from_record(Credential, record) for key, record in state.wire("key/")}

    def find(self, key: str) -> Credential | None:
        return self._keys.get(key)

    def all(self) -> list[Credential]:
        return list(self._keys.values())

    def main(self) -> Credential | None:
        """The first key of the first account, which the ready file names."""
        return next((c for c in self._keys.values() if c.account == MAIN), None)

    def add(self, credential: Credential) -> Credential:
        self._keys[credential.key] = credential
        self.note(credential)
        return credential

    def note(self, credential: Credential) -> None:
        """Saves a changed key without waiting for the disk."""
        self._state.remember(f"key/{credential.key}", to_record(credential))

    def permit(self, credential: Credential, permissions: list[str], ip_bound: bool) -> None:
        unknown = [p for p in permissions if p not in RIGHTS]
        if unknown:
            raise ValueError(f"permissions are {' '.join(RIGHTS)}, not {unknown[0]!r}")
        credential.permissions = list(permissions)
        credential.ip_bound = ip_bound
        self.note(credential)
