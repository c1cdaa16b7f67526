"""Ids as people copy them from pages."""

import pytest

from callmark.kit.ids import id_part


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("89ABCDEF", "89abcdef"),
        (" …89abcdef ", "89abcdef"),
        ("01a2164b-3d29-738a-9cc7-b41bc4ff658d", "01a2164b-3d29-738a-9cc7-b41bc4ff658d"),
        ("bc4f", "bc4f"),
        ("bc4", None),
        ("", None),
        ("order 17", None),
        ("0" * 37, None),
        ("89abcdeg", None),
    ],
)
def test_a_part_of_an_id_is_known(typed: str, part: str | None) -> None:
    assert id_part(typed) == part
