"""What of a token that counts may show: names that can be read, from who knows the caller."""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import pytest
from tests.support.factories import phone
from tests.surfaces.stir.staging import Network, claims, network, own_signer

from callmark.domain.deps import Deps
from callmark.kit.ids import random_uuid
from callmark.passport import Attestation, Kind, RichCallData


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


class Said(NamedTuple):
    """What a token says, and the name, the reason and the parts of `rcd` that remain of it."""

    rcd: RichCallData
    reason: str | None
    name: str | None
    shown_reason: str | None
    parts: set[str]


CARD: list[Any] = ["vcard", [["fn", {}, "text", "Acme\nDeliveries"]]]
SAID = [
    Said(RichCallData("आपका बैंक", alternate_name="Acme"), "Ваш заказ", "आपका बैंक", "Ваш заказ", {"nam", "apn"}),
    Said(RichCallData("A" * 100, jcard=CARD), "r" * 100, "A" * 100, "r" * 100, {"nam", "jcd"}),
    Said(RichCallData("A" * 101, alternate_name="Acme"), "r" * 101, None, None, {"apn"}),
    Said(RichCallData("Acme\u202eknaB", alternate_name="\u2067B"), "Order \u202e7", None, None, set()),
    Said(RichCallData("\u200b\u2060"), "\u3164", None, None, set()),
    Said(RichCallData(" "), "  ", None, None, set()),
    Said(RichCallData(""), "", None, None, set()),
    Said(RichCallData("Acme", jcard=["vcard", [["fn", {}, "text", "\u202eknaB"]]]), None, "Acme", None, {"nam"}),
    Said(RichCallData("Acme", others={"x": {"\u200b": 1}, "y": [1]}), None, "Acme", None, {"nam", "y"}),
]


async def test_a_name_or_reason_that_cannot_be_read_as_it_is_does_not_show(there: Network) -> None:
    signer = await own_signer(there)
    for said in SAID:
        receiver = phone()
        header = signer.sign(claims(there, receiver, rcd=said.rcd, reason=said.reason), Kind.RCD)
        told = await there.verify([header], receiver)
        assert told["verstat"] == "TN-Validation-Passed"
        assert (told.get("displayName"), told.get("crn")) == (said.name, said.shown_reason), said
        assert told.get("rcd", {}).keys() == said.parts
        assert ("callInfo" in told) is (said.shown_reason is not None)


async def test_a_call_from_a_gateway_passes_without_a_name(there: Network) -> None:
    signer, shown = await own_signer(there), RichCallData("Big Bank")
    for attest, name in ((Attestation.PARTIAL, "Big Bank"), (Attestation.GATEWAY, None)):
        receiver, origid = phone(), str(random_uuid())
        said = claims(there, receiver, rcd=shown, reason="Your card", attest=attest, origid=origid)
        told = await there.verify([signer.sign(said, Kind.SHAKEN)], receiver)
        assert (told["verstat"], told.get("displayName"), "crn" in told) == ("TN-Validation-Passed", name, bool(name))
