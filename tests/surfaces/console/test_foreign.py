"""What lies outside one's place, or belongs to another business, answers exactly like what is not there."""

import re
from dataclasses import dataclass

import httpx
import pytest
from tests.actors import ALICE
from tests.factories import make_feature_set, make_label, phone
from tests.listed import make_listed, offer_everything, ring
from tests.surfaces.console.browser import Browser, Business, Visitors, make_business

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import ProcessId
from callmark.domain.numbers import reviews, service as numbers
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT, Actor, ActorKind
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.webhooks import service as webhooks
from callmark.kit.ids import new_id, random_uuid
from callmark.surfaces.console.route import Access, ConsoleRoute
from callmark.surfaces.console.routes import TABLE

_WITH_ID = [entry for entry in TABLE if "{" in entry.path and entry.needs is not Access.ANYBODY]
_VARIES = {"x-request-id", "date", "set-cookie", "content-length"}  # cookies and lengths vary with random tokens


_QUESTION = {
    "question_kind": "rating",
    "question_text": "How was it?",
    "question_id": "",
    "question_options": "",
}
_FORMS: list[tuple[str, dict[str, str], str]] = [
    ("/feature-sets/new", {"name": "Mine"}, "process"),
    ("/campaigns/new", {"name": "Mine", "type": "call_rating", "call_types": "answered"} | _QUESTION, "feature_set"),
    ("/members/invite", {"email": "nina@x.example", "name": "Nina"}, "role"),
    ("/numbers/chosen", {"do": "delist"}, "number"),
    ("/numbers/chosen", {"do": "publish"}, "number"),
    ("/numbers/delist", {}, "number"),
]
"""Forms whose field names a thing."""


@dataclass
class Far:
    """Ids of things of another place, and of another business."""

    elsewhere: list[str]
    foreign: list[str]


async def _things(deps: Deps, business: Business, process: ProcessId) -> list[str]:
    """Ids of what can hang on a process, numbers too."""
    account = business.account.id
    listed = await make_listed(deps, account_id=account, process_id=process, name=f"Far {new_id()}")
    receiver, _ = await ring(deps, listed)
    asked = await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    campaign = await offer_everything(deps, listed)
    draft = await make_feature_set(deps, account, process, NewFeatureSet(f"Draft {new_id()}"))
    label = await make_label(deps, account)
    async with deps.db.transaction() as tx:
        await tx.execute("UPDATE feature_set SET label_id = $2 WHERE id = $1", draft.id, label.id)
    await numbers.publish(deps, account, draft.id, [phone()], by=ALICE)
    (job,) = await reviews.list_jobs(deps, account, WHOLE_ACCOUNT, feature_set_id=draft.id, before=None, limit=1)
    return [
        str(one) for one in (process, listed.feature_set_id, campaign.id, asked.id, draft.id, job.id, listed.number)
    ]


@pytest.fixture
async def far(deps: Deps, business: Business) -> Far:
    account = business.account.id
    entry = catalogue_entry_named("Delivery")
    operation = await structure.create_operation(
        deps, account, business.other_department, catalogue_id=entry.id, by=SYSTEM
    )
    process = await structure.create_process(deps, account, operation.id, name="Far away", by=SYSTEM)
    sub_process = await structure.create_sub_process(deps, account, process.id, name="Farther", by=SYSTEM)
    above = [str(one) for one in (business.other_department, operation.id, sub_process.id, business.admin.id)]
    other = await make_business(deps, "Borealis")
    key = await credentials.create_key(deps, other.account.id, name="theirs", features=[], by=SYSTEM)
    hook = await webhooks.create_webhook(
        deps,
        other.account.id,
        name="theirs",
        url="https://example.com/hook",
        event_types=[EventType.CALL_ME_BACK],
        by=Actor(ActorKind.MEMBER, other.admin.email),
    )
    label = await make_label(deps, other.account.id)
    owned = [
        str(one) for one in (other.admin.id, other.department, other.operation, key.key_id, hook.webhook.id, label.id)
    ]
    return Far(
        [*above, *await _things(deps, business, process.id)], [*owned, *await _things(deps, other, other.process)]
    )


def _told(answer: httpx.Response, id_: str) -> tuple[int, dict[str, str], str]:
    """All that an answer tells, but for the id that was asked for and random tokens."""
    headers = {name: value.replace(id_, "ID") for name, value in answer.headers.items() if name not in _VARIES}
    body = re.sub(r"[\w-]{86}={0,2}", "TOKEN", answer.text).replace(id_, "ID")
    return answer.status_code, headers, body


async def _ask(browser: Browser, entry: ConsoleRoute, id_: str) -> tuple[int, dict[str, str], str]:
    path = f"/console{re.sub(r'{[^}]+}', id_, entry.path)}"
    return _told(await (browser.get(path) if entry.method == "GET" else browser.post(path)), id_)


async def test_what_is_outside_ones_place_answers_like_what_is_not_there(
    business: Business, browse: Visitors, far: Far
) -> None:
    paul = await browse.as_member(business.process_owner)
    for entry in _WITH_ID:
        unknown, nobody = await _ask(paul, entry, str(new_id())), await _ask(paul, entry, phone())
        for id_ in far.elsewhere:
            told = await _ask(paul, entry, id_)
            assert told == (nobody if id_.isdigit() else unknown), (entry.method, entry.path, id_)
        assert unknown[0] in {403, 404}, entry.path


async def test_what_is_another_businesss_answers_an_admin_like_what_is_not_there(
    business: Business, browse: Visitors, far: Far
) -> None:
    alice = await browse.as_member(business.admin)
    for entry in _WITH_ID:
        unknown, nobody = await _ask(alice, entry, str(new_id())), await _ask(alice, entry, phone())
        for id_ in far.foreign:
            told = await _ask(alice, entry, id_)
            assert told == (nobody if id_.isdigit() else unknown), (entry.method, entry.path, id_)


async def test_filters_and_choices_tell_nothing_of_what_is_outside(
    business: Business, browse: Visitors, far: Far
) -> None:
    paul = await browse.as_member(business.process_owner)
    for path in (
        "/numbers?set=",
        "/numbers?place=",
        "/feature-sets?place=",
        "/callbacks?set=",
        "/campaigns/new?type=questions&feature_set=",
        "/feature-sets/new?process=",
    ):
        unknown = str(new_id())
        expected = _told(await paul.get(f"/console{path}{unknown}"), unknown)
        for id_ in (*far.elsewhere, *far.foreign):
            if not id_.isdigit():
                assert _told(await paul.get(f"/console{path}{id_}"), id_) == expected, (path, id_)
    for path, form, field in _FORMS:
        start = "process_owner:" if field == "role" else ""
        unknown = phone() if field == "number" else str(new_id())
        expected = _told(await paul.post(f"/console{path}", {**form, field: f"{start}{unknown}"}), unknown)
        for id_ in (*far.elsewhere, *far.foreign):
            if id_.isdigit() == (field == "number"):
                told = _told(await paul.post(f"/console{path}", {**form, field: f"{start}{id_}"}), id_)
                assert told == expected, (path, field, id_)
