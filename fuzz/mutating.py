"""Mutations of seeds without a fuzzer's help: what `make test` has of each target."""

from collections.abc import Iterator, Sequence
from random import Random

_ODD = (
    b"\0",
    b"\xff",
    b"\r\n",
    b"\n",
    b'"',
    b"\\",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"{",
    b"[",
    b",",
    b";",
    b"=",
    b"%",
    b"-1",
)
_MOST_PARTS = 4


def mutated(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` inputs made of the seeds; the same for the same arguments."""
    random = Random(seed)
    for _ in range(count):
        data = bytearray(random.choice(seeds))
        for _ in range(random.randint(1, _MOST_PARTS)):
            _change(random, data, seeds)
        yield bytes(data)


def _change(random: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((1, 1, 2, 8, 64)))
    match random.randint(0, 6):
        case 0 if at < len(data):
            data[at] ^= 1 << random.randint(0, 7)
        case 1:
            data[at:end] = b""
        case 2:
            data[at:at] = data[at:end] * random.choice((1, 2, 20))
        case 3:
            other = random.choice(seeds)
            start = random.randint(0, len(other))
            data[at:end] = other[start : start + random.randint(0, 40)]
        case 4:
            data[at:at] = random.randbytes(random.randint(1, 4))
        case _:
            data[at:end] = random.choice(_ODD)
