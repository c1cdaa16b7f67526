"""What addresses and headers carry: cursors, signed links, cookies, traces, keys, lengths."""

import contextlib
from datetime import datetime
from uuid import UUID

from starlette.requests import Request

from callmark.domain.alerts import links as alert_links
from callmark.domain.idempotency.model import parse_key
from callmark.domain.log_downloads import links as download_links
from callmark.kit.errors import InvalidHeader, NotFound, UnsupportedMedia
from callmark.kit.ids import id_part, parse_uuid
from callmark.kit.settings import Secret
from callmark.kit.telemetry import tracing
from callmark.surfaces.console import cookies
from callmark.surfaces.cursors import InstantKey, decode_key, encode_key
from callmark.surfaces.http import accepts_gzip, announced_bytes, bearer, check_media_type

_KEYS = [Secret("a" * 64), Secret("b" * 64)]
_KINDS: tuple[type[tuple[object, ...]], ...] = (InstantKey, tuple[str, UUID], tuple[datetime, int], tuple[str])


def fuzz_addresses(data: bytes) -> None:
    """Only the documented errors; a cursor that is taken is written and read as itself."""
    text = data.decode("latin-1")
    for kind in _KINDS:
        if (key := decode_key(text, kind)) is not None:
            assert decode_key(encode_key(key), kind) == key
    for told in (text, data.decode(errors="replace")):
        with contextlib.suppress(NotFound):
            download_links.opened(_KEYS, told)
        for purpose in alert_links.LinkPurpose:
            with contextlib.suppress(NotFound):
                alert_links.opened(_KEYS, purpose, told)
        assert not cookies.is_csrf_token(told, "key")
        cookies.viewer_of(told)
        id_part(told)
        parse_uuid(told)
        with contextlib.suppress(InvalidHeader):
            parse_key([told])
    assert (tracing.proper(text) is None) or len(text) == 55
    _check_headers(data)


def _check_headers(data: bytes) -> None:
    for name in (b"cookie", b"authorization", b"content-length", b"content-type", b"accept-encoding"):
        scope = {"type": "http", "headers": [(name, data)]}
        assert announced_bytes(scope) >= 0
        bearer(scope)
        with contextlib.suppress(UnsupportedMedia):
            check_media_type(scope)
        request = Request(scope)
        cookies.read(request, cookies.SESSION, at="https://calls.example.com")
        cookies.read_flash(request, at="http://127.0.0.1:8700")
    scope = {"type": "http", "headers": [(b"cookie", b"callmark_said=" + data)]}
    cookies.read_flash(Request(scope), at="http://calls.example.com")
    accepts_gzip(data.decode("latin-1"))
