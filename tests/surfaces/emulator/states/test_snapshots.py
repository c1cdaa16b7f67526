"""Snapshots by the control API's own rules; with a clock and several processes: test_installation."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.engines import Engines
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.support.kept_days import KEPT
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until
from tests.surfaces.emulator.running import Emulated
from tests.surfaces.gateway.helpers import CALLER, push_patiently

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import SYSTEM
from callmark.instants import iso_ms
from callmark.kit.errors import Conflict
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Database, own_names
from callmark.kit.postgres.partitions import keep_days
from callmark.surfaces.emulator.states import snapshot_queries, snapshots

SEEDED = "919900000001"
PATH = "/emulator/v1/snapshots"


async def ask(emulator: Emulated, method: str, path: str, status: int = 200, body: object = None) -> Any:
    answer = await emulator.http.request(method, f"{PATH}{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def label_names(deps: Deps, account: Any) -> list[str]:
    return [one.name for one in await labels.list_labels(deps, account)]


async def test_snapshots_have_names_and_are_listed_by_them(emulator: Emulated) -> None:
    assert await ask(emulator, "GET", "") == []
    await snapshots.take_seed(emulator.deps)
    for name in ("b", "a.1_x-Y"):
        made = await ask(emulator, "PUT", f"/{name}", body={})
        assert (made["name"], made["now"]) == (name, iso_ms(emulator.deps.clock.now()))
    assert [one["name"] for one in await ask(emulator, "GET", "")] == ["a.1_x-Y", "b"]
    assert (await ask(emulator, "GET", "/b"))["name"] == "b"
    await ask(emulator, "DELETE", "/b", 204)
    await ask(emulator, "DELETE", "/b", 204)
    for method, path in (("GET", "/b"), ("POST", "/b/restore"), ("PUT", "/(seed)"), ("PUT", f"/{'x' * 65}")):
        assert (await ask(emulator, method, path, 404))["slug"] == "not-found"
    assert await snapshots.has_seed(emulator.deps)


async def test_a_name_that_is_given_again_keeps_the_newer_state(emulator: Emulated) -> None:
    cast = await make_cast(emulator.deps)
    await ask(emulator, "PUT", "/one")
    await labels.delete_label(emulator.deps, cast.account.id, cast.label.id, by=SYSTEM)
    await ask(emulator, "PUT", "/one")
    await ask(emulator, "POST", "/one/restore")
    assert await label_names(emulator.deps, cast.account.id) == []


async def test_there_are_so_many_snapshots_at_most(emulator: Emulated) -> None:
    for number in range(snapshots.MOST):
        await snapshots.take(emulator.deps, f"s{number}")
    assert (await ask(emulator, "PUT", "/one-more", 409))["slug"] == "conflict"
    await ask(emulator, "PUT", "/s0")


async def test_a_snapshot_of_another_version_is_refused_and_changes_nothing(emulator: Emulated) -> None:
    cast = await make_cast(emulator.deps)
    for name in ("old", snapshots.SEED):
        await snapshots.take(emulator.deps, name)
    async with emulator.deps.db.connection() as tx:
        await tx.execute("UPDATE emulator.snapshot SET schema_number = 1")
    await make_cast(emulator.deps)
    await ask(emulator, "POST", "/old/restore", 409)
    assert (await emulator.http.post("/emulator/v1/reset", json={"to": "seed"})).status_code == 409
    assert not await snapshots.has_seed(emulator.deps)
    assert len(await label_names(emulator.deps, cast.account.id)) == 1


@pytest.mark.parametrize("big_bytes", [0, 1 << 40])
async def test_large_tables_are_emptied_as_small_ones_are(emulator: Emulated, big_bytes: int) -> None:
    cast = await make_cast(emulator.deps)
    await emulator.make(SEEDED)
    await push_patiently(emulator.deps, cast, SEEDED)
    async with emulator.deps.db.transaction() as tx:
        tables = await snapshot_queries.stored_tables(tx)
        await snapshot_queries.empty(tx, tables, big_bytes=big_bytes)
        left = [await tx.fetchval(own_names(f"SELECT count(*) FROM {one.name}")) for one in tables]
    assert set(left) == {0}


async def test_tables_may_be_in_another_schema_than_public(deps: Deps) -> None:
    cast = await make_cast(deps)
    made = await snapshots.take(deps, "one")
    async with deps.db.transaction() as tx:
        await tx.execute("ALTER SCHEMA public RENAME TO one; SET LOCAL search_path TO one")
        tables = await snapshot_queries.stored_tables(tx)
        await snapshot_queries.put_snapshot(tx, tables, made)
        await snapshot_queries.empty(tx, tables)
        await snapshot_queries.fill(tx, tables, made.name)
        assert await tx.fetchval("SELECT id FROM label") == cast.label.id
        await tx.execute("ALTER SCHEMA one RENAME TO public")


async def test_a_user_who_may_make_no_schema_learns_which_right_is_missing(deps: Deps, engines: Engines) -> None:
    async with deps.db.connection() as tx:
        name = await tx.fetchval("SELECT current_database()")
        await tx.execute(own_names(f'ALTER DATABASE "{name}" SET role = pg_monitor'))
    db = await Database.open(engines.dsn, size=1, connected_within_s=PATIENT_S)
    with pytest.raises(Conflict, match="GRANT CREATE ON DATABASE"):
        await snapshots.take(replace(deps, db=db), "one")
    await db.close()


async def test_what_handsets_hold_is_what_they_held(emulator: Emulated) -> None:
    cast = await make_cast(emulator.deps)
    await emulator.make(SEEDED)
    await snapshots.take(emulator.deps, "before")
    await push_patiently(emulator.deps, cast, SEEDED)
    await snapshots.take(emulator.deps, "after")
    shown = [(await emulator.screen(SEEDED, CALLER))["name"]]
    for name in ("before", "after"):
        await ask(emulator, "POST", f"/{name}/restore")
        shown.append((await emulator.screen(SEEDED, CALLER))["name"])
    assert shown == ["Acme Deliveries", None, "Acme Deliveries"]


async def test_a_restoration_that_fails_takes_nothing_from_handsets(emulator: Emulated) -> None:
    cast = await make_cast(emulator.deps)
    await emulator.make(SEEDED)
    await snapshots.take(emulator.deps, "before")
    await push_patiently(emulator.deps, cast, SEEDED)
    async with emulator.deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE label IN ROW EXCLUSIVE MODE")  # as someone who writes there for a while
        await ask(emulator, "POST", "/before/restore", 503)
    held = {one["phone_number"]: one["held"] for one in (await emulator.http.get("/emulator/v1/handsets")).json()}
    assert held[SEEDED] == 1


async def generation_of(deps: Deps, number: str) -> int | None:
    """Of the number's live registration."""
    async with deps.db.connection() as tx:
        return await tx.fetchval(
            "SELECT generation FROM registration WHERE phone_number = $1 AND token_sha256 IS NOT NULL", number
        )


