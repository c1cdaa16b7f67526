"""Logos are kept as browsers show them: upright, and in the colours that the file means."""

import struct
from typing import Any

import pytest
from tests.domain.labels.png_files import CORNERS, GREY, RGB, chunk, icc, pixels_of, profile, quartered, raw_png

from callmark.domain.labels.logo import clean_logo
from callmark.kit.errors import InvalidInput


@pytest.mark.parametrize("size", [0, 3_000_000])
def test_colours_of_a_profile_become_those_of_srgb(size: int) -> None:
    red = raw_png(200, 200, 8, RGB, (b"\0" + b"\xff\0\0" * 200) * 200)
    same = pixels_of(clean_logo(red[:33] + icc(profile(size=size)) + red[33:]))
    assert same.getpixel((7, 7)) == (255, 0, 0)
    swapped = pixels_of(clean_logo(red[:33] + icc(profile(swapped=True, size=size)) + red[33:]))
    assert swapped.getpixel((7, 7)) == (0, 255, 0)
    assert "icc_profile" not in swapped.info


def test_transparency_stands_beside_converted_colours() -> None:
    key = chunk(b"tRNS", struct.pack(">3H", 255, 0, 0))
    red = raw_png(
        200, 200, 8, RGB, (b"\0" + b"\xff\0\0" * 100 + b"\xfe\0\0" * 100) * 200, icc(profile(swapped=True)), key
    )
    kept = pixels_of(clean_logo(red))
    assert kept.getchannel("A").getpixel((0, 0)) == 0
    assert kept.getpixel((199, 0)) == (0, 254, 0, 255)


@pytest.mark.parametrize("size", [17 << 20])
def test_a_profile_larger_than_any_is_ignored(size: int) -> None:
    red = raw_png(200, 200, 8, RGB, (b"\0" + b"\xff\0\0" * 200) * 200, icc(profile(swapped=True, size=size)))
    assert pixels_of(clean_logo(red)).getpixel((7, 7)) == (255, 0, 0)


def test_a_profile_of_another_kind_of_pixels_is_ignored() -> None:
    grey = raw_png(200, 200, 8, GREY, (b"\0" + b"\x80" * 200) * 200, icc(profile(swapped=True)))
    assert pixels_of(clean_logo(grey)).getpixel((7, 7)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("at", "other"), [(8, b"\x09"), (12, b"abst"), (12, b"nmcl"), (36, b"xxxx"), (profile().index(b"rTRC"), b"xTRC")]
)
def test_a_profile_that_cannot_be_used_is_ignored(at: int, other: bytes) -> None:
    """Of an unknown version, a kind that is no display's, without its signature, or without a curve."""
    unusable = bytearray(profile(swapped=True))
    unusable[at : at + len(other)] = other
    red = raw_png(200, 200, 8, RGB, (b"\0" + b"\xff\0\0" * 200) * 200, icc(bytes(unusable)))
    assert pixels_of(clean_logo(red)).getpixel((7, 7)) == (255, 0, 0)


def exif(turn: int, *, order: str = ">") -> bytes:
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entries = struct.pack(f"{order}HHHIHH", 2, 0x0100, 3, 1, 200, 0) + struct.pack(
        f"{order}HHIHH", 0x0112, 3, 1, turn, 0
    )
    return chunk(b"eXIf", mark + struct.pack(f"{order}I", 8) + entries + bytes(4))


TURNED = ["RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"]
"""The corners of the picture below, by its orientation: left and right above, left and right below."""


@pytest.mark.parametrize(
    ("part", "corners"),
    [
        *((exif(turn), corners) for turn, corners in enumerate(TURNED, 1)),
        (exif(6, order="<"), TURNED[5]),
        (exif(0), TURNED[0]),
        (exif(9), TURNED[0]),
        (chunk(b"eXIf", exif(6)[8:-24]), TURNED[0]),
        (chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"), TURNED[0]),
        (chunk(b"eXIf", b""), TURNED[0]),
    ],
)
def test_a_turned_picture_is_stored_as_it_is_shown(part: bytes, corners: str) -> None:
    stored = pixels_of(clean_logo(quartered(part)))
    at = [stored.getpixel(one) for one in ((9, 9), (190, 9), (9, 190), (190, 190))]
    assert at == [CORNERS[name] for name in corners]


def chromaticities(*points: float) -> bytes:
    """White, red, green and blue."""
    return chunk(b"cHRM", struct.pack(">8I", *(round(one * 100_000) for one in points)))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


ADOBE_RGB = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
OF_SRGB = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
OURS = (200, 60, 40)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([gamma(0.45455), OF_SRGB], OURS),
        ([gamma(1)], (229, 133, 110)),
        ([gamma(1), chunk(b"sRGB", b"\0")], OURS),
        ([gamma(1), icc(profile())], OURS),
        ([gamma(0), chunk(b"cHRM", bytes(32))], OURS),
        ([chunk(b"gAMA", b"\0"), chunk(b"cHRM", b"\0"), chunk(b"cICP", b"\0")], OURS),
        ([gamma(0.45455), ADOBE_RGB], (231, 57, 34)),
        ([chunk(b"cICP", bytes([1, 13, 0, 1])), icc(profile(swapped=True))], OURS),
        ([chunk(b"cICP", bytes([12, 13, 0, 1])), chunk(b"sRGB", b"\0")], (217, 42, 23)),
        ([chunk(b"cICP", bytes([1, 8, 0, 1]))], (229, 133, 110)),
    ],
)
def test_colours_that_a_file_tells_by_numbers_become_those_of_srgb(parts: list[bytes], shown: tuple[int, ...]) -> None:
    """As browsers show them, by a step of 255 or two."""
    stored: Any = pixels_of(clean_logo(raw_png(200, 200, 8, RGB, (b"\0" + bytes(OURS) * 200) * 200, *parts)))
    assert stored.getpixel((7, 7)) == pytest.approx(shown, abs=2)


def test_grey_becomes_what_its_curve_says() -> None:
    grey = raw_png(200, 200, 8, GREY, (b"\0" + b"\x80" * 200) * 200, gamma(1))
    assert pixels_of(clean_logo(grey)).getpixel((7, 7)) == (188, 188, 188)


def test_colours_beyond_those_of_a_screen_are_refused() -> None:
    with pytest.raises(InvalidInput, match="save it as sRGB"):
        clean_logo(quartered(chunk(b"cICP", bytes([9, 16, 0, 1]))))
