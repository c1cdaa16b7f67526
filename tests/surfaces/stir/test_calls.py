"""`POST /stir/v1/calls`: an outcome is a call of the record, once, and what receivers do afterwards follows from it."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, hand_over, make_listed
from tests.surfaces.stir.staging import Network, headers_of, make_edge, network, not_refused

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallSource, Verification
from callmark.domain.deps import Deps
from callmark.domain.ids import CallId
from callmark.domain.numbers import service as numbers
from callmark.domain.signed_calls.service import calls_on_network
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.app import build_app
from callmark.surfaces.console.timeline import timeline


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


def outcome(there: Network, receiver: str, **changed: object) -> dict[str, object]:
    told = {"call_id": "a84b4c76e66710@pc33", "orig": there.caller, "dest": f"+{receiver}", "outcome": "answered"}
    return told | {"seconds": 42, "shown": True} | changed


async def test_a_signed_call_becomes_one_of_its_record(there: Network, clock: FakeClock) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    began = clock.now()
    clock.advance(timedelta(seconds=50))
    answer = await there.post("calls", outcome(there, receiver))
    (call,) = await calls.calls_of_record(there.deps, record.key)
    assert answer.json() == {
        "call_id": str(call.id),
        "source": "call_record",
        "record_id": str(record.key.id),
        "outcome": "answered",
    }
    assert (call.shown_at, call.outcome, call.ended_at) == (began, CallEvent.ANSWERED, clock.now())
    assert (call.details.verification, call.details.duration_s) == (Verification.PASSED, 42)


async def test_a_late_report_says_how_long_ago_the_call_ended(there: Network, clock: FakeClock) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    began = clock.now()
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    clock.advance(timedelta(minutes=40))
    await there.verify(headers_of(await there.sign(receiver)), receiver)  # another call of the same record
    clock.advance(timedelta(hours=3))
    late = timedelta(hours=3, minutes=40) - timedelta(seconds=50)
    answer = await there.post("calls", outcome(there, receiver, seconds_ago=int(late.total_seconds())))
    assert answer.json()["record_id"] == str(record.key.id)
    (call,) = await calls.calls_of_record(there.deps, record.key)
    assert (call.shown_at, call.ended_at, call.reported_at) == (began, began + timedelta(seconds=50), clock.now())
    assert call.details.verification == Verification.PASSED


async def test_a_call_that_was_declined_at_once_is_the_signed_one_by_a_clock_of_whole_seconds(there: Network) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    await there.sign(receiver)
    declined = outcome(there, receiver, outcome="rejected", seconds=0, shown=False, seconds_ago=1)
    assert (await there.post("calls", declined)).json()["record_id"] == str(record.key.id)


async def test_a_call_that_a_host_with_a_faster_clock_signed_and_verified_is_that_one(
    there: Network, clock: FakeClock
) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    clock.advance(-timedelta(seconds=1))  # the host of the report
    missed = outcome(there, receiver, outcome="missed", seconds=0)
    assert (await there.post("calls", missed)).json()["record_id"] == str(record.key.id)
    (call,) = await calls.calls_of_record(there.deps, record.key)
    assert call.details.verification == Verification.PASSED


async def test_the_first_report_of_a_call_stands(there: Network) -> None:
    receiver = phone()
    await there.announce(receiver)
    await there.sign(receiver)
    first = await there.post("calls", outcome(there, receiver, outcome="missed", seconds=0))
    again = await there.post("calls", outcome(there, receiver, outcome="answered"))
    assert again.json() == first.json()
    other = await there.post("calls", outcome(there, receiver, call_id="other"))
    assert other.json()["call_id"] != first.json()["call_id"]


async def test_a_call_that_nobody_signed_is_one_of_the_record_that_was_open_when_it_began(
    there: Network, clock: FakeClock
) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    clock.advance(timedelta(hours=1, minutes=1))  # the window has ended during the call
    answer = await there.post("calls", outcome(there, receiver, seconds=120, shown=False))
    assert answer.json()["record_id"] == str(record.key.id)
    (call,) = await calls.calls_of_record(there.deps, record.key)
    assert (call.shown_at, call.details.verification) == (None, None)


async def test_a_call_that_nobody_signed_and_that_failed_verification_is_one_of_no_record(there: Network) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    await there.verify(["a.b.c;info=<https://x.example/c.pem>"], receiver)
    answer = await there.post("calls", outcome(there, receiver, shown=False))
    assert (answer.json()["source"], answer.json()["record_id"]) == ("none", None)
    assert await calls.calls_of_record(there.deps, record.key) == []


async def test_a_missed_call_allows_a_callback_request(there: Network, clock: FakeClock) -> None:
    receiver, other = phone(), phone()
    await there.sign(receiver)
    missed = outcome(there, receiver, outcome="missed", seconds=0)
    answer = await there.post("calls", missed)
    assert answer.json()["source"] == "listed_number"
    assert await is_own_missed_call(there, receiver)

    clock.advance(timedelta(minutes=1))
    late = outcome(there, other, outcome="missed", seconds=0, call_id="unsigned", seconds_ago=30)
    another = await make_listed(there.deps)
    await hand_over(there.deps, Listed(another.account_id, another.feature_set_id, there.caller), another)
    assert (await there.post("calls", late)).status_code == 200
    assert not await is_own_missed_call(there, receiver)
    assert not await is_own_missed_call(there, other)

    clock.advance(timedelta(minutes=1))
    talked = outcome(there, other, shown=False, seconds=90, call_id="over while it was handed over")
    kept = CallId(UUID((await there.post("calls", talked)).json()["call_id"]))
    async with there.deps.db.connection() as tx:
        call, listed = await calls.find_call(tx, other, kept), await numbers.answered_caller(tx, there.caller)
    assert call
    assert listed
    assert not call.is_of(listed)


async def is_own_missed_call(there: Network, receiver: PhoneNumber) -> bool:
    """Whether the account that lists the number now has called the receiver in vain."""
    async with there.deps.db.connection() as tx:
        listed = await numbers.answered_caller(tx, there.caller)
        assert listed
        return await calls.was_missed(tx, receiver, listed)


async def test_a_call_of_a_stranger_is_kept_without_an_identity(there: Network) -> None:
    answer = await there.post("calls", outcome(there, phone(), orig=phone(), shown=False))
    assert (answer.json()["source"], answer.json()["record_id"]) == (CallSource.NONE.value, None)


async def test_an_edge_of_an_account_reports_its_own_calls_only(there: Network) -> None:
    receiver, stranger = phone(), await make_cast(there.deps)
    await there.sign(receiver)
    edge = await make_edge(there.deps, stranger.account.id)
    answer = await there.post("calls", outcome(there, receiver), edge)
    assert answer.status_code == 403
    assert answer.json()["requestError"]["policyException"]["messageId"] == "POL4030"
    assert (await there.post("calls", outcome(there, receiver), there.trunk)).status_code == 200


async def test_what_an_edge_of_another_account_had_verified_is_not_the_call_s_verdict(
    there: Network, clock: FakeClock
) -> None:
    receiver, stranger = phone(), await make_cast(there.deps)
    record = await there.announce(receiver)
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    clock.advance(timedelta(seconds=1))
    edge = await make_edge(there.deps, stranger.account.id)
    await there.verify(["a.b.c;info=<https://x.example/c.pem>"], receiver, token=edge)
    await there.post("calls", outcome(there, receiver))
    (call,) = await calls.calls_of_record(there.deps, record.key)
    assert call.details.verification is Verification.PASSED


async def test_a_report_with_the_call_id_of_another_account_s_call_is_about_another_call(there: Network) -> None:
    receiver, stranger = phone(), await make_cast(there.deps)
    listed = await make_listed(there.deps, account_id=stranger.account.id)
    await there.announce(receiver)
    edge = await make_edge(there.deps, stranger.account.id)
    own = (await there.post("calls", outcome(there, receiver))).json()
    answer = await there.post("calls", outcome(there, receiver, orig=listed.number, outcome="missed"), edge)
    assert (answer.status_code, answer.json()["record_id"], answer.json()["outcome"]) == (200, None, "missed")
    assert answer.json()["call_id"] != own["call_id"]


_WRONG: list[tuple[dict[str, object], str]] = [
    ({"call_id": ""}, "call_id must have"),
    ({"call_id": "x" * 256}, "call_id must have"),
    ({"call_id": "a\r\nb"}, "call_id must have"),
    ({"orig": "anonymous"}, "orig must be"),
    ({"dest": ["12025551000"]}, "dest"),
    ({"outcome": "failed"}, "outcome must be"),
    ({"seconds": -1}, "seconds must be"),
    ({"seconds": 86_401}, "seconds must be"),
    ({"seconds_ago": -1}, "seconds_ago must be"),
    ({"seconds_ago": 86_401}, "seconds_ago must be"),
    ({"shown": 1}, "shown"),
]


async def test_a_wrong_value_is_named(there: Network) -> None:
    found: list[str] = []
    for changed, said in _WRONG:
        found += not_refused(changed, await there.post("calls", outcome(there, phone(), **changed)), "SVC4005", said)
    assert found == []


async def test_what_is_missing_is_named(there: Network) -> None:
    for name in ("call_id", "orig", "dest", "outcome"):
        body = outcome(there, phone())
        del body[name]
        told = (await there.post("calls", body)).json()["requestError"]["serviceException"]
        assert (told["messageId"], told["variables"]) == ("SVC4001", [name])


async def test_the_record_s_timeline_tells_the_call_s_way(there: Network, clock: FakeClock) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    headers = headers_of(await there.sign(receiver))
    for request_id in ("first", "replayed"):
        clock.advance(timedelta(seconds=1))
        await there.verify(headers, receiver, request_id=request_id)
    clock.advance(timedelta(seconds=44))
    await there.post("calls", outcome(there, receiver))
    transport = httpx.ASGITransport(build_app(there.deps, frozenset({"api"})))
    async with httpx.AsyncClient(transport=transport, base_url="https://calls.example") as client:
        path = f"/extensions/v1/clients/{there.cast.account.id}/records/{record.key.id}"
        told = (await client.get(path, headers={"Authorization": f"Bearer {there.cast.token}"})).json()
    assert [(one["attest"], one["signed_at"]) for one in told["signed"]] == [("A", "2026-01-01T10:00:00.000Z")]
    assert [(one["verstat"], one["reason_code"], one["name"]) for one in told["verified"]] == [
        ("TN-Validation-Passed", None, "Acme Deliveries"),
        ("TN-Validation-Failed", 403, None),
    ]
    assert [one["outcome"] for one in told["calls"]] == ["answered"]
    shown = await calls.calls_of_record(there.deps, record.key)
    network_ = await calls_on_network(there.deps, record.key.id)
    moments = timeline(record, shown, clock.now(), network=network_)
    titles = [one.title for one in moments if not one.is_ahead]
    assert titles == ["Accepted", "Signed", "Verified", "Not verified", "Shown", "Answered"]
