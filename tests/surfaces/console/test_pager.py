"""Keys of lists as addresses carry them."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from callmark.surfaces.cursors import InstantKey, decode_key, encode_key

AT = datetime(2026, 1, 1, 10, 0, 5, 412345, UTC)
ID = UUID("0190f3a4-0000-7000-8000-000000000001")


class Place(NamedTuple):
    at: datetime
    id: UUID
    position: int


def test_a_key_comes_back_as_it_was() -> None:
    assert decode_key(encode_key((AT, ID)), InstantKey) == (AT, ID)
    assert decode_key(encode_key(Place(AT, ID, -1)), Place) == Place(AT, ID, -1)
    assert decode_key(encode_key(("straße", "b")), tuple[str, str]) == ("straße", "b")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (InstantKey, (AT, "no id")),
        (InstantKey, (AT.replace(tzinfo=None), ID)),
        (InstantKey, (AT.replace(year=9999), ID)),
        (InstantKey, (AT.replace(year=1), ID)),
        (InstantKey, (AT, ID, 5)),
        (Place, (AT, ID, 2**40)),
        (tuple[str, str], ("a\0", "b")),
        (tuple[str, str], ("a" * 800, "b")),
    ],
)
def test_a_key_of_another_list_begins_at_the_first_page(kind: type[Any], key: tuple[Any, ...]) -> None:
    assert decode_key(encode_key(key), kind) is None


@pytest.mark.parametrize("text", ["", "nonsense", "é", "W10", "bnVsbA"])
def test_what_is_no_key_begins_at_the_first_page(text: str) -> None:
    assert decode_key(text, InstantKey) is None
