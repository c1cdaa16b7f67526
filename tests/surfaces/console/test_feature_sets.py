import asyncio

from msgspec.structs import replace
from tests.domain.numbers.staging import run_jobs
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.factories import make_label, phone
from tests.support.listed_number import QUESTIONS, Listed, make_listed, ring
from tests.support.waiting import until_locked
from tests.surfaces.console.browser import Business, Visitors, errors_of, links_of, make_business, text_of
from tests.surfaces.console.listing import hidden_fields

from callmark.domain.accounts import service as accounts
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.model import CallbackRequest, NewCallbackRequest
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetState, NewFeatureSet, NodeFilter, PhoneType
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import CampaignType
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import SYSTEM
from callmark.domain.structure import service as structure
from callmark.kit.ids import random_uuid

SETS = "/console/feature-sets"
NEW = NewFeatureSet("Doorstep")


async def static_label(deps: Deps, business: Business, name: str = "Acme Deliveries") -> Label:
    return await make_label(deps, business.account.id, name=name, label_type=LabelType.STATIC)


async def make_set(deps: Deps, business: Business, new: NewFeatureSet = NEW) -> FeatureSet:
    """A feature set on the process that paul owns."""
    return await feature_sets.create_feature_set(deps, business.account.id, business.process, new, by=SYSTEM)


async def add_campaign(deps: Deps, to: FeatureSet) -> None:
    kind = CampaignType.CALL_RATING
    await feedback.create_campaign(
        deps, to.account_id, feature_set_id=to.id, name="Was it fine?", campaign_type=kind, by=ALICE
    )


async def only_set(deps: Deps, business: Business) -> FeatureSet:
    (placed,), _ = await feature_sets.list_placed(deps, business.account.id, NodeFilter(), page=1, limit=9)
    return placed.feature_set


async def test_a_feature_set_is_made_with_all_it_shows(deps: Deps, business: Business, browse: Visitors) -> None:
    label = await static_label(deps, business)
    dynamic = await make_label(deps, business.account.id, name="For pushed calls")
    reason = await call_reasons.create_call_reason(deps, business.account.id, text="Your parcel arrives", by=SYSTEM)
    paul = await browse.as_member(business.process_owner)
    asked = await paul.get(f"{SETS}/new", process=str(business.process))
    assert f'value="{business.process}" selected' in asked.text
    assert label.logo_sha256.hex() in asked.text
    assert dynamic.name not in asked.text
    assert "User Feedback Run this feature set's live campaigns" in text_of(asked)
    assert "You cannot change it once the feature set has numbers. Phones show both types alike." in text_of(asked)
    form = {
        "name": "Doorstep",
        "description": "couriers",
        "process": business.process,
        "label": label.id,
        "reason": reason.id,
        "call_me_back": "on",
        "phone_type": "priority",
    }
    shown = text_of(await paul.follow(await paul.post(f"{SETS}/new", form)))
    assert "Doorstep was created as a draft." in shown
    assert "Acme Deliveries" in shown
    assert "Your parcel arrives" in shown
    assert "Call Me Back on User Feedback off" in shown
    made = await only_set(deps, business)
    assert (made.label_id, made.call_reason_id, made.call_me_back, made.survey) == (label.id, reason.id, True, False)
    assert made.phone_type is PhoneType.PRIORITY
    assert made.created_by_email == business.process_owner.email


