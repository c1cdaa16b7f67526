"""What httpx raises or answers becomes the tree's errors, the same in both clients."""

import asyncio
import logging
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import callmark
from callmark.testing import mock_router

OPTIONS: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "acc", "key_id": "k", "api_key": "s"}
Respond = Callable[[httpx.Request], httpx.Response]


def raising(error: Exception) -> Respond:
    def respond(_: httpx.Request) -> httpx.Response:
        raise error

    return respond


def resolve(respond: Respond) -> list[callmark.CallmarkError]:
    """The error of each client."""
    found: list[callmark.CallmarkError] = []
    transport = httpx.MockTransport(respond)

    async def asynchronously() -> None:
        async with httpx.AsyncClient(transport=transport) as http:
            client = callmark.AsyncClient(**OPTIONS, http_client=http, max_retries=0)
            with pytest.raises(callmark.CallmarkError) as raised:
                await client.resolve("918040001234", "919900000001")
            found.append(raised.value)

    with httpx.Client(transport=transport) as http:
        client = callmark.Client(**OPTIONS, http_client=http, max_retries=0)
        with pytest.raises(callmark.CallmarkError) as raised:
            client.resolve("918040001234", "919900000001")
        found.append(raised.value)
    asyncio.run(asynchronously())
    return found


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (httpx.ConnectError("refused"), callmark.APIConnectionError, "cannot reach http://callmark.test/: refused"),
        (httpx.ConnectTimeout("slow"), callmark.APITimeoutError, "did not answer in time (ConnectTimeout)"),
        (httpx.ReadTimeout("slow"), callmark.APITimeoutError, "raise `timeout`"),
        (httpx.PoolTimeout("busy"), callmark.APITimeoutError, "PoolTimeout"),
        (httpx.RemoteProtocolError("peer closed"), callmark.APIConnectionError, "cut off"),
        (httpx.ReadError(""), callmark.APIConnectionError, "ReadError"),
        (httpx.DecodingError("bad gzip"), callmark.APIConnectionError, "bad gzip"),
        (httpx.TooManyRedirects("round"), callmark.APIConnectionError, "round"),
        (httpx.InvalidURL("odd"), callmark.APIConnectionError, "odd"),
        (UnicodeError("label empty"), callmark.APIConnectionError, "cannot reach http://callmark.test/: label empty"),
    ],
)
def test_every_error_of_httpx_has_its_place(error: Exception, kind: type[Exception], told: str) -> None:
    for found in resolve(raising(error)):
        assert type(found) is kind
        assert told in str(found)
        assert "919900000001" not in str(found)
        assert found.__cause__ is error


def refused(error: Exception, **given: Any) -> list[callmark.CallmarkError]:
    """The error of each client that makes its connections itself."""
    found: list[callmark.CallmarkError] = []

    async def asynchronously() -> None:
        async with callmark.AsyncClient(**OPTIONS | given, max_retries=0) as client:
            with pytest.raises(callmark.CallmarkError) as raised:
                await client.resolve("918040001234", "919900000001")
            found.append(raised.value)

    with mock_router() as router:
        router["createToken"].mock(side_effect=error)
        with callmark.Client(**OPTIONS | given, max_retries=0) as client:
            with pytest.raises(callmark.CallmarkError) as raised:
                client.resolve("918040001234", "919900000001")
            found.append(raised.value)
        asyncio.run(asynchronously())
    return found


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ProxyError("407 Proxy Authentication Required")]
)
def test_a_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://ada:hidden@127.0.0.1:3128")
    for found in refused(error):
        assert type(found) is callmark.APIConnectionError
        assert "cannot reach http://callmark.test/" in str(found)
        assert "HTTP_PROXY" in str(found)
        assert "hidden" not in str(found)


def test_a_proxy_that_is_not_asked_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    error = httpx.ConnectError("refused")
    here = refused(error, base_url="http://localhost:1")
    given = resolve(raising(error))  # which may have a proxy of its own, or none
    monkeypatch.setenv("NO_PROXY", "intern.example, callmark.test")
    for found in (*refused(error), *here, *given):
        assert "cannot reach" in str(found)
        assert "PROXY" not in str(found)


def test_one_number_in_place_of_a_list_is_refused() -> None:
    with mock_router() as router, callmark.Client(**OPTIONS) as client:
        for change in (client.numbers.publish, client.numbers.delist):
            with pytest.raises(callmark.BadRequest, match="numbers are a list"):
                change("set", "918040001234")
        assert not router.calls


def test_epoch_seconds_in_place_of_milliseconds_are_refused_where_nothing_else_shows_it() -> None:
    """Of a record, the server says that its window is over."""
    with mock_router(), callmark.Client(**OPTIONS) as client:
        with pytest.raises(callmark.BadRequest, match="start looks like epoch seconds"):
            client.logs.call_me_back(1767261600, 1767265200)
        with pytest.raises(callmark.BadRequest, match="since looks like epoch seconds"):
            client.logs.feedback("campaign", 1767261600)


