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
_NEEDED = _DRAWN | {b"IHDR", b"IEND"}
_OPTIONAL = 0x20
"""The bit in the first letter of a chunk's name that lets a decoder pass over it unread."""
_SHOWN = frozenset({b"cICP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})
_SAMPLES = {GREY: 1, RGB: 3}
_SAMPLES_OF_A_PIXEL = {GREY: 1, RGB: 3, INDEXED: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced picture: the first column and row of each, and the steps to the next."""


class DamagedPng(Exception):
    """The file ends early, or a part of it that is needed cannot be read."""


class PngParts(Struct):
    """The chunks of a PNG that are used.

    `key` is the one colour that is transparent, in the file's own depth; `shown` says which side is up and what colours
    mean (`png_display`).
    """

    depth: int
    colour: int
    bare: bytes
    key: tuple[int, ...] | None = None
    profile: bytes | None = None
    shown: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    is_animated: bool = False
    seen: set[bytes] = field(default_factory=set[bytes])


def read_parts(file: bytes) -> PngParts:
    """The parts of a file that begins with a signature and a whole IHDR. Raises DamagedPng."""
    depth, colour = file[24], file[25]
    parts, kept, packed = PngParts(depth, colour, b""), [SIGNATURE], list[bytes]()
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
        data = file[at + _CHUNK.size : end - _CHECKSUM_BYTES]
        if kind == b"IDAT":
            packed.append(data)
        _take(parts, kind, data)
        at = end
    if colour == INDEXED and b"PLTE" not in parts.seen:
        raise DamagedPng
    _check_whole(file, packed)
    parts.bare = b"".join(kept)
    return parts


def _check_whole(file: bytes, packed: list[bytes]) -> None:
    """That there is data for every pixel: a decoder leaves the others black."""
    width, height, depth, colour = struct.unpack_from(">IIBB", file, 16)
    bits = depth * _SAMPLES_OF_A_PIXEL.get(colour, 0)
    passes = _PASSES if file[28] else ((0, 0, 1, 1),)
    wanted = 0
    for left, top, right, down in passes:
        columns, rows = -((left - width) // right), -((top - height) // down)
        wanted += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    try:
        found = zlib.decompressobj().decompress(b"".join(packed), wanted)
    except zlib.error as exc:
        raise DamagedPng from exc
    if len(found) < wanted:
        raise DamagedPng


def _is_drawn(parts: PngParts, kind: bytes) -> bool:
    """Whether the decoder gets the chunk as it is: one header, all pixels, the transparency of indexed colours."""
    if kind in {b"IHDR", b"IEND"}:
        return kind not in parts.seen
    return kind in _DRAWN or (kind == b"tRNS" and parts.colour == INDEXED)


def _take(parts: PngParts, kind: bytes, data: bytes) -> None:
    if kind not in _NEEDED and not kind[0] & _OPTIONAL:
        raise DamagedPng
    first = kind not in parts.seen
    parts.seen.add(kind)
    if kind == b"acTL":
        parts.is_animated = True
    elif kind == b"tRNS" and parts.colour in _SAMPLES and first:
        parts.key = _key(data, _SAMPLES[parts.colour], parts.depth)
    elif kind == b"iCCP" and first:
        parts.profile = _profile(data)
    elif kind in _SHOWN and first:
        parts.shown[kind] = data


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
