"""Kraken's transport against sockets that hang, drip, reset and lie."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.wire import trusted
from bot.brokers.kraken import KrakenConfig
from bot.brokers.kraken.limits import Charge
from bot.brokers.kraken.transport import KrakenClient, KrakenTransport
from bot.domain.clock import SystemClock, system_ms
from bot.domain.outcome import ErrorMeaning
from tests.brokers.kraken.conftest import KEY, SECRET, Answer, Request, SocketServer, drip, http, ok, refused

Make = Callable[..., KrakenTransport]
CHARGE = Charge("BTC-USD", 1, Priority.ENTRY)


def failed(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


def order(transport: KrakenTransport) -> object:
    return transport.request("AddOrder", {"pair": "XBTUSD"}, CHARGE, system_ms() + 60_000)


def hang(connection: socket.socket, request: Request) -> None:
    time.sleep(60)


def reset(connection: socket.socket, request: Request) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def vanish(connection: socket.socket, request: Request) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cut_short(connection: socket.socket, request: Request) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"error":[],"res')
    connection.shutdown(socket.SHUT_RDWR)


def redirect(connection: socket.socket, request: Request) -> None:
    connection.sendall(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


# -- signing --------------------------------------------------------------------------------------------------------
def test_the_signature_is_the_one_of_krakens_documentation(config: KrakenConfig) -> None:
    sender = KrakenClient(config, trusted())
    fields = {
        "nonce": "1616492376594",
        "ordertype": "limit",
        "pair": "XBTUSD",
        "price": "37500",
        "type": "buy",
        "volume": "1.25",
    }
    signature = sender._sign(fields, "/0/private/AddOrder")
    sender.close()
    assert signature == "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_no_representation_shows_a_secret(config: KrakenConfig) -> None:
    assert KEY not in repr(config)
    assert SECRET not in repr(config)


def test_numbers_of_an_answer_are_exact(server: SocketServer, config: KrakenConfig, make_transport: Make) -> None:
    server.answer = http(b'{"error":[],"result":{"price":0.1000000000000000055511151231257827}}')
    assert str(make_transport(config).public("Ticker")["price"]) == "0.1000000000000000055511151231257827"


# -- unusable answers -------------------------------------------------------------------------------------------------
BROKEN: dict[str, Answer] = {
    "reset": reset,
    "closed": vanish,
    "cut short": cut_short,
    "redirect": redirect,
    "html": http(b"<html>502</html>"),
    "empty": http(b""),
    "not an envelope": http(b"[1, 2]"),
    "no result": http(b'{"error":[]}'),
    "null result": http(b'{"error":[],"result":null}'),
    "error is text": http(b'{"error":"EOrder:Insufficient funds"}'),
    "NaN": http(b'{"error":[],"result":{"a":NaN}}'),
    "deep": http(b"[" * 100_000),
    "bad gateway": http(b"<html></html>", "502 Bad Gateway"),
    "cloudflare": http(b"<html></html>", "520 Unknown"),
    "unheard of": refused("EOrder:The cat sat on the keyboard"),
    "busy": refused("EService:Busy"),
    "internal": refused("EGeneral:Internal error:1"),
    "two errors": refused("EOrder:Insufficient funds", "EService:Unavailable"),
    "not utf-8": http(b'{"error":[],"result":"\xff\xfe'),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_order_without_a_clear_answer_is_unknown_and_a_question_just_failed(
    name: str, server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = BROKEN[name]
    transport = make_transport(config)
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert len(server.requests) == 1
    assert failed(lambda: transport.private("OpenOrders")).meaning is ErrorMeaning.BUSY
    assert failed(lambda: transport.public("Time")).meaning is ErrorMeaning.BUSY


def test_a_body_without_end_is_refused(server: SocketServer, config: KrakenConfig, make_transport: Make) -> None:
    server.answer = http(b'{"error":[],"result":"' + b"x" * (11 * 1024 * 1024) + b'"}')
    error = failed(lambda: make_transport(config).public("AssetPairs"))
    assert error.meaning is ErrorMeaning.BUSY
    assert "TooLarge" in error.text


def test_a_connection_that_is_refused_sent_nothing(config: KrakenConfig, make_transport: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = failed(lambda: order(make_transport(dataclasses.replace(config, api_url=url))))
    assert error.meaning is ErrorMeaning.BUSY
    assert "cannot be reached" in error.remedy


@pytest.mark.parametrize("answer", [hang, drip])
def test_the_deadline_ends_a_call_that_hangs_or_drips_and_the_next_one_works(
    answer: Answer, server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = answer
    transport = make_transport(dataclasses.replace(config, order_seconds=0.5, read_seconds=0.5))
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert failed(lambda: transport.private("BalanceEx")).meaning is ErrorMeaning.BUSY
    server.answer = ok({"fine": "1"})
    assert transport.private("BalanceEx") == {"fine": "1"}


def test_hurry_ends_a_call_that_is_under_way(server: SocketServer, config: KrakenConfig, make_transport: Make) -> None:
    server.answer = hang
    transport = make_transport(config)
    threading.Timer(0.3, lambda: transport.hurry(system_ms() + 200)).start()
    begun = time.monotonic()
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.UNKNOWN
    assert time.monotonic() - begun < config.order_seconds / 2
    assert failed(lambda: order(transport)).meaning is ErrorMeaning.BUSY  # nothing is sent any more
    assert len(server.requests) == 1


# -- nonces -----------------------------------------------------------------------------------------------------------
def nonces(server: SocketServer) -> list[int]:
    return [int(request.fields["nonce"]) for request in server.requests if "nonce" in request.fields]


class StandingClock(SystemClock):
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


def test_nonces_rise_when_the_clock_stands_still_or_goes_back_and_after_a_restart(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    clock = StandingClock(system_ms())
    first = make_transport(config, clock)
    for step in (0, 0, -3_600_000):
        clock.now += step
        first.private("Balance")
    first.close()
    make_transport(config, clock).private("Balance")
    assert nonces(server) == sorted(set(nonces(server)))
    assert len(nonces(server)) == 4


def test_nonces_arrive_in_order_from_many_threads(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    transports = [make_transport(config) for _ in range(4)]

    def ask(transport: KrakenTransport) -> None:
        for _ in range(10):
            transport.request("CancelOrder", {"txid": "O"}, Charge("BTC-USD", 0, Priority.EXIT), system_ms() + 60_000)

    threads = [threading.Thread(target=ask, args=(transport,)) for transport in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(nonces(server)) == 40
    assert nonces(server) == sorted(set(nonces(server)))


PROGRAM = """
import sys
from pathlib import Path
from bot.brokers.base import Priority
from bot.brokers.kraken import KrakenConfig
from bot.brokers.kraken.limits import Charge
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import SystemClock, system_ms
from tests.brokers.kraken.conftest import KEY, SECRET, Notes

