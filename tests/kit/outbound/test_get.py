"""What is fetched from an address that a stranger names: whole or not at all, through the gate, without redirects."""

import gzip
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.support.aiohttp_server import served_here

from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Answered, Outbound, Patience, Unreachable

ENOUGH = Patience(connect_s=30, read_s=30, total_s=60)
MOST = 8192


PACKED = gzip.compress(b"x" * 5000)
ENCODED: dict[str, tuple[str, bytes]] = {
    "/gzip": ("gzip", PACKED),
    "/x-gzip": (" X-GZIP", PACKED),
    "/identity": ("identity", b"x" * 5000),
    "/bomb": ("gzip", gzip.compress(b"x" * (1 << 24), 9)[:MOST]),
    "/long": ("gzip", gzip.compress(b"x" * (MOST + 1))),
    "/cut": ("gzip", PACKED[:-1]),
    "/two": ("gzip", PACKED * 2),
    "/none": ("gzip", b"x" * 5000),
    "/brotli": ("br", b"x" * 5000),
}
"""Files with their encoding."""


class Files:
    """Serves files by their name, in chunks where `is_chunked`, and moves `/moved`."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if request.path == "/moved":
            raise web.HTTPFound("/small")
        if request.path in ENCODED:
            encoding, body = ENCODED[request.path]
            return web.Response(body=body, headers={"Content-Encoding": encoding})
        size = {"/small": 5000, "/large": MOST + 1, "/chunked": MOST + 1, "/half": 9}[request.path]
        answer = web.StreamResponse()
        if request.path == "/chunked":
            answer.enable_chunked_encoding()
        else:
            answer.content_length = size
        await answer.prepare(request)
        await answer.write(b"x" * (4 if request.path == "/half" else size))
        if request.path == "/half":
            assert request.transport
            request.transport.close()
        return answer


@asynccontextmanager
async def files() -> AsyncGenerator[tuple[Files, str]]:
    made, app = Files(), web.Application()
    app.router.add_get("/{name}", made.serve)
    async with served_here(app) as there:
        yield made, there


async def test_a_get_has_no_body_and_gives_the_whole_answer() -> None:
    async with files() as (made, there), Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        got = await outbound.get(f"{there}/small?v=1", MOST)
    assert isinstance(got, Answered)
    assert (got.status, got.body, got.is_success) == (200, b"x" * 5000, True)
    assert made.seen[0].query_string == "v=1"
    assert "content-length" not in made.seen[0].headers
    assert made.seen[0].headers["Accept-Encoding"] == "identity"


async def test_a_body_that_came_packed_is_unpacked_within_the_limit() -> None:
    refused = {
        "/bomb": "longer than 8 KiB",
        "/long": "longer than 8 KiB",
        "/cut": "not one whole gzip",
        "/two": "not one whole gzip",
        "/none": "not the gzip",
        "/brotli": "encoded as 'br'",
    }
    async with files() as (_, there), Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        for path in ENCODED:
            got = await outbound.get(there + path, MOST)
            assert isinstance(got, Answered)
            if path in refused:
                assert not got.is_success
                assert refused[path] in (got.error or "")
                assert len(got.body) <= MOST
            else:
                assert (got.body, got.is_success) == (b"x" * 5000, True), path


@pytest.mark.parametrize(
    ("name", "why"), [("large", "longer than 8 KiB"), ("chunked", "longer than 8 KiB"), ("half", "broke off")]
)
async def test_a_get_is_no_success_when_the_answer_is_too_long_or_in_part(name: str, why: str) -> None:
    async with files() as (_, there), Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        got = await outbound.get(f"{there}/{name}", MOST)
    assert isinstance(got, Answered)
    assert not got.is_success
    assert why in (got.error or "")
    assert len(got.body) <= MOST


async def test_a_get_does_not_follow_a_redirect() -> None:
    async with files() as (made, there), Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        got = await outbound.get(f"{there}/moved", MOST)
    assert isinstance(got, Answered)
    assert (got.status, got.is_success, len(made.seen)) == (302, False, 1)


async def test_a_get_passes_the_gate() -> None:
    async with files() as (made, there), Outbound((), patience=ENOUGH) as outbound:
        got = await outbound.get(f"{there}/small", MOST)
    assert isinstance(got, Unreachable)
    assert "is not called" in got.error
    assert not made.seen
