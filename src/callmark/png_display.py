"""What a PNG says of how its picture is shown: which side is up, and what its colours mean.

Source: Portable Network Graphics, third edition: sections 4.3 (which part counts) and 11.3.2 and 11.3.4 (the parts).
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

UPRIGHT = 1
"""The orientation of Exif that leaves a picture as it is."""
_ORIENTATION, _LAST_ORIENTATION, _SHORT = 0x0112, 8, 3
_ENTRY_BYTES = 12

Point = tuple[float, float]
"""Chromaticity, as x and y of CIE 1931."""


class UnknownColours(Exception):
    """The picture's colours are of a kind that cannot be brought to sRGB."""


class Colours(NamedTuple):
    """Three primaries and a white, and the exponent from samples to light; None for the curve of sRGB."""

    red: Point
    green: Point
    blue: Point
    white: Point = (0.3127, 0.3290)
    exponent: float | None = None


SRGB = Colours((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_PRIMARIES = {
    1: SRGB,
    9: Colours((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: Colours((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""By their numbers in ITU-T H.273: those of sRGB, of BT.2020 and of Display P3."""
_EXPONENTS = {13: None, 8: 1.0}
"""The curve of sRGB, and none."""
_NEAR, _USUAL_EXPONENT, _NEAR_EXPONENT, _EXTREME = 0.01, 2.2, 0.05, 10.0
_CHROMATICITIES, _NUMBER, _CODES = struct.Struct(">8I"), struct.Struct(">I"), struct.Struct("4B")
_UNIT = 100_000
"""Of the numbers in `gAMA` and `cHRM`."""


def orientation(exif: bytes) -> int:
    """From 1 to 8, as Exif counts; `UPRIGHT` where the data of an `eXIf` chunk do not say, or cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and UPRIGHT <= value <= _LAST_ORIENTATION else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def colours(chunks: Mapping[bytes, bytes]) -> Colours | None:
    """What the colours mean, by the data of `cICP`, `sRGB`, `gAMA` and `cHRM`; None for those of sRGB or near it.

    A colour profile (`iCCP`) counts more than these, apart from `cICP`. Raises UnknownColours.
    """
    coded = chunks.get(b"cICP", b"")
    if len(coded) == _CODES.size:
        primaries, transfer, matrix, is_full = _CODES.unpack(coded)
        if (matrix, is_full) != (0, 1) or primaries not in _PRIMARIES or transfer not in _EXPONENTS:
            raise UnknownColours
        return _unless_srgb(_PRIMARIES[primaries]._replace(exponent=_EXPONENTS[transfer]))
    if b"iCCP" in chunks or b"sRGB" in chunks:
        return None
    return _unless_srgb(_points(chunks.get(b"cHRM", b""))._replace(exponent=_exponent(chunks.get(b"gAMA", b""))))


def _points(data: bytes) -> Colours:
    if len(data) != _CHROMATICITIES.size:
        return SRGB
    x_white, y_white, *others = (value / _UNIT for value in _CHROMATICITIES.unpack(data))
    red, green, blue = zip(others[::2], others[1::2], strict=True)
    found = Colours(red, green, blue, (x_white, y_white))
    area = (red[0] - blue[0]) * (green[1] - blue[1]) - (green[0] - blue[0]) * (red[1] - blue[1])
    is_usable = abs(area) > _NEAR and all(point[1] > 0 for point in found[:4])
    return found if is_usable else SRGB


def _exponent(data: bytes) -> float | None:
    if len(data) != _NUMBER.size:
        return None
    (value,) = _NUMBER.unpack(data)
    return _UNIT / value if _UNIT / _EXTREME < value < _UNIT * _EXTREME else None


def _unless_srgb(found: Colours) -> Colours | None:
    pairs = zip(found[:4], SRGB[:4], strict=True)
    is_near = all(abs(one - other) <= _NEAR for points in pairs for one, other in zip(*points, strict=True))
    is_near &= found.exponent is None or abs(_USUAL_EXPONENT / found.exponent - 1) <= _NEAR_EXPONENT
    return None if is_near else found