async def test_after_a_reset_only_handsets_that_had_changed_are_registered_again(emulator: Emulated) -> None:
    kept, changed, forgotten = "919900000001", "919900000002", "919900000014"
    assert (await emulator.http.post("/emulator/v1/reset")).status_code == 200  # every handset is there then
    before = {one: await generation_of(emulator.deps, one) for one in (kept, changed, forgotten)}
    await emulator.change(changed, os="ios")
    await handsets.forget_number(emulator.deps, PhoneNumber(forgotten), by=SYSTEM)
    assert (await emulator.http.post("/emulator/v1/reset")).status_code == 200
    after = {one: await generation_of(emulator.deps, one) for one in before}
    assert after[kept] == before[kept]
    for one in (changed, forgotten):
        assert after[one] is not None
        assert after[one] != before[one]
    assert (await emulator.change(changed))["os"] == "android"


LATE = timedelta(days=60)
LEASED = "UPDATE periodic_job SET lease_id = $1, leased_until = $2 WHERE name = 'partitions'"


async def test_a_job_that_runs_by_the_later_clock_drops_nothing_of_what_comes_back(
    emulator: Emulated, clock: FakeClock
) -> None:
    deps = emulator.deps
    await emulator.make(SEEDED)
    await push_patiently(deps, await make_cast(deps), SEEDED)
    await snapshots.take(deps, "early")
    clock.advance(LATE)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE installation SET clock_offset = $1", LATE)
        await tx.execute(LEASED, new_id(), deps.real_clock.now() + timedelta(minutes=1))  # by the worker that does it
        restoring = asyncio.create_task(ask(emulator, "POST", "/early/restore"))

        async def is_clock_back() -> bool:
            return await tx.fetchval("SELECT clock_offset = interval '0' FROM installation")

        await until(is_clock_back)
        await keep_days(deps.db, clock.now(), KEPT)
        await tx.execute(LEASED, None, None)
        await restoring
        parts = await tx.fetch("SELECT tableoid::regclass::text FROM call_record")
    assert [row[0] for row in parts] == [f"call_record_{clock.now() - LATE:%Y%m%d}"]
