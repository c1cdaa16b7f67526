"""What the HTTP surfaces share: how headers are read and written."""

from datetime import timedelta

import pytest

from callmark.kit.errors import TooManyRequests
from callmark.surfaces.http import accepts_gzip, read_body, retry_after_s


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=0", False),
        ("br, gzip ; q = 0.000", False),
        ("x-gzip-like, br", False),
        ("", False),
        (";;,=", False),
    ],
)
def test_gzip_with_a_weight_of_0_is_forbidden(value: str, *, accepted: bool) -> None:
    assert accepts_gzip(value) is accepted


async def test_a_length_in_other_digits_is_no_length() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"{}"}

    scope = {"type": "http", "headers": [(b"content-length", b"\xb2")]}
    assert await read_body(scope, receive, 100) == b"{}"


@pytest.mark.parametrize(("left_s", "said"), [(60.9, 61), (61, 61), (0.2, 1), (0, 1)])
def test_who_waits_as_long_as_it_says_has_waited_long_enough(left_s: float, said: int) -> None:
    assert retry_after_s(TooManyRequests(timedelta(seconds=left_s))) == said
