"""What is taken for a logo, and what is kept of it."""

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from callmark.domain.labels.logo import TOO_LARGE_BYTES, clean_logo, initial_logo
from callmark.kit.errors import InvalidInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, colour: int, pixels: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand, so that it may lie."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def picture(size: tuple[int, int] = (200, 200), mode: str = "RGB", form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, form)
    return out.getvalue()


def padded(length: int) -> bytes:
    """A good logo of exactly `length` bytes."""
    bare = raw_png(200, 200, 8, RGB, b"\0" * 601 * 200)
    filling = chunk(b"paDd", b"\0" * (length - len(bare) - 12))
    return bare[:33] + filling + bare[33:]


def pixels_of(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_of_the_right_size_is_taken(mode: str) -> None:
    kept = pixels_of(clean_logo(picture(mode=mode)))
    assert kept.size == (200, 200)
    assert kept.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")


@given(st.integers(1, 400), st.integers(1, 400))
def test_only_200_by_200_pixels_are_taken(width: int, height: int) -> None:
    if (width, height) != (200, 200):
        with pytest.raises(InvalidInput, match=f"it is {width}x{height}"):
            clean_logo(raw_png(width, height, 8, RGB, b""))


@pytest.mark.parametrize("size", [(199, 200), (200, 199), (201, 200), (200, 201)])
def test_one_pixel_more_or_less_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="must be 200x200 pixels"):
        clean_logo(picture(size))


def test_a_file_is_smaller_than_two_megabytes() -> None:
    largest = padded(TOO_LARGE_BYTES - 1)
    assert len(largest) == 2_097_151
    assert len(clean_logo(largest)) < 1000
    with pytest.raises(InvalidInput, match="smaller than 2097152 bytes"):
        clean_logo(padded(TOO_LARGE_BYTES))


@pytest.mark.parametrize("form", ["JPEG", "GIF", "BMP", "WEBP"])
def test_another_format_is_refused_by_its_content(form: str) -> None:
    with pytest.raises(InvalidInput, match="not a PNG file"):
        clean_logo(picture(form=form))


@pytest.mark.parametrize("file", [b"", b"\x89PNG", b"<svg/>", b"\0" * 100])
def test_something_else_is_no_png(file: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a PNG file"):
        clean_logo(file)


@given(st.integers(1, len(initial_logo("A")) - 1))
def test_a_file_cut_off_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInput, match=r"incomplete PNG|not a PNG"):
        clean_logo(initial_logo("A")[:-cut])


@given(st.data())
def test_a_damaged_file_never_does_more_than_be_refused(data: st.DataObject) -> None:
    file = bytearray(initial_logo("A"))
    for at in data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=8)):
        file[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput):
        assert pixels_of(clean_logo(bytes(file))).size == (200, 200)


def test_a_picture_that_would_unpack_to_gigabytes_is_refused_unopened() -> None:
    with pytest.raises(InvalidInput, match="it is 60000x60000"):
        clean_logo(raw_png(60_000, 60_000, 8, RGB, b"\0" * 1_000_000))


def test_data_beyond_the_announced_pixels_is_not_unpacked_into_memory() -> None:
    kept = clean_logo(raw_png(200, 200, 8, RGB, b"\0" * 50_000_000))
    assert pixels_of(kept).getpixel((199, 199)) == (0, 0, 0)


def test_a_text_that_would_unpack_to_megabytes_is_refused() -> None:
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("comment", "x" * 20_000_000, zip=True)
    out = io.BytesIO()
    Image.new("RGB", (200, 200)).save(out, "PNG", pnginfo=bomb)
    with pytest.raises(InvalidInput, match="damaged"):
        clean_logo(out.getvalue())


def test_an_animation_is_refused() -> None:
    out = io.BytesIO()
    Image.new("RGB", (200, 200)).save(out, "PNG", save_all=True, append_images=[Image.new("RGB", (200, 200), "red")])
    with pytest.raises(InvalidInput, match="animated"):
        clean_logo(out.getvalue())


def test_sixteen_bits_become_eight_without_changing_how_it_looks() -> None:
    grey = raw_png(200, 200, 16, GREY, (b"\0" + b"\x80\x12" * 200) * 200)
    assert pixels_of(clean_logo(grey)).getpixel((100, 100)) == (128, 128, 128)
    colour = raw_png(200, 200, 16, RGB, (b"\0" + b"\x80\x12\x40\x00\xff\xff" * 200) * 200)
    assert pixels_of(clean_logo(colour)).getpixel((100, 100)) == (128, 64, 255)


def test_metadata_and_what_follows_the_picture_are_dropped() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "alice@acme.example")
    out = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(out, "PNG", pnginfo=info, dpi=(300, 300))
    kept = clean_logo(out.getvalue() + b"<script>")
    assert b"alice" not in kept
    assert b"script" not in kept
    assert pixels_of(kept).info == {}
    assert pixels_of(kept).getpixel((0, 0)) == (255, 0, 0)


def test_transparency_is_kept() -> None:
    out = io.BytesIO()
    Image.new("P", (200, 200)).save(out, "PNG", transparency=0)
    assert pixels_of(clean_logo(out.getvalue())).getpixel((0, 0)) == (0, 0, 0, 0)


def test_the_same_picture_gives_the_same_bytes() -> None:
    slow, fast = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(slow, "PNG", compress_level=9)
    Image.new("RGB", (200, 200), "red").save(fast, "PNG", compress_level=1)
    assert slow.getvalue() != fast.getvalue()
    assert clean_logo(slow.getvalue()) == clean_logo(fast.getvalue())


@given(st.text())
def test_a_made_logo_is_one_that_would_be_taken(name: str) -> None:
    assert clean_logo(initial_logo(name)) == initial_logo(name)
