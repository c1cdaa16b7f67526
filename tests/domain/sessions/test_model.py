"""The rule of an address."""

import pytest

from callmark.domain.sessions.model import email_address
from callmark.kit.errors import InvalidInput


@pytest.mark.parametrize(
    "address",
    [
        "alice@acme.example",
        "bob.o'neil+calls@mail.acme.example",
        "x@localhost",
        "a" * 64 + "@b.c",
    ],
)
def test_an_address_that_mail_can_reach_is_kept_as_it_was_typed(address: str) -> None:
    assert email_address(f"  {address} ") == address


def test_a_domain_is_kept_in_ascii() -> None:
    assert email_address("søren@blåbær.example") == "søren@xn--blbr-roah.example"
    assert email_address("info@कंपनी.भारत") == "info@xn--i1b1b4ch5i.xn--h2brj9c"


@pytest.mark.parametrize(
    "address",
    [
        "alice@☕.example",
        "alice",
        "alice@",
        "@acme.example",
        "alice bob@acme.example",
        "alice@acme..example",
        "alice@-acme.example",
        "alice@acme.example.",
        ".alice@acme.example",
        "al..ice@acme.example",
        "alice@bob@acme.example",
        "Alice <alice@acme.example>",
        "alice@acme.example,bob@acme.example",
        "a" * 65 + "@acme.example",
        "alice@" + "a" * 64 + ".example",
        "alice@acme\x00.example",
    ],
)
def test_a_text_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="email"):
        email_address(address)


def test_an_address_has_at_most_254_characters() -> None:
    domain = ".".join(["d" * 60] * 4)
    assert email_address("a" * (253 - len(domain)) + "@" + domain)
    with pytest.raises(InvalidInput, match="at most 254"):
        email_address("a" * (254 - len(domain)) + "@" + domain)
