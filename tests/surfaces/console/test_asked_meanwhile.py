"""A page asks before something is lost; who confirms it, after someone else changed what it says, is asked again."""

import re
from collections.abc import Awaitable
from datetime import timedelta

import httpx
import pytest
from tests.domain.numbers.staging import phones, reviewing
from tests.support.actors import ALICE
from tests.support.factories import make_label
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of, links_of, make_operator, text_of
from tests.surfaces.console.campaigns import draft
from tests.surfaces.console.listing import make_set

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetChange
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import CallType, CampaignState, NewQuestion
from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.labels import service as labels
from callmark.domain.labels.logo import initial_logo
from callmark.domain.labels.model import LabelChange, LabelType
from callmark.domain.members import service as members
from callmark.domain.numbers import reviews, service as numbers
from callmark.domain.numbers.model import JobState
from callmark.domain.operators import service as operators
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, ActorKind, Role
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.webhooks import service as webhooks
from callmark.kit.errors import NotFound
from callmark.surfaces.console.confirm import CHANGED, SEEN

_SEEN = re.compile(rf'name="{SEEN}" value="([0-9a-f]{{64}})"')


def seen_on(page: httpx.Response) -> str:
    return "".join(_SEEN.findall(page.text))


async def opened(browser: Browser, path: str) -> dict[str, object]:
    """What the form of the page that asks sends."""
    return {SEEN: seen_on(await browser.get(path))}


async def asked_again(browser: Browser, path: str, meanwhile: Awaitable[object]) -> str:
    """The page that asks once more: it was opened, then something else happened, then it was confirmed."""
    sent = await opened(browser, path)
    await meanwhile
    answer = await browser.post(path, sent)
    assert answer.headers["location"] == path
    again = text_of(await browser.follow(answer))
    assert CHANGED in again
    return again


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    """A number of Acme's, on the process that paul owns."""
    return await make_listed(deps, account_id=business.account.id, process_id=business.process)