async def test_what_is_refused_is_told_beside_its_field_and_what_was_typed_is_kept(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    dynamic = await make_label(deps, business.account.id)
    await make_set(deps, business)
    form = {"name": "doorstep", "process": business.process}
    taken = await alice.post(f"{SETS}/new", form)
    assert taken.status_code == 422
    assert "already exists" in errors_of(taken)["name"]
    assert 'value="doorstep"' in taken.text
    assert "name" in errors_of(await alice.post(f"{SETS}/new", {**form, "name": "x" * 101}))
    assert errors_of(await alice.post(f"{SETS}/new", {"name": "Another"})) == {"process": "Choose a process"}
    assert (
        "static label"
        in errors_of(await alice.post(f"{SETS}/new", {**form, "name": "B", "label": dynamic.id}))["label"]
    )
    assert "label" in errors_of(await alice.post(f"{SETS}/new", {**form, "name": "B", "label": "nonsense"}))
    assert "phone_type" in errors_of(await alice.post(f"{SETS}/new", {**form, "name": "B", "phone_type": "x"}))


async def test_a_set_is_published_and_unpublished_and_each_says_what_happens(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    made = await make_set(deps, business)
    at = f"{SETS}/{made.id}"
    assert "cannot be published yet" in text_of(await alice.get(f"{at}/publish"))
    refused = await alice.follow(await alice.post(f"{at}/publish"))
    assert "without a label" in text_of(refused)
    label = await static_label(deps, business)
    edited = await alice.follow(await alice.post(f"{at}/edit", {"name": "Doorstep", "label": label.id}))
    assert "show the changes from the next call" in text_of(edited)
    asked = text_of(await alice.get(f"{at}/publish"))
    assert "show Acme Deliveries from the next call" in asked
    published = await alice.follow(await alice.post(f"{at}/publish"))
    assert "Doorstep was published." in text_of(published)
    assert (await only_set(deps, business)).state is FeatureSetState.PUBLISHED
    unlabelled = await alice.post(f"{at}/edit", {"name": "Doorstep"})
    assert "needs a label" in errors_of(unlabelled)["label"]
    assert "It has no numbers, so no call changes." in text_of(await alice.get(f"{at}/unpublish"))
    await alice.follow(await alice.post(f"{at}/unpublish"))
    assert "only a published feature set" in text_of(await alice.follow(await alice.post(f"{at}/unpublish")))
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == [
        "feature_set.unpublished",
        "feature_set.published",
        "feature_set.changed",
    ]


async def test_a_feature_set_is_not_deleted_with_a_campaign_that_the_question_did_not_name(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    made, alice = await make_set(deps, business, NEW), await browse.as_member(business.admin)
    at = f"{SETS}/{made.id}/delete"
    fields = hidden_fields(await alice.get(at))
    await add_campaign(deps, made)
    stale = await alice.follow(await alice.post(at, fields))
    assert "This changed meanwhile. Check it again, then confirm." in text_of(stale)
    assert "Was it fine?" in text_of(stale)
    await feature_sets.get_feature_set(deps, business.account.id, made.id)
    assert (await alice.post(at, hidden_fields(stale))).headers["location"] == SETS


async def test_a_campaign_that_comes_while_a_deletion_waits_for_its_turn_is_not_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    made, alice = await make_set(deps, business, NEW), await browse.as_member(business.admin)
    at = f"{SETS}/{made.id}/delete"
    fields = hidden_fields(await alice.get(at))
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, business.account.id)
        deleting = asyncio.ensure_future(alice.post(at, fields))
        await until_locked(deps.db, 1)
        await add_campaign(deps, made)
    stale = text_of(await alice.follow(await deleting))
    assert "This changed meanwhile. Check it again, then confirm." in stale
    assert "Was it fine?" in stale
    await feature_sets.get_feature_set(deps, business.account.id, made.id)


async def test_a_feature_set_is_not_deleted_before_its_owner_has_read_who_waits_to_be_called_back(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    listed = await make_listed(deps, account_id=business.account.id, process_id=business.process)
    asked = [await _ask_for_a_call(deps, listed) for _ in range(3)]
    here = deps, business.account.id
    await work_list.take(*here, asked[0].id, by=ALICE)
    await work_list.finish(*here, asked[1].id, by=ALICE)
    await numbers.delist(*here, listed.feature_set_id, [listed.number], by=ALICE)
    await run_jobs(deps)
    paul, at = await browse.as_member(business.process_owner), f"{SETS}/{listed.feature_set_id}/delete"
    shown = await paul.get(at)
    assert "2 people wait to be called back. Afterwards only admins see their requests." in text_of(shown)
    await work_list.finish(*here, asked[0].id, by=ALICE)
    stale = await paul.follow(await paul.post(at, hidden_fields(shown)))
    assert "This changed meanwhile. Check it again, then confirm." in text_of(stale)
    assert "1 person waits to be called back. Afterwards only admins see their request." in text_of(stale)
    assert (await paul.post(at, hidden_fields(stale))).headers["location"] == SETS


async def _ask_for_a_call(deps: Deps, listed: Listed) -> CallbackRequest:
    receiver, _ = await ring(deps, listed)
    return await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))


async def test_deleting_names_what_goes_with_it_and_numbers_keep_it(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    label = await static_label(deps, business)
    made = await make_set(deps, business, replace(NEW, label_id=label.id))
    of = deps, business.account.id, made.id
    await callbacks.set_config(*of, name="Weekdays", slot_picker=False, time_zone="UTC", hours="", by=ALICE)
    await feedback.create_campaign(
        deps,
        business.account.id,
        feature_set_id=made.id,
        name="Was it fine?",
        campaign_type=CampaignType.QUESTIONS,
        questions=QUESTIONS,
        by=ALICE,
    )
    lost = text_of(await alice.get(f"{SETS}/{made.id}/delete"))
    assert "called back" not in lost
    assert "configuration Weekdays is deleted too" in lost
    assert "feedback campaign, which has no answers, goes with it: Was it fine?" in lost
    await numbers.publish(deps, business.account.id, made.id, [phone()], by=ALICE)
    kept = text_of(await alice.get(f"{SETS}/{made.id}/delete"))
    assert "cannot be deleted yet" in kept
    assert "It holds 1 number." in kept
    refused = await alice.follow(await alice.post(f"{SETS}/{made.id}/delete"))
    assert "delist them first" in text_of(refused)
    hidden = await alice.follow(await alice.post(f"{SETS}/{made.id}/unpublish"))
    assert ">The feature set is not published, so its numbers show nothing.</span>" in hidden.text
    async with deps.db.transaction() as tx:
        await tx.execute("DELETE FROM number WHERE feature_set_id = $1", made.id)
        await tx.execute("UPDATE feature_set SET number_count = 0 WHERE id = $1", made.id)
    assert "Doorstep was deleted." in text_of(await alice.follow(await alice.post(f"{SETS}/{made.id}/delete")))
    assert (await alice.get(f"{SETS}/{made.id}")).status_code == 404


async def test_the_list_is_narrowed_by_name_state_and_place_and_turned_by_key(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    for number in range(51):
        await make_set(deps, business, NewFeatureSet(f"Set {number:02}"))
    sub = await structure.create_sub_process(deps, business.account.id, business.process, name="Nights", by=SYSTEM)
    await feature_sets.create_feature_set(
        deps, business.account.id, sub.id, NewFeatureSet("L\u00e4te", survey=True), by=SYSTEM
    )
    alice = await browse.as_member(business.admin)
    listed = await alice.get(SETS)
    assert "52 feature sets" in text_of(listed)
    assert "Set 48" in text_of(listed)
    assert "Set 50" not in text_of(listed)
    further = next(link for link in links_of(listed) if "after=" in link)
    assert "Set 50" in text_of(await alice.get(further))
    assert "1 feature set" in text_of(await alice.get(SETS, q="LA\u0308T"))
    assert "urvey" not in text_of(await alice.get(SETS, q="LA\u0308T"))
    assert "No matches" in text_of(await alice.get(SETS, state="published"))
    assert "1 feature set" in text_of(await alice.get(SETS, place=str(sub.id)))
    assert "52 feature sets" in text_of(await alice.get(SETS, place=str(business.department)))
    assert "No matches" in text_of(await alice.get(SETS, place=str(business.other_department)))


async def test_a_move_to_where_the_name_is_taken_says_so(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    made = await make_set(deps, business)
    sub = await structure.create_sub_process(deps, business.account.id, business.process, name="Nights", by=SYSTEM)
    await feature_sets.create_feature_set(deps, business.account.id, sub.id, NewFeatureSet("DOORSTEP"), by=SYSTEM)
    refused = await alice.post(f"{SETS}/{made.id}/move", {"to": sub.id})
    assert refused.status_code == 422
    assert "already exists in this process" in errors_of(refused)[""]


async def test_owners_see_and_change_only_the_sets_of_their_place(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    mine = await make_set(deps, business)
    elsewhere = await structure.create_process(
        deps, business.account.id, business.operation, name="First mile", by=SYSTEM
    )
    theirs = await feature_sets.create_feature_set(
        deps, business.account.id, elsewhere.id, NewFeatureSet("Warehouse"), by=SYSTEM
    )
    foreign = await make_set(deps, await make_business(deps, "Borealis"), NewFeatureSet("Foreign"))
    paul = await browse.as_member(business.process_owner)
    listed = text_of(await paul.get(SETS))
    assert "Doorstep" in listed
    assert "Warehouse" not in listed
    ways = ("", "/edit", "/publish", "/unpublish", "/move", "/delete", "/listing", "/delist-all")
    for unknown in (theirs, foreign):
        for way in ways:
            assert (await paul.get(f"{SETS}/{unknown.id}{way}")).status_code == 404, way
            if way:
                assert (await paul.post(f"{SETS}/{unknown.id}{way}", {"name": "x"})).status_code == 404, way
    assert (await paul.get(f"{SETS}/{mine.id}/edit")).status_code == 200
    assert "process" in errors_of(await paul.post(f"{SETS}/new", {"name": "x", "process": elsewhere.id}))
    assert "cannot be moved" in text_of(await paul.get(f"{SETS}/{mine.id}/move"))
    assert (await paul.post(f"{SETS}/{mine.id}/move", {"to": elsewhere.id})).status_code == 200
    assert (await only_in(deps, business, mine)).process_id == business.process
    oscar = await browse.as_member(business.operation_owner)
    await oscar.follow(await oscar.post(f"{SETS}/{mine.id}/move", {"to": elsewhere.id}))
    assert (await only_in(deps, business, mine)).process_id == elsewhere.id


async def only_in(deps: Deps, business: Business, one: FeatureSet) -> FeatureSet:
    return await feature_sets.get_feature_set(deps, business.account.id, one.id)
