"""Extension routes: timelines, the funnel, resolve, cancel."""

import re
from datetime import timedelta
from typing import Any, LiteralString, cast
from uuid import UUID

import msgspec
from tests.support.due_work import run_due_once
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed
from tests.support.waiting import Growing, in_task
from tests.surfaces.api.extending import CALLER, Business, hold_all, register
from tests.surfaces.gateway.helpers import NOTHING_KNOWN, make_handset

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.domain.ids import CallId
from callmark.domain.personalisation import jobs, partitions, service as personalisation
from callmark.domain.personalisation.batches.queries import counts_of
from callmark.domain.personalisation.model import RecordKey
from callmark.domain.personalisation.queries import find_batch
from callmark.instants import iso_ms
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.work import Claimed

UNSAID = dict.fromkeys(("verification", "duration_s", "disconnect"))
"""What a handset may say of a call, and did not."""


async def records_of(acme: Business, batch: str) -> list[dict[str, Any]]:
    return (await acme.get(f"batches/{batch}"))["records"]


async def report(deps: Deps, receiver: PhoneNumber, record_id: str, *events: CallEvent) -> CallId:
    record = await key_of(deps, record_id)
    call_id = CallId(random_uuid())
    for event in events:
        await calls.report(
            deps, receiver, CallReport(call_id, PhoneNumber(CALLER), event, CallSource.CALL_RECORD, record)
        )
    return call_id


async def key_of(deps: Deps, record_id: str) -> RecordKey:
    async with deps.db.connection() as tx:
        row = await tx.fetchrow("SELECT receiver_number, ends_at, id FROM call_record WHERE id = $1", record_id)
    assert row
    return RecordKey(row["receiver_number"], row["ends_at"], row["id"])


async def test_a_records_timeline_has_its_values_instants_and_calls_and_only_its_owner_sees_it(
    deps: Deps, clock: FakeClock, acme: Business, borealis: Business
) -> None:
    receiver = phone()
    await register(deps, receiver)
    await hold_all(deps, receiver)
    sent = acme.record(receiver)
    batch = await acme.push(sent)
    accepted = iso_ms(clock.now())
    clock.advance(timedelta(seconds=2))
    assert (await acme.get(f"batches/{batch}"))["done"] is False
    await run_due_once(deps)
    (listed,) = await records_of(acme, batch)
    call_id = await report(deps, receiver, listed["record_id"], CallEvent.SHOWN, CallEvent.MISSED)
    now = iso_ms(clock.now())
    assert await acme.get(f"records/{listed['record_id']}") == {
        "record_id": listed["record_id"],
        "batch_id": batch,
        "position": 0,
        "caller_number": CALLER,
        "receiver_number": receiver,
        "label_id": str(acme.cast.label.id),
        "label_name": "Acme Deliveries",
        "call_reason": "Your parcel arrives today",
        "starts_at": sent["starts_at"],
        "ends_at": sent["ends_at"],
        "outcome": "success",
        "first_outcome": None,
        "accepted_at": accepted,
        "sent_at": now,
        "settled_at": now,
        "delivered_late_at": None,
        "withdrawn_at": None,
        "fault": None,
        "submitted": None,
        "calls": [{"call_id": str(call_id), "shown_at": now, "outcome": "missed", "ended_at": now} | UNSAID],
    }
    await are_unknown(borealis, acme, listed["record_id"], batch)


async def are_unknown(borealis: Business, acme: Business, record: str, batch: str) -> None:
    """Another account is answered as for a record and a batch that are not there."""
    for path in (f"records/{record}", f"batches/{batch}", f"batches/{batch}/funnel"):
        foreign = await borealis.ask(path)
        unknown = await acme.ask(path.replace(record, str(new_id())).replace(batch, str(new_id())))
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()
        assert foreign.json()["slug"] == "not-found"
    assert (await acme.ask("records/no-uuid")).status_code == 404
    for verb in ("records/" + record, "batches/" + batch):
        assert (await borealis.do(f"{verb}/cancel")).status_code == 404


