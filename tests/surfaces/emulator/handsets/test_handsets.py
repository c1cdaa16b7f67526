"""Virtual handsets through the control API, the real farm and the real gateway."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until
from tests.support.way_to_postgres import way_to_postgres
from tests.surfaces.emulator.running import Emulated, emulated, farming, serving
from tests.surfaces.gateway.helpers import CALLER, NO_OFFERS, NOTHING_KNOWN, push, push_patiently
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.postgres.database import Database
from callmark.processes.worker import prepare
from callmark.surfaces.emulator.handsets import caller_lookup
from callmark.surfaces.emulator.handsets.held_identities import MOST_HELD


async def test_a_pushed_identity_shows_when_its_caller_rings_and_the_call_is_reported(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    record = await push_patiently(emulator.deps, cast, number)
    assert record.outcome is Outcome.SUCCESS
    shown = await emulator.call(number, f"+{CALLER}", "missed")
    assert shown["name"] == "Acme Deliveries"
    assert shown["call_reason"] == "Your parcel arrives today"
    assert shown["verified"] is True
    assert shown["source"] == "call_record"
    assert shown["offers"] == NO_OFFERS
    assert (await emulator.http.get(shown["logo_url"])).headers["content-type"] == "image/png"
    (call,) = await calls.calls_of_record(emulator.deps, record.key)
    assert call.shown_at is not None
    assert call.outcome is CallEvent.MISSED


async def test_looking_at_the_screen_reports_no_call(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    record = await push_patiently(emulator.deps, cast, number)
    assert (await emulator.screen(number, CALLER))["name"] == "Acme Deliveries"
    assert await calls.calls_of_record(emulator.deps, record.key) == []


async def test_an_online_handset_without_a_record_says_why_nothing_shows(emulator: Emulated, clock: FakeClock) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    nothing = await emulator.screen(number, CALLER)
    assert nothing["name"] is None
    assert nothing["source"] == "none"
    assert nothing["why"] == NOTHING_KNOWN
    later = to_ms(clock.now()) + 60_000
    await push_patiently(emulator.deps, cast, number, starts_at=later, ends_at=later + 60_000)
    assert "does not open until 2026-01-01T10:01:00.000Z" in (await emulator.screen(number, CALLER))["why"]
    clock.advance(timedelta(seconds=90))
    assert (await emulator.screen(number, CALLER))["name"] == "Acme Deliveries"
    clock.advance(timedelta(seconds=60))
    assert "ended at 2026-01-01T10:02:00.000Z" in (await emulator.screen(number, CALLER))["why"]


async def test_a_withdrawn_record_shows_no_more(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    record = await push_patiently(emulator.deps, cast, number)
    await personalisation.withdraw_record(emulator.deps, cast.account.id, record.key.id, by=SYSTEM)
    await push_patiently(emulator.deps, cast, number, caller="918040009999")  # frames keep their order
    assert "was withdrawn" in (await emulator.screen(number, CALLER))["why"]


async def test_an_offline_handset_shows_what_it_holds_and_gets_the_rest_when_it_is_back(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    held = await push_patiently(emulator.deps, cast, number)
    assert (await emulator.change(number, online=False))["connected"] is False
    missed = await push(emulator.deps, cast, number, caller="918040009999")
    assert missed.outcome is Outcome.FAILED_TO_PUSH
    assert (await emulator.call(number, CALLER))["name"] == "Acme Deliveries"
    nothing = await emulator.screen(number, "918040009999")
    assert nothing["why"] == "the handset is offline and has no record of this caller"
    assert await calls.calls_of_record(emulator.deps, held.key) == []
    assert (await emulator.change(number, online=True))["connected"] is True
    assert (await emulator.screen(number, "918040009999"))["name"] == "Acme Deliveries"
    await emulator.call(number, "918040009999")  # answered after the report that waited: frames keep their order
    assert len(await calls.calls_of_record(emulator.deps, held.key)) == 1


async def test_what_a_withdrawn_record_had_superseded_shows_again_also_offline(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    older = await push_patiently(emulator.deps, cast, number)
    newer = await push_patiently(emulator.deps, cast, number)
    assert (await _listed(emulator, number))["held"] == 1
    await personalisation.withdraw_record(emulator.deps, cast.account.id, newer.key.id, by=SYSTEM)
    await push_patiently(emulator.deps, cast, number, caller="918040009999")  # frames keep their order

    async def caught_up() -> bool:
        return bool((await _listed(emulator, number))["held"] == 2)

    await until(caught_up)
    await emulator.change(number, online=False)
    assert f"{older.key.id}" in (await emulator.screen(number, CALLER))["why"]


async def test_what_a_record_withdrawn_meanwhile_had_superseded_comes_back_with_the_stream(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    older = await push_patiently(emulator.deps, cast, number)
    newer = await push_patiently(emulator.deps, cast, number)
    await emulator.change(number, online=False)
    await personalisation.withdraw_record(emulator.deps, cast.account.id, newer.key.id, by=SYSTEM)
    await emulator.change(number, online=True)
    assert (await _listed(emulator, number))["held"] == 1
    await emulator.change(number, online=False)
    assert f"{older.key.id}" in (await emulator.screen(number, CALLER))["why"]


async def test_a_full_handset_refuses_what_may_show_tells_how_often_and_takes_again_when_windows_have_ended(
    emulator: Emulated, clock: FakeClock
) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    for first in range(0, MOST_HELD, 10):
        pushes = (push_patiently(emulator.deps, cast, number, caller=f"91804{n:07d}") for n in range(first, first + 10))
        assert {record.outcome for record in await asyncio.gather(*pushes)} == {Outcome.SUCCESS}
    assert (await push_patiently(emulator.deps, cast, number, caller="918040000007")).outcome is Outcome.SUCCESS
    assert (await push(emulator.deps, cast, number, caller="918049999999")).outcome is Outcome.FAILED_TO_PUSH

    async def is_refused() -> bool:  # a push may end before it has come to the handset
        return bool((await _listed(emulator, number))["refused_pushes"])

    await until(is_refused)
    listed = await _listed(emulator, number)
    assert (listed["held"], listed["most_held"], listed["refused_pushes"]) == (MOST_HELD, MOST_HELD, 1)
    clock.advance(timedelta(hours=24))
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS
    assert (await _listed(emulator, number))["held"] == 1


async def _listed(emulator: Emulated, number: str) -> dict[str, Any]:
    listed = (await emulator.http.get("/emulator/v1/handsets")).json()
    return next(one for one in listed if one["phone_number"] == number)


async def test_every_second_push_is_lost_by_a_handset_that_drops_so_many(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number, script={"drop_every": 2})
    outcomes = [(await one(emulator.deps, cast, number)).outcome for one in (push_patiently, push, push_patiently)]
    assert outcomes == [Outcome.SUCCESS, Outcome.FAILED_TO_PUSH, Outcome.SUCCESS]


async def test_a_late_acknowledgement_is_a_failure_first_and_the_script_can_change(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number, script={"ack_delay_s": 30})
    assert (await push(emulator.deps, cast, number)).outcome is Outcome.FAILED_TO_PUSH
    changed = await emulator.change(number, script={"ack_delay_s": 0.05})
    assert changed["script"] == {"ack_delay_s": 0.05}
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS


async def test_an_uninstalled_handset_is_no_user_any_more(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    gone = await emulator.http.delete(f"/emulator/v1/handsets/+{number}")
    assert gone.status_code == 204
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.NOT_REGISTERED
    assert "is not registered" in (await emulator.call(number, CALLER))["why"]
    assert (await emulator.http.delete(f"/emulator/v1/handsets/{number}")).status_code == 404
    assert (await emulator.http.patch(f"/emulator/v1/handsets/{number}", json={})).status_code == 404


async def test_another_app_version_or_os_registers_anew(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number, app_version="0.9.0")
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.APP_VERSION_NOT_SUPPORTED
    assert "need app version 1.0.0" in (await emulator.screen(number, CALLER))["why"]
    assert (await emulator.change(number, app_version="1.0"))["connected"] is True
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS
    assert (await emulator.change(number, os="ios"))["os"] == "ios"
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.OS_NOT_SUPPORTED
    assert "Android only" in (await emulator.screen(number, CALLER))["why"]


async def test_a_number_registered_on_another_device_is_lost_to_the_handset(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    _, credential = await handsets.create_app(emulator.deps, "Another app", by=SYSTEM)
    await handsets.register(emulator.deps, credential, number, OS.ANDROID, "4.2.0")
    why = (await emulator.screen(number, CALLER))["why"]
    assert "another device" in why
    assert (await emulator.make(number))["connected"] is True


async def test_a_handset_that_finds_its_stream_closed_says_what_became_of_it(
    emulator: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks may hear of the end before the handset knows the reason."""
    number = phone()
    await emulator.make(number)
    _, credential = await handsets.create_app(emulator.deps, "Another app", by=SYSTEM)
    takeovers = list[asyncio.Task[object]]()

    async def closed(*_: object, **__: object) -> None:
        taking = handsets.register(emulator.deps, credential, number, OS.ANDROID, "4.2.0")
        takeovers.append(asyncio.create_task(taking))
        raise ConnectionClosedError(None, None)

    monkeypatch.setattr(caller_lookup, "CONNECT_WITHIN_S", 60)  # more than the farm has: its end is what is waited for
    monkeypatch.setattr(ClientConnection, "send", closed)
    assert "another device" in (await emulator.screen(number, CALLER))["why"]
    await asyncio.gather(*takeovers)


