import pytest

from callmark.kit.domain_names import ascii_domain, spellings, with_ascii_domain


def test_an_address_of_mail_is_known_in_every_spelling_of_its_domain() -> None:
    unicode, ascii_only = "info@müller.example", "info@xn--mller-kva.example"
    others = ["info@MÜLLER.EXAMPLE", "info@Müller.Example", "info@mu\u0308ller.example"]
    assert spellings(unicode) == [ascii_only, unicode, *others]
    assert spellings(ascii_only) == [ascii_only, unicode, *others]
    assert spellings("info@MÜLLER.example") == [ascii_only, unicode, *others, "info@MÜLLER.example"]
    assert spellings("Alice@Acme.example") == ["Alice@Acme.example"]


def test_a_domain_of_someone_else_is_no_spelling() -> None:
    assert spellings("info@straße.example") == [
        "info@xn--strae-oqa.example",
        "info@straße.example",
        "info@Straße.Example",
    ]


@pytest.mark.parametrize("text", ["", "@", "alice", "müller", "a@" + "ü" * 300, "a@☕.example", "a@xn--a.example"])
def test_what_has_no_other_spelling_stays_as_it_is(text: str) -> None:
    assert with_ascii_domain(text) == text
    assert spellings(text) == [text]


def test_a_domain_that_no_name_can_be_is_refused_before_it_is_read() -> None:
    with pytest.raises(ValueError, match="longer"):
        ascii_domain("ü" * 1_000_000)
