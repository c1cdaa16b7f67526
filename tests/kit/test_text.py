# ruff: noqa: RUF001 - names in other scripts are what it is about
"""Which characters a name may have (contract D52)."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from callmark.kit.errors import InvalidInput
from callmark.kit.text import clean_line, kept_or, share, some_names
from callmark.record_rules.characters import is_showable, named, refused_in
from callmark.record_rules.same_names import alike, folded, looks

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
LETTERS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20).filter(
    lambda text: not set(text) & set("\u115f\u1160\u2800\u3164\uffa0\U0001d159\ufffc\ufffd")
)
HIDDEN = (
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2064",
    *"\u2066\u2067\u2068\u2069\u206a\u206f\ufe00\ufe0e\ufeff\ufff9\ufffb\U000e0001\U000e0041\U000e007f\U000e0100",
    "\ud83d",
)


@given(LETTERS)
def test_letters_digits_marks_and_signs_of_any_script_show(text: str) -> None:
    assert is_showable(text)
    assert refused_in(text) == []


@given(LETTERS, LETTERS, st.sampled_from(HIDDEN))
def test_a_character_that_hides_or_turns_is_refused_wherever_it_stands(before: str, after: str, hidden: str) -> None:
    for text in (hidden + after, before + hidden, before + hidden + after):
        assert not is_showable(text)
        assert refused_in(text) == [hidden]


@given(st.text(st.characters(categories=("Zs",))), st.text("\u2800\u115f\u1160\u3164\uffa0"))
def test_a_text_without_a_visible_character_is_refused(spaces: str, blanks: str) -> None:
    assert not is_showable(spaces + blanks)
    assert not is_showable(blanks + spaces)


@pytest.mark.parametrize("unread", ["\uffff\ufdd0", "\U0010ffff", "\ue000\uf8ff", "\u0378", "\ufffd\ufffd", "\ufffc "])
def test_what_is_no_character_is_not_the_visible_one_of_a_name(unread: str) -> None:
    assert not is_showable(unread)
    with pytest.raises(InvalidInput, match="visible character"):
        clean_line(unread, "name", longest=10)
    assert is_showable(f"A{unread}")
    assert is_showable(f"{unread}\ufe0fA") == (unread[-1] != " ")
    assert refused_in(unread) == []


def test_an_emoji_that_is_newer_than_our_tables_is_visible() -> None:
    free = [chr(code) for code in range(0x1FA00, 0x1FB00) if unicodedata.category(chr(code)) == "Cn"]
    assert all(map(is_showable, ["\U0001fae8", *free]))


@given(st.text(max_size=30))
def test_texts_of_ascii_and_of_others_are_judged_by_the_same_rule(text: str) -> None:
    visible = any(
        unicodedata.category(c)[0] in "LNPS" or ord(c) in range(0x1F000, 0x1FB00) or unicodedata.category(c) == "Mc"
        for c in text
    )
    if is_showable(text):
        assert refused_in(text) == []
        assert visible
        assert is_showable(text + "é")


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "مِ\u200cن",
        "क्\u200dष",
        "क्\u200cष",
        "ശ്രീ അവന്\u200d",
        "ශ්\u200dරී ලංකා",
        "র\u200d্যাব",
        "👨\u200d👩\u200d👧\u200d👦",
        "👩🏽\u200d🚀",
        "❤\ufe0f\u200d🔥",
        "👁\ufe0f\u200d🗨\ufe0f",
        "🙂\u200d↔\ufe0f",
        "🏴\u200d☠\ufe0f",
        "🏳\ufe0f\u200d🌈",
        "☎\ufe0f 1\ufe0f\u20e3",
        "🇮🇳",
        ENGLAND,
        f"{ENGLAND}{ENGLAND}",
        "Caf\u00e9",
        "Cafe\u0301",
        "Acme\u2800",
    ],
)
def test_joiners_and_selectors_that_writing_needs_are_allowed(text: str) -> None:
    assert is_showable(text)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("Acme\u200d", "\u200d"),
        ("\u200cAcme", "\u200c"),
        ("می\u200c", "\u200c"),
        ("क\u200d बैंक", "\u200d"),
        ("می\u200c\u200cخواهم", "\u200c"),
        ("1\u200d2", "\u200d"),
        ("👨\u200d", "\u200d"),
        ("\u200d👩", "\u200d"),
        ("👨\u200c👩", "\u200c"),
        ("👨\u200dA", "\u200d"),
        ("\ufe0f", "\ufe0f"),
        ("Acme \ufe0f", "\ufe0f"),
        ("☎\ufe0f\ufe0f", "\ufe0f"),
        (ENGLAND[:-1], ENGLAND[1]),
        (ENGLAND[1:], ENGLAND[1]),
        (f"{ENGLAND}\U000e0067", ENGLAND[1]),
        ("\U0001f3f4\U000e0067\U000e007f", ENGLAND[1]),
    ],
)
def test_joiners_selectors_and_tags_out_of_place_are_refused(text: str, refused: str) -> None:
    assert not is_showable(text)
    assert refused_in(text)[0] == refused


def test_a_text_of_endless_joiners_is_refused_without_a_walk_back_from_each() -> None:
    # To copy what stands before each of them would take an hour.
    for text in ("a" + "\u200d" * 1_500_000, "a" + "\u0915\u200d" * 700_000, "a" + "\u0301" * 999_000 + "\u200d" * 999):
        assert not is_showable(text)
        assert refused_in(text) == ["\u200d"]
    assert is_showable("\u0915\u200d" * 999 + "\u0915")


def test_an_invisible_character_is_named_for_people() -> None:
    assert named("\u202e") == "U+202E RIGHT-TO-LEFT OVERRIDE"
    assert named("\x07") == "U+0007"
    with pytest.raises(InvalidInput, match=r"label name contains characters that are not allowed: U\+200B ZERO WIDTH"):
        clean_line("Acme\u200b", "name", longest=10, what="label name")
    with pytest.raises(InvalidInput, match="visible character"):
        clean_line("\u2800", "name", longest=10)


def test_what_is_stored_already_is_not_judged_again_while_something_else_changes() -> None:
    assert kept_or("Acme\u200b", "Acme\u200b ", str.upper) == "Acme\u200b"
    assert kept_or("Acme\u200b", None, str.upper) == "Acme\u200b"
    assert kept_or("Acme\u200b", "acme", str.upper) == "ACME"
    assert kept_or("", "", lambda _: "judged") == "judged"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ÉCOLE", "école"),
        ("Straße", "STRASSE"),
        ("Izmir", "İzmir"),  # the same to `lower` of PostgreSQL in some locales
        ("Izmir", "\u0131zmir"),  # and this pair as well
        ("İzmir", "İzmir".lower()),
        ("Caf\u00e9 Ops", "CAFE\u0301 ops"),
        ("\u0958\u0930\u094d\u091c", "\u0915\u093c\u0930\u094d\u091c"),
        ("Acme Bank", "Acme\u00a0 bank"),
    ],
)
def test_names_that_look_the_same_in_any_spelling_of_case_are_the_same(one: str, other: str) -> None:
    assert alike(one, other)
    assert not alike(one, f"{other} 2")


@given(st.text(max_size=20))
def test_a_name_is_the_same_in_both_forms_of_unicode(text: str) -> None:
    both = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    assert {folded(one) for one in both} == {folded(text)} == {folded(folded(text))}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Very good", "Very  good", True),
        ("Very good", "Very\u00a0good", True),
        ("Very good", "Very\u3000good", True),
        ("Caf\u00e9", "Cafe\u0301", True),
        ("1", "\uff11", True),
        ("Acme", "\U0001d400cme", True),  # a bold A
        ("m\u00b2", "m2", False),
        ("10\u00b2", "102", False),
        ("1", "\u2460", False),
        ("Very good", "Verygood", False),
        ("Caf\u00e9", "Cafe", False),
        ("Acme", "\u0410cme", False),  # of another script
    ],
)
def test_names_are_the_same_that_look_the_same(one: str, other: str, *, same: bool) -> None:
    assert alike(one, other) is same
    assert (looks(one) == looks(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("S\u0131n\u0131r", "Sinir", False),  # border and nerve
        ("SINIR", "S\u0130N\u0130R", False),
        ("\u0130stanbul", "I\u0307stanbul", True),
        ("Istanbul", "istanbul", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("\u2764 yes", "\u2764\ufe0f yes", True),
        ("Pre-sale", "Pre\u2011sale", True),
        ("Don't", "Don\u2019t", True),
        ("Yes", "Yes!", False),
    ],
)
def test_texts_are_the_same_that_look_the_same_and_mean_the_same(one: str, other: str, *, same: bool) -> None:
    assert (looks(one) == looks(other)) is same
    assert looks(looks(one)) == looks(one)


def test_a_sentence_names_three_and_says_how_many_more() -> None:
    assert some_names("operation", ["Sales"]) == "the operation 'Sales'"
    assert some_names("process", ["a", "b", "c"]) == "the processes 'a', 'b', 'c'"
    assert some_names("feature set", list("abcde")) == "the feature sets 'a', 'b', 'c' and 2 more"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (5029, 5039, "99.8 %"),
        (24, 5039, "< 1 %"),
        (1, 1_000_000, "< 1 %"),
        (0, 5039, "0 %"),
        (5039, 5039, "100 %"),
        (5038, 5039, "99.9 %"),
        (999_999, 1_000_000, "99.9 %"),
        (99, 100, "99 %"),
        (995, 1000, "99.5 %"),
        (986, 1000, "99 %"),
        (1, 3, "33 %"),
        (2, 3, "67 %"),
        (1, 100, "1 %"),
        (7, 5, "> 100 %"),
        (0, 0, ""),
    ],
)
def test_a_share_is_never_nicer_than_the_truth(part: int, whole: int, said: str) -> None:
    assert share(part, whole).replace("\N{NO-BREAK SPACE}", " ") == said