async def test_magic_receivers_are_there_from_the_start(magic_emulator: Emulated) -> None:
    listed = {one["phone_number"]: one for one in (await magic_emulator.http.get("/emulator/v1/handsets")).json()}
    assert {f"91990000{last:04d}" for last in (*range(1, 10), *range(11, 18))} <= listed.keys()
    assert listed["919900000012"]["os"] == "ios"
    assert listed["919900000013"]["app_version"] == "0.9.0"
    assert listed["919900000014"]["online"] is False
    assert listed["919900000016"]["script"] == {"drop_every": 2}
    assert "not registered" in (await magic_emulator.screen("919900000011", CALLER))["why"]
    assert "Android only" in (await magic_emulator.screen("919900000012", CALLER))["why"]
    assert "need app version" in (await magic_emulator.screen("919900000013", CALLER))["why"]
    assert "offline" in (await magic_emulator.screen("919900000014", CALLER))["why"]


async def test_handsets_find_a_gateway_again_after_theirs_has_gone(deps: Deps, tmp_path: Path) -> None:
    number = phone()
    async with emulated(deps, tmp_path, serve=False) as emulator:
        async with serving(emulator.deps, emulator.port):
            await emulator.make(number)
        async with serving(emulator.deps, emulator.port):

            async def is_back() -> bool:
                listed = (await emulator.http.get("/emulator/v1/handsets")).json()
                return any(one["connected"] for one in listed if one["phone_number"] == number)

            await until(is_back, 30)  # it tries less often the longer no gateway was there
            nothing = await emulator.screen(number, CALLER)
    assert nothing["why"] == NOTHING_KNOWN


