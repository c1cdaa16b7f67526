"""What the texts of a JSON body may hold."""

import msgspec
import pytest

from callmark.kit.errors import InvalidInput
from callmark.surfaces.bodies import decode_clean


class Inner(msgspec.Struct):
    label: str


class Named(msgspec.Struct):
    name: str = ""
    inner: list[Inner] = []
    facts: dict[str, str] = {}


WHOLE = rb'{"name": "\ud83d\ude00 \\ud83d \ufffd", "unknown": "\ud83d"}'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name": "a\ud83d"}', "name"),
        (rb'{"name": "\uDE00 a"}', "name"),
        (rb'{"name": "\ud83d\u0041"}', "name"),
        (rb'{"name": "\ude00\ud83d"}', "name"),
        (rb'{"name": "a", "inner": [{"label": "b"}, {"label": "\ud83d"}]}', "inner.label"),
        (rb'{"facts": {"a\ud83d": "b"}}', "facts.a" + "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_half_of_a_surrogate_pair_that_is_read_is_refused_by_its_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput, match=r"half of a character \(a lone surrogate\)") as refused:
        decode_clean(Named, body)
    assert refused.value.field == field
    assert decode_clean(Named, WHOLE).name == "\N{GRINNING FACE} \\ud83d \N{REPLACEMENT CHARACTER}"
