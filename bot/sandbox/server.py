"""One venue's server: its own port, thread and event loop, so that a failing venue does not affect the others.

Runs the venue's ASGI application and its matching tick. A fault that refuses every connection really closes the
listening socket; the port stays reserved. Never looks into a request.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.sandbox.core.values import sure
from bot.sandbox.core.venue import Receive, Scope, Send, Venue
from bot.sandbox.venue_app import TRANSPORT, VenueApp, reset

TICK_SECONDS = 0.05
START_SECONDS = 10.0
LONGEST_ANSWER = 60.0


class Connection(HttpToolsProtocol):
    """uvicorn's connection; its requests can reach the transport below them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class VenueServer(uvicorn.Server):
    """Serves one venue on a loopback port, on its own thread."""

    def __init__(self, venue: Venue, host: str, wanted_port: int) -> None:
        self.venue = venue
        self._host = host
        self._socket = listen(host, wanted_port)
        self.port: int = self._socket.getsockname()[1]
        key, certificate = (None, None) if venue.tls_files is None else map(str, venue.tls_files)
        super().__init__(
            uvicorn.Config(
                VenueApp(venue),
                http=Connection,
                ws="websockets-sansio",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,
                ssl_keyfile=key,
                ssl_certfile=certificate,
            )
        )
        self._closed = False
        self._reserved: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve_forever, name=f"sandbox-{venue.name}", daemon=True)

    def open(self) -> None:
        """Starts the thread; returns once the port is listening."""
        self._thread.start()
        if not self._listening.wait(START_SECONDS):
            raise RuntimeError(f"the sandbox's {self.venue.name} did not start")

    def close(self) -> None:
        self.should_exit = True
        self._thread.join(5)

    @property
    def address(self) -> str:
        """host:port as written in a URL."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def follow_faults(self) -> None:
        """Closes or opens the port as the armed faults require; returns once that is done. Callable from any thread."""
        asyncio.run_coroutine_threadsafe(self._follow_faults(), sure(self._loop)).result(LONGEST_ANSWER)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes idle connections first: over TLS they would wait for the client's close."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpToolsProtocol) and (
                connection.cycle is None or connection.cycle.response_complete
            ):
                reset(connection.transport)
        await super().shutdown(sockets)

    def _serve_forever(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        tick = asyncio.create_task(self._tick())
        serve = asyncio.create_task(self.serve(sockets=[self._socket]))
        await asyncio.wait({tick, serve}, return_when=asyncio.FIRST_COMPLETED)
        self.should_exit = True
        await serve
        tick.cancel()
        if tick.done() and not tick.cancelled():
            tick.result()

    async def _tick(self) -> None:
        """Brings the exchange up to date while no requests arrive."""
        while not self.should_exit:
            if self.started:
                self._listening.set()
                await self._follow_faults()
            with self.venue.exchange.lock:
                self.venue.exchange.settle()
                self.venue.exchange.commit()
            await asyncio.sleep(TICK_SECONDS)

    async def _follow_faults(self) -> None:
        wanted = self.venue.faults.port_closed()
        if wanted and not self._closed:
            self._closed = True
            self._shut()
        elif self._closed and not wanted:
            self._closed = False
            await self._reopen()

    def _shut(self) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            reset(transport)
        self._reserved = _reserve(self._host, self.port)

    async def _reopen(self) -> None:
        self._socket, self._reserved = sure(self._reserved), None
        self._socket.listen(1024)
        await self.startup(sockets=[self._socket])


def listen(host: str, wanted_port: int) -> socket.socket:
    """A listening socket, on the wanted port if that is free."""
    try:
        handle = _reserve(host, wanted_port)
    except OSError:
        handle = _reserve(host, 0)
    handle.listen(1024)
    return handle


def _reserve(host: str, port: int) -> socket.socket:
    """A socket that holds a port without listening: connections to it are refused."""
    # asyncio disables Nagle's algorithm only on sockets that name their protocol.
    handle = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        handle.bind((host, port))
    except OSError:
        handle.close()
        raise
    return handle
