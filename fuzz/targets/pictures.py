"""Logos: PNG files."""

import contextlib
import struct
import zlib

from callmark.domain.labels.logo import clean_logo
from callmark.domain.labels.logo_file import SIGNATURE
from callmark.kit.errors import InvalidInput

_CHUNK = struct.Struct(">I4s")


def fuzz_pictures(data: bytes) -> None:
    """Only InvalidInput; a cleaned logo stays as it is when it is cleaned again. Checksums are put right first."""
    for file in (data, _with_checksums(data)):
        with contextlib.suppress(InvalidInput):
            clean = clean_logo(file)
            assert clean_logo(clean) == clean


def _with_checksums(data: bytes) -> bytes:
    """The file with the right checksum for each chunk: a changed byte would not get past the first one otherwise."""
    if not data.startswith(SIGNATURE):
        return data
    out, at = bytearray(SIGNATURE), len(SIGNATURE)
    while at + _CHUNK.size + 4 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        content = data[at + _CHUNK.size : at + _CHUNK.size + length]
        out += _CHUNK.pack(len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))
        at += _CHUNK.size + length + 4
    return bytes(out)
