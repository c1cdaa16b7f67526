"""Names and categories of labels."""

import pytest
from hypothesis import given, strategies as st

from callmark.domain.labels.categories import CATEGORIES, DEFAULT_SUB_CATEGORY, category_of, check
from callmark.domain.labels.model import label_name
from callmark.kit.errors import InvalidInput

BLANK = "\u115f\u1160\u2800\u3164\uffa0\U0001d159"


@given(st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters=BLANK), min_size=1, max_size=39))
def test_a_name_of_1_to_39_code_points_of_any_script_is_taken(name: str) -> None:
    assert label_name(f" {name} ") == name


@pytest.mark.parametrize(("name", "why"), [("", "required"), (" ", "required"), ("a" * 40, "at most 39")])
def test_a_name_outside_1_to_39_characters_is_refused(name: str, why: str) -> None:
    assert len(label_name("a" * 39)) == 39
    with pytest.raises(InvalidInput, match=why):
        label_name(name)


@pytest.mark.parametrize("name", ["Acme\nBank", "Acme\x00", "Acme\u2028Bank"])
def test_a_name_that_no_line_can_show_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not allowed"):
        label_name(name)


def test_the_catalogue_has_the_21_sections_and_88_divisions_of_isic_rev_4() -> None:
    assert [category.number for category in CATEGORIES] == list(range(1, 22))
    assert "".join(category.letter for category in CATEGORIES) == "ABCDEFGHIJKLMNOPQRSTU"
    codes = [code for category in CATEGORIES for code in category.sub_categories]
    assert len(codes) == 88
    assert codes == sorted(set(codes))
    absent = {4, 34, 40, 44, 48, 54, 57, 67, 76, 83, 89}
    assert set(codes) == set(range(1, 100)) - absent


@pytest.mark.parametrize(("sub_category", "letter"), [(1, "A"), (53, "H"), (64, "K"), (82, "N"), (86, "Q"), (99, "U")])
def test_a_division_knows_its_section(sub_category: int, letter: str) -> None:
    assert CATEGORIES[category_of(sub_category) - 1].letter == letter


@given(st.integers(-5, 30), st.integers(-5, 120))
def test_a_pair_is_taken_when_the_division_belongs_to_the_section(category: int, sub_category: int) -> None:
    belongs = any(category == c.number and sub_category in c.sub_categories for c in CATEGORIES)
    if belongs:
        check(category, sub_category)
    else:
        with pytest.raises(InvalidInput):
            check(category, sub_category)


def test_the_default_category_exists() -> None:
    check(category_of(DEFAULT_SUB_CATEGORY), DEFAULT_SUB_CATEGORY)
