"""Bodies that come encoded although none was asked for: some stores of files have them in no other form."""

import zlib

_GZIP = {"gzip", "x-gzip"}
_PLAIN = {"", "identity"}
_WITH_HEADER_OF_GZIP = 31  # window bits of zlib


def unpacked(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """The body itself, at most so long. Raises ValueError, which says why it cannot be had.

    Of gzip the first member is read: nothing is served in several.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        return body
    if name not in _GZIP:
        raise ValueError(f"the body was encoded as {encoding[:40]!r}, which was not asked for")
    reader = zlib.decompressobj(_WITH_HEADER_OF_GZIP)
    try:
        plain = reader.decompress(body, most_bytes + 1)
    except zlib.error as exc:
        raise ValueError("the body was not the gzip that it was said to be") from exc
    if len(plain) > most_bytes:
        raise ValueError(f"the body was longer than {most_bytes // 1024} KiB")
    if not reader.eof or reader.unused_data:
        raise ValueError("the body was not one whole gzip")
    return plain
