"""Answers as receivers write them: read as far as they go, whatever comes and in whatever pieces."""

import contextlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given, strategies as st

from callmark.kit.outbound.http_answer import KEPT_BYTES, MOST_HEAD_BYTES, AnswerReader, NotHttp, read_plain

HEAD = b"HTTP/1.1 200 OK\r\n"


def read(*parts: bytes, ends: bool = False) -> AnswerReader:
    reader = AnswerReader()
    for part in parts:
        if not reader.feed(part):
            continue
        break
    if ends:
        reader.end()
    return reader


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 201\r\nContent-Length: 002\r\n\r\nok", 201, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
        (
            b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n",
            202,
            b"",
        ),
        (b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 \xe9\xff\r\nX: \xff\xfe\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8bx", 200, b"\x1f\x8bx"),
    ],
)
def test_what_is_in_order_is_read_without_a_note(answer: bytes, status: int, body: bytes) -> None:
    reader = read(answer)
    assert reader.is_done
    assert (reader.status, bytes(reader.body), reader.notes, reader.may_keep) == (status, body, [], True)


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\n\r\nok", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nok"])
def test_without_a_length_the_body_ends_with_the_connection(answer: bytes) -> None:
    assert not read(answer).is_done
    reader = read(answer, ends=True)
    assert (reader.is_done, bytes(reader.body), reader.notes, reader.may_keep) == (True, b"ok", [], False)


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (HEAD + b"X: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n", "20,003 bytes long"),
        (HEAD + b"X: y\r\n" * 500 + b"Content-Length: 0\r\n\r\n", "501 headers"),
        (HEAD + b"X: a\r\n\tb\r\nContent-Length: 0\r\n\r\n", "folded"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "carriage return"),
        (HEAD + b"X-Powered-By : PHP\r\nContent-Length: 0\r\n\r\n", "characters"),
        (HEAD + b": nameless\r\nContent-Length: 0\r\n\r\n", "characters"),
        (HEAD + b"no colon\r\nContent-Length: 0\r\n\r\n", "no colon"),
        (HEAD + b"Content-Length: 2, 2\r\n\r\nok", "came 2 times"),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nok", "several values"),
        (HEAD + b"Content-Length: -1\r\n\r\nok", "not a length"),
        (HEAD + b"Content-Length: many\r\n\r\nok", "not a length"),
        (HEAD + b"Content-Length:\r\n\r\nok", "not a length"),
        (HEAD + b"Content-Length: 1\r\n\r\nok", "longer than its Content-Length"),
        (HEAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "beside"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok", "chunks"),
        (HEAD + b'Transfer-Encoding: chunked\r\n\r\n{"received": true}', "chunks"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nmore", "chunks"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", "chunks"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nok", "chunks"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "has no body"),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "has no body"),
        (b"HTTP/1.1   200   OK\r\nContent-Length: 0\r\n\r\n", "odd spaces"),
        (b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n", "HTTP/2"),
        (b"http/1.1 200 fine\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\n\r\n", "longer"),
        (HEAD + b"X: " + b"a" * MOST_HEAD_BYTES, "longer than 256 KiB"),
        (HEAD + b"Content-Length: 90000\r\n\r\n" + b"b" * 70_000, "longer than 64 KiB"),
        (HEAD + b"\r\n" + b"b" * 70_000, "longer than 64 KiB"),
    ],
)
def test_what_is_odd_is_read_past_and_told(answer: bytes, note: str) -> None:
    reader = read(answer)
    assert reader.is_done
    assert reader.status in {200, 204}
    assert note in "; ".join(reader.notes)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"X: half",
        HEAD + b"Content-Length: 50\r\n\r\nok",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD,
    ],
)
def test_an_answer_that_breaks_off_after_its_status_is_an_answer(answer: bytes) -> None:
    reader = read(answer, ends=True)
    assert (reader.status, reader.is_done, reader.notes) == (200, True, ["the answer broke off"])


@pytest.mark.parametrize(
    "answer", [b"", b"\r\n", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early"]
)
def test_a_connection_that_ends_before_a_final_status_is_no_answer(answer: bytes) -> None:
    reader = read(answer, ends=True)
    assert (reader.status, reader.is_done) == (None, False)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x",
        b"<html>",
        b"200 OK\r\n",
        b"HTTP/1.1 OK\r\n",
        b"HTTP/1.1 2000\r\n",
        b"HTTP/1.1 20\r\n",
        b"\x15\x03\x01",
    ],
)
def test_what_does_not_begin_with_a_status_is_not_http(answer: bytes) -> None:
    with pytest.raises(NotHttp):
        read(answer)


