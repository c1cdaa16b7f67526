"""Phone numbers as logs may contain them."""

import pytest

from callmark.kit.phone import shorten


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("919900112233", "9199…2233"),
        ("491511234567890", "4915…7890"),
        ("14155550123", "1415…123"),
        ("4520123456", "452…456"),
        ("354581234", "354…34"),
        ("1234567", "12…7"),
        ("1234", "…"),
        ("", "…"),
    ],
)
def test_a_shortened_number_leaves_out_four_digits_or_more(number: str, shown: str) -> None:
    assert shorten(number) == shown
