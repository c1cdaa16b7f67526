"""The rule of an account's name."""

import pytest
from hypothesis import given, strategies as st

from callmark.domain.accounts.model import account_name
from callmark.kit.errors import InvalidInput


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=100))
def test_a_name_of_up_to_100_visible_characters_is_kept(name: str) -> None:
    assert account_name(f" {name}\t") == name


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "two\nlines", "nul\x00", "half \ud800 character"])
def test_a_name_that_no_line_can_show_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="account name"):
        account_name(name)