def test_interim_answers_without_end_are_given_up() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    reader = AnswerReader()
    with pytest.raises(NotHttp):
        reader.feed(interim * (MOST_HEAD_BYTES // len(interim) + 1))


def test_an_answer_is_read_a_byte_at_a_time_behind_interim_ones() -> None:
    answer = b"HTTP/1.1 103 Early Hints, and more\r\nA: b\r\n\r\n" * 2 + b"HTTP/1.1 202 \r\nContent-Length: 1\r\n\r\n!"
    reader = read(*(answer[at : at + 1] for at in range(len(answer))))
    assert (reader.is_done, reader.status, bytes(reader.body), reader.notes) == (True, 202, b"!", [])


def test_a_header_folded_over_any_number_of_lines_is_one_value() -> None:
    reader = read(HEAD + b"X: 1\r\n" + b" a\r\n\tb \r\n" * 20_000 + b"Content-Length: 0\r\n\r\n")
    assert reader.headers == [("X", "1" + " a b" * 20_000), ("Content-Length", "0")]
    assert reader.notes == ["a header was folded over several lines"]


@pytest.mark.parametrize("begun", [b" " * 4_000, b" 5 \t", b"5;name=value", b"\t5 ;x\r", b"\r", b""])
def test_a_chunks_size_is_waited_for_until_something_else_comes(begun: bytes) -> None:
    reader = read(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begun)
    assert not reader.is_done
    broken = read(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begun.partition(b";")[0] + b"-")
    assert (broken.is_done, broken.notes) == (True, ["the chunks of the body could not be read"])


_PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 503\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"content-length:x\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X : y\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
    ]
)


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=4)), max_size=12), st.lists(st.integers(1, 60), max_size=8))
def test_pieces_make_no_difference_and_nothing_is_an_exception(pieces: Sequence[bytes], cuts: Sequence[int]) -> None:
    whole = b"".join(pieces)
    parts: list[bytes] = []
    rest = whole
    for cut in cuts:
        parts.append(rest[:cut])
        rest = rest[cut:]
    outcomes = [_outcome([*parts, rest]), _outcome([bytes([one]) for one in whole])]
    assert outcomes[0] == outcomes[1]


def _outcome(parts: Sequence[bytes]) -> tuple[int | None, list[tuple[str, str]]] | None:
    """Status and headers, which do not depend on the pieces; None for what is not HTTP."""
    reader = AnswerReader()
    with contextlib.suppress(NotHttp):
        if not any(reader.feed(part) for part in parts):
            reader.end()
        return reader.status, reader.headers
    return None


_HEADERS = (
    *(b"Content-Length: 3", b"content-length:3", b"Content-Length: 03", b"Content-Length: 3, 3"),
    *(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive"),
    *(b"Set-Cookie: a=b; Path=/", b"Server: made up", b"Server: made up ", b"Empty: ", b"X_Y: z", b"Z: \xe9"),
)
_STATUS_LINES = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 503 No",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
)


def test_an_answer_in_one_piece_is_read_as_one_in_two() -> None:
    """A plain answer is read in one step if it comes in one piece; most of these are not plain."""
    heads = [
        (line, *headers) for line in _STATUS_LINES for count in range(3) for headers in product(_HEADERS, repeat=count)
    ]
    answers = [b"\r\n".join([*head, b"", body]) for head, body in product(heads, (b"", b"ab", b"abc"))]
    for whole, most in product(answers, (None, 2)):
        assert _all_of([whole], most) == _all_of([whole[:1], whole[1:]], most), whole
    plain = sum(read_plain(whole) is not None for whole in answers)
    assert plain == 2 * (1 + 2 * 3)  # two status lines; a length alone, or before or after three other headers


def test_what_is_long_is_not_plain() -> None:
    for length in (100, KEPT_BYTES, KEPT_BYTES + 1):
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, b"x" * length)
        assert _all_of([whole]) == _all_of([whole[:1], whole[1:]])
    many = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%s\r\n" % b"".join(b"a%d: b\r\n" % n for n in range(101))
    assert _all_of([many]) == _all_of([many[:1], many[1:]])
    assert "there were 102 headers" in _all_of([many])[3]


def _all_of(parts: Sequence[bytes], most: int | None = None) -> tuple[Any, ...]:
    reader = AnswerReader(most)
    fed = [reader.feed(part) for part in parts]
    reader.end()
    says = (reader.status, reader.headers, bytes(reader.body), reader.notes, reader.may_keep, reader.is_whole)
    return (*says, fed[-1])
