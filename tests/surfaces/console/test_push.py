"""Pushing a record again: the form is filled in with what the record shows."""

import re
from html import unescape

import pytest
from tests.support.factories import make_label, phone
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of

from callmark.domain.deps import Deps
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.policy.model import SYSTEM


@pytest.fixture
async def label(deps: Deps, business: Business) -> Label:
    """The label that is pushed with; the account has another one, which is its default."""
    await make_label(deps, business.account.id)
    return await make_label(deps, business.account.id, name="Acme Returns")


@pytest.fixture
async def alice(business: Business, browse: Visitors) -> Browser:
    """The admin's browser."""
    return await browse.as_member(business.admin)


async def push_again(alice: Browser, label: Label, **form: str) -> dict[str, str]:
    """Pushes a record; what "Push again" on its page would fill in."""
    fields = {"receiver": phone(), "caller": "918040001234", "label_id": str(label.id), "hours": "2"}
    pushed = await alice.post("/console/push", {**fields, "time_zone": "UTC", **form})
    shown = await alice.follow(pushed)
    link = re.search(r'href="(/console/push\?[^"]*)"', shown.text)
    assert link
    page = await alice.get(unescape(link[1]))
    found = dict(re.findall(r'<input [^>]*name="([a-z_]+)"[^>]*value="([^"]*)"', page.text))
    chosen = re.search(r'<option value="([^"]*)"[^>]* selected', page.text.partition('name="label_id"')[2])
    found["label_id"] = chosen[1] if chosen else ""
    found["error"] = errors_of(page).get("label_id", "")
    return {name: unescape(value) for name, value in found.items()}


async def test_a_record_is_pushed_again_with_its_name_and_its_reason(alice: Browser, label: Label) -> None:
    receiver = phone()
    shown = {"receiver": receiver, "label_name": "Priya & co of Acme", "call_reason": "Your parcel arrives today"}
    form = await push_again(alice, label, **shown)
    assert {name: form[name] for name in shown} == shown
    assert (form["caller"], form["label_id"], form["error"]) == ("918040001234", str(label.id), "")


async def test_the_labels_own_name_is_not_given_as_another_one(alice: Browser, label: Label) -> None:
    form = await push_again(alice, label)
    assert (form["label_name"], form["call_reason"], form["label_id"]) == ("", "", str(label.id))


async def test_a_record_whose_label_was_deleted_says_so_beside_the_field(
    deps: Deps, business: Business, alice: Browser, label: Label
) -> None:
    await push_again(alice, label)
    await labels.delete_label(deps, business.account.id, label.id, by=SYSTEM)
    page = await alice.get(f"/console/push?label_id={label.id}")
    assert errors_of(page) == {"label_id": "This label no longer exists. Choose another one."}
    assert errors_of(await alice.get("/console/push")) == {}
