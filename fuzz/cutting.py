"""The ways in which the same bytes can arrive: at once, one by one, and in pieces."""

import zlib
from collections.abc import Iterator
from random import Random


def ways(data: bytes) -> Iterator[list[bytes]]:
    """Three ways; the pieces of the last one depend on the bytes alone, so that a finding is found again."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    random, pieces, at = Random(zlib.crc32(data)), list[bytes](), 0
    while at < len(data):
        size = random.choice((1, 2, 3, 7, 20, 100))
        pieces.append(data[at : at + size])
        at += size
    yield pieces
