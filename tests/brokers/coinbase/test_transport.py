"""Coinbase's transport against TLS sockets that hang, drip, reset and lie: every POST is sent once."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from bot.brokers.base import BrokerError, NoRoom, Priority
from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.coinbase.config import Limits
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.domain.clock import SystemClock, system_ms
from bot.domain.outcome import ErrorMeaning
from tests.brokers.coinbase.conftest import Answer, Notes, Request, TlsServer, drip, http, ok

Make = Callable[..., CoinbaseTransport]


def failed(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


def order(transport: CoinbaseTransport) -> object:
    return transport.request("/orders", {"client_order_id": "x"}, Priority.ENTRY)


def hang(connection: socket.socket, request: Request) -> None:
    time.sleep(60)


def reset(connection: socket.socket, request: Request) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def vanish(connection: socket.socket, request: Request) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cut_short(connection: socket.socket, request: Request) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"success":tr')
    connection.shutdown(socket.SHUT_RDWR)


BROKEN: dict[str, Answer] = {
    "reset": reset,
    "closed": vanish,
    "cut short": cut_short,
    "redirect": http(b"", "307 Go", "Location: https://127.0.0.1:1/\r\n"),
    "html": http(b"<html>oops</html>"),
    "empty": http(b""),
    "no content": http(b"", "204 No Content"),
    "a list": http(b"[1, 2]"),
    "null": http(b"null"),
    "deep": http(b"[" * 100_000),
    "not utf-8": http(b'{"a":"\xff\xfe'),
    "internal": http(b'{"error":"INTERNAL","message":"internal error"}', "500 Internal Server Error"),
    "bad gateway": http(b"<html></html>", "502 Bad Gateway"),
    "cloudflare": http(b"<html></html>", "524 A Timeout Occurred"),
    "conflict": http(b'{"error":"CONFLICT"}', "409 Conflict"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_order_without_a_clear_answer_is_unknown_and_a_question_just_failed(
    name: str, server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    server.answer = BROKEN[name]
    transport = make_transport(config)
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert len(server.posts()) == 1
    for question in (lambda: transport.private("/accounts"), lambda: transport.public("/time")):
        error = failed(question)
        assert (error.meaning, error.unheard) == (ErrorMeaning.BUSY, name == "conflict")


def test_a_dead_connection_of_the_pool_is_not_used_for_a_second_post(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    transport.private("/accounts")
    server.answer = vanish
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert len(server.posts()) == 1


@pytest.mark.parametrize("answer", [hang, drip])
def test_the_deadline_ends_a_call_that_hangs_or_drips_and_the_next_one_works(
    answer: Answer, server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    transport = make_transport(dataclasses.replace(config, order_seconds=1.5))
    transport.private("/accounts")  # open the connection before the clock starts
    server.answer = answer
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert len(server.posts()) == 1
    server.answer = ok({"fine": "1"})
    assert transport.private("/accounts") == {"fine": "1"}


def test_hurry_ends_a_call_that_is_under_way(server: TlsServer, config: CoinbaseConfig, make_transport: Make) -> None:
    server.answer = hang
    transport = make_transport(config)

    def hurry() -> None:
        while not server.posts():
            time.sleep(0.01)
        transport.hurry(system_ms() + 200)

    threading.Thread(target=hurry, daemon=True).start()
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.BUSY  # nothing is sent any more
    assert len(server.posts()) == 1


def test_a_connection_that_is_refused_sent_nothing(config: CoinbaseConfig, make_transport: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"https://127.0.0.1:{free.getsockname()[1]}"
    error = failed(lambda: order(make_transport(dataclasses.replace(config, api_url=url))))
    assert error.meaning is ErrorMeaning.BUSY
    assert "cannot be reached" in error.remedy


def test_a_stranger_with_a_certificate_of_his_own_gets_no_order(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for root in (None, str(other)):
        error = failed(lambda each=root: order(make_transport(dataclasses.replace(config, ca_file=each))))  # type: ignore[misc]
        assert error.meaning is ErrorMeaning.BUSY
        assert "certificate" in error.remedy
    assert server.requests == []


def test_an_address_without_tls_is_refused(config: CoinbaseConfig, make_transport: Make) -> None:
    error = failed(lambda: order(make_transport(dataclasses.replace(config, api_url="http://127.0.0.1:1"))))
    assert "https://" in error.remedy


# -- refusals ---------------------------------------------------------------------------------------------------------
def test_a_refused_order_is_never_sent_again(server: TlsServer, config: CoinbaseConfig, make_transport: Make) -> None:
    server.answer = http(b"Unauthorized\n", "401 Unauthorized", "Content-Type: text/plain\r\n")
    assert failed(lambda: order(make_transport(config))).meaning is ErrorMeaning.CREDENTIALS
    assert len(server.posts()) == 1


def test_a_question_with_a_refused_token_is_asked_once_more_with_a_new_one(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    def first_refused(connection: socket.socket, request: Request) -> None:
        refusal = http(b"Unauthorized\n", "401 Unauthorized", "Content-Type: text/plain\r\n")
        (refusal if len(server.requests) == 1 else ok({"accounts": []}))(connection, request)

    server.answer = first_refused
    assert make_transport(config).private("/accounts") == {"accounts": []}
    first, second = server.requests
    assert first.headers["authorization"] != second.headers["authorization"]


class StoppedClock(SystemClock):
    """A wall clock that can be set (`now`), and steady time that the test advances."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.steady = 1_000_000

    def wall_ms(self) -> int:
        return self.now

    def steady_ms(self) -> int:
        return self.steady

    def passes(self, ms: int) -> None:
        self.now += ms
        self.steady += ms


