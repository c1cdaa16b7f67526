"""The hot statements on tables that are split by a distribution key: each carries it, and touches one shard.

What does not is listed here with its reason, and in docs/scaling.md; a statement that gets better leaves the list, or
this test fails.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import pytest
from msgspec import Struct
from tests.support.databases import Databases
from tests.support.factories import Cast, make_cast, make_feature_set, phone
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import opened_deps
from tests.support.shards import Metered, as_if_big, split
from tools.sources import ROOT

from callmark.domain.callbacks import queries as callbacks
from callmark.domain.callbacks.model import CallbackRequest, RequestState
from callmark.domain.calls import queries as calls
from callmark.domain.calls.model import Call, CallEvent, CallSource
from callmark.domain.credentials import queries as credentials
from callmark.domain.credentials.queries import AdmissionRequest
from callmark.domain.deps import Deps
from callmark.domain.events import queries as events, service as events_service
from callmark.domain.events.model import Event, EventType
from callmark.domain.feedback import queries as feedback
from callmark.domain.feedback.model import CallType, Feedback
from callmark.domain.handsets import presence_queries, queries as handsets
from callmark.domain.ids import (
    BatchId,
    CallbackRequestId,
    CallId,
    CampaignId,
    EventId,
    FeatureSetId,
    FeedbackId,
    RecordId,
)
from callmark.domain.labels import service as labels
from callmark.domain.limits.model import REAL_TIME
from callmark.domain.numbers import caller_queries as callers
from callmark.domain.personalisation import (
    admitted_push_queries,
    handset_queries,
    pushing_queries,
    queries as records,
)
from callmark.domain.personalisation.accepting import Submitted, submit_batch_in
from callmark.domain.personalisation.admitted_push_queries import AlikePushes, WantedPush
from callmark.domain.personalisation.model import Batch, Outcome, RecordKey, RingingPair, Settlement
from callmark.domain.personalisation.queries import AcceptedSingle
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.dispatch import queries as dispatch
from callmark.domain.webhooks.model import DeliveryState, Verdict
from callmark.instants import to_ms
from callmark.kit.ids import new_id, random_uuid, sha256
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Transaction
from callmark.record_rules.fields import NewRecord

KEYS: Mapping[LiteralString, LiteralString] = {
    # Of a receiver: all that their handset does is on their shard.
    "call_record": "receiver_number",
    "call": "receiver_number",
    "callback_request": "receiver_number",
    "feedback": "receiver_number",
    "registration": "phone_number",
    "presence": "phone_number",
    # Of a token: admission is on its shard.
    "access_token": "sha256",
    "request_window": "token_sha256",
    # Of a caller's number.
    "number": "phone_number",
    "number_proof": "phone_number",
    # Of an account.
    "batch": "account_id",
    "event": "account_id",
    "event_counter": "account_id",
    "delivery": "account_id",
    # Of a webhook.
    "webhook_queue": "webhook_id",
    "waiting_delivery": "webhook_id",
}
"""Distributed tables and their keys. All others are small, and each node has all of them."""

GROUPS = {
    table: group
    for group, tables in {
        "receiver": ("call_record", "call", "callback_request", "feedback", "registration", "presence"),
        "token": ("access_token", "request_window"),
        "caller": ("number", "number_proof"),
        "account": ("batch", "event", "event_counter", "delivery"),
        "webhook": ("webhook_queue", "waiting_delivery"),
    }.items()
    for table in tables
}
"""Which tables have the rows of one key on one node."""

NOT_THERE = {
    "a real-time push is admitted and written": "one statement looks up by token, by caller and by receiver, and"
    " writes by receiver and by account",
    "a real-time record is inserted": "one statement writes the record (by receiver) and its batch (by account)",
    "an outcome is settled": "finds the record by its id alone"
    " ([decision 13](decisions/0013-effects-shares-returns.md)), and its batch by its id",
    "a handset connects: its token": "the token says nothing of the number, so every shard is asked",
    "a batch's records are read for its status": "a batch has receivers on every shard",
    "a worker reads a batch's records to push them": "a batch has receivers on every shard",
    "a worker looks at a batch that it has pushed": "a batch has receivers on every shard",
    "a batch is found by its id": "the id says nothing of the account",
    "an event's deliveries are made": "one statement writes by account (delivery) and by webhook (what waits)",
    "a delivery's outcome is recorded": "finds what waits by the delivery's id, and the log's row by it too",
    "an account's tokens are counted": "tokens are on the shard of their hash; ten in half an hour at most",
}


class Stored(Struct, frozen=True):
    """What the statements below are about."""

    deps: Deps
    cast: Cast
    feature_set: FeatureSetId
    receiver: PhoneNumber
    caller: PhoneNumber
    now: datetime
    real_now: datetime
    batch: BatchId
    webhook: dispatch.HeldWebhook

    @property
    def ends_at(self) -> datetime:
        return self.now + timedelta(hours=1)

    def single(self) -> AcceptedSingle:
        return AcceptedSingle(
            *(self.receiver, self.ends_at, RecordId(new_id()), BatchId(new_id()), self.cast.account.id, self.caller),
            *(self.cast.label.id, "Acme", None, self.now - timedelta(hours=1), self.now, self.now),
        )

    def wanted(self) -> WantedPush:
        return WantedPush(
            *(self.caller, self.receiver, self.cast.label.id, "Acme", None, self.now, self.ends_at),
            *(RecordId(new_id()), BatchId(new_id()), self.now),
        )

    def record(self) -> NewRecord:
        window = to_ms(self.now), to_ms(self.ends_at)
        return NewRecord(self.caller, self.receiver, str(self.cast.label.id), "Acme", None, *window)

    def batch_row(self) -> Batch:
        return Batch(self.batch, self.cast.account.id, self.now, 1, self.ends_at, self.ends_at)

    def call(self) -> Call:
        source, event = CallSource.NONE, CallEvent.MISSED
        return Call(self.receiver, CallId(new_id()), self.caller, source, None, None, event, self.now, self.now)

    def request(self) -> CallbackRequest:
        return CallbackRequest(
            *(CallbackRequestId(new_id()), self.cast.account.id, self.feature_set, "Delivery default", False),
            *(self.caller, self.receiver, random_uuid(), self.now, True, False, None, None, "hours"),
            *(RequestState.NEW, None, None),
        )

    def feedback(self) -> Feedback:
        ids = (FeedbackId(new_id()), self.cast.account.id, CampaignId(new_id()), self.receiver, CallId(new_id()))
        return Feedback(*ids, self.caller, CallType.MISSED, self.now, ())

    def event(self) -> Event:
        kind = EventType.CALL_ME_BACK
        return Event(self.cast.account.id, 7, EventId(new_id()), kind, None, self.now, "{}")


Statement = Callable[[Metered, Stored], Awaitable[Any]]


def statements() -> dict[str, Statement]:
    """What happens, and the call that makes its statement for one key."""
    return {
        **_of_accounts(),
        **_of_records(),
        **_of_handsets(),
        **_of_events(),
    }


def _of_accounts() -> dict[str, Statement]:
    return {
        "a request is admitted": lambda tx, on: credentials.admit(tx, [_admission(on)]),
        "an account's tokens are counted": lambda tx, on: credentials.tokens_in(
            tx, on.cast.account.id, on.now, on.real_now
        ),
        "a label is looked up": lambda tx, on: labels.dynamic_each(tx, [(on.cast.account.id, on.cast.label.id)]),
        "who holds a caller": lambda tx, on: callers.select_holders(tx, [on.caller]),
        "what a caller is listed as": lambda tx, on: callers.select_callers(tx, [on.caller]),
        "a batch is found by its id": lambda tx, on: records.find_batch(tx, on.batch),
    }


def _admission(on: Stored) -> AdmissionRequest:
    feature = Feature.CALL_PERSONALISATION
    return AdmissionRequest(sha256(on.cast.token), on.cast.account.id, feature, REAL_TIME, on.now, is_moved=True)


def _of_records() -> dict[str, Statement]:
    def settlement(on: Stored) -> Settlement:
        key = RecordKey(on.receiver, on.ends_at, RecordId(new_id()))
        return Settlement(key, Outcome.SUCCESS, on.now, on.now, BatchId(new_id()))

    return {
        "a batch and its record are written": lambda tx, on: submit_batch_in(
            Transaction(tx), on.deps, on.cast.account.id, V2, Submitted([on.record()], _as_sent)
        ),
        "a real-time record is inserted": lambda tx, on: records.insert_singles(tx, [on.single()]),
        "a real-time push is admitted and written": lambda tx, on: admitted_push_queries.admit_and_write(
            tx, [(_admission(on), on.wanted(), AlikePushes(timedelta(), allow_foreign=False))]
        ),
        "an outcome is settled": lambda tx, on: _settled(tx, settlement(on)),
        "a record is withdrawn": lambda tx, on: records.withdraw(tx, settlement(on).key, on.now),
        "a batch's records are read for its status": lambda tx, on: records.records_of(tx, on.batch_row()),
        "a worker reads a batch's records to push them": lambda tx, on: pushing_queries.to_push(tx, [on.batch_row()]),
        "a worker looks at a batch that it has pushed": lambda tx, on: pushing_queries.look_again(tx, [on.batch_row()]),
        "what shows when it rings": lambda tx, on: handset_queries.newest_open_each(
            tx, [RingingPair(on.receiver, on.caller, on.now)]
        ),
        "why nothing shows": lambda tx, on: handset_queries.latest_of_pair(tx, on.receiver, on.caller, on.now, None),
        "a handset's records, for its sync": lambda tx, on: handset_queries.page_each(
            tx, [handset_queries.WantedPage(on.receiver, on.now, (on.now, random_uuid()), 200)]
        ),
        "a handset's withdrawn records": lambda tx, on: handset_queries.withdrawn_each(
            tx, [handset_queries.HeldRecords(on.receiver, on.now, [random_uuid()])]
        ),
        "all that a handset must not hold": lambda tx, on: handset_queries.withdrawn_page_each(
            tx, [handset_queries.WantedPage(on.receiver, on.now, (on.now, random_uuid()), 200)]
        ),
    }


def _as_sent(_: int) -> bytes:
    return b"{}"


async def _settled(tx: Metered, one: Settlement) -> None:
    await records.settle(tx, [one])


def _of_handsets() -> dict[str, Statement]:
    opened = presence_queries.StreamOpened
    ended = presence_queries.StreamEnded
    return {
        "a receiver's handset is looked up": lambda tx, on: handsets.makes_of(tx, [on.receiver]),
        "the registration that lives": lambda tx, on: handsets.live_generation_each(tx, [on.receiver]),
        "a handset connects: its token": lambda tx, _: handsets.find_by_token_each(tx, [sha256("some token")]),
        "a handset's stream is open": lambda tx, on: presence_queries.note(
            tx, [opened(on.receiver, "s", random_uuid())]
        ),
        "a handset's stream has ended": lambda tx, on: presence_queries.note(tx, [ended(on.receiver, "s", on.now)]),
        "whether a stream was open": lambda tx, on: presence_queries.lost_within(
            tx, [(on.receiver, on.now, on.real_now)]
        ),
        "a call is reported": lambda tx, on: calls.merge(tx, on.call()),
        "what is known of a call and its receiver": lambda tx, on: calls.before_each(tx, [_reported(on)]),
        "the same, of a call that showed a record": lambda tx, on: calls.before_each(
            tx, [_reported(on, RecordKey(on.receiver, on.ends_at, RecordId(new_id())))]
        ),
        "a call is looked up": lambda tx, on: calls.find(tx, on.receiver, CallId(new_id())),
        "whether a call was missed": lambda tx, on: calls.any_missed(
            tx, on.receiver, on.caller, on.cast.account.id, on.now
        ),
        "the calls that showed a record": lambda tx, on: calls.of_record(tx, random_uuid(), on.receiver, 9),
        "a callback is requested": lambda tx, on: callbacks.insert_request(tx, on.request()),
        "a callback request is repeated": lambda tx, on: callbacks.find_repeated(tx, on.receiver, random_uuid()),
        "callback requests of a pair are counted": lambda tx, on: callbacks.count_of_pair(
            tx, on.receiver, on.cast.account.id, on.caller, (on.now, on.now), 5
        ),
        "feedback is given": lambda tx, on: feedback.insert_feedback(tx, on.feedback()),
        "a call's feedback is looked up": lambda tx, on: feedback.find_of_call(tx, on.receiver, CallId(new_id())),
        "feedback of a pair is counted": lambda tx, on: feedback.count_of_pair(
            tx, on.receiver, on.cast.account.id, on.caller, (on.now, on.now), 5
        ),
    }


def _reported(on: Stored, record: RecordKey | None = None) -> calls.Reported:
    return calls.Reported(on.receiver, CallId(new_id()), on.caller, record, on.now, on.now, 5)


def _of_events() -> dict[str, Statement]:
    def search(on: Stored) -> dispatch.DueSearch:
        return dispatch.DueSearch(on.webhook, (), on.now, on.real_now)

    return {
        "an event is appended": lambda tx, on: events.insert_event(
            tx, on.cast.account.id, EventId(new_id()), EventType.CALL_ME_BACK, None, on.now, "{}"
        ),
        "an account's events are read": lambda tx, on: events.select_after(
            tx, on.cast.account.id, 0, on.now - timedelta(days=1), 100
        ),
        "an event's deliveries are made": lambda tx, on: events.insert_deliveries(tx, on.event(), None),
        "a webhook's due deliveries": lambda tx, on: dispatch.take_due(tx, [search(on)]),
        "a webhook's lease is looked at": lambda tx, on: dispatch.lock_held(tx, on.webhook, on.real_now),
        "a delivery's outcome is recorded": _recorded,
    }


async def _recorded(tx: Metered, on: Stored) -> None:
    """The statement that writes the outcome; the one after it is for a delivery that it did not find."""
    (due,) = await dispatch.take_due(tx, [dispatch.DueSearch(on.webhook, (), on.now, on.real_now)])
    tx.used.clear()
    verdict = Verdict(DeliveryState.SUCCESS, None)
    await dispatch.record_within(tx, [dispatch.EndedAttempt(due[0], None, verdict, on.now)])


@pytest.fixture(scope="module")
async def used(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[dict[str, int]]]:
    """For each of the statements: how many shards of which tables it used, statement by statement."""
    engines, clock = databases.take(), FakeClock()
    async with opened_deps(engines, clock, tmp_path_factory.mktemp("data")) as deps, deps.db.transaction() as tx:
        await split(tx, KEYS)
    async with opened_deps(engines, clock, tmp_path_factory.mktemp("data")) as deps:
        on = await _stored(deps)
        found = {what: await _measured(deps, on, run) for what, run in statements().items()}
    databases.give_back(engines)
    return found


async def _stored(deps: Deps) -> Stored:
    """An account with a label, a webhook that a worker holds, and an event that it is to get."""
    cast = await make_cast(deps)
    made = await webhooks.create_webhook(
        deps, cast.account.id, name="all", url="https://example.com", event_types=list(EventType), by=SYSTEM
    )
    async with deps.db.transaction() as tx:
        await events_service.append(tx, cast.account.id, EventType.CALL_ME_BACK, {}, deps.clock.now())
        caller, feature_set, lease = phone(), (await make_feature_set(deps, cast.account.id)).id, random_uuid()
        await tx.execute(
            "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
            " created_at, updated_at) VALUES ($1, $2, $3, 'verified', 'listed', 'alice@acme.example', $4, $4)",
            *(caller, cast.account.id, feature_set, deps.clock.now()),
        )
        await tx.execute("UPDATE webhook_queue SET lease_id = $1, leased_until = 'infinity'", lease)
    return Stored(
        deps,
        cast,
        feature_set,
        phone(),
        caller,
        deps.clock.now(),
        deps.real_clock.now(),
        BatchId(new_id()),
        dispatch.HeldWebhook(made.webhook.id, lease),
    )


async def _measured(deps: Deps, on: Stored, run: Statement) -> list[dict[str, int]]:
    async with deps.db.transaction() as tx:
        await as_if_big(tx)
        metered = Metered(tx)
        await run(metered, on)
        return metered.used


def _is_good(used: Sequence[Mapping[str, int]]) -> bool:
    """Whether each statement kept to one shard, of tables that are together there."""
    return all(max(one.values(), default=0) <= 1 and len({GROUPS[table] for table in one}) <= 1 for one in used)


async def test_every_hot_statement_carries_the_distribution_key_and_touches_one_shard(
    used: Mapping[str, list[dict[str, int]]],
) -> None:
    assert {what: shards for what, shards in used.items() if not _is_good(shards) and what not in NOT_THERE} == {}


async def test_what_does_not_is_listed_and_nothing_else_is(used: Mapping[str, list[dict[str, int]]]) -> None:
    assert {what for what, shards in used.items() if not _is_good(shards)} == set(NOT_THERE)


async def test_each_distributed_table_is_reached_by_a_hot_statement(used: Mapping[str, list[dict[str, int]]]) -> None:
    assert {table for shards in used.values() for one in shards for table in one} == set(KEYS)


def test_what_does_not_is_told_with_its_reason() -> None:
    told = (ROOT / "docs" / "scaling.md").read_text()
    assert [what for what, why in NOT_THERE.items() if f"| {what} | {why} |" not in told] == []
