"""What is taken for a logo, and what is kept of it."""

import contextlib
import io
import struct
import zlib
from itertools import product

import pytest
from hypothesis import given, strategies as st
from PIL import Image, PngImagePlugin
from tests.domain.labels.png_files import GREY, RGB, SIGNATURE, chunk, icc, pixels_of, profile, quartered, raw_png

from callmark.domain.labels.logo import TOO_LARGE_BYTES, clean_logo, initial_logo
from callmark.kit.errors import InvalidInput


def picture(size: tuple[int, int] = (200, 200), mode: str = "RGB", form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, (0, 255) if mode == "LA" else (0, 0, 0, 255) if mode == "RGBA" else 0).save(out, form)
    return out.getvalue()


def padded(length: int) -> bytes:
    """A good logo of exactly `length` bytes."""
    bare = raw_png(200, 200, 8, RGB, b"\0" * 601 * 200)
    filling = chunk(b"paDd", b"\0" * (length - len(bare) - 12))
    return bare[:33] + filling + bare[33:]


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
    with pytest.raises(InvalidInput, match="smaller than 2 MB"):
        clean_logo(padded(TOO_LARGE_BYTES))


@pytest.mark.parametrize("form", ["JPEG", "GIF", "BMP", "WEBP"])
def test_another_format_is_refused_by_its_content(form: str) -> None:
    with pytest.raises(InvalidInput, match="not a PNG file"):
        clean_logo(picture(form=form))


@pytest.mark.parametrize("file", [b"", b"\x89PNG", b"<svg/>", b"\0" * 100])
def test_something_else_is_no_png(file: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a PNG file"):
        clean_logo(file)


MADE = initial_logo("A")


@given(st.integers(1, len(MADE) - 1))
def test_a_file_cut_off_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInput, match=r"incomplete PNG|not a PNG"):
        clean_logo(MADE[:-cut])


@given(st.data())
def test_a_damaged_file_never_does_more_than_be_refused(data: st.DataObject) -> None:
    file = bytearray(MADE)
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


def test_what_is_thrown_away_cannot_refuse_a_file() -> None:
    packed = zlib.compress(b"x" * 20_000_000)
    contents = {
        "20 MB": b"comment\0\0" + packed,
        "20 MB of a language": b"comment\0\1\0en\0\0" + packed,
        "cut off": b"comment\0\0" + zlib.compress(b"x" * 2_000_000)[:-9],
        "nothing": b"",
        "one byte": b"\xff",
    }
    bare = raw_png(200, 200, 8, RGB, (b"\0" + b"\x80\x40\x20" * 200) * 200)
    kept = clean_logo(bare)
    for kind, (name, data) in product([b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"prVt"], contents.items()):
        assert clean_logo(bare[:33] + chunk(kind, data) + bare[33:]) == kept, (kind, name)


def test_a_checksum_of_what_is_thrown_away_does_not_matter() -> None:
    bare = raw_png(200, 200, 8, RGB, (b"\0" + b"\x80\x40\x20" * 200) * 200)
    assert clean_logo(bare[:33] + chunk(b"tIME", b"1234567")[:-4] + b"\0\0\0\0" + bare[33:]) == clean_logo(bare)


@pytest.mark.parametrize(
    "part",
    [
        chunk(b"iCCP", b""),
        chunk(b"iCCP", b"a display"),
        chunk(b"iCCP", b"a display\0"),
        chunk(b"iCCP", b"a display\0\1" + zlib.compress(profile())),
        chunk(b"iCCP", b"a display\0\0" + zlib.compress(profile())[:-20]),
        chunk(b"iCCP", b"a display\0\0no zlib"),
        icc(b""),
        icc(profile()[:200]),
        icc(profile()[:-1]),
        chunk(b"tRNS", b""),
        chunk(b"tRNS", b"\0\0\0"),
    ],
)
def test_a_part_that_is_needed_and_cut_makes_the_file_damaged(part: bytes) -> None:
    with pytest.raises(InvalidInput, match="damaged"):
        clean_logo(raw_png(200, 200, 8, RGB, b"\0" * 601 * 200, part))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