def test_a_date_is_never_taken_for_seconds() -> None:
    with mock_router() as router, callmark.Client(**OPTIONS) as client:
        client.logs.feedback("campaign", datetime(1970, 2, 1, tzinfo=UTC))
        assert "from_date=0002678400" in str(router.calls.last.request.url)


@pytest.mark.parametrize("link", ["http://[::1", "https://xn--.example"])
def test_a_link_that_is_no_address_is_a_connection_error(tmp_path: Path, link: str) -> None:
    with mock_router() as router, callmark.Client(**OPTIONS, max_retries=0) as client:
        router["downloadFeedbackLogs"].respond(json={"url": link})
        with pytest.raises(callmark.APIConnectionError, match=f"cannot reach {re.escape(link)}"):
            client.logs.feedback("campaign", datetime(2026, 1, 1, tzinfo=UTC)).save(tmp_path / "log.csv")


def test_a_redirect_is_an_error_that_names_its_goal() -> None:
    for found in resolve(lambda _: httpx.Response(301, headers={"location": "https://elsewhere.example/"})):
        assert isinstance(found, callmark.UnexpectedAnswer)
        assert "redirects to https://elsewhere.example/" in str(found)


class Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Half a file."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"a,b\n1,"
        raise httpx.RemoteProtocolError("peer closed")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"a,b\n1,"
        raise httpx.RemoteProtocolError("peer closed")


def serving(*files: httpx.Response) -> tuple[Respond, list[str]]:
    """A server whose link gives these files, one after the other; the headers that came with them."""
    left, seen = iter(files), list[str]()

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"token": "t0ken"})
        if request.url.path.endswith("/summary"):
            return httpx.Response(200, json={"url": "https://files.example/log"})
        seen.append(request.headers.get("authorization", "none"))
        return next(left)

    return respond, seen


GOOD = b'a,b\n1,"2\n3"\n'


def test_a_download_follows_links_and_leaves_pipes_and_devices_what_they_are(tmp_path: Path) -> None:
    """As root, the shell's `/dev/stdout` and `/dev/null` would become files with phone numbers."""
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file.csv"
    os.mkfifo(pipe)
    link.symlink_to(file)
    respond, _ = serving(*[httpx.Response(200, content=GOOD)] * 3)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        download = callmark.Client(**OPTIONS, http_client=http).logs.call_me_back(0, 1)
        for path in (pipe, link, link):
            assert download.save(path) == path
    assert os.read(reader, 100) == GOOD
    os.close(reader)
    assert (pipe.is_fifo(), link.is_symlink(), file.read_bytes()) == (True, True, GOOD)
    assert sorted(tmp_path.iterdir()) == [file, link, pipe]


