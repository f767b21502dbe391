"""The TLS session for orders: which certificates it trusts, and that it can be cut off."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme

from bot.brokers.common.deadline import Overdue, Runner, WaitLimit
from bot.brokers.common.wire import BoundedSession, trusted
from bot.domain.clock import system_ms


class TlsServer:
    """Speaks TLS with a certificate from its own CA; does not answer once `talk` is off."""

    def __init__(self, folder: Path) -> None:
        maker = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        maker.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        maker.issue_cert("127.0.0.1").configure_cert(context)
        self._socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.talk = True
        self.closed = threading.Event()
        self._running = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._running:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # the client aborted the handshake, or the test is over
                continue
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        while connection.recv(65536):
            if self.talk:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.closed.set()

    def close(self) -> None:
        self._running = False
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # wakes the accepting thread
        self._socket.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    one = TlsServer(tmp_path)
    yield one
    one.close()


def test_a_server_nobody_vouches_for_gets_not_a_byte(server: TlsServer) -> None:
    with BoundedSession(trusted()) as session:
        with pytest.raises(requests.exceptions.SSLError):
            session.post(server.url, data=b"an order")
        assert not session.sockets.sent


def test_an_extra_trust_root_is_trusted(server: TlsServer) -> None:
    with BoundedSession(trusted(server.ca_file)) as session:
        assert session.post(server.url, data=b"an order").text == "ok"
        assert session.sockets.sent


def test_an_overdue_call_is_cut_off_and_says_that_it_was_sent(server: TlsServer) -> None:
    server.talk = False
    wait_limit = WaitLimit(system_ms)
    with BoundedSession(trusted(server.ca_file)) as session:
        runner = Runner("sender", wait_limit)
        with pytest.raises(Overdue):
            runner.run(lambda: session.post(server.url, data=b"an order"), wait_limit.deadline(0.3))
        session.sockets.cut()
        assert session.sockets.sent
        assert server.closed.wait(5)
        with pytest.raises(requests.ConnectionError):
            session.post(server.url, data=b"another")


def test_a_refused_connection_names_host_and_port() -> None:
    refused = pytest.raises(requests.ConnectionError, match=r"^127\.0\.0\.1:9: Failed")
    with BoundedSession(ssl.create_default_context()) as session, refused:
        session.get("http://127.0.0.1:9/")


def test_neither_proxies_nor_credentials_come_from_the_environment(
    server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with BoundedSession(trusted(server.ca_file)) as session:
        assert session.get(server.url).text == "ok"


def test_a_runner_hands_on_results_and_errors_and_outlives_a_call_left_behind() -> None:
    wait_limit = WaitLimit(system_ms)
    runner = Runner("sender", wait_limit)
    assert runner.run(lambda: 7, wait_limit.deadline(5)) == 7
    with pytest.raises(ZeroDivisionError):
        runner.run(lambda: 1 // 0, wait_limit.deadline(5))
    with pytest.raises(Overdue):
        runner.run(lambda: time.sleep(1), wait_limit.deadline(0.05))
    assert runner.run(lambda: 8, wait_limit.deadline(5)) == 8
    wait_limit.hurry(system_ms() - 1)
    with pytest.raises(Overdue):
        runner.run(lambda: 9, wait_limit.deadline(5))
    runner.close()
    runner.close()
