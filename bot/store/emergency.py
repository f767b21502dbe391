"""The emergency journal: disk space reserved in advance for orders that must go out when the disk is full.

One file of fixed size per account, filled with zeros when it is created, so that a record only overwrites space that is
already ours. (Copy-on-write file systems, such as btrfs and ZFS, may still need new blocks.) It holds what a restart cannot
learn from the exchange: intents, and the outcomes of their requests. It never holds an entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.ids import Account
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bot.store.database import StoreError, StoreFull
from bot.store.disk import DiskFault, fault_of, flush, keep_private, make_private
from bot.store.schema import compact

#: Bytes in a journal: enough for about a thousand orders.
SIZE = 512 * 1024
_MAGIC = b"NIJAEMJ1"
#: Magic and generation. A new generation makes every record of the old one invalid at once.
_HEADER = struct.Struct(">8sQ")
#: Length and checksum of a record; the checksum is seeded with the generation.
_FRAME = struct.Struct(">II")
_WORDS = {"purpose": Purpose, "side": Side, "type": OrderType, "tif": TimeInForce}
_AMOUNTS = frozenset(
    {"qty", "limit_price", "trigger_price", "attached_stop", "attached_target", "trail", "decision_price"}
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The outcome of an order's request: the arguments of `Ledger.mark`."""

    client_id: str
    status: OrderStatus
    exchange_id: str | None = None
    reason: str = ""


Entry = Intent | Mark


def journal_file(folder: Path, account: Account) -> Path:
    """The path of an account's journal."""
    name = hashlib.sha256(str(account).encode()).hexdigest()[:12]
    return folder / f"{account.key.stem}-{name}.emergency"


class EmergencyJournal:
    """An open journal; belongs to the holder of the account's lock. Raises `StoreError` when it cannot be written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        content = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        magic, self._generation = _HEADER.unpack_from(content.ljust(_HEADER.size, b"\0"))
        if magic != _MAGIC:
            self.close()
            raise StoreError(f"{file}: is not an emergency journal: move the file away (keep it) and start again")
        self._size = len(content)
        self.entries, self._end = _read(content, self._generation)

    @classmethod
    def open(cls, file: Path, size: int = SIZE) -> EmergencyJournal:
        """Open the journal in `file`, creating it if necessary; raises `StoreError`, or `StoreFull` when there is no room."""
        try:
            if not file.exists():
                _make(file, size)
            keep_private(file)
            return cls(file)
        except OSError as error:
            kind = StoreFull if fault_of(error) is DiskFault.FULL else StoreError
            raise kind(f"{file}: no emergency journal can be kept ({error.strerror}): check the disk") from error

    def append(self, entry: Entry) -> None:
        """Write an entry durably. When this raises `StoreError`, the entry is not kept and nothing may be sent."""
        payload = compact(_encoded(entry)).encode()
        frame = _FRAME.pack(len(payload), zlib.crc32(payload, self._seed)) + payload
        self.need(len(frame))
        self._write(frame, self._end)
        self._end += len(frame)
        self.entries.append(entry)

    def need(self, count: int) -> None:
        """Raise `StoreFull` unless `count` more bytes fit."""
        if self._end + count > self._size:
            raise StoreFull(
                f"{self._file}: the emergency journal is full, nothing more can be sent: free some disk space"
            )

    def clear(self) -> None:
        """Discard all entries: the database has them now."""
        if self.entries:
            self._write(_HEADER.pack(_MAGIC, self._generation + 1), 0)
            self._generation += 1
            self.entries, self._end = [], _HEADER.size

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def _seed(self) -> int:
        return _seed(self._generation)

    def _write(self, data: bytes, at: int) -> None:
        try:
            while data:
                written = os.pwrite(self._handle, data, at)
                data, at = data[written:], at + written
            os.fsync(self._handle)
        except OSError as error:
            raise StoreError(f"{self._file}: cannot be written ({error.strerror}): nothing is sent") from error


def _make(file: Path, size: int) -> None:
    """Create the file, filled with zeros. Reserved but unwritten blocks would not do: writing them may need new blocks."""
    fresh = file.with_name(file.name + ".new")
    try:
        make_private(fresh)
        with fresh.open("wb") as stream:
            stream.write(_HEADER.pack(_MAGIC, 1).ljust(size, b"\0"))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    flush(file.parent)


def _seed(generation: int) -> int:
    return zlib.crc32(generation.to_bytes(8, "big"))


def _read(content: bytes, generation: int) -> tuple[list[Entry], int]:
    """The complete records, and the offset of the next one. A record cut off by a crash was never acknowledged."""
    entries: list[Entry] = []
    at = _HEADER.size
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + length]
        if length == 0 or len(payload) < length or zlib.crc32(payload, _seed(generation)) != checksum:
            break
        entries.append(_entry(json.loads(payload)))
        at += _FRAME.size + length
    return entries, at


def _encoded(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None and name != "decision"}


def _entry(row: dict[str, Any]) -> Entry:
    if "key" not in row:
        return Mark(**row | {"status": OrderStatus(row["status"])})
    names = {field.name for field in fields(Intent)} & row.keys()
    return Intent(**{name: _value(name, row[name]) for name in names})


def _value(name: str, row: Any) -> Any:
    if name in _WORDS:
        return _WORDS[name](row)
    return Decimal(row) if name in _AMOUNTS else row