def test_a_download_into_standard_output_is_written_where_the_shell_sent_it(tmp_path: Path) -> None:
    """Linux names what a process has open by a link that only it can follow: `… -o /dev/stdout | loader`, `>> file`."""
    output, (reader, writer) = tmp_path / "all.csv", os.pipe()
    output.write_bytes(b"before\n")
    respond, _ = serving(*[httpx.Response(200, content=GOOD)] * 2)
    appended = os.open(output, os.O_WRONLY | os.O_APPEND)
    stdout = tmp_path / "stdout"
    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        download = callmark.Client(**OPTIONS, http_client=http).logs.call_me_back(0, 1)
        download.save(f"/dev/fd/{writer}")
        stdout.symlink_to(f"/proc/self/fd/{appended}")  # as /dev/stdout is one
        download.save(stdout)
    os.write(appended, b"after\n")
    assert os.read(reader, 100) == GOOD
    assert output.read_bytes() == b"before\n" + GOOD + b"after\n"
    for one in (reader, writer, appended):
        os.close(one)


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_download_is_whole_or_not_there(tmp_path: Path, way: str) -> None:
    path = tmp_path / "log.csv"
    files = [httpx.Response(200, stream=Cut()), httpx.Response(410, json={}), httpx.Response(200, content=GOOD)]
    respond, seen = serving(*files, httpx.Response(200, content=GOOD), httpx.Response(403, json={}))
    transport = httpx.MockTransport(respond)
    rows: list[dict[str, str]] = []

    def with_threads() -> None:
        with httpx.Client(transport=transport) as http:
            download = callmark.Client(**OPTIONS, http_client=http).logs.call_me_back(0, 1)
            assert download.save(path) == path
            rows.extend(download.rows())
            with pytest.raises(callmark.PermissionDenied):
                download.save(tmp_path / "other.csv")

    async def with_tasks() -> None:
        async with httpx.AsyncClient(transport=transport) as http:
            download = await callmark.AsyncClient(**OPTIONS, http_client=http).logs.call_me_back(0, 1)
            assert await download.save(path) == path
            rows.extend([row async for row in download.rows()])
            with pytest.raises(callmark.PermissionDenied):
                await download.save(tmp_path / "other.csv")

    if way == "threads":
        with_threads()
    else:
        asyncio.run(with_tasks())
    assert path.read_bytes() == GOOD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rows == [{"a": "1", "b": "2\n3"}]
    assert set(seen) == {"none"}
    assert [one.name for one in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize(
    ("timeout", "waits"),
    [
        (5, {"connect": 5, "read": 120, "write": 5, "pool": 5}),
        (600, {"connect": 600, "read": 600, "write": 600, "pool": 600}),
        (httpx.Timeout(7, read=None), {"connect": 7, "read": None, "write": 7, "pool": 7}),
    ],
)
@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_download_waits_for_its_file_and_no_longer_than_others_for_a_connection(
    tmp_path: Path, timeout: float | httpx.Timeout, waits: dict[str, float | None], way: str
) -> None:
    seen: list[dict[str, float | None]] = []
    serve, _ = serving(httpx.Response(200, content=GOOD))

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return serve(request)

    transport = httpx.MockTransport(respond)

    def with_threads() -> None:
        with httpx.Client(transport=transport) as http:
            client = callmark.Client(**OPTIONS, http_client=http, timeout=timeout)
            client.logs.call_me_back(0, 1).save(tmp_path / "log.csv")

    async def with_tasks() -> None:
        async with httpx.AsyncClient(transport=transport) as http:
            client = callmark.AsyncClient(**OPTIONS, http_client=http, timeout=timeout)
            await (await client.logs.call_me_back(0, 1)).save(tmp_path / "log.csv")

    with_threads() if way == "threads" else asyncio.run(with_tasks())
    assert seen[-1] == waits


SIGNED = "https://bucket.example/exports/k7.csv?Expires=600&Signature=s1gned"
NOT_OURS = "https://shop.example/clients/7/downloads/8?page=9"


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_log_lines_of_httpx_lose_what_is_secret_of_our_requests_alone(
    caplog: pytest.LogCaptureFixture, way: str
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/summary"):
            return httpx.Response(200, json={"token": "t0ken", "url": "https://files.example/k6?key=s1gned"})
        if request.url.host == "files.example":
            return httpx.Response(302, headers={"location": SIGNED})
        return httpx.Response(200, json={"token": "t0ken"})

    def with_threads() -> None:
        with httpx.Client(transport=httpx.MockTransport(respond), follow_redirects=True) as http:
            client = callmark.Client(**OPTIONS, http_client=http)
            client.resolve("918040001234", "919900000001")
            list(client.logs.call_me_back(0, 1).rows())
            http.get(NOT_OURS)

    async def with_tasks() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond), follow_redirects=True) as http:
            client = callmark.AsyncClient(**OPTIONS, http_client=http)
            await client.resolve("918040001234", "919900000001")
            _ = [row async for row in (await client.logs.call_me_back(0, 1)).rows()]
            await http.get(NOT_OURS)

    caplog.set_level(logging.DEBUG)
    with_threads() if way == "threads" else asyncio.run(with_tasks())
    assert NOT_OURS in caplog.text
    for shown in ("http://callmark.test/extensions/v1/clients/acc/resolve", "https://files.example/...", "//bucket."):
        assert shown in caplog.text
    for secret in ("919900000001", "918040001234", "s1gned", "k6", "k7"):
        assert secret not in caplog.text


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_list_that_is_left_early_can_be_closed(way: str) -> None:
    """Without that, trio warns, and a checker of types must see that it can be done."""
    records = [{"caller": "918040001234", "receiver": "919900000001", "ends_at": 1}] * 5000

    def with_threads() -> None:
        with callmark.Client(**OPTIONS) as client, closing(client.push_many(records)) as results:
            for _ in results:
                break
        assert list(results) == []

    async def with_tasks() -> None:
        async with callmark.AsyncClient(**OPTIONS) as client, aclosing(client.push_many(records)) as results:
            async for _ in results:
                break
        assert [one async for one in results] == []

    with mock_router():
        with_threads() if way == "threads" else asyncio.run(with_tasks())


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_what_an_iterable_raises_comes_after_what_was_sent(way: str) -> None:
    found: list[callmark.RecordResult] = []

    def source() -> Iterator[dict[str, Any]]:
        yield from [{"caller": "918040001234", "receiver": "919900000001", "ends_at": 1}] * 501
        raise LookupError

    def with_threads() -> None:
        with callmark.Client(**OPTIONS) as client:
            found.extend(client.push_many(source()))

    async def with_tasks() -> None:
        async with callmark.AsyncClient(**OPTIONS) as client:
            async for result in client.push_many(source()):
                found.append(result)  # noqa: PERF401 - what comes before an error counts too

    with mock_router(), pytest.raises(LookupError):
        with_threads() if way == "threads" else asyncio.run(with_tasks())
    assert [result.status for result in found] == ["success"] * 500


def test_texts_that_cannot_be_sent_are_errors_of_the_tree() -> None:
    half = "\ud83d"
    with mock_router() as router, callmark.Client(**OPTIONS) as client:
        with pytest.raises(callmark.BadRequest, match="cannot be sent"):
            client.calls.announce("dialer-1", caller=half, receiver="919900000001")
        with pytest.raises(callmark.BadRequest, match="cannot be sent"):
            client.numbers.publish("set", [half])
        client.resolve(half, "919900000001")
        client.records.get(half)
        assert router["readRecord"].calls.last.request.url.path.endswith("/records/?")
