"""Phone numbers as people type them, and as logs may contain them."""

import pytest
from tests.support.other_digits import other_digits

from callmark.kit.phone import shorten, without_separators


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


@pytest.mark.parametrize("between", [" ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "\t", "-", ".", "\u200b"])
def test_what_stands_between_digits_is_taken_out(between: str) -> None:
    assert without_separators(f"\u202a+91{between}(80){between}4000\u202c") == "91804000"
    assert without_separators(other_digits(f"+91{between}80")) == "9180"
    assert without_separators("Acme") == "Acme"
