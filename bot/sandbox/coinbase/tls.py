"""TLS: a certificate authority saved in the state, and a new server certificate at each start.

Clients trust the authority's file. A restart keeps the authority, so the file they loaded stays valid.
"""

from __future__ import annotations

import os
from pathlib import Path

import trustme

from bot.sandbox.core.state import State

RECORD = "tls"


def certificates(state: State, beside: Path, hosts: tuple[str, ...]) -> tuple[Path, Path]:
    """Writes `<beside>-coinbase-ca.pem` for clients and `<beside>-coinbase-server.pem` (private); returns both."""
    authority = _authority(state)
    ca_file = beside.with_name(f"{beside.name}-coinbase-ca.pem").resolve()
    server_file = beside.with_name(f"{beside.name}-coinbase-server.pem").resolve()
    server = authority.issue_cert(*hosts, organization_name="Sandbox", common_name=hosts[0])
    _write(ca_file, authority.cert_pem.bytes(), 0o644)
    _write(server_file, server.private_key_and_cert_chain_pem.bytes(), 0o600)
    return ca_file, server_file


def _authority(state: State) -> trustme.CA:
    kept = dict(state.wire(RECORD))
    if "" in kept:
        return trustme.CA.from_pem(kept[""]["certificate"].encode(), kept[""]["key"].encode())
    fresh = trustme.CA(organization_name="Sandbox", organization_unit_name="Local Coinbase")
    record = {"certificate": fresh.cert_pem.bytes().decode(), "key": fresh.private_key_pem.bytes().decode()}
    state.remember(RECORD, record)
    return fresh


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replaces a file atomically; its permissions never exceed `mode`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    fresh.replace(path)