async def test_questions_that_a_colleague_changed_do_not_go_live_unread(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice, campaign = await browse.as_member(business.admin), await draft(deps, listed)
    of, path = (deps, business.account.id, campaign.id), f"/console/campaigns/{campaign.id}/live"
    asked = [NewQuestion("How was", ("Good", "Bad"))]
    again = await asked_again(alice, path, feedback.update_campaign(*of, questions=asked, by=ALICE))
    assert "How was (Good, Bad)" in again
    as_option = [NewQuestion("How was", ("Good", "Bad", "Why?"))]
    await feedback.update_campaign(*of, questions=[*asked, NewQuestion("Why?")], by=ALICE)
    await asked_again(alice, path, feedback.update_campaign(*of, questions=as_option, by=ALICE))
    missed = feedback.update_campaign(*of, call_types=[CallType.MISSED], by=ALICE)
    assert "It asks after missed or rejected calls" in await asked_again(alice, path, missed)
    assert (await feedback.get_campaign(*of)).state is CampaignState.DRAFT
    await alice.post(path, await opened(alice, path))
    assert (await feedback.get_campaign(*of)).state is CampaignState.LIVE


async def test_a_draft_that_has_asked_meanwhile_is_not_deleted_with_its_answers_unasked(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice, campaign = await browse.as_member(business.admin), await draft(deps, listed)
    of, path = (deps, business.account.id, campaign.id), f"/console/campaigns/{campaign.id}/delete"

    async def live_and_ended() -> None:
        await feedback.make_live(*of, by=ALICE)
        await feedback.end_campaign(*of, by=ALICE)

    await asked_again(alice, path, live_and_ended())
    assert (await feedback.get_campaign(*of)).state is CampaignState.ENDED
    await alice.post(path, await opened(alice, path))
    with pytest.raises(NotFound):
        await feedback.get_campaign(*of)


async def test_questions_that_a_colleague_added_to_a_draft_are_not_deleted_unread(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice, campaign = await browse.as_member(business.admin), await draft(deps, listed)
    of, path = (deps, business.account.id, campaign.id), f"/console/campaigns/{campaign.id}/delete"
    more = [NewQuestion(text) for text in ("First?", "Second?", "Third?")]
    assert "3 questions" in await asked_again(alice, path, feedback.update_campaign(*of, questions=more, by=ALICE))
    assert len((await feedback.get_campaign(*of)).questions) == 3


async def test_the_new_secret_of_a_colleague_is_not_rotated_away_instead_of_the_one_that_was_meant(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice, of = await browse.as_member(business.admin), (deps, business.account.id)
    types = [EventType.CALL_ME_BACK]
    made = await webhooks.create_webhook(*of, name="one", url="https://hooks.example", event_types=types, by=ALICE)
    path = f"/console/webhooks/{made.webhook.id}/rotate"
    for overlap in (timedelta(days=1), timedelta()):
        clock.advance(timedelta(minutes=1))
        sent = await opened(alice, path)
        rotated = await webhooks.rotate_secret(*of, made.webhook.id, overlap=overlap, by=ALICE)
        refused = await alice.post(path, {**sent, "overlap": "0"})
        assert refused.status_code == 422
        assert "rotate it again" in errors_of(refused)[""]
        assert await webhooks.get_webhook(*of, made.webhook.id) == rotated.webhook
    assert "An older secret is also still valid" in text_of(refused)
    answer = await alice.post(path, {SEEN: seen_on(refused), "overlap": "0"})
    assert "whsec_" in (await alice.follow(answer)).text


async def test_a_place_is_not_deleted_with_the_access_of_an_owner_whom_nobody_was_shown(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, of = await browse.as_member(business.admin), (deps, business.account.id)
    path = f"/console/structure/{business.other_department}/delete"
    role, place = Role.DEPARTMENT_OWNER, business.other_department
    paula = members.create_without_rules(
        *of, by=ALICE, email="paula@acme.example", name="Paula", role=role, node_id=place
    )
    assert "paula@acme.example loses access" in await asked_again(alice, path, paula)
    await structure.get_node(*of, business.other_department)
    assert (await alice.post(path, await opened(alice, path))).headers["location"] == "/console/structure"
    with pytest.raises(NotFound):
        await structure.get_node(*of, business.other_department)


async def test_a_place_that_is_no_longer_empty_is_not_deleted(deps: Deps, business: Business, browse: Visitors) -> None:
    alice, place = await browse.as_member(business.admin), business.other_department
    path = f"/console/structure/{place}/delete"
    sent = await opened(alice, path)
    entry = catalogue_entry_named("Delivery")
    await structure.create_operation(deps, business.account.id, place, catalogue_id=entry.id, by=ALICE)
    answer = await alice.post(path, sent)
    assert answer.headers["location"] == f"/console/structure#n-{place}"
    assert "This department still contains the operation 'Delivery'." in text_of(await alice.follow(answer))


async def test_a_label_that_became_the_default_is_not_deleted_unasked(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, of = await browse.as_member(business.admin), (deps, business.account.id)
    _, label = [await make_label(*of, name=name) for name in ("First", "Second")]
    path = f"/console/labels/{label.id}/delete"
    default = labels.update_label(*of, label.id, LabelChange(make_default=True), by=ALICE)
    assert "It is the default label" in await asked_again(alice, path, default)
    assert (await labels.get_label(*of, label.id)).is_default
    await alice.post(path, await opened(alice, path))
    with pytest.raises(NotFound):
        await labels.get_label(*of, label.id)


async def test_what_a_colleague_has_deleted_already_leads_to_the_list(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, label = await browse.as_member(business.admin), await make_label(deps, business.account.id)
    path = f"/console/labels/{label.id}"
    sent, typed = await opened(alice, f"{path}/delete"), {"name": "Typed at length", "sub_category": "53"}
    await labels.delete_label(deps, business.account.id, label.id, by=ALICE)
    for gone in (await alice.post(f"{path}/delete", sent), await alice.post(f"{path}/edit", typed)):
        assert gone.status_code == 404
        assert "no longer there, or you have no access to it. Nothing was changed." in text_of(gone)
        assert "Go to the list" in text_of(gone)
        assert "/console/labels" in links_of(gone)


async def test_an_operator_who_made_a_token_meanwhile_is_not_removed_before_that_is_read(
    deps: Deps, browse: Visitors
) -> None:
    oscar, opal = await make_operator(deps), await browse.as_operator(await make_operator(deps))
    path, by = f"/console/operator/operators/{oscar.id}/remove", Actor(ActorKind.OPERATOR, oscar.email)
    again = await asked_again(opal, path, operator_tokens.create_token(deps, "backup", by=by))
    assert "backup: operator tokens of theirs that stay valid." in again
    assert (await opal.post(path, await opened(opal, path))).headers["location"] == "/console/operator/operators"
    with pytest.raises(NotFound):
        await operators.get_operator(deps, oscar.id)


async def test_an_identity_that_the_operator_did_not_see_is_not_approved(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    of, opal = (deps, business.account.id), await browse.as_operator(await make_operator(deps))
    set_id = await make_set(deps, business)
    asked = await numbers.publish(reviewing(deps), business.account.id, set_id, phones(2), by=ALICE)
    shown = (await feature_sets.get_feature_set(*of, set_id)).label_id
    other = await make_label(*of, label_type=LabelType.STATIC, name="State Bank")
    path = f"/console/operator/reviews/{asked.job_id}/approve"
    assert shown
    assert asked.job_id
    reason = await call_reasons.create_call_reason(*of, text="About your parcel", by=ALICE)
    for meanwhile, said in (
        (labels.update_label(*of, shown, LabelChange(name="Town Bank"), by=ALICE), "show Town Bank"),
        (labels.update_label(*of, shown, LabelChange(logo_png=initial_logo("T")), by=ALICE), "show Town Bank"),
        (_set(*of, set_id, FeatureSetChange(call_reason_id=reason.id)), "The call reason is About your parcel."),
        (
            call_reasons.update_call_reason(*of, reason.id, text="About your loan", by=ALICE),
            "The call reason is About your loan.",
        ),
        (_set(*of, set_id, FeatureSetChange(label_id=other.id)), "show State Bank"),
    ):
        assert said in await asked_again(opal, path, meanwhile)
        for shown_on in (path, "/console/operator/reviews"):
            assert await logo_of(deps, business, set_id) in " ".join((await opal.get(shown_on)).text.split())
        assert (await reviews.get_job(*of, WHOLE_ACCOUNT, asked.job_id)).state is JobState.IN_REVIEW
    await opal.post(path, await opened(opal, path))
    assert (await reviews.get_job(*of, WHOLE_ACCOUNT, asked.job_id)).state is JobState.RUNNING


async def logo_of(deps: Deps, business: Business, set_id: FeatureSetId) -> str:
    """The picture with which a page shows the logo of the feature set's label."""
    of = deps, business.account.id
    label_id = (await feature_sets.get_feature_set(*of, set_id)).label_id
    assert label_id
    label = await labels.get_label(*of, label_id)
    return f'src="{labels.logo_url(deps.public_url, label)}" alt="Logo of {label.name}"'


async def _set(deps: Deps, account_id: AccountId, set_id: FeatureSetId, change: FeatureSetChange) -> None:
    await feature_sets.update_feature_set(deps, account_id, set_id, change, by=ALICE)
