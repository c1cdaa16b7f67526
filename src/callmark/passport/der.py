"""As much DER as the certificate extensions of STIR need: written in its one form, read strictly."""

from collections.abc import Iterator

SEQUENCE, INTEGER, UTF8, IA5 = 0x30, 0x02, 0x0C, 0x16
_LONG, _MOST_LENGTH_BYTES = 0x80, 3


class DerError(ValueError):
    """Bytes that are no DER, or not the DER that was expected."""


def explicit(number: int) -> int:
    """The tag of `[number] EXPLICIT`."""
    return 0xA0 | number


def write(tag: int, *parts: bytes) -> bytes:
    """One value with its tag and length."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(length))) + length + content


def write_integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def read_one(data: bytes, tag: int) -> bytes:
    """The content of `data`, which is one value with this tag and nothing else. Raises DerError."""
    values = list(read_all(data))
    if len(values) != 1 or values[0][0] != tag:
        raise DerError(f"one value with the tag {tag:#04x} was expected")
    return values[0][1]


def read_all(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values in `data`, one behind the other, as (tag, content). Raises DerError."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise DerError("a value is cut off")
        tag, size, at = data[at], data[at + 1], at + 2
        if size >= _LONG:
            size, at = _long_size(data, at, size & ~_LONG)
        if at + size > len(data):
            raise DerError("a value is cut off")
        yield tag, data[at : at + size]
        at += size


def read_integer(content: bytes) -> int:
    """A non-negative INTEGER. Raises DerError."""
    if not content or content[0] >= _LONG or (len(content) > 1 and content[0] == 0 and content[1] < _LONG):
        raise DerError("an integer that is not negative, in its one form, was expected")
    return int.from_bytes(content)


def read_text(content: bytes, tag: int) -> str:
    """A UTF8String or IA5String. Raises DerError."""
    try:
        return content.decode("ascii" if tag == IA5 else "utf-8")
    except UnicodeDecodeError as exc:
        raise DerError("a text has bytes that it cannot have") from exc


def _long_size(data: bytes, at: int, count: int) -> tuple[int, int]:
    size = int.from_bytes(data[at : at + count])
    if not 1 <= count <= _MOST_LENGTH_BYTES or at + count > len(data):
        raise DerError("a length cannot be read")
    if size < _LONG or data[at] == 0:
        raise DerError("a length is not in its shortest form")
    return size, at + count
