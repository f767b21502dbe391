"""One venue's HTTP entry point: reads a request, then applies a fault or lets the wire answer.

A fault in one request does not hold up the others: waits are asynchronous, and the exchange's lock is held only
while the wire answers. Knows the faults of requests, not what a request means.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bot.sandbox.core.faults import Fault, FaultKind
from bot.sandbox.core.venue import Receive, Request, Response, Scope, Send, Venue

TRANSPORT = "sandbox.transport"
DRIP_SECONDS = 0.25
HTML = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
BROKEN = (FaultKind.MALFORMED, FaultKind.TRUNCATED, FaultKind.EMPTY, FaultKind.SLOW_DRIP, FaultKind.DROP_AFTER)


class VenueApp:
    """The ASGI application of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._venue.wire.websocket(scope, receive, send)
            return
        request = await _read(scope, receive)
        self._venue.tally.requests[f"{request.method} {request.path}"] += 1
        fault = self._venue.faults.on_request(request.method, request.path)
        if fault is None:
            exchange = self._venue.exchange
            exchange.state.answers_well(exchange.clock.wall_ms())
            await _send(send, self._process(request))
        else:
            await self._suffer(fault, request, scope, receive, send)

    def _process(self, request: Request) -> Response:
        exchange = self._venue.exchange
        with exchange.lock:
            exchange.settle()
            try:
                return self._venue.wire.answer(request)
            finally:
                exchange.commit()

    async def _suffer(self, fault: Fault, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Applies the fault to the request."""
        if fault.kind in {FaultKind.REFUSE, FaultKind.DROP_BEFORE}:
            await _drop(scope, receive)
        elif fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds if fault.seconds is not None else 1.0)
            await _send(send, self._process(request))
        elif fault.kind is FaultKind.HANG:
            self._maybe(fault, request, toss=True)
            await _hang(receive, fault.seconds)
            await _drop(scope, receive)
        elif fault.kind in BROKEN:
            await _send_broken(fault, self._process(request), scope, receive, send)
        else:
            await _send(send, self._refusal(fault, request))

    def _refusal(self, fault: Fault, request: Request) -> Response:
        """An answer in place of the wire's own; the fault decides whether the request is executed."""
        wire = self._venue.wire
        if fault.kind is FaultKind.RATE_LIMIT:
            return wire.rate_limited()
        if fault.kind is FaultKind.MAINTENANCE:
            return wire.maintenance(request)
        if fault.kind is FaultKind.EXCHANGE_ERROR:
            return self._error(fault, request)
        self._maybe(fault, request, toss=True)
        status = fault.status if fault.status is not None else 502
        body = HTML % (status, status) if fault.body is None else fault.body.encode()
        return Response(body, status, "text/html")

    def _error(self, fault: Fault, request: Request) -> Response:
        """The venue's own error. With a status below 500 the request is not executed, unless the fault says so."""
        wire, refusal = self._venue.wire, None if fault.body is None else self._venue.refusal(request, fault.body)
        failure = wire.failure(fault.body) if refusal is None else refusal
        failure = failure if fault.status is None else replace(failure, status=fault.status)
        toss = refusal is None and wire.fate_unknown(fault.body)
        self._maybe(fault, request, toss=toss and (fault.status is None or fault.status >= 500))
        return failure

    def _maybe(self, fault: Fault, request: Request, *, toss: bool) -> None:
        """Executes the request if the fault says so; where its fate is to be unknown, with a chance of one half."""
        executed = fault.processed if fault.processed is not None else toss and self._venue.faults.toss()
        if executed:
            self._process(request)


async def _read(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)


async def _send(send: Send, response: Response) -> None:
    await send(_start(response, len(response.body)))
    await send({"type": "http.response.body", "body": response.body})


def _start(response: Response, length: int) -> MutableMapping[str, Any]:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(length).encode()),
        *((name.encode(), value.encode()) for name, value in response.headers),
    ]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _send_broken(fault: Fault, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """The request was executed, but its answer does not arrive whole."""
    body = response.body
    if fault.kind is FaultKind.DROP_AFTER:
        await _drop(scope, receive)
    elif fault.kind is FaultKind.EMPTY:
        await _send(send, Response(b"", response.status, response.content_type))
    elif fault.kind is FaultKind.MALFORMED:
        text = b'{"error":[],"result":{"' if fault.body is None else fault.body.encode()
        await _send(send, Response(text, response.status, response.content_type))
    elif fault.kind is FaultKind.TRUNCATED:
        await send(_start(response, len(body)))
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        scope[TRANSPORT].close()
        await _hang(receive, None)
    else:
        await send(_start(response, len(body)))
        await _drip(body, fault.seconds if fault.seconds is not None else 60.0, send)


async def _drip(body: bytes, seconds: float, send: Send) -> None:
    """Sends the body in small pieces, over `seconds` in total."""
    pieces = max(1, min(len(body), int(seconds / DRIP_SECONDS)))
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / pieces)
        more = start + size < len(body)
        await send({"type": "http.response.body", "body": body[start : start + size], "more_body": more})


async def _drop(scope: Scope, receive: Receive) -> None:
    """Resets the connection."""
    transport: asyncio.Transport = scope[TRANSPORT]
    reset(transport)
    await _hang(receive, None)


def reset(transport: asyncio.WriteTransport) -> None:
    """Ends a connection with a TCP reset, even with data in its buffers."""
    handle = None if transport.is_closing() else transport.get_extra_info("socket")
    if handle is not None:
        with suppress(OSError):  # the client has already closed
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _hang(receive: Receive, seconds: float | None) -> None:
    """Waits until the client has disconnected, for at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
