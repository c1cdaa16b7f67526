"""The form that a record's page opens: what was shown before is what it would push."""

import re

from tests.support.factories import make_label, phone
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of, links_of

from callmark.domain.deps import Deps
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.policy.model import SYSTEM


def typed(page: str) -> dict[str, str]:
    """What the fields for texts of a form hold."""
    found = (re.search(rf'<input[^>]* name="{name}"[^>]*>', page) for name in ("label_name", "call_reason"))
    fields = [one[0] for one in found if one]
    return {_attribute(one, "name"): _attribute(one, "value") for one in fields}


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', tag)
    return found[1] if found else ""


async def pushed_by_hand(alice: Browser, label: Label, **more: str) -> str:
    """The link of the button "Push again" at a record that was pushed."""
    form = {"receiver": phone(), "caller": phone(), "label_id": str(label.id), "hours": "4", "time_zone": "UTC"}
    shown = await alice.follow(await alice.post("/console/push", form | more))
    (again,) = [link for link in links_of(shown) if link.startswith("/console/push?")]
    return again


async def test_a_record_is_pushed_again_with_the_name_and_the_reason_that_it_had(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, label = await browse.as_member(business.admin), await make_label(deps, business.account.id)
    named = {"label_name": "Priya & Sons, Acme", "call_reason": "Your parcel arrives today"}
    assert typed((await alice.get(await pushed_by_hand(alice, label, **named))).text) == {
        "label_name": "Priya &amp; Sons, Acme",
        "call_reason": "Your parcel arrives today",
    }
    plain = await alice.get(await pushed_by_hand(alice, label))
    assert typed(plain.text) == {"label_name": "", "call_reason": ""}
    assert errors_of(plain) == {}


async def test_a_record_whose_label_is_gone_says_so_before_it_is_pushed_again(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    label, other = [await make_label(deps, business.account.id, name=name) for name in ("Old name", "Other name")]
    again = await pushed_by_hand(alice, label)
    await labels.delete_label(deps, business.account.id, label.id, by=SYSTEM)
    page = await alice.get(again)
    assert errors_of(page) == {"label_id": "This label no longer exists. Choose another one"}
    assert typed(page.text)["label_name"] == "Old name"
    assert f'value="{other.id}"' in page.text
