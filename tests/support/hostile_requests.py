"""What no client of ours sends: path segments, queries and headers, for the tests of every surface."""

from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")

SEGMENTS = (
    "%00",
    "%FF",
    "%C3%28",
    "%ED%A0%80",
    "a" * 300,
    "a" * 5000,
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    "-1",
    "9" * 400,
    "00000000-0000-0000-0000-000000000000",
    "null",
    "%F0%9F%9A%9A",
    "%27%20OR%201=1",
    "%0d%0aX:%201",
    "%7Bid%7D",
    "%25%30%30",
)
QUERIES = (
    "%00",
    "%FF",
    "%ED%A0%80",
    "9" * 1000,
    "-1",
    "1e400",
    "NaN",
    "9999-12-31T23:59:59Z",
    "%",
    "%zz",
    "a%00b",
    "[]",
    "'",
)
DEEP = b"[" * 100_000 + b"]" * 100_000
HEADERS = {
    "Host": (b"[", b"a" * 300, b"1:99999999", b"\xff", b":", b"a b"),
    "Origin": (b"http://[", b"null", b"\xff\xfe", b"//", b"http://a:b:c", b"a" * 3000),
    "Referer": (b"http://[::1", b"\xed\xa0\x80", b"javascript:1", b"http://a:999999/", b"?", b"a" * 3000),
    "HX-Current-URL": (b"http://[", b"\xff", b"//[/", b"%00", b"http://a:b/%FF", b"a" * 3000),
    "HX-Request": (b"true", b"\xff", b"true", b"", b"true", b"true"),
    "X-CSRF-Token": (b"\xff", b"=", b"YQ==", b"%00", b"a" * 3000, b"-_-_"),
    "Forwarded": (b"for=", b"for=\xff;proto=\xff", b'for="[', b";" * 500, b"a" * 3000, b"for=unknown"),
    "X-Forwarded-For": (b"\xff", b",,,", b"999.1.1.1", b"[::1", b"a" * 3000, b"1.1.1.1:" + b"9" * 30),
    "X-Forwarded-Proto": (b"\xff", b"gopher", b",", b"", b"a" * 3000, b"http,https"),
    "Range": (b"bytes=-", b"bytes=9-1", b"bytes=" + b"9" * 400 + b"-", b"\xff", b"bytes=0-0," * 200, b"lines=1"),
    "If-None-Match": (b"*", b'"', b"\xff", b'W/"' + b"a" * 3000, b",,,", b'"a" "b"'),
    "If-Modified-Since": (b"\xff", b"0", b"-1", b"Thu, 99 Foo 99999", b"9" * 400, b","),
    "Accept": (b"\xff", b"*/*;q=-1", b";", b"application/json;q=" + b"9" * 400, b",,", b"a" * 3000),
    "Accept-Encoding": (b"gzip;q=\xff", b"gzip;q=" + b"9" * 400, b";;;", b"gzip;q", b"*;q=0", b"a" * 3000),
    "Accept-Language": (b"\xff", b"xx-" * 500, b";q=", b"*;q=NaN", b"en\xed\xa0\x80", b"-"),
    "User-Agent": (b"\xff", b"", b"a" * 5000, b"\xed\xa0\x80", b"%00", b"'"),
    "X-Request-Id": (b"\xff", b"", b"a" * 5000, b"a b", b"%00", b"'"),
    "Sec-Fetch-Site": (b"same-origin", b"\xff", b"none", b"", b"same-origin", b"cross-site"),
    "Authorization": (b"Bearer \xff", b"Bearer", b"\xff", b"Basic =", b"Bearer " + b"a" * 5000, b"bearer  -"),
    "Idempotency-Key": (b"\xff", b"", b"a" * 5000, b"%00", b"a b", b"'"),
    "Content-Type": (b"\xff", b"application/json;charset=\xff", b";", b"multipart/form-data", b"a" * 3000, b"/"),
}
"""Six values of each header that some surface, or what stands before it, reads."""
ROUNDS = range(6)


def headers(of_round: int, *, without: tuple[str, ...] = ()) -> dict[bytes, bytes]:
    """Every header, by its name in lower case, with its value of this round."""
    return {name.lower().encode(): values[of_round] for name, values in HEADERS.items() if name not in without}


def sixth(of: Iterable[_T], at: int, turn: int) -> list[_T]:
    """Every sixth: over six values in a row each one is met; over six turns in a row each is met with every value.

    For routes that one mechanism reads and answers: what differs is the kind of value, not the route.
    """
    return list(of)[(at + turn) % 6 :: 6]