async def test_a_handset_goes_on_as_it_was_when_its_change_cannot_be_written(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    number = phone()
    with way_to_postgres(deps) as way:
        way.open()
        db = await Database.open(way.dsn, size=2, name="test farm", connected_within_s=PATIENT_S)
        async with emulated(deps, tmp_path, farm=False) as emulator, farming(replace(emulator.deps, db=db)):
            before = await emulator.make(number)
            way.shut()
            async with deps.db.connection() as tx:
                await tx.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test farm'"
                )
            changed = await emulator.http.patch(f"/emulator/v1/handsets/{number}", json={"app_version": "5.0.0"})
            made = await emulator.http.post("/emulator/v1/handsets", json={"phone_number": number, "os": "ios"})
            assert (changed.status_code, made.status_code) == (503, 503)
            way.open()

            async def is_as_before() -> bool:
                return before in (await emulator.http.get("/emulator/v1/handsets")).json()

            await until(is_as_before)
        await db.close()


async def test_a_farm_that_starts_again_keeps_its_registrations(deps: Deps, tmp_path: Path) -> None:
    number = phone()
    async with emulated(deps, tmp_path, farm=False) as emulator:
        async with farming(emulator.deps):
            await emulator.make(number, script={"drop_every": 3})
        assert (await emulator.http.get("/emulator/v1/handsets")).status_code == 503
        async with farming(emulator.deps):
            assert (await emulator.screen(number, CALLER))["why"] == NOTHING_KNOWN
            listed = (await emulator.http.get("/emulator/v1/handsets")).json()
    (mine,) = [one for one in listed if one["phone_number"] == number]
    assert (mine["connected"], mine["script"]) == (True, {"drop_every": 3})
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT generation FROM registration WHERE phone_number = $1", number) == 1