@pytest.mark.parametrize("is_interlaced", [False, True])
def test_a_picture_with_too_few_pixels_is_damaged(mode: str, *, is_interlaced: bool) -> None:
    """Its data are whole, and end a row early."""
    bits = {"L": 8, "P": 2, "RGBA": 32}[mode]
    sizes = [(25, 25)] * 2 + [(50, 25), (50, 50), (100, 50), (100, 100), (200, 100)] if is_interlaced else [(200, 200)]
    rows = [b"\0" * (1 + (columns * bits + 7) // 8) for columns, rows in sizes for _ in range(rows)]
    header = struct.pack(">IIBBBBB", 200, 200, min(bits, 8), {"L": 0, "P": 3, "RGBA": 6}[mode], 0, 0, is_interlaced)
    whole, short = (
        SIGNATURE
        + chunk(b"IHDR", header)
        + (chunk(b"PLTE", b"\1\2\3") if mode == "P" else b"")
        + chunk(b"IDAT", zlib.compress(b"".join(some)))
        + chunk(b"IEND", b"")
        for some in (rows, rows[:-1])
    )
    with contextlib.nullcontext() if mode != "RGBA" else pytest.raises(InvalidInput, match="transparent"):
        clean_logo(whole)
    with pytest.raises(InvalidInput, match="damaged or incomplete"):
        clean_logo(short)


def test_a_part_that_one_must_know_to_draw_the_picture_makes_it_damaged() -> None:
    with pytest.raises(InvalidInput, match="damaged"):
        clean_logo(quartered(chunk(b"ABCD", b"")))


def test_indexed_colours_without_their_index_are_damaged() -> None:
    for depth, row in ((8, 200), (4, 100), (2, 50), (1, 25)):
        with pytest.raises(InvalidInput, match="damaged"):
            clean_logo(raw_png(200, 200, depth, 3, b"\0" * (row + 1) * 200))


def test_a_second_header_with_another_size_is_not_believed() -> None:
    good = raw_png(200, 200, 8, RGB, b"\0" * 601 * 200)
    huge = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, RGB, 0, 0, 0))
    assert clean_logo(good[:33] + huge + good[33:]) == clean_logo(good)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_is_kept_in_every_depth(depth: int) -> None:
    top = (1 << depth) - 1
    samples = [top, 0] * 100
    packed = int("".join(format(one, f"0{depth}b") for one in samples), 2).to_bytes(200 * depth // 8, "big")
    file = raw_png(200, 200, depth, GREY, (b"\0" + packed) * 200, chunk(b"tRNS", struct.pack(">H", top)))
    kept = pixels_of(clean_logo(file))
    assert (kept.getchannel("A").getpixel((0, 0)), kept.getpixel((1, 0))) == (0, (0, 0, 0, 255))


def test_the_transparent_colour_of_sixteen_bits_is_exactly_that_colour() -> None:
    row = b"\x12\x34\x56\x78\x9a\xbc" * 100 + b"\x12\x34\x56\x78\x9a\xbd" * 100
    file = raw_png(200, 200, 16, RGB, (b"\0" + row) * 200, chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC)))
    kept = pixels_of(clean_logo(file))
    assert (kept.getpixel((0, 199)), kept.getpixel((199, 0))) == ((0x12, 0x56, 0x9A, 0), (0x12, 0x56, 0x9A, 255))
    grey = raw_png(200, 200, 16, GREY, (b"\0" + b"\x80\x01\x80\x02" * 100) * 200, chunk(b"tRNS", b"\x80\x01"))
    kept = pixels_of(clean_logo(grey))
    assert (kept.getpixel((0, 0)), kept.getpixel((1, 0))) == ((128, 128, 128, 0), (128, 128, 128, 255))


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
    image = Image.new("P", (200, 200))
    image.putpixel((7, 7), 1)
    image.save(out, "PNG", transparency=0)
    kept = pixels_of(clean_logo(out.getvalue()))
    assert kept.getpixel((0, 0)) == (0, 0, 0, 0)
    assert kept.getchannel("A").getpixel((7, 7)) == 255


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (255, 0, 0, 0)), ("LA", (9, 0)), ("RGBA", (0, 0, 0, 15))])
def test_a_picture_that_nobody_can_see_is_refused(mode: str, colour: tuple[int, ...]) -> None:
    image, out, dotted = Image.new(mode, (200, 200), colour), io.BytesIO(), io.BytesIO()
    image.save(out, "PNG")
    with pytest.raises(InvalidInput, match="whole picture is transparent") as refused:
        clean_logo(out.getvalue())
    assert refused.value.field == "logo"
    image.putpixel((199, 199), (*colour[:-1], 16))
    image.save(dotted, "PNG")
    assert pixels_of(clean_logo(dotted.getvalue())).getchannel("A").getpixel((199, 199)) == 16


def test_the_same_picture_gives_the_same_bytes() -> None:
    slow, fast = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(slow, "PNG", compress_level=9)
    Image.new("RGB", (200, 200), "red").save(fast, "PNG", compress_level=1)
    assert slow.getvalue() != fast.getvalue()
    assert clean_logo(slow.getvalue()) == clean_logo(fast.getvalue())


@given(st.text())
def test_a_made_logo_is_one_that_would_be_taken(name: str) -> None:
    made = initial_logo(name)
    assert clean_logo(made) == made
