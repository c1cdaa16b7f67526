"""A number changes hands: what receivers say about a call reaches the account that made it, and no other."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.actors import ALICE
from tests.support.factories import Sent, make_cast, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, bodies, hand_over, make_listed, ring
from tests.surfaces.tenancy.watching import watched

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.model import CallbackRequest, NewCallbackRequest
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, Campaign, CampaignType, QuestionAnswer
from callmark.domain.ids import AccountId, CallId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import RecordKey
from callmark.domain.personalisation.validation import V2
from callmark.instants import to_ms
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord

A_MINUTE = timedelta(minutes=1)


async def ask(deps: Deps, receiver: PhoneNumber, listed: Listed) -> CallbackRequest:
    return await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))


async def refuse(deps: Deps, receiver: PhoneNumber, listed: Listed) -> None:
    with pytest.raises(Conflict, match="no missed or rejected call from this number has been reported"):
        await ask(deps, receiver, listed)


async def passed_on(deps: Deps, clock: FakeClock, listed: Listed, to: Listed) -> Listed:
    clock.advance(A_MINUTE)
    handed = await hand_over(deps, listed, to)
    clock.advance(A_MINUTE)
    return handed


async def asked_of(deps: Deps, account_id: AccountId) -> Sequence[PhoneNumber]:
    """Who asked the account to be called back: by its work list, and by its events."""
    found = [one.receiver_number for one in await work_list.list_requests(deps, account_id)]
    assert len(await bodies(deps, account_id)) == len(found)
    return found


async def test_a_missed_call_counts_for_the_account_that_held_its_number(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, answers_a_day=1))
    acme, borealis = await make_listed(deps), await make_listed(deps)
    receiver, _ = await ring(deps, acme)
    handed = await passed_on(deps, clock, acme, borealis)
    await refuse(deps, receiver, handed)
    assert await asked_of(deps, borealis.account_id) == []

    await ring(deps, handed, receiver=receiver)  # now it is a call of the other account, with a day's limit of its own
    assert (await ask(deps, receiver, handed)).account_id == borealis.account_id
    back = await passed_on(deps, clock, handed, acme)
    assert (await ask(deps, receiver, back)).account_id == acme.account_id
    with pytest.raises(Conflict, match="has reached the limit"):
        await ask(deps, receiver, back)
    assert await asked_of(deps, acme.account_id) == await asked_of(deps, borealis.account_id) == [receiver]


@pytest.mark.parametrize("of", ["acme", "an older version", "nobody"])
async def test_a_further_report_of_a_call_makes_it_nobody_elses(deps: Deps, clock: FakeClock, of: str) -> None:
    acme, borealis = await make_listed(deps), await make_listed(deps)
    called = replace(acme, number=phone()) if of == "nobody" else acme
    receiver, call_id = await ring(deps, called, CallEvent.SHOWN)
    if of == "an older version":
        await as_an_older_version_kept(deps)
    handed = await passed_on(deps, clock, called, borealis)
    await calls.report(deps, receiver, CallReport(call_id, called.number, CallEvent.MISSED, CallSource.LISTED_NUMBER))
    await refuse(deps, receiver, handed)


async def as_an_older_version_kept(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE call SET account_id = NULL")


async def test_a_call_of_a_number_that_nobody_held_is_not_of_who_lists_it_later(deps: Deps, clock: FakeClock) -> None:
    borealis = await make_listed(deps)
    free = replace(borealis, number=phone())
    receiver, _ = await ring(deps, free)
    await refuse(deps, receiver, await passed_on(deps, clock, free, borealis))


async def test_a_call_that_an_older_version_kept_counts_since_its_number_is_held(deps: Deps, clock: FakeClock) -> None:
    acme, borealis = await make_listed(deps), await make_listed(deps)
    before, _ = await ring(deps, acme)
    handed = await passed_on(deps, clock, acme, borealis)
    since, _ = await ring(deps, handed)
    await as_an_older_version_kept(deps)
    await refuse(deps, before, handed)
    await ask(deps, since, handed)
    assert await asked_of(deps, borealis.account_id) == [since]


async def test_a_call_that_showed_a_record_is_of_the_records_account_however_late_it_is_reported(
    deps: Deps, clock: FakeClock
) -> None:
    cast = await make_cast(deps)
    acme, borealis = await make_listed(deps, account_id=cast.account.id), await make_listed(deps)
    key = await pushed(deps, acme, str(cast.label.id))
    receiver = key.receiver_number
    handed = await passed_on(deps, clock, acme, borealis)
    shown = CallReport(CallId(random_uuid()), acme.number, CallEvent.MISSED, CallSource.CALL_RECORD, key)
    await calls.report(deps, receiver, shown)
    await refuse(deps, receiver, handed)
    await ask(deps, receiver, await passed_on(deps, clock, handed, acme))
    assert await asked_of(deps, borealis.account_id) == []


async def test_a_record_of_another_caller_says_nothing_of_whose_call_it_was(deps: Deps) -> None:
    cast = await make_cast(deps)
    acme, borealis = await make_listed(deps, account_id=cast.account.id), await make_listed(deps)
    key = await pushed(deps, acme, str(cast.label.id))
    shown = CallReport(CallId(random_uuid()), borealis.number, CallEvent.MISSED, CallSource.CALL_RECORD, key)
    await calls.report(deps, key.receiver_number, shown)
    assert (await ask(deps, key.receiver_number, borealis)).account_id == borealis.account_id


async def test_whose_call_it_was_costs_no_statement_where_it_is_known(deps: Deps) -> None:
    cast = await make_cast(deps)
    acme = await make_listed(deps, account_id=cast.account.id)
    key = await pushed(deps, acme, str(cast.label.id))
    shown = CallReport(CallId(random_uuid()), acme.number, CallEvent.SHOWN, CallSource.CALL_RECORD, key)
    listed = CallReport(CallId(random_uuid()), acme.number, CallEvent.SHOWN, CallSource.LISTED_NUMBER)
    costs: list[int] = []
    async with watched(deps) as (seen, db):
        for fact in (shown, shown, listed, listed):
            with db.noting() as statements:
                await calls.report(seen, key.receiver_number, fact)
            costs.append(len(statements))
    assert costs == [1, 1, 2, 1]  # besides the gathered look-up


async def pushed(deps: Deps, listed: Listed, label: str) -> RecordKey:
    """A record of the number's account, for a new receiver."""
    now = to_ms(deps.clock.now())
    record = NewRecord(listed.number, phone(), label, None, None, now, now + 3_600_000)
    batch = await submit_batch(deps, listed.account_id, V2, [Sent(record, lambda: b"{}")])
    (stored,) = await personalisation.records_of_batch(deps, batch.id, listed.account_id)
    return stored.key


