"""The colour profile of a picture that says what its colours mean by numbers, for the library that converts them.

Source: ICC.1:2001-04 (version 2 of profiles): a display of three primaries, each with a curve.
"""

import struct
from collections.abc import Iterable

from callmark.png_display import Colours, Point

_Matrix = list[list[float]]

_D50 = [0.9642, 1.0, 0.8249]
"""The white to which profiles refer, in CIE XYZ."""
_BRADFORD: _Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
"""From light to the answers of the eye's receptors, in which one white is turned into another."""
_STEPS = 1024
_FULL = 65535
_HEADER_BYTES, _TAG = 128, struct.Struct(">4sII")
_VERSION = 0x0210 << 16


def icc_profile(colours: Colours) -> bytes:
    """The profile of a display with these colours."""
    lights = zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*_to_d50(colours), strict=True), strict=True)
    tags = {name: b"XYZ \0\0\0\0" + _fixed(light) for name, light in lights}
    curve = struct.pack(f">4sII{_STEPS}H", b"curv", 0, _STEPS, *(_light(step, colours) for step in range(_STEPS)))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at = _HEADER_BYTES + 4 + _TAG.size * len(tags)
    table = struct.pack(">I", len(tags))
    for name, data in tags.items():
        table += _TAG.pack(name, at, len(data))
        at += len(data)
    header = struct.pack(">III", at, 0, _VERSION) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + _fixed(_D50)
    return header.ljust(_HEADER_BYTES, b"\0") + table + b"".join(tags.values())


def _light(step: int, colours: Colours) -> int:
    sample = step / (_STEPS - 1)
    if colours.exponent is not None:
        return round(_FULL * sample**colours.exponent)
    return round(_FULL * (sample / 12.92 if sample <= 0.04045 else ((sample + 0.055) / 1.055) ** 2.4))  # noqa: PLR2004 - the curve of sRGB


def _to_d50(colours: Colours) -> _Matrix:
    """From red, green and blue light to CIE XYZ, with the picture's white as the profile's."""
    white = _column(_xyz(colours.white))
    points = _transposed([_xyz(colours.red), _xyz(colours.green), _xyz(colours.blue)])
    amounts = _product(_inverse(points), white)
    there, here = (_product(_BRADFORD, one) for one in (white, _column(_D50)))
    turned = _diagonal([new[0] / old[0] for new, old in zip(here, there, strict=True)])
    adapted = _product(_inverse(_BRADFORD), _product(turned, _BRADFORD))
    return _product(adapted, _product(points, _diagonal([one for (one,) in amounts])))


def _xyz(point: Point) -> list[float]:
    """Light of this chromaticity, as bright as white."""
    x, y = point
    return [x / y, 1.0, (1 - x - y) / y]


def _fixed(values: Iterable[float]) -> bytes:
    """As 32-bit numbers with 16 bits after the point."""
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _column(values: list[float]) -> _Matrix:
    return [[value] for value in values]


def _diagonal(values: list[float]) -> _Matrix:
    return [[value if at == row else 0.0 for at in range(len(values))] for row, value in enumerate(values)]


def _transposed(one: _Matrix) -> _Matrix:
    return [list(column) for column in zip(*one, strict=True)]


def _product(one: _Matrix, other: _Matrix) -> _Matrix:
    columns = _transposed(other)
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in one]


def _inverse(one: _Matrix) -> _Matrix:
    """Of three by three, by Cramer's rule."""
    (a, b, c), (d, e, f), (g, h, i) = one
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return [[value / determinant for value in row] for row in cofactors]
