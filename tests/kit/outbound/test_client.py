"""Calls to businesses over real sockets: the gate, TLS, kept connections, time-outs."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.certificates import certificate
from tests.support.loop_time import LoopTime, when_heard
from tests.support.waiting import Growing

from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Answered, Outbound, Patience, Unreachable
from callmark.kit.outbound.name_lookup import FoundAddress

NAME = "hooks.acme.example"
NOT_PUBLIC = f"the name {NAME} has no public address, or cannot be looked up"
ENOUGH = Patience(connect_s=30, read_s=30, total_s=60)
"""For those that answer, on a machine that is busy with other tests."""
SILENT = Patience(connect_s=30, read_s=1, total_s=60)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None]"]


class Names:
    """A server of names whose answers the test gives; the last one stays. Without any, no name has an address."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> list[FoundAddress]:
        self.asked.append(host)
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [socket.getaddrinfo(one, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0] for one in found]


class Server:
    """Speaks raw HTTP: each request gets the next answer, then the last for ever; None cuts the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                self.requests.append(head + body)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def server(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    made = Server(*answers)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made


async def post(outbound: Outbound, url: str) -> Answered | Unreachable:
    return await outbound.post(url, b"{}", {"Content-Type": "application/json"})


def error(result: Answered | Unreachable) -> str:
    assert isinstance(result, Unreachable), result
    return result.error


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
async def test_no_spelling_of_this_machine_gets_through_the_gate(host: str) -> None:
    async with server(OK) as there, Outbound((), patience=ENOUGH) as outbound:
        # The gate refuses it, or before it the client, which takes no odd forms of IPv4.
        assert re.search("is not called|cannot be called", error(await post(outbound, f"http://{host}:{there.port}/")))
        assert there.connections == 0


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1", "64:ff9b::7f00:1"])
async def test_of_a_name_that_leads_inside_no_more_is_said_than_of_one_that_leads_nowhere(address: str) -> None:
    async with Outbound((), patience=ENOUGH, resolver=Names([address])) as outbound:
        assert error(await post(outbound, f"http://{NAME}/")) == NOT_PUBLIC


async def test_a_name_without_an_address_is_looked_up_once_and_given_up() -> None:
    names = Names()
    async with Outbound(LOOPBACK, patience=ENOUGH, resolver=names) as outbound:
        assert error(await post(outbound, f"http://{NAME}/")) == NOT_PUBLIC
    assert names.asked == [NAME]


async def test_a_name_with_one_inner_and_one_allowed_address_reaches_the_allowed_one() -> None:
    async with (
        server(OK) as there,
        Outbound(LOOPBACK, patience=ENOUGH, resolver=Names(["10.0.0.1", "127.0.0.1"])) as outbound,
    ):
        assert isinstance(await post(outbound, f"http://{NAME}:{there.port}/"), Answered)


async def test_a_name_that_changes_its_address_is_judged_at_each_connection() -> None:
    cut = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with server(cut) as there, Outbound(LOOPBACK, patience=ENOUGH, resolver=names) as outbound:
        assert isinstance(await post(outbound, f"http://{NAME}:{there.port}/"), Answered)
        # Another port is another entry of the cache of names, so it is looked up again: now it leads inside.
        assert "has no public address" in error(await post(outbound, f"http://{NAME}:1/"))
    assert names.asked == [NAME, NAME]


async def test_steady_calls_follow_a_name_that_leads_to_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    time, names = LoopTime(monkeypatch), Names(["127.0.0.1"], ["127.0.0.2"])
    new = Server(OK)
    async with (
        server(OK) as old,
        await asyncio.start_server(new.serve, "127.0.0.2", old.port),
        Outbound(LOOPBACK, patience=ENOUGH, resolver=names) as outbound,
    ):
        for _ in range(30):
            assert isinstance(await post(outbound, f"http://{NAME}:{old.port}/"), Answered)
            time.move(3)
    assert (old.connections, new.connections) == (1, 1)
    assert len(old.requests) + len(new.requests) == 30
    assert len(new.requests) >= 8


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with server(moved) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        answer = await post(outbound, f"http://127.0.0.1:{there.port}/")
    assert isinstance(answer, Answered)
    assert answer.status == 307
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    ("stored", "target"),
    [
        ("", b"/"),
        ("?key=1", b"/?key=1"),
        ("/a/../b//c;p=%2f?x=%zz&y=a+b%20c&&=#part", b"/a/../b//c;p=%2f?x=%zz&y=a+b%20c&&="),
        ("/'\"{}|^`?a=b?c[]", b"/'\"{}|^`?a=b?c[]"),
    ],
)
async def test_the_address_is_called_exactly_as_it_is_stored(stored: str, target: bytes) -> None:
    async with server(OK) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        assert isinstance(await post(outbound, f"http://127.0.0.1:{there.port}{stored}"), Answered)
    assert there.requests[0].split(b" ")[1] == target


async def test_a_kept_connection_that_the_receiver_closed_is_no_failure() -> None:
    async with server(OK, None, OK) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        for _ in range(2):
            assert isinstance(await post(outbound, f"http://127.0.0.1:{there.port}/"), Answered)
        assert there.connections == 2


async def test_each_request_on_a_kept_connection_has_its_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    requests, time = Growing[bytes](), LoopTime(monkeypatch)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):  # the client has gone
            while request := await reader.readuntil(b"{}"):
                requests.append(request)
                if len(requests) == 1:
                    time.move(45)
                    writer.write(OK)

    loop = asyncio.get_running_loop()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with Outbound(LOOPBACK, patience=Patience(connect_s=30, read_s=600, total_s=60)) as outbound:
        assert isinstance(await post(outbound, url), Answered)
        began, second = loop.time(), asyncio.create_task(post(outbound, url))
        await requests.until(lambda requests: len(requests) == 2)
        while not second.done():
            time.move(1)
            await asyncio.sleep(0)
        assert error(await second) == "not finished within 60 s"
        assert loop.time() - began >= 60
    listening.close()


async def test_a_fresh_connection_that_is_cut_is_a_failure() -> None:
    async with server(None) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        result = await post(outbound, f"http://127.0.0.1:{there.port}/")
    assert error(result) == "the connection was closed without an answer"
    assert there.connections == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the answer took longer than 1 s"),
        (b"HTTP/1.1 2", "the answer took longer than 1 s"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the answer took longer than 1 s"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"),
        (b'{"ok": true}', "the answer is not HTTP"),
    ],
)
async def test_what_is_no_answer_is_told_in_words(answer: bytes, why: str) -> None:
    patience = SILENT if "longer" in why else ENOUGH
    async with server(answer) as there, Outbound(LOOPBACK, patience=patience) as outbound:
        assert error(await post(outbound, f"http://127.0.0.1:{there.port}/")) == why


@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"HTTP/1.1 201 Made\r\n\r\n"],
)
async def test_the_whole_attempt_is_bounded_however_steadily_the_answer_drips(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = LoopTime(monkeypatch)
    when_heard(monkeypatch, lambda: time.move(20))

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            writer.write(begun)
            while not writer.is_closing():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with listening, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        port = listening.sockets[0].getsockname()[1]
        result = await post(outbound, f"http://127.0.0.1:{port}/")
    assert isinstance(result, Answered)
    assert result.error == f"the answer began with {result.status} and was not complete after 60 s"


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nX",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nokay",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nokay",
    ],
)
async def test_an_answer_that_begins_and_then_says_nothing_is_no_success(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = LoopTime(monkeypatch)
    when_heard(monkeypatch, lambda: time.move(30))
    async with server(begun) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        result = await post(outbound, f"http://127.0.0.1:{there.port}/")
    assert isinstance(result, Answered)
    assert result.error == "the answer began with 200 and stopped, and nothing came for 30 s"


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 9000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"Content-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Powered-By : PHP\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_receiver_that_says_yes_in_an_odd_way_is_taken_at_its_word(odd: bytes) -> None:
    async with server(odd) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        for _ in range(3):  # whatever comes late on a connection that was kept is not taken for the next answer
            result = await post(outbound, f"http://127.0.0.1:{there.port}/")
            assert isinstance(result, Answered)
            assert result.status in {200, 204}
            assert result.note
            assert result.error is None


async def test_a_connection_that_is_reset_after_a_yes_does_not_undo_it() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nok")
        await writer.drain()
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    listening = await asyncio.start_server(half, "127.0.0.1", 0)
    async with listening, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        result = await post(outbound, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
    assert isinstance(result, Answered)
    assert (result.status, result.note, result.error) == (200, "the answer broke off", None)


async def test_more_than_an_answer_on_a_kept_connection_is_not_the_next_answer() -> None:
    async with (
        server(OK, OK + b"HTTP/1.1 500 No\r\n\r\n", OK) as there,
        Outbound(LOOPBACK, patience=ENOUGH) as outbound,
    ):
        for _ in range(3):
            result = await post(outbound, f"http://127.0.0.1:{there.port}/")
            assert isinstance(result, Answered)
            assert result.status == 200
        assert there.connections == 2


async def test_user_and_password_in_the_address_are_sent_as_such() -> None:
    async with server(OK) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        assert isinstance(await post(outbound, f"http://hook:p%40ss@127.0.0.1:{there.port}/a"), Answered)
    assert there.requests[0].startswith(b"POST /a HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Basic aG9vazpwQHNz\r\n" in there.requests[0]


async def test_a_connection_that_does_not_come_about_is_given_up() -> None:
    with socket.socket() as full:  # its queue of connections is full, so that a new one gets no answer
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        async with Outbound(LOOPBACK, patience=Patience(connect_s=0.3, read_s=30, total_s=60)) as outbound:
            result = await post(outbound, f"http://127.0.0.1:{full.getsockname()[1]}/")
        for one in waiting:
            one.close()
    assert error(result) == "no connection within 0.3 s"


@pytest.mark.parametrize("url", ["", "http://", "http://a..b/", "nonsense", "http://" + "a" * 300 + ".example/"])
async def test_what_is_no_address_is_no_exception(url: str) -> None:
    async with Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        assert error(await post(outbound, url))


async def test_a_long_answer_is_kept_in_part() -> None:
    long = b"HTTP/1.1 500 No\r\nX: " + b"h" * 8000 + b"\r\nContent-Length: 100000\r\n\r\n" + b"b" * 100_000
    async with server(long) as there, Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        answer = await post(outbound, f"http://127.0.0.1:{there.port}/")
    assert isinstance(answer, Answered)
    assert (answer.status, answer.body, len(answer.headers)) == (500, b"b" * 4096, 4096)
    assert answer.note == "the body was longer than 64 KiB and was not read to its end"


# TLS ------------------------------------------------------------------------------------------------------------------


async def test_over_https_the_name_is_asked_for_and_the_gate_sees_the_address(tmp_path: Path) -> None:
    named: list[str | None] = []
    tls = certificate(tmp_path, NAME)
    tls.sni_callback = lambda _, name, __: named.append(name)
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    async with server(OK, tls=tls) as there:
        url = f"https://{NAME}:{there.port}/"
        async with Outbound(LOOPBACK, patience=ENOUGH, resolver=Names(["127.0.0.1"]), tls=trust) as outbound:
            assert isinstance(await post(outbound, url), Answered)
        async with Outbound((), patience=ENOUGH, resolver=Names(["127.0.0.1"]), tls=trust) as outbound:
            assert "has no public address" in error(await post(outbound, url))
    assert named == [NAME]
    assert b"Host: hooks.acme.example" in there.requests[0]


async def test_a_certificate_of_another_name_or_nobodys_is_refused(tmp_path: Path) -> None:
    trust = ssl.create_default_context(cafile=None)
    async with server(OK, tls=certificate(tmp_path, "other.example")) as there:
        url = f"https://{NAME}:{there.port}/"
        known = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        for context in (trust, known):
            async with Outbound(LOOPBACK, patience=ENOUGH, resolver=Names(["127.0.0.1"]), tls=context) as outbound:
                assert error(await post(outbound, url)).startswith("the certificate is not valid: ")
    assert there.requests == []


async def test_https_to_what_speaks_no_tls_is_told_in_words() -> None:
    async with (
        server(OK) as there,
        Outbound(LOOPBACK, patience=Patience(connect_s=0.3, read_s=30, total_s=60)) as outbound,
    ):
        assert error(await post(outbound, f"https://127.0.0.1:{there.port}/"))