async def test_a_batch_is_read_in_pages_and_its_bad_records_say_what_was_sent_and_what_is_wrong(
    acme: Business,
) -> None:
    good = acme.record(phone())
    batch = await acme.push(good, acme.record("12", dynamic_call_reason=7), good)
    first = await acme.get(f"batches/{batch}", limit=2)
    assert (first["record_count"], first["done"], first["next_after"]) == (3, False, 1)
    bad = first["records"][1]
    assert bad["fault"] == {
        "field": "receiver_number",
        "code": "phone",
        "message": "receiver_number is not a valid phone number",
    }
    assert (bad["outcome"], bad["receiver_number"], bad["ends_at"]) == ("invalid", None, None)
    assert bad["submitted"] == {
        "caller_number": CALLER,
        "receiver_number": "12",
        "label_id": good["label_id"],
        "call_reason": 7,
        "starts_at": good["starts_at"],
        "ends_at": good["ends_at"],
    }
    second = await acme.get(f"batches/{batch}", limit=2, after=1)
    assert ([r["position"] for r in second["records"]], second["next_after"]) == ([2], None)
    for after in (2, 3, 500, 501, 2**31, 2**63, "9" * 5000):
        past = await acme.get(f"batches/{batch}", after=after)
        assert (past["records"], past["next_after"], past["record_count"]) == ([], None, 3)
    await run_due_once(acme.deps)
    assert (await acme.get(f"batches/{batch}"))["done"] is True
    for query in ({"limit": 501}, {"limit": 0}, {"after": "x"}, {"after": -1}):
        refused = await acme.ask(f"batches/{batch}", **query)
        assert (refused.status_code, refused.json()["message"]) == (400, f"{next(iter(query))} is invalid")


async def test_the_funnel_counts_each_stage_and_why_records_failed(deps: Deps, acme: Business) -> None:
    online, offline, stranger = phone(), phone(), phone()
    for receiver in (online, offline):
        await register(deps, receiver)
    await hold_all(deps, online)
    batch = await acme.push(
        acme.record(online), acme.record(online), acme.record(offline), acme.record(stranger), acme.record("12")
    )
    await run_due_once(deps)
    records = await records_of(acme, batch)
    await report(deps, online, records[0]["record_id"], CallEvent.SHOWN, CallEvent.MISSED)
    await report(deps, online, records[0]["record_id"], CallEvent.SHOWN, CallEvent.ANSWERED)
    await report(deps, online, records[1]["record_id"], CallEvent.SHOWN)
    spoof = RecordKey(stranger, deps.clock.now(), (await key_of(deps, records[1]["record_id"])).id)
    rejected = CallEvent.REJECTED, CallSource.CALL_RECORD, spoof
    await calls.report(deps, stranger, CallReport(CallId(random_uuid()), PhoneNumber(CALLER), *rejected))
    assert (await acme.get(f"records/{records[1]['record_id']}"))["calls"][0]["outcome"] is None
    late = await key_of(deps, records[2]["record_id"])
    await personalisation.acknowledge(deps, [late])
    assert await acme.get(f"batches/{batch}/funnel") == {
        "batch_id": batch,
        "accepted": 5,
        "valid": 4,
        "pushed": 3,
        "delivered": 3,
        "delivered_late": 1,
        "shown": 2,
        "answered": 1,
        "missed": 1,
        "rejected": 0,
        "calls": 3,
        "pending": 0,
        "withdrawn": 0,
        "failures": {"invalid": 1, "not_registered": 1},
    }


