r"""Reads and decodes JSON bodies, and checks them once for characters that no text may have.

All surfaces use it, so that malformed input gets the same answer everywhere. Source: contract D55.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Raw, Struct, structs
from starlette.types import Receive, Scope

from callmark.kit.errors import AppError, InvalidInput, UnsupportedEncoding
from callmark.surfaces.http import announced_bytes, check_media_type, connection_of, header_values, read_body

_BOM = b"\xef\xbb\xbf"
_SURROGATE = rb"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(%s)|.)" % _SURROGATE, re.DOTALL)
_HALF = re.compile(rb"\\" + _SURROGATE)
"""A half, or the first of a pair."""
UNREADABLE = object()
"""Replaces a value that is JSON but that no type of ours can hold, such as 1e999."""
_T = TypeVar("_T")
_S = TypeVar("_S", bound=Struct)


class NotUtf8(InvalidInput):
    """Send UTF-8. `offset` is the place, from 0, of the first byte of the body that is not."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"request body is invalid: the byte at offset {offset} is not UTF-8")
        self.offset = offset


def check_encoding(scope: Scope) -> None:
    """Raises UnsupportedEncoding for a body that is compressed, in itself or on its way; `identity` is not."""
    if sent := header_values(scope, b"content-encoding"):
        _refuse_others(sent, (b"", b"identity"))
    if not announced_bytes(scope) and (sent := header_values(scope, b"transfer-encoding")):
        _refuse_others(sent, (b"", b"identity", b"chunked"))


def _refuse_others(sent: Sequence[bytes], known: tuple[bytes, ...]) -> None:
    if any(coding.strip().lower() not in known for coding in b",".join(sent).split(b",")):
        raise UnsupportedEncoding


def check_utf8(body: bytes) -> None:
    """Raises NotUtf8. The whole body is checked, also keys and values that nobody reads."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        raise NotUtf8(exc.start) from exc


async def read_text(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body as UTF-8, without a byte order mark.

    Raises UnsupportedEncoding, PayloadTooLarge as soon as it is known to pass the limit, NotUtf8.
    """
    check_encoding(scope)
    return as_text(await read_body(scope, receive, limit_bytes))


def as_text(body: bytes) -> bytes:
    """The body without a byte order mark. Raises NotUtf8."""
    check_utf8(body)
    return body.removeprefix(_BOM)


async def body_at_hand(scope: Scope, receive: Receive, limit_bytes: int) -> bytes | None:
    """The body where the whole of it has come and nothing in its head speaks against it; else None, and none is read.

    So a request can be refused for another reason first, without a wait for its body.
    """
    if not connection_of(scope).get("is_whole") or not 0 < announced_bytes(scope) <= limit_bytes:
        return None
    try:
        check_media_type(scope)
        check_encoding(scope)
    except AppError:
        return None
    return await read_body(scope, receive, limit_bytes)


def mended(body: bytes | Raw, replacement: bytes = rb"\ufffd") -> bytes | None:
    r"""The body with `replacement` for each half of a broken surrogate pair, of the same length; None without any.

    `"\ud83d"` alone is JSON by its grammar, and what a text becomes that was cut in the middle of an emoji, but no
    decoder of ours reads it. It must spoil its own field, not the whole body.
    """
    sent = bytes(body)
    changed = _ESCAPES.sub(lambda found: rb"\%s" % replacement[1:] if found[1] else found[0], sent)
    return changed if changed != sent else None


def _nul_in(value: object, path: str = "") -> str | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        inside = [(f"{path}.{key}".lstrip("."), one) for key, one in cast("dict[str, object]", value).items()]
        found = next((where for where, _ in inside if "\0" in where), None)
        return found if found is not None else _first_nul(inside)
    if isinstance(value, list):
        return _first_nul([(path, one) for one in cast("list[object]", value)])
    return None


def _first_nul(values: list[tuple[str, object]]) -> str | None:
    return next((found for path, one in values if (found := _nul_in(one, path)) is not None), None)


