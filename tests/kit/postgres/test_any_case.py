"""Looking for names in a database whose own functions know the case of A to Z alone."""

import string
import unicodedata
from typing import Literal

import pytest

from callmark.domain.deps import Deps
from callmark.kit.postgres.any_case import in_any_case
from callmark.record_rules.same_names import in_small

NAMES = ["École Δ ЖК", "Straße", "Istanbul İş", "\u0915\u093c\u0930\u094d\u091c", "Acme\u00a0Bank", string.punctuation]
OTHERS = ["a\u037eb", "c\u1fefd", "\U0002f800", "\u1f88\u0390 ΟΔΟΣ", "x" * 300, "ﬁnance", "tiếng Việt", "a b  c"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_a_name_is_found_by_every_spelling_of_it(
    deps: Deps, form: Literal["NFC", "NFD"], subtests: pytest.Subtests
) -> None:
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT lower('É')") == "É"  # as in the databases that the product makes
        for name in NAMES + OTHERS:
            stored = [unicodedata.normalize(form, name), name, "another"]
            for text in (
                name,
                name.upper(),
                name.casefold(),
                *(unicodedata.normalize(f, name) for f in ("NFC", "NFD")),
            ):
                with subtests.test(name=name, text=text):
                    assert in_small(text) == in_small(name)
                    found = await tx.fetch(
                        "SELECT one FROM unnest($1::text[]) one WHERE one ~ $2", stored, in_any_case(text)
                    )
                    assert [row["one"] for row in found] == stored[:2]
