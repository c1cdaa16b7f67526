"""What the texts of a JSON body may hold."""

from typing import Any

import msgspec
import pytest

from callmark.broken_json import NOT_JSON
from callmark.kit.errors import InvalidInput, UnsupportedEncoding
from callmark.surfaces.bodies import UNREADABLE, check_encoding, decode_clean, decode_loose


class Inner(msgspec.Struct):
    label: str


class Named(msgspec.Struct):
    name: str = ""
    inner: list[Inner] = []
    facts: dict[str, str] = {}


WHOLE = rb'{"name": "\ud83d\ude00 \\ud83d \ufffd", "unknown": "\ud83d"}'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name": "a\ud83d"}', "name"),
        (rb'{"name": "\uDE00 a"}', "name"),
        (rb'{"name": "\ud83d\u0041"}', "name"),
        (rb'{"name": "\ude00\ud83d"}', "name"),
        (rb'{"name": "a", "inner": [{"label": "b"}, {"label": "\ud83d"}]}', "inner.label"),
        (rb'{"facts": {"a\ud83d": "b"}}', "facts.a" + "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_half_of_a_surrogate_pair_that_is_read_is_refused_by_its_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput, match=r"half of a character \(a lone surrogate\)") as refused:
        decode_clean(Named, body)
    assert refused.value.field == field
    assert decode_clean(Named, WHOLE).name == "\N{GRINNING FACE} \\ud83d \N{REPLACEMENT CHARACTER}"


class Pair(msgspec.Struct):
    api_key: Any = None
    key_id: Any = None


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"api_key":"a","key_id":1}', ("a", 1)),
        (b'{"api_key":1e999,"key_id":"b"}', (UNREADABLE, "b")),
        (b'{"api_key":"","key_id":[1e999]}', ("", UNREADABLE)),
        (rb'{"api_key":1e999,"key_id":"\ud83d"}', (UNREADABLE, "\ufffd")),
        (b'{"unknown":1e999,"key_id":"b"}', (None, "b")),
    ],
)
def test_a_value_that_no_type_holds_spoils_its_own_field_alone(body: bytes, read: tuple[object, object]) -> None:
    found = decode_loose(Pair, body)
    assert (found.api_key, found.key_id) == read


@pytest.mark.parametrize("body", [b"", b"[]", b"1e999", b'{"api_key":1e999', b'"a"'])
def test_what_is_no_object_is_not_read_field_by_field(body: bytes) -> None:
    with pytest.raises(NOT_JSON):
        decode_loose(Pair, body)


@pytest.mark.parametrize(
    ("header", "is_plain"),
    [
        ((b"transfer-encoding", b"chunked"), True),
        ((b"transfer-encoding", b"identity, Chunked"), True),
        ((b"transfer-encoding", b"gzip, chunked"), False),
        ((b"content-encoding", b"identity"), True),
        ((b"content-encoding", b"chunked"), False),
    ],
)
def test_a_body_that_is_compressed_is_refused_however_that_is_said(
    header: tuple[bytes, bytes], *, is_plain: bool
) -> None:
    scope: dict[str, Any] = {"headers": [header]}
    if is_plain:
        check_encoding(scope)
        return
    with pytest.raises(UnsupportedEncoding):
        check_encoding(scope)
