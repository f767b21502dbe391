"""OKX's transport against sockets that hang, drip, reset and lie: every POST is sent once, whatever the answer."""

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

from bot.brokers.base import BrokerError, NoRoom, Priority
from bot.brokers.common.wire import trusted
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxClient, OkxTransport
from bot.domain.clock import SystemClock, system_ms
from bot.domain.outcome import ErrorMeaning
from tests.brokers.kraken.conftest import Answer, Request, SocketServer, drip, http
from tests.brokers.okx.conftest import KEY, PHRASE, SECRET, ok, refused, row_refused

Make = Callable[..., OkxTransport]
ORDER = "/api/v5/trade/order"


def failed(ask: Callable[[], object]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        ask()
    return caught.value


def place(transport: OkxTransport) -> object:
    fields = {"instId": "BTC-USDT", "sz": "1", "reduceOnly": False}
    return transport.request(ORDER, fields, Priority.ENTRY, system_ms() + 60_000, 1_700_000_000_000)


def hang(connection: socket.socket, request: Request) -> None:
    time.sleep(60)


def reset(connection: socket.socket, request: Request) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def vanish(connection: socket.socket, request: Request) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cut_short(connection: socket.socket, request: Request) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code":"0","da')
    connection.shutdown(socket.SHUT_RDWR)


def stall(connection: socket.socket, request: Request) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code":"0","da')
    time.sleep(60)


def redirect(connection: socket.socket, request: Request) -> None:
    connection.sendall(b"HTTP/1.1 302 Go\r\nLocation: /api/v5/public/time\r\nContent-Length: 0\r\n\r\n")


# -- what is sent -----------------------------------------------------------------------------------------------------
SIGNED = {
    "2020-12-08T09:08:57.715ZGET/api/v5/account/balance?ccy=BTC": "HiZhvSfMtWJA3uUIVXV3a/bSXNPCWvYFXoGCVS8V4zY=",
    "2020-12-08T09:08:57.715ZGET/api/v5/account/balance": "AkD5YszBhggtIyjDlmTy/9PpNVntel+1Lff8wh0qpQw=",
    '2020-12-08T09:08:57.715ZPOST/api/v5/trade/order{"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": '
    '"limit", "px": "2.15", "sz": "2"}': "ndhLECBZOdEnKUoXpFMXtL/rmKwKjNKUys4V5s4RLDc=",
}


@pytest.mark.parametrize("prehash", SIGNED)
def test_signatures(prehash: str, config: OkxConfig) -> None:
    sender = OkxClient(config, trusted())
    assert sender.sign(prehash, SECRET) == SIGNED[prehash]
    sender.session.close()


def test_what_arrives_is_what_was_signed(server: SocketServer, config: OkxConfig, make_transport: Make) -> None:
    server.answer = ok({"ordId": "1", "sCode": "0"})
    transport = make_transport(config)
    place(transport)
    transport.private("/api/v5/trade/orders-algo-pending", ordType="conditional,oco")
    sender = OkxClient(config, trusted())
    for request in server.requests:
        prehash = request.headers["ok-access-timestamp"] + request.method + request.path + request.body.decode()
        assert request.headers["ok-access-sign"] == sender.sign(prehash, SECRET)
        assert request.headers["ok-access-key"] == KEY
        assert request.headers["ok-access-passphrase"] == PHRASE
    sender.session.close()
    assert json.loads(server.requests[0].body) == {"instId": "BTC-USDT", "sz": "1", "reduceOnly": False}


def test_an_order_carries_the_time_after_which_okx_must_drop_it_and_a_question_does_not(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = ok({"ordId": "1", "sCode": "0"})
    transport = make_transport(config)
    place(transport)
    transport.request("/api/v5/trade/order-algo", {"instId": "BTC-USDT"}, Priority.EXIT, system_ms() + 60_000)
    transport.private("/api/v5/account/balance")
    assert [request.headers.get("exptime") for request in server.requests] == ["1700000000000", None, None]


def test_cancels_of_algo_orders_go_out_as_an_array(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = ok({"algoId": "7", "sCode": "0"})
    body = [{"instId": "BTC-USDT", "algoId": "7"}]
    make_transport(config).request("/api/v5/trade/cancel-algos", body, Priority.EXIT, system_ms() + 60_000)
    assert json.loads(server.requests[0].body) == body


@pytest.mark.parametrize(("demo", "flag"), [(False, "0"), (True, "1")])
def test_demo_trading_is_a_header(
    demo: bool, flag: str, server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    make_transport(dataclasses.replace(config, demo=demo)).private("/api/v5/account/balance")
    assert server.requests[0].headers["x-simulated-trading"] == flag


def test_a_file_that_is_not_there_is_none_and_any_other_status_no_answer(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    for status, found in (("200 OK", b"PK"), ("404 Not Found", None)):
        server.answer = http(b"PK", status)
        assert transport.file(f"{server.url}/a.zip?v=999") == found
    assert {request.path for request in server.requests} == {"/a.zip?v=999"}
    server.answer = http(b"PK", "503 Busy")
    assert failed(lambda: transport.file(f"{server.url}/a.zip")).meaning is ErrorMeaning.BUSY


def test_calls_share_one_connection(server: SocketServer, config: OkxConfig, make_transport: Make) -> None:
    seen: set[int] = set()

    def count(connection: socket.socket, request: Request) -> None:
        seen.add(connection.getpeername()[1])
        ok()(connection, request)

    server.answer = count
    transport = make_transport(config)
    for _ in range(3):
        transport.private("/api/v5/trade/orders-pending")
    assert len(seen) == 1


def test_no_representation_shows_a_secret(config: OkxConfig) -> None:
    assert not any(secret in repr(config) for secret in (KEY, SECRET, PHRASE))


# -- what comes back ----------------------------------------------------------------------------------------------------
BROKEN: dict[str, Answer] = {
    "reset": reset,
    "closed": vanish,
    "cut short": cut_short,
    "redirect": redirect,
    "html": http(b"<html>502</html>"),
    "empty": http(b""),
    "a list": http(b"[1, 2]"),
    "no code": http(b'{"data":[]}'),
    "no data": http(b'{"code":"0","msg":""}'),
    "data is text": http(b'{"code":"0","msg":"","data":"fine"}'),
    "deep": http(b"[" * 100_000),
    "bad gateway": http(b"<html></html>", "502 Bad Gateway"),
    "cloudflare": http(b"<html></html>", "520 Unknown"),
    "unavailable": refused("50001", "Service temporarily unavailable.", "503 Service Unavailable"),
    "unavailable with 200": refused("50001"),
    "timed out": refused("50004", "API endpoint request timeout", "400 Bad Request"),
    "timed out with 200": refused("50004"),
    "busy": refused("50013", "", "429 Too Many Requests"),
    "busy with 200": refused("50013"),
    "system error": refused("50026", "System error", "500 Internal Server Error"),
    "system error with 200": refused("50026"),
    "not utf-8": http(b'{"code":"0","data":"\xff\xfe'),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_order_without_a_clear_answer_is_unknown_sent_once_and_a_question_just_failed(
    name: str, server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = BROKEN[name]
    transport = make_transport(config)
    assert failed(lambda: place(transport)).meaning is ErrorMeaning.UNKNOWN
    assert [request.method for request in server.requests] == ["POST"]
    assert failed(lambda: transport.private("/api/v5/account/balance")).meaning is ErrorMeaning.BUSY
    assert failed(lambda: transport.public("/api/v5/public/time")).meaning is ErrorMeaning.BUSY
    assert len(server.requests) == 3


UNHEARD: dict[str, Answer] = {
    "code": refused("50999", "The cat sat on the keyboard"),
    "code of trading": refused("51999"),
    "row": row_refused("51999"),
    "word for a code": refused("TRY_LATER"),
    "failed without a row": http(b'{"code":"1","msg":"Operation failed.","data":[]}'),
    "failed without a result": http(b'{"code":"1","msg":"All operations failed","data":[{"ordId":"9","clOrdId":""}]}'),
    "a number for a code": http(b'{"code":404,"data":{},"msg":"Not Found"}', "404 Not Found"),
    "not let in": http(b"<html>", "403 Forbidden"),
    "a login page in between": http(b"<html>", "401 Unauthorized"),
}


@pytest.mark.parametrize("name", UNHEARD)
def test_words_that_nobody_wrote_down_are_told_as_that(
    name: str, server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = UNHEARD[name]
    transport = make_transport(config)
    order, question = failed(lambda: place(transport)), failed(lambda: transport.private("/api/v5/account/balance"))
    assert (order.meaning, order.unheard) == (ErrorMeaning.UNKNOWN, True)
    assert (question.meaning, question.unheard) == (ErrorMeaning.BUSY, True)  # a query can only fail
    assert len(server.requests) == 2


REFUSALS = {
    "no such key": (
        http(b'{"msg":"API key doesn\'t exist","code":"50119"}', "401 Unauthorized"),
        ErrorMeaning.CREDENTIALS,
    ),
    "other environment": (http(b'{"msg":"","code":"50101"}', "401 Unauthorized"), ErrorMeaning.CREDENTIALS),
    "too fast, 429": (refused("50011", "Too Many Requests", "429 Too Many Requests"), ErrorMeaning.RATE_LIMITED),
    "too fast, 200": (refused("50011", "Too Many Requests"), ErrorMeaning.RATE_LIMITED),
    "too fast, html": (http(b"<html>", "429 Too Many Requests"), ErrorMeaning.RATE_LIMITED),
    "bad parameter": (refused("51000", "Parameter sz error", "400 Bad Request"), ErrorMeaning.REJECTED),
    "funds": (row_refused("51008", "Order failed. Insufficient balance "), ErrorMeaning.FUNDS),
    "too small": (row_refused("51020"), ErrorMeaning.TOO_SMALL),
    "expired": (row_refused("50037"), ErrorMeaning.BUSY),
    "algo refused under a good code": (ok({"algoId": "", "sCode": "51000", "sMsg": "x"}), ErrorMeaning.REJECTED),
    "refused under a status": (
        http(b'{"code":"1","msg":"","data":[{"sCode":"51149","sMsg":""}]}', "500 Internal Server Error"),
        ErrorMeaning.UNKNOWN,
    ),
    "our id lives": (row_refused("51016"), ErrorMeaning.UNKNOWN),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_clear_refusal_is_one(name: str, server: SocketServer, config: OkxConfig, make_transport: Make) -> None:
    server.answer, meaning = REFUSALS[name]
    assert failed(lambda: place(make_transport(config))).meaning is meaning
    assert len(server.requests) == 1


def test_a_body_without_end_is_refused(server: SocketServer, config: OkxConfig, make_transport: Make) -> None:
    server.answer = http(b'{"code":"0","data":["' + b"x" * (11 * 1024 * 1024) + b'"]}')
    error = failed(lambda: make_transport(config).public("/api/v5/public/time"))
    assert "TooLarge" in error.text


def test_a_connection_that_is_refused_sent_nothing(config: OkxConfig, make_transport: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = failed(lambda: place(make_transport(dataclasses.replace(config, api_url=url))))
    assert error.meaning is ErrorMeaning.BUSY
    assert "cannot be reached" in error.remedy


@pytest.mark.parametrize("answer", [hang, drip, stall])
def test_the_deadline_ends_a_call_that_hangs_drips_or_stalls_and_the_next_one_works(
    answer: Answer, server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = answer
    transport = make_transport(dataclasses.replace(config, order_seconds=0.5, read_seconds=0.5))
    assert failed(lambda: place(transport)).meaning is ErrorMeaning.UNKNOWN
    assert failed(lambda: transport.private("/api/v5/account/balance")).meaning is ErrorMeaning.BUSY
    assert len(server.requests) == 2
    server.answer = ok({"fine": "1"})
    assert transport.private("/api/v5/account/balance") == [{"fine": "1"}]


def test_hurry_ends_a_call_that_is_under_way(server: SocketServer, config: OkxConfig, make_transport: Make) -> None:
    server.answer = hang
    transport = make_transport(config)
    threading.Timer(0.3, lambda: transport.hurry(system_ms() + 200)).start()
    assert failed(lambda: place(transport)).meaning is ErrorMeaning.UNKNOWN
    assert failed(lambda: place(transport)).meaning is ErrorMeaning.BUSY  # nothing is sent any more
    assert len(server.requests) == 1


def test_an_order_whose_deadline_passed_while_it_waited_is_not_sent(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    error = failed(lambda: transport.request(ORDER, {"instId": "BTC-USDT"}, Priority.ENTRY, system_ms() - 1))
    assert error.meaning is ErrorMeaning.BUSY
    assert server.requests == []


def test_proxies_of_the_environment_are_not_asked(
    server: SocketServer, config: OkxConfig, make_transport: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert make_transport(config).public("/api/v5/public/time") == []


def test_control_characters_and_long_texts_do_not_reach_the_log(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    server.answer = row_refused("51000", "\x1b[2J\nnew line" + "x" * 5000)
    text = failed(lambda: place(make_transport(config))).text
    assert text.isprintable()
    assert len(text) <= 250


# -- the package ----------------------------------------------------------------------------------------------------------
IMPORT = """
import sys
from pathlib import Path
from bot.brokers.common.wire import trusted
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxClient

OkxClient(OkxConfig("k", "s", "p", Path(sys.argv[1]), mode="sandbox"), trusted())
assert not {"okx", "okx.api", "candlelite", "paux", "pandas"} & set(sys.modules), sorted(sys.modules)
"""


def test_using_the_package_prints_nothing_and_loads_and_writes_nothing_beside_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_brokers_do_not_share_what_the_package_keeps_in_its_module(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    first, second = make_transport(config), make_transport(dataclasses.replace(config, environment="other"))
    first.close()
    assert second.private("/api/v5/account/balance") == []


class StandingClock(SystemClock):
    """A market clock that does not move, so that a spent budget stays spent."""

    def market_ms(self) -> int:
        return 0


def test_a_budget_that_is_spent_refuses_before_okx_does(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    transport = make_transport(dataclasses.replace(config, read_seconds=0.2), StandingClock())
    answers = [_meaning(lambda: transport.private("/api/v5/account/config")) for _ in range(4)]
    assert answers[-1] is ErrorMeaning.RATE_LIMITED
    assert len(server.requests) < 4
    assert isinstance(failed(lambda: transport.private("/api/v5/account/config")), NoRoom)


def test_too_many_calls_at_one_endpoint_are_not_too_many_at_another(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    transport = make_transport(config)
    server.answer = refused("50011", "Too Many Requests")
    assert failed(lambda: place(transport)).meaning is ErrorMeaning.RATE_LIMITED
    server.answer = ok()
    for other in (transport, make_transport(config)):
        assert other.private("/api/v5/account/balance") == []


def test_after_a_refusal_for_its_rate_the_counter_of_an_endpoint_is_full(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    transport = make_transport(dataclasses.replace(config, order_seconds=0.5), StandingClock())
    server.answer = refused("50011", "Too Many Requests")
    assert not isinstance(failed(lambda: place(transport)), NoRoom)
    assert isinstance(failed(lambda: place(transport)), NoRoom)
    assert len(server.requests) == 1


def test_a_question_that_came_too_soon_waits_out_the_window(
    server: SocketServer, config: OkxConfig, make_transport: Make
) -> None:
    def once(connection: socket.socket, request: Request) -> None:
        (refused("50011") if len(server.requests) == 1 else ok())(connection, request)

    server.answer = once
    began = time.monotonic()
    assert make_transport(config).private("/api/v5/account/balance") == []
    assert time.monotonic() - began >= 2
    assert len(server.requests) == 2


def _meaning(ask: Callable[[], object]) -> ErrorMeaning | None:
    try:
        ask()
    except BrokerError as error:
        return error.meaning
    return None