def test_a_pause_that_coinbase_asks_for_is_kept_by_every_program_with_the_key(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    clock = StoppedClock(system_ms())
    transport = make_transport(config, clock)
    server.answer = http(b'{"error":"RESOURCE_EXHAUSTED"}', "429 Too Many Requests", "Retry-After: 30\r\n")
    error = failed(lambda: order(transport))
    assert (error.meaning, error.retry_after_ms) == (ErrorMeaning.RATE_LIMITED, 30_000)
    clock.passes(29_000)
    clock.now -= 3_600_000  # the wall clock is set, but no time has passed
    for other in (transport, make_transport(config, clock)):
        error = failed(lambda each=other: order(each))  # type: ignore[misc]
        assert (error.meaning, error.retry_after_ms) == (ErrorMeaning.RATE_LIMITED, 1_000)
    assert len(server.requests) == 1
    clock.passes(1_001)
    server.answer = ok({"fine": "1"})
    assert make_transport(config, clock).private("/accounts") == {"fine": "1"}


def test_our_own_budget_refuses_before_coinbase_does(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    """Calls without a key have a budget of their own: Coinbase counts them by address."""
    small = dataclasses.replace(config, limits=Limits(1, 0.001, 1, 0.001), read_seconds=0.5)
    transport = make_transport(small)
    for ask in (transport.public, transport.private):
        ask("/time")
        assert isinstance(failed(lambda each=ask: each("/time")), NoRoom)  # type: ignore[misc]
    assert len(server.requests) == 2


def test_after_a_refusal_for_its_rate_the_counter_is_full(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    clock = StoppedClock(system_ms())
    transport = make_transport(dataclasses.replace(config, order_seconds=0.5, limits=Limits(30, 0.001)), clock)
    server.answer = http(b"<html>", "429 Too Many Requests")
    assert not isinstance(failed(lambda: order(transport)), NoRoom)
    clock.passes(1_001)  # the pause is over, but the counter has not decayed
    assert isinstance(failed(lambda: order(transport)), NoRoom)
    assert len(server.posts()) == 1


def test_nothing_leaves_once_it_is_closed(server: TlsServer, config: CoinbaseConfig, make_transport: Make) -> None:
    transport = make_transport(config)
    transport.public("/time")
    transport.close()
    assert failed(lambda: transport.public("/time")).meaning is ErrorMeaning.BUSY
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("ahead_ms", "meaning"), [(0, ErrorMeaning.CREDENTIALS), (-90_000, ErrorMeaning.CLOCK), (9_000, ErrorMeaning.CLOCK)]
)
def test_a_token_of_the_wrong_time_is_blamed_on_the_clock(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make, ahead_ms: int, meaning: ErrorMeaning
) -> None:
    now = system_ms()

    def answer(connection: socket.socket, request: Request) -> None:
        respond = (
            ok({"epochMillis": str(now)})
            if request.path.endswith("/time")
            else http(b"Unauthorized", "401 Unauthorized")
        )
        respond(connection, request)

    server.answer = answer
    clock = StoppedClock(now + ahead_ms)
    for ask in (lambda one: one.private("/accounts"), order):
        error = failed(lambda each=ask: each(make_transport(config, clock)))  # type: ignore[misc]
        assert error.meaning is meaning
        assert ("NTP" in error.remedy) is (meaning is ErrorMeaning.CLOCK)


def test_the_sdk_writes_nothing_of_its_own(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answer = http(json.dumps({"error": "SECRET BODY"}).encode(), "400 Bad Request")
    failed(lambda: make_transport(config).private("/accounts"))
    written = capfd.readouterr()
    assert "SECRET BODY" not in written.err + written.out
    assert not logging.getLogger("coinbase.RESTClient").propagate


def test_control_characters_and_long_texts_do_not_reach_the_log(
    server: TlsServer, config: CoinbaseConfig, make_transport: Make
) -> None:
    body = json.dumps({"error": "\x1b[2J\nnew line" + "x" * 5000}).encode()
    server.answer = http(body, "400 Bad Request")
    text = failed(lambda: order(make_transport(config))).text
    assert text.isprintable()
    assert len(text) <= 250


def test_a_bad_key_is_refused_before_anything_is_sent(server: TlsServer, config: CoinbaseConfig, notes: Notes) -> None:
    for change in ({"api_key": "my key"}, {"api_secret": "nonsense"}):
        broker = CoinbaseBroker(dataclasses.replace(config, **change), SystemClock(), notes)  # type: ignore[arg-type]
        assert failed(broker.connect).meaning is ErrorMeaning.CREDENTIALS
        broker.close()
    assert server.requests == []