async def test_an_answer_is_about_a_call_of_the_campaigns_account(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, answers_a_day=1))
    acme, borealis = await make_listed(deps), await make_listed(deps)
    receiver, call_id = await ring(deps, acme, CallEvent.ANSWERED)
    _, later_id = await ring(deps, acme, CallEvent.ANSWERED, receiver)
    acmes = await rating(deps, acme)
    await answer(deps, receiver, rated(acmes, acme, call_id))
    handed = await passed_on(deps, clock, acme, borealis)
    campaign = await rating(deps, borealis)
    with pytest.raises(Conflict, match="no answered call from this number has been reported"):
        await answer(deps, receiver, rated(campaign, handed, later_id))
    assert await bodies(deps, borealis.account_id) == []

    _, own_id = await ring(deps, handed, CallEvent.ANSWERED, receiver)
    kept = await answer(deps, receiver, rated(campaign, handed, own_id))
    assert await feedback.list_answers(deps, borealis.account_id, campaign.id) == [kept]


async def test_an_answer_reaches_its_campaign_though_the_number_has_moved(deps: Deps, clock: FakeClock) -> None:
    acme = await make_listed(deps)
    elsewhere = await make_listed(deps, account_id=acme.account_id, name="Loans", survey=False)
    receiver, call_id = await ring(deps, acme, CallEvent.ANSWERED)
    campaign = await rating(deps, acme)
    moved = await passed_on(deps, clock, acme, elsewhere)
    _, later_id = await ring(deps, moved, CallEvent.ANSWERED, receiver)
    with pytest.raises(InvalidInput, match="does not ask for feedback"):
        await answer(deps, receiver, rated(campaign, moved, later_id))
    kept = await answer(deps, receiver, rated(campaign, moved, call_id))
    assert await feedback.list_answers(deps, acme.account_id, campaign.id) == [kept]
    (body,) = await bodies(deps, acme.account_id)
    assert '"Delivery default"' in body


async def rating(deps: Deps, listed: Listed) -> Campaign:
    """A live campaign of the number's feature set."""
    of = (deps, listed.account_id)
    kind, name = CampaignType.CALL_RATING, "Delivery check"
    draft = await feedback.create_campaign(
        *of, feature_set_id=listed.feature_set_id, name=name, campaign_type=kind, by=ALICE
    )
    return await feedback.make_live(*of, draft.id, by=ALICE)


def rated(campaign: Campaign, listed: Listed, call_id: CallId) -> NewFeedback:
    answers = [QuestionAnswer(campaign.questions[0].id, "5")]
    return NewFeedback(call_id, listed.number, campaign.id, CallType.ANSWERED, answers)
