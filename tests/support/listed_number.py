"""A published feature set with one listed number, whose calls receivers answer back to."""

from typing import LiteralString

from msgspec import Struct
from tests.support.actors import ALICE
from tests.support.factories import make_feature_set, make_label, make_number_group, phone

from callmark.domain.accounts import service as accounts
from callmark.domain.callbacks import service as callbacks
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import Campaign, CampaignType, NewQuestion
from callmark.domain.ids import AccountId, CallId, FeatureSetId, ProcessId
from callmark.domain.labels.model import LabelType
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names

SOMEBODY = "alice@acme.example"


class Listed(Struct, frozen=True):
    """The number, and the account and feature set that have it."""

    account_id: AccountId
    feature_set_id: FeatureSetId
    number: PhoneNumber


async def make_listed(
    deps: Deps,
    *,
    account_id: AccountId | None = None,
    process_id: ProcessId | None = None,
    name: str = "Delivery default",
    state: str = "published",
    is_number_group: bool = False,
    call_me_back: bool = True,
    survey: bool = True,
) -> Listed:
    """A number of a new account (or of the one given) as it stands when its listing has ended."""
    account_id = account_id or (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    feature_set_id = (
        await make_number_group(deps, account_id, name=name)
        if is_number_group
        else (await make_feature_set(deps, account_id, process_id, NewFeatureSet(name))).id
    )
    number = phone()
    async with deps.db.transaction() as tx:
        await tx.execute(
            "UPDATE feature_set SET state = $2, label_id = $3, call_me_back = $4, survey = $5, number_count = 1"
            " WHERE id = $1",
            *(feature_set_id, state, label.id, call_me_back, survey),
        )
        await tx.execute(
            "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
            " created_at, updated_at) VALUES ($1, $2, $3, 'verified', 'listed', $4, $5, $5)",
            *(number, account_id, feature_set_id, SOMEBODY, deps.clock.now()),
        )
    return Listed(account_id, feature_set_id, number)


async def set_switch(deps: Deps, listed: Listed, switch: LiteralString, *, on: bool) -> None:
    """Turns a switch of the feature set: `call_me_back` or `survey`."""
    async with deps.db.connection() as tx:
        await tx.execute(f"UPDATE feature_set SET {switch} = $2 WHERE id = $1", listed.feature_set_id, on)


async def set_state(deps: Deps, listed: Listed, table: LiteralString, state: str) -> None:
    """Puts the number (`number`), its `feature_set` or its `client_account` into another state."""
    key = {"number": "phone_number", "feature_set": "id", "client_account": "id"}[table]
    value = {"number": listed.number, "feature_set": listed.feature_set_id, "client_account": listed.account_id}[table]
    async with deps.db.connection() as tx:
        because = ", why = 'not ours'" if state == "failed" else ""
        await tx.execute(f"UPDATE {table} SET state = $2{because} WHERE {own_names(key)} = $1", value, state)


HOURS = "sat 11:00-12:00"
"""Two half hours in Asia/Kolkata, the next ones on 2026-01-03."""

QUESTIONS = (
    NewQuestion("Did the courier arrive on time?", ["Yes", "No"]),
    NewQuestion("Anything else?"),
)


async def offer_everything(
    deps: Deps,
    listed: Listed,
    *,
    hours: str = HOURS,
    kind: CampaignType = CampaignType.QUESTIONS,
) -> Campaign:
    """Callbacks with a slot picker, and a live campaign that asks after every call."""
    await callbacks.set_config(
        deps,
        listed.account_id,
        listed.feature_set_id,
        name="Weekday callbacks",
        slot_picker=True,
        time_zone="Asia/Kolkata",
        hours=hours,
        by=ALICE,
    )
    draft = await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name="Delivery check",
        campaign_type=kind,
        questions=QUESTIONS if kind is CampaignType.QUESTIONS else (),
        by=ALICE,
    )
    return await feedback.make_live(deps, listed.account_id, draft.id, by=ALICE)


async def ring(
    deps: Deps, listed: Listed, outcome: CallEvent = CallEvent.MISSED, receiver: PhoneNumber | None = None
) -> tuple[PhoneNumber, CallId]:
    """A call from the listed number to a receiver (a new one), which the handset has reported."""
    receiver, call_id = receiver or phone(), CallId(random_uuid())
    await calls.report(deps, receiver, CallReport(call_id, listed.number, outcome, CallSource.LISTED_NUMBER))
    return receiver, call_id


async def bodies(deps: Deps, account_id: AccountId) -> list[str]:
    """The bodies of the account's events, in order; their numbers have no gap."""
    found, last = await events.events_after(deps, account_id, 0, 10_000)
    assert [event.number for event in found] == list(range(1, last + 1))
    return [event.body for event in found]


async def hand_over(deps: Deps, listed: Listed, to: Listed) -> Listed:
    """The number, which its account delists and the other lists: it stands in the other's feature set from now on."""
    async with deps.db.transaction() as tx:
        await tx.execute("DELETE FROM number WHERE phone_number = $1", listed.number)
        await tx.execute(
            "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
            " created_at, updated_at) VALUES ($1, $2, $3, 'verified', 'listed', $4, $5, $5)",
            *(listed.number, to.account_id, to.feature_set_id, SOMEBODY, deps.clock.now()),
        )
    return Listed(to.account_id, to.feature_set_id, listed.number)