def decode_clean(kind: type[_T], body: bytes) -> _T:
    """The body as `kind`.

    Raises one of NOT_JSON, InvalidInput that names a text with a NUL or half of a surrogate pair in it: stored as
    U+FFFD, it would not be what was sent.
    """
    decoder = msgspec.json.Decoder(kind).decode
    value = decode(decoder, body)
    if b"\\u0000" in body:
        check_nul(value)
    if _HALF.search(body) and (marked := mended(body, rb"\u0000")):
        _refuse_nul(decoder(marked), "half of a character (a lone surrogate)")
    return value


def check_nul(value: object) -> None:
    """Raises InvalidInput that names the first text of a decoded body that holds a NUL: PostgreSQL takes none."""
    _refuse_nul(value, "a NUL character")


def _refuse_nul(value: object, what: str) -> None:
    field = _nul_in(msgspec.to_builtins(value))
    if field is not None:
        name = field.replace("\0", "\ufffd")
        raise InvalidInput(f"{name} is invalid: it contains {what}", field=name)


def decode(decoder: Callable[[bytes], _T], body: bytes) -> _T:
    """What `decoder` makes of the body, halves of surrogate pairs read as U+FFFD. Raises one of NOT_JSON."""
    try:
        return decoder(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        changed = mended(body)
        if changed is None:
            raise
        return decoder(changed)


def decode_loose(kind: type[_S], body: bytes) -> _S:
    """As `decode`, but a value that no type of ours can hold spoils its own field alone: it becomes UNREADABLE.

    For a Struct whose fields take any JSON.
    """
    try:
        return decode(_decoder(kind), body)
    except msgspec.ValidationError:
        return kind(*values_alone(body, kind.__struct_encode_fields__))


@cache
def _decoder(kind: type[_S]) -> Callable[[bytes], _S]:
    return msgspec.json.Decoder(kind).decode


def values_alone(body: bytes | Raw, names: Iterable[str], half: bytes = rb"\ufffd") -> list[Any]:
    r"""The values of an object's fields, each decoded on its own: UNREADABLE, or None where there is none.

    `half` replaces half a surrogate pair. Raises one of NOT_JSON; of those ValidationError for JSON of another kind.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, Raw])
        return [_value_alone(fields.get(name)) for name in names]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        changed = mended(body, half)
        if changed is None:
            raise
        return values_alone(changed, names, half)


def _value_alone(raw: Raw | None) -> object:
    try:
        return msgspec.json.decode(raw) if raw is not None else None
    except msgspec.ValidationError:
        return UNREADABLE


def explained(
    exc: msgspec.ValidationError, kind: type[Struct], inner: Mapping[str, type[Struct]] = MappingProxyType({})
) -> InvalidInput:
    """The decoder's sentence by the field's own name, with the known keys beside an unknown one.

    `inner` are the Structs inside `kind`, by the name of their field.
    """
    what, _, path = str(exc).partition(" - at `$")
    where = path.rstrip("`").lstrip(".")
    if (unknown := what.partition("unknown field `")[2].rstrip("`")) != "":
        known = inner.get(where.partition("[")[0], kind).__struct_encode_fields__
        listed = ", ".join(known) or "none"
        return InvalidInput(f"unknown key {unknown} in {where or 'the body'}; known: {listed}", field=unknown)
    if (missing := what.partition("missing required field `")[2].rstrip("`")) != "":
        return InvalidInput(f"{missing} is required", field=missing)
    if not where:
        return InvalidInput("request body must be a JSON object")
    if what.startswith("Invalid enum value") and (choices := _choices(kind, where.partition("[")[0])):
        given = what.removeprefix("Invalid enum value ")
        return InvalidInput(f"{where} is invalid: {given} is not one of {', '.join(choices)}", field=where)
    return InvalidInput(f"{where} is invalid: {what[0].lower()}{what[1:]}", field=where)


def _choices(kind: type[Struct], name: str) -> list[str]:
    """What a field of the Struct takes, when its type is an enumeration or holds one."""
    fields = {field.encode_name: field.type for field in structs.fields(kind)}
    kinds = [fields.get(name)]
    while kinds:
        one = kinds.pop()
        if isinstance(one, type) and issubclass(one, Enum):
            return [str(choice.value) for choice in one]
        if get_origin(one) is Literal:
            return [str(choice) for choice in get_args(one)]
        kinds += get_args(one)
    return []