folder, url = sys.argv[1:]
config = KrakenConfig(KEY, SECRET, Path(folder), api_url=url, mode="sandbox")
transport = KrakenTransport(config, SystemClock(), Notes())
for _ in range(15):
    transport.request("CancelOrder", {"txid": "O"}, Charge("BTC-USD", 0, Priority.EXIT), system_ms() + 60_000)
"""


def test_nonces_arrive_in_order_from_several_programs(
    server: SocketServer, config: KrakenConfig, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), server.url]
    programs = [subprocess.Popen(command) for _ in range(2)]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert len(nonces(server)) == 30
    assert nonces(server) == sorted(set(nonces(server)))


def test_a_refused_nonce_is_tried_once_more_with_a_larger_one(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    transport = make_transport(config)

    def once(connection: socket.socket, request: Request) -> None:
        (refused("EAPI:Invalid nonce") if len(server.requests) == 1 else ok({"txid": ["O"]}))(connection, request)

    server.answer = once
    assert order(transport) == {"txid": ["O"]}
    first, second = nonces(server)
    assert second > first


def test_a_nonce_refused_twice_says_what_to_do(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = refused("EAPI:Invalid nonce")
    error = failed(lambda: order(make_transport(config)))
    assert error.meaning is ErrorMeaning.NONCE
    assert "another program uses this key" in error.remedy
    assert len(server.requests) == 2


def test_a_key_in_use_by_another_program_is_said_after_a_bounded_wait(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = hang
    slow = make_transport(config)
    thread = threading.Thread(target=lambda: failed(lambda: order(slow)))
    thread.start()
    while not server.requests:
        time.sleep(0.01)
    error = failed(lambda: make_transport(dataclasses.replace(config, read_seconds=0.3)).private("BalanceEx"))
    slow.hurry(system_ms())
    thread.join()
    assert error.meaning is ErrorMeaning.BUSY
    assert "another program on this host" in error.remedy


# -- requested pauses ---------------------------------------------------------------------------------------------------
def test_after_a_lockout_nothing_is_sent_for_a_quarter_of_an_hour_by_any_program(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    clock = StandingClock(system_ms())
    transport = make_transport(config, clock)
    server.answer = refused("EGeneral:Temporary lockout")
    assert failed(lambda: transport.private("BalanceEx")).meaning is ErrorMeaning.LOCKED_OUT
    clock.passes(14 * 60_000)
    clock.now -= 3_600_000  # the wall clock is set, but no time has passed
    for other in (transport, make_transport(config, clock)):
        error = failed(lambda each=other: each.private("BalanceEx"))  # type: ignore[misc]
        assert (error.meaning, error.retry_after_ms) == (ErrorMeaning.LOCKED_OUT, 60_000)
    assert len(server.requests) == 1
    clock.passes(61_000)
    server.answer = ok({})
    assert transport.private("BalanceEx") == {}


def test_throttled_is_obeyed_until_its_time(server: SocketServer, config: KrakenConfig, make_transport: Make) -> None:
    clock = StandingClock(system_ms() // 1000 * 1000)
    transport = make_transport(config, clock)
    server.answer = refused(f"EService: Throttled: {clock.now // 1000 + 30}")
    error = failed(lambda: order(transport))
    assert (error.meaning, error.retry_after_ms) == (ErrorMeaning.RATE_LIMITED, 30_000)
    for other in (transport, make_transport(config, clock)):  # for every user of the key
        assert failed(lambda each=other: order(each)).meaning is ErrorMeaning.RATE_LIMITED  # type: ignore[misc]
    assert len(server.requests) == 1


def test_a_lockout_that_a_public_question_meets_is_one_of_the_key(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = refused("EGeneral:Temporary lockout")
    assert failed(lambda: make_transport(config).public("Time")).meaning is ErrorMeaning.LOCKED_OUT
    assert failed(lambda: make_transport(config).private("BalanceEx")).meaning is ErrorMeaning.LOCKED_OUT
    assert len(server.requests) == 1


def test_nothing_leaves_once_it_is_closed(server: SocketServer, config: KrakenConfig, make_transport: Make) -> None:
    transport = make_transport(config)
    transport.public("Time")
    transport.close()
    assert failed(lambda: transport.public("Time")).meaning is ErrorMeaning.BUSY
    assert len(server.requests) == 1


def test_an_order_whose_deadline_passed_while_it_waited_is_not_sent(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    error = failed(lambda: transport.request("AddOrder", {}, CHARGE, system_ms() - 1))
    assert error.meaning is ErrorMeaning.BUSY
    assert server.requests == []


def test_control_characters_and_long_texts_do_not_reach_the_log(
    server: SocketServer, config: KrakenConfig, make_transport: Make
) -> None:
    server.answer = http(json.dumps({"error": ["EOrder:\x1b[2J\nnew line" + "x" * 5000]}).encode())
    text = failed(lambda: order(make_transport(config))).text
    assert text.isprintable()
    assert len(text) <= 250
