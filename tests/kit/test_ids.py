"""Ids: new ones, as texts, and as people copy them from pages; random texts."""

import pickle
import string
from collections import Counter
from uuid import RFC_4122, UUID

import msgspec
import pytest

from callmark.kit.ids import id_part, new_id, parse_uuid, random_text

WRITTEN = "01a2164b-3d29-738a-9cc7-b41bc4ff658d"


def test_a_new_id_is_a_uuid_like_any_other() -> None:
    made = new_id()
    plain = UUID(str(made))
    assert isinstance(made, UUID)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made == plain
    assert hash(made) == hash(plain)
    assert (made.hex, made.bytes, made.int) == (plain.hex, plain.bytes, plain.int)
    assert msgspec.json.encode(made) == msgspec.json.encode(plain)
    assert pickle.loads(pickle.dumps(made)) == plain
    assert made < new_id()


def test_an_id_is_read_in_one_form() -> None:
    assert parse_uuid(WRITTEN) == parse_uuid(WRITTEN.upper()) == UUID(WRITTEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRITTEN.replace("-", ""),
        f"{{{WRITTEN}}}",
        WRITTEN[:-1],
        WRITTEN[:-1] + "g",
        WRITTEN[:-1] + "\N{ARABIC-INDIC DIGIT THREE}",
        WRITTEN[:-1] + "\ud800",
        WRITTEN[:-1] + "\0",
        WRITTEN[:-1] + "-",
        "0_a2164b" + WRITTEN[8:],
        "+1a2164b" + WRITTEN[8:],
        " 1a2164b" + WRITTEN[8:],
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert parse_uuid(text) is None


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("89ABCDEF", "89abcdef"),
        (" …89abcdef ", "89abcdef"),
        (WRITTEN, WRITTEN),
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


def test_a_random_text_is_as_long_as_asked_and_has_each_letter_and_digit_alike_often() -> None:
    for length in range(300):
        assert len(random_text(length)) == length
        assert random_text(length + 3, prefix="ab_").startswith("ab_")
        assert len(random_text(length + 3, prefix="ab_")) == length + 3
    counts = Counter(random_text(620_000))
    assert set(counts) == set(string.ascii_letters + string.digits)
    assert max(abs(count - 10_000) for count in counts.values()) < 800  # eight standard deviations
    assert random_text(32) != random_text(32)
