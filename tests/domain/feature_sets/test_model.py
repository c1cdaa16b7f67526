"""The pure rules of feature sets."""

import pytest

from callmark.domain.feature_sets.model import description_text
from callmark.kit.errors import InvalidInput


def test_a_description_may_be_empty_and_has_a_longest() -> None:
    assert description_text("  ") == ""
    assert description_text(" For parcels ") == "For parcels"
    with pytest.raises(InvalidInput, match="at most 500"):
        description_text("x" * 501)
