"""Forms without files as browsers send them, and as programs do."""

import asyncio

import pytest
from hypothesis import given, strategies as st
from starlette.formparsers import FormParser
from starlette.requests import Request
from starlette.types import Message

from callmark.kit.errors import InvalidInput
from callmark.surfaces.console.bodies import LARGEST_TEXT_BYTES, read_form

_PIECES = st.sampled_from(
    [b"&", b"=", b"+", b"%", b"%C3%A9", b"%26", b"%3D", b"%2B", b"%e", b"%00", b";", b"name", b" "]
)


def _asking(body: bytes, kind: bytes = b"application/x-www-form-urlencoded") -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def _read(body: bytes, *, is_trusted: bool = True) -> list[tuple[str, str]]:
    form = await read_form(_asking(body), 256 * 1024, is_trusted=is_trusted)
    return [(name, str(value)) for name, value in form.multi_items()]


@given(st.lists(_PIECES, max_size=20))
async def test_fields_of_ascii_are_those_that_starlette_reads(pieces: list[bytes]) -> None:
    asked = _asking(b"".join(pieces))
    theirs = await FormParser(asked.headers, asked.stream()).parse()
    assert await _read(b"".join(pieces)) == theirs.multi_items()


async def test_other_letters_may_come_as_they_are() -> None:
    assert await _read("नाम=अ&b=%C3%A9é+é".encode()) == [("नाम", "अ"), ("b", "éé é")]


@pytest.mark.parametrize("body", [b"a=\xff", b"%41=%FF", b"a=%C3%A9%zz&b=%C3", "é=%E2%82".encode()])
async def test_what_is_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not UTF-8"):
        await _read(body)


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "utf-7", "ISO-8859-1", "bogus", "\0"])
@pytest.mark.parametrize("boundary", ["XX", '"a\\"b=;c"'])
async def test_fields_beside_files_are_utf_8_whatever_else_is_said(charset: str, boundary: str) -> None:
    told = boundary.strip('"').replace("\\", "")
    sent = "Zür + \\ud800 +AOk-"
    body = f'--{told}\r\nContent-Disposition: form-data; name="é"\r\n\r\n{sent}\r\n--{told}--\r\n'.encode()
    kind = f"multipart/form-data; charset={charset}; boundary={boundary}".encode("latin-1")
    form = await read_form(_asking(body, kind), 1024, is_trusted=False)
    assert form.multi_items() == [("é", sent)]


async def test_a_form_of_more_fields_than_any_page_has_is_refused() -> None:
    assert len(await _read(b"&".join([b"a=1"] * 1_000), is_trusted=False)) == 1_000
    for body in (b"&".join([b"a=1"] * 1_001), b"&" * 250_000):
        with pytest.raises(InvalidInput, match="could not be read"):
            await _read(body, is_trusted=False)


async def test_others_have_their_turns_while_a_long_form_is_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(others())
    read = await _read(b"a=" + b"%41" * (LARGEST_TEXT_BYTES // 3 - 1))
    waiting.cancel()
    assert len(read[0][1]) == LARGEST_TEXT_BYTES // 3 - 1
    assert turns > 20
