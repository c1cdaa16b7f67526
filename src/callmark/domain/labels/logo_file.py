"""The parts of a PNG that make up its picture, read before any decoder sees the file.

What is thrown away anyway (texts, dates, programs' own data) is not read, so that it can neither refuse a file nor
do harm. What is left is written as a file of its own for the decoder.
"""

import struct
import zlib

from msgspec import Struct, field

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, INDEXED = 0, 2, 3
DEEP = 16
"""Bits a sample has in a deep picture; the decoder gives eight."""

_MOST_PROFILE_BYTES = 16 << 20
"""A colour profile that unpacks to more is left out: no profile of a display comes near."""
_CHUNK = struct.Struct(">I4s")  # length and name
_CHECKSUM_BYTES = 4
_DRAWN = frozenset({b"PLTE", b"IDAT"})
_SAMPLES = {GREY: 1, RGB: 3}


class DamagedPng(Exception):
    """The file ends early, or a part of it that is needed cannot be read."""


class PngParts(Struct):
    """The chunks of a PNG that are used; `key` is the one colour that is transparent, in the file's own depth."""

    depth: int
    colour: int
    bare: bytes
    key: tuple[int, ...] | None = None
    profile: bytes | None = None
    is_animated: bool = False
    seen: set[bytes] = field(default_factory=set[bytes])


def read_parts(file: bytes) -> PngParts:
    """The parts of a file that begins with a signature and a whole IHDR. Raises DamagedPng."""
    depth, colour = file[24], file[25]
    parts, kept = PngParts(depth, colour, b""), [SIGNATURE]
    at = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if at + _CHUNK.size > len(file):
            raise DamagedPng
        length, kind = _CHUNK.unpack_from(file, at)
        end = at + _CHUNK.size + length + _CHECKSUM_BYTES
        if end > len(file):
            raise DamagedPng
        if _is_drawn(parts, kind):
            kept.append(file[at:end])
        _take(parts, kind, file[at + _CHUNK.size : end - _CHECKSUM_BYTES])
        at = end
    if colour == INDEXED and b"PLTE" not in parts.seen:
        raise DamagedPng
    parts.bare = b"".join(kept)
    return parts


def _is_drawn(parts: PngParts, kind: bytes) -> bool:
    """Whether the decoder gets the chunk as it is: one header, all pixels, the transparency of indexed colours."""
    if kind in {b"IHDR", b"IEND"}:
        return kind not in parts.seen
    return kind in _DRAWN or (kind == b"tRNS" and parts.colour == INDEXED)


def _take(parts: PngParts, kind: bytes, data: bytes) -> None:
    first = kind not in parts.seen
    parts.seen.add(kind)
    if kind == b"acTL":
        parts.is_animated = True
    elif kind == b"tRNS" and parts.colour in _SAMPLES and first:
        parts.key = _key(data, _SAMPLES[parts.colour], parts.depth)
    elif kind == b"iCCP" and first:
        parts.profile = _profile(data)


def _key(data: bytes, samples: int, depth: int) -> tuple[int, ...]:
    if len(data) != 2 * samples:
        raise DamagedPng
    return tuple(value & ((1 << depth) - 1) for value in struct.unpack(f">{samples}H", data))


def _profile(data: bytes) -> bytes | None:
    """The colour profile; None for an absurdly large one. Raises DamagedPng for one that is cut or cannot be read."""
    name, nul, packed = data.partition(b"\0")
    if not (name and nul and packed[:1] == b"\0"):
        raise DamagedPng
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(packed[1:], _MOST_PROFILE_BYTES)
    except zlib.error as exc:
        raise DamagedPng from exc
    if not unpacking.eof and len(profile) >= _MOST_PROFILE_BYTES:
        return None
    if not unpacking.eof or len(profile) < _CHUNK.size or int.from_bytes(profile[:4], "big") > len(profile):
        raise DamagedPng
    return profile