class Explaining:
    """A connection that explains statements instead of running them."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plan = ""

    async def fetch(self, query: LiteralString, *args: object) -> list[Any]:
        self.plan = "\n".join(row[0] for row in await self._tx.fetch(f"EXPLAIN {query}", *args))
        return []


async def test_the_funnel_reads_the_partitions_of_its_batch_only(deps: Deps, clock: FakeClock, acme: Business) -> None:
    await partitions.keep_partitions(deps)
    batch = await acme.push(acme.record(phone()))
    async with deps.db.connection() as tx:
        found = await find_batch(tx, UUID(batch))
        assert found
        explaining = Explaining(tx)
        await counts_of(cast("Tx", explaining), found, clock.now())
    assert len(re.findall(r"Scan .*on call_record_[0-9a-z]+(?!_)\b", explaining.plan)) == 1, explaining.plan


async def test_resolve_says_what_would_show_and_nothing_of_others(
    deps: Deps, clock: FakeClock, acme: Business, borealis: Business
) -> None:
    receiver = phone()

    async def seen(by: Business) -> dict[str, Any]:
        return await by.get("resolve", receiver_number=f"+{receiver}", caller_number=CALLER)

    assert (await seen(acme))["why"] == "the receiver has no registered handset"
    await register(deps, receiver)
    assert (await seen(acme))["why"] == f"{NOTHING_KNOWN} by this account"
    batch = await acme.push(acme.record(receiver))
    (record,) = await records_of(acme, batch)
    shown = await seen(acme)
    assert (shown["shows"], shown["receiver_number"]) == ("call_record", receiver)
    assert shown["identity"]["record_id"] == record["record_id"]
    assert shown["identity"]["name"] == "Acme Deliveries"
    assert shown["why"].endswith("is this caller's newest record with an open window")
    assert await seen(borealis) == shown | {
        "shows": "other",
        "identity": None,
        "why": "an identity of another account is shown",
    }
    await acme.do(f"records/{record['record_id']}/cancel")
    assert (await seen(acme))["why"].startswith(f"call record {record['record_id']} of this caller was withdrawn at ")
    assert (await seen(borealis))["why"] == f"{NOTHING_KNOWN} by this account"
    clock.advance(timedelta(seconds=1))
    for query, message in (
        ({"caller_number": CALLER}, "receiver_number is required"),
        ({"receiver_number": receiver, "caller_number": "12"}, "caller_number is not a valid phone number"),
    ):
        refused = await acme.ask("resolve", **query)
        assert (refused.status_code, refused.json()["message"]) == (400, message)


async def test_resolve_tells_an_account_of_the_numbers_it_has_listed_and_of_no_others(
    deps: Deps, acme: Business, borealis: Business
) -> None:
    receiver = phone()
    listed = await make_listed(deps, account_id=acme.cast.account.id)

    async def seen(by: Business) -> dict[str, Any]:
        return await by.get("resolve", receiver_number=receiver, caller_number=listed.number)

    assert (await seen(acme))["why"] == "the receiver has no registered handset"
    await make_handset(deps, receiver, os=OS.IOS)
    mine = await seen(acme)
    assert (mine["shows"], mine["identity"]["name"]) == ("listed_number", "Acme Deliveries")
    assert (mine["identity"]["record_id"], mine["identity"]["ends_at"]) == (None, None)
    assert (await seen(borealis))["shows"] == "other"
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE feature_set SET state = 'unpublished' WHERE id = $1", listed.feature_set_id)
    no_records = "the operating system of the receiver's handset does not show call records"
    assert (await seen(acme))["why"] == f"{no_records}; the caller's number is in a feature set that is not published"
    assert (await seen(borealis))["why"] == f"{no_records}; the caller's number is not listed by this account"


async def test_a_cancelled_record_leaves_its_handset_and_cancelling_again_changes_nothing(
    deps: Deps, clock: FakeClock, acme: Business
) -> None:
    receiver = phone()
    await register(deps, receiver)
    got = await hold_all(deps, receiver)
    batch = await acme.push(acme.record(receiver), acme.record("12"))
    await run_due_once(deps)
    good, bad = [record["record_id"] for record in await records_of(acme, batch)]
    cancelled = await acme.do(f"records/{good}/cancel")
    assert (cancelled.status_code, cancelled.json()["outcome"]) == (200, "success")
    assert cancelled.json()["withdrawn_at"] == iso_ms(clock.now())
    await got.until(lambda frames: [msgspec.json.decode(frame)["type"] for frame in frames] == ["identity", "withdraw"])
    clock.advance(timedelta(seconds=5))
    assert (await acme.do(f"records/{good}/cancel")).json() == cancelled.json()
    invalid = await acme.do(f"records/{bad}/cancel")
    assert (invalid.status_code, invalid.json()["slug"]) == (409, "conflict")
    late = await acme.push(acme.record(receiver, ends_at=acme.record("")["starts_at"] + 60_000))
    (record,) = await records_of(acme, late)
    clock.advance(timedelta(minutes=2))
    expired = await acme.do(f"records/{record['record_id']}/cancel")
    assert (expired.status_code, expired.json()["slug"]) == (409, "conflict")
    assert "has ended" in expired.json()["message"]
    assert (await acme.do(f"records/{good}/cancel")).status_code == 200
    (entry,) = await audit.list_entries(deps, acme.cast.account.id, AuditFilter("record.withdrawn"))
    assert (entry.actor_email, entry.by_operator) == ("API key key", False)
    assert (entry.details, entry.address) == ({"record_id": good}, "127.0.0.1")


async def test_a_cancelled_batch_takes_back_what_has_not_expired(deps: Deps, clock: FakeClock, acme: Business) -> None:
    soon = {"ends_at": acme.record("")["starts_at"] + 1000}
    batch = await acme.push(*[acme.record(phone()) for _ in range(3)], acme.record(phone(), **soon), acme.record("12"))
    clock.advance(timedelta(seconds=2))
    expected = {"batch_id": batch, "record_count": 5, "cancelled": 3, "cancelled_before": 0, "expired": 1, "invalid": 1}
    assert (await acme.do(f"batches/{batch}/cancel")).json() == expected
    again = (await acme.do(f"batches/{batch}/cancel")).json()
    assert again == expected | {"cancelled": 0, "cancelled_before": 3}
    await run_due_once(deps)
    outcomes = [record["outcome"] for record in await records_of(acme, batch)]
    assert outcomes == ["failed_to_push"] * 4 + ["invalid"]


async def test_a_cancellation_that_overtakes_the_push_is_repeated_after_it(deps: Deps, acme: Business) -> None:
    receiver = phone()
    await register(deps, receiver)
    got = Growing[str]()
    batch = await acme.push(acme.record(receiver))

    async def cancel_first(_: str, reply: str, payload: bytes) -> None:
        kind = msgspec.json.decode(payload)["type"]
        got.append(kind)
        if kind == "identity":
            await acme.do(f"batches/{batch}/cancel")  # its withdrawal comes in before the handset holds the record
            got.append("held")
            deps.fabric.acknowledge(reply)

    await deps.fabric.attach(receiver, in_task(cancel_first))
    async with deps.db.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM batch WHERE id = $1", batch)
    await jobs.run_batch(deps, Claimed(row, new_id()))
    await got.until(lambda kinds: kinds.count("withdraw") == 2)
    assert got.index("held") < len(got) - 1 - got[::-1].index("withdraw")
    await jobs.run_batch(deps, Claimed(row, new_id()))  # as another worker does when the first was killed before that
    await got.until(lambda kinds: kinds.count("withdraw") == 3)


async def test_extension_routes_want_the_token_and_the_feature_and_have_limits_of_their_own(
    acme: Business, borealis: Business
) -> None:
    mine = f"/extensions/v1/clients/{acme.cast.account.id}"
    assert (await acme.http.get(f"{mine}/resolve", headers={"Authorization": "Bearer x"})).status_code == 401
    assert (await borealis.http.get(f"{mine}/resolve")).status_code == 403
    assert (await acme.http.get(f"{mine}/nothing")).status_code == 404
    assert (await acme.http.get(f"{mine}/lint")).headers["allow"] == "POST"
    answer = await acme.ask("resolve", receiver_number="919900112233", caller_number=CALLER)
    assert answer.headers["ratelimit-policy"] == '"extensions";q=100;w=1'
