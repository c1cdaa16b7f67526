"""One stream: its order, each frame, each way it ends."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
from tests.support.factories import make_cast, phone
from tests.support.waiting import until
from tests.surfaces.gateway.helpers import (
    CALLER,
    NO_OFFERS,
    NOTHING_KNOWN,
    Frame,
    make_handset,
    new_record,
    online,
    open_stream,
    outcome_of,
    push_patiently,
    ref,
    served,
    store_records,
    until_offline,
)
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import RecordId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, RecordKey
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.surfaces.gateway import metrics


@pytest.fixture
async def address(deps: Deps) -> AsyncGenerator[str]:
    async with served(deps) as at:
        yield at


async def test_a_stream_begins_with_a_welcome(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        welcome = handset.welcome
        assert UUID(welcome.pop("id"))
        assert welcome == {
            "type": "welcome",
            "phone_number": owner.number,
            "generation": 1,
            "now": to_ms(deps.clock.now()),
            "ping_s": 20,
        }


async def test_a_pushed_identity_arrives_whole_and_its_acknowledgement_is_success(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        record = await pushing
    assert record.outcome is Outcome.SUCCESS
    assert record.delivered_late_at is None
    now = to_ms(deps.clock.now())
    assert frame == {
        "type": "identity",
        "id": str(record.key.id),
        "record": {"id": str(record.key.id), "receiver_number": owner.number, "ends_at": now + 3_600_000},
        "caller_number": CALLER,
        "name": "Acme Deliveries",
        "call_reason": "Your parcel arrives today",
        "logo_url": f"http://callmark.test/logos/{cast.label.logo_sha256.hex()}.png",
        "verified": True,
        "starts_at": now,
        "accepted_at": now * 1000,
        "position": 0,
    }


async def test_an_acknowledgement_that_no_push_waits_for_is_written_down(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
    async with online(address, owner.token) as handset:
        await handset.send("ack", record=ref(record))
        await handset.settled()
    assert await outcome_of(deps, cast, record.key.id) is Outcome.SUCCESS


async def test_a_second_acknowledgement_is_harmless(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        record = await pushing
        await handset.send("ack", record=frame["record"])
        await handset.settled()
    assert await outcome_of(deps, cast, record.key.id) is Outcome.SUCCESS


async def test_a_withdrawal_reaches_the_handset(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
    async with online(address, owner.token) as handset:
        await personalisation.withdraw_record(deps, cast.account.id, record.key.id, by=SYSTEM)
        frame = await handset.receive("withdraw")
    assert frame["record"] == ref(record)
    assert frame["id"] != str(record.key.id)


async def test_resolve_gives_the_open_record_and_the_reason(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
    async with online(address, owner.token) as handset:
        shown = await handset.ask("resolve", "resolved", caller_number=f"+{CALLER}")
        nothing = await handset.ask("resolve", "resolved", caller_number="918040009999")
    assert shown["caller_number"] == CALLER
    assert shown["source"] == "call_record"
    assert shown["identity"]["id"] == str(record.key.id)
    assert shown["identity"]["type"] == "identity"
    assert shown["offers"] == NO_OFFERS
    assert (nothing["identity"], nothing["source"]) == (None, "none")
    assert nothing["why"] == NOTHING_KNOWN


async def test_a_call_report_is_confirmed_and_kept_whether_the_record_is_known_or_not(deps: Deps, address: str) -> None:
    owner, call_id, record_id = await make_handset(deps, phone()), random_uuid(), random_uuid()
    record = {"id": str(record_id), "receiver_number": owner.number, "ends_at": to_ms(deps.clock.now())}
    report = {"call_id": str(call_id), "caller_number": CALLER, "source": "call_record", "record": record}
    async with online(address, owner.token) as handset:
        for event in ("shown", "shown", "missed"):
            await handset.ask("call", "received", event=event, **report)
    (call,) = await calls.calls_of_record(deps, RecordKey(owner.number, deps.clock.now(), RecordId(record_id)))
    assert (call.id, call.outcome) == (call_id, CallEvent.MISSED)
    assert call.shown_at == deps.clock.now()


async def test_another_receivers_record_is_refused(deps: Deps, address: str) -> None:
    cast, owner, other = await make_cast(deps), await make_handset(deps, phone()), phone()
    (foreign,) = await store_records(deps, cast, new_record(deps, cast, other))
    report = {"call_id": str(random_uuid()), "caller_number": CALLER, "source": "call_record", "event": "shown"}
    async with online(address, owner.token) as handset:
        refused = await handset.ask("ack", "error", record=ref(foreign))
        also = await handset.ask("call", "error", record=ref(foreign), **report)
    assert refused["slug"] == also["slug"] == "forbidden-error"
    assert refused["message"] == "record belongs to another receiver"
    assert await outcome_of(deps, cast, foreign.key.id) is Outcome.PENDING
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM call WHERE record_id = $1", foreign.key.id) == 0


def codes_counted() -> dict[str, float]:
    """How many streams ended with each close code that has been counted."""
    samples = [sample for metric in metrics.ENDED.collect() for sample in metric.samples]
    return {sample.labels["code"]: sample.value for sample in samples if sample.name.endswith("_total")}


async def test_close_codes_that_the_protocol_does_not_have_are_counted_as_one(deps: Deps, address: str) -> None:
    owner, before = await make_handset(deps, phone()), codes_counted().get("other", 0)
    codes = range(3000, 3005)
    for code in codes:
        async with connect(
            f"ws://{address}/handset/v1/stream", additional_headers={"Authorization": f"Bearer {owner.token}"}
        ) as socket:
            await socket.recv()
            await socket.close(code)

    async def are_counted() -> bool:
        return codes_counted().get("other", 0) == before + len(codes)

    await until(are_counted)
    assert not codes_counted().keys() & set(map(str, codes))


_BAD_FRAMES: list[tuple[str | bytes, str | None, str]] = [
    ("{", None, "frame is invalid"),
    ("[]", None, "frame is invalid"),
    (b"{}", None, "each frame must be a text frame that contains a JSON object"),
    ('{"type":"ack","id":"a1"}', "a1", "record is required"),
    ('{"type":"ack"}', None, "id is required"),
    ('{"type":"ack","id":7}', None, "id is invalid"),
    ('{"id":"a1"}', "a1", "type is required"),
    ('{"type":"dance","id":"a1"}', "a1", "type is invalid"),
    ('{"type":"ack","id":"a1","record":{"id":"x"}}', "a1", "record.id is invalid"),
    ('{"type":"sync","id":"s1","held":["x"]}', "s1", "held is invalid"),
    ('{"type":"sync","id":"s1","held":[],"cursor":"x"}', "s1", "cursor is invalid"),
    ('{"type":"sync","id":"s1","held":[],"cursor":"-5.0000"}', "s1", "cursor is invalid"),
    ('{"type":"resolve","id":"r1","caller_number":"12"}', "r1", "caller_number is not a valid phone number"),
]


async def test_a_bad_frame_is_answered_and_the_stream_goes_on(deps: Deps, address: str) -> None:
    found: list[str] = []
    owner = await make_handset(deps, phone())
    for message, re, text in _BAD_FRAMES:
        async with online(address, owner.token) as handset:  # the tenth bad one would end the stream
            await handset.send_raw(message)
            error = await handset.receive("error")
            if (told := (error["re"], error["slug"], error["message"])) != (re, "invalid-input", text):
                found.append(f"{message!r} is to be told {text!r} about {re}: {told}")
            await handset.settled()
    assert found == []


async def test_the_tenth_spoilt_frame_ends_the_stream(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        for _ in range(9):
            await handset.send_raw("nonsense")
            await handset.receive("error")
        await handset.send_raw("nonsense")
        assert (await handset.closed())[0] == 4400


async def test_a_phone_without_a_network_gives_an_empty_region(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    call: Frame = {"event": "missed", "source": "none", "record": None, "region": ""}
    async with online(address, owner.token) as handset:
        for _ in range(5):
            await handset.send("resolve", caller_number="+918040001234", region="")
            assert (await handset.receive("resolved"))["caller_number"] == "918040001234"
            await handset.send("call", call_id=str(random_uuid()), caller_number="+918040001234", **call)
            await handset.receive("received")


@pytest.mark.parametrize("server_limit", [16 * 1024, 1024 * 1024])
async def test_a_frame_over_16_kib_ends_the_stream(deps: Deps, server_limit: int) -> None:
    owner = await make_handset(deps, phone())
    padding = "x" * (16 * 1024)
    async with served(deps, frame_bytes=server_limit) as address, online(address, owner.token) as handset:
        await handset.send("feedback", padding=padding)
        assert (await handset.closed())[0] == 1009


async def test_a_frame_of_just_16_kib_is_taken(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    empty = '{"type":"feedback","id":"f1","padding":""}'
    async with online(address, owner.token) as handset:
        await handset.send_raw(empty.replace('""', '"' + "x" * (16 * 1024 - len(empty)) + '"'))
        assert (await handset.receive("error"))["message"] == "call_id is required"


async def test_a_token_that_is_none_is_told_so(address: str) -> None:
    for token in ("", "cmhs_unknown"):
        async with open_stream(address, token) as handset:
            assert (await handset.closed())[0] == 4401, token


async def test_a_browser_offers_its_token_as_a_subprotocol(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    url = f"ws://{address}/handset/v1/stream"
    async with connect(url, subprotocols=[Subprotocol("callmark.v1"), Subprotocol(f"bearer.{owner.token}")]) as stream:
        assert stream.subprotocol == "callmark.v1"
        assert b'"type":"welcome"' in await stream.recv(decode=False)
    async with connect(url, subprotocols=[Subprotocol(f"bearer.{owner.token}")]) as stream:
        with pytest.raises(ConnectionClosed):
            await stream.recv()
        assert (stream.subprotocol, stream.close_code) == (None, 4401)
    async with connect(url, subprotocols=[Subprotocol("callmark.v1"), Subprotocol("bearer.cmhs_none")]) as stream:
        with pytest.raises(ConnectionClosed):
            await stream.recv()
        assert stream.close_code == 4401


async def test_a_forgotten_registration_closes_its_stream_and_its_token(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        await handsets.forget(deps, owner.token)
        assert (await handset.closed())[0] == 4401
    async with open_stream(address, owner.token) as handset:
        assert (await handset.closed())[0] == 4401


async def test_a_revoked_app_closes_the_streams_of_its_handsets(deps: Deps, address: str) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    mine = await make_handset(deps, phone(), credential=credential)
    other = await make_handset(deps, phone())
    async with online(address, mine.token) as handset, online(address, other.token) as stays:
        await handsets.revoke_app(deps, app.id, by=SYSTEM)
        assert (await handset.closed())[0] == 4401
        await stays.settled()


async def test_a_newer_stream_of_the_same_token_closes_the_older(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as older, online(address, owner.token) as newer:
        assert (await older.closed())[0] == 4409
        await newer.settled()


async def test_a_number_registered_anew_closes_the_stream_of_the_older_device(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as older:
        moved = await make_handset(deps, owner.number, credential=owner.credential)
        assert (await older.closed())[0] == 4410
        async with online(address, moved.token) as newer:
            assert newer.welcome["generation"] == 2


async def test_a_gateway_that_stops_sends_its_handsets_elsewhere(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as address:
        opened = open_stream(address, owner.token)
        handset = await opened.__aenter__()
        await handset.receive("welcome")
    assert (await handset.closed())[0] == 1012
    await opened.__aexit__(None, None, None)


async def test_a_handset_that_has_gone_is_not_connected_for_the_next_push(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        await handset.settled()
    await until_offline(deps, owner)
    async with asyncio.timeout(60):
        record = await push_patiently(deps, cast, owner.number, within_s=600)
    assert record.outcome is Outcome.FAILED_TO_PUSH
