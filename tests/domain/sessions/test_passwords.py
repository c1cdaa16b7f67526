from collections.abc import Generator

import pytest

from callmark.domain.sessions import passwords
from callmark.domain.sessions.passwords import check_password, hash_password, is_password
from callmark.kit.errors import InvalidInput

_COST = {name: vars(passwords)[name] for name in ("_MEMORY_KIB", "_ITERATIONS")}
"""Read before the tests begin, which make it less."""


@pytest.fixture(scope="module", autouse=True)
def full_cost() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _COST.items():
            patch.setattr(passwords, name, value)
        yield


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "password1234",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
        "1234567890123",
        "alice@acme.example1",
        "x" * 257,
    ],
)
def test_what_is_short_long_or_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password, "alice@acme.example", "Alice")


@pytest.mark.parametrize(
    "password", ["four unrelated words", "pass the word to nobody", "ಅಆಇಈಉಊಋಎಏಐಒಓ", "x7!kQ-92_mZp"]
)
def test_anything_else_of_twelve_characters_may_be_one(password: str) -> None:
    assert check_password(password, "alice@acme.example", "Alice")


async def test_a_hash_is_salted_and_tells_right_from_wrong() -> None:
    one, other = await hash_password("four unrelated words"), await hash_password("four unrelated words")
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await is_password("four unrelated words", one)
    assert not await is_password("four unrelated word", one)
    assert not await is_password("four unrelated words", None)


async def test_the_same_letters_typed_on_another_system_are_the_same_password() -> None:
    composed, apart = "caf\u00e9 caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301 cafe\u0301"
    assert await is_password(apart, await hash_password(check_password(composed)))


async def test_a_password_of_endless_combining_marks_is_judged_by_its_beginning() -> None:
    sent = "a" + "\u0300" * 400_000 + "\u0316" * 400_000  # to put these marks in order takes minutes
    with pytest.raises(InvalidInput, match="at most 256"):
        check_password(sent)
    assert not await is_password(sent, await hash_password("four unrelated words"))


async def test_letters_of_four_parts_may_fill_the_longest_password_but_not_exceed_it() -> None:
    four_parts = "\u03b1\u0313\u0300\u0345"  # one letter once composed
    longest = "four unrelated words" + four_parts * 236
    hashed = await hash_password(check_password(longest))
    assert await is_password(longest, hashed)
    assert not await is_password(longest + four_parts, hashed)
    with pytest.raises(InvalidInput, match="at most 256"):
        check_password(longest + four_parts)
