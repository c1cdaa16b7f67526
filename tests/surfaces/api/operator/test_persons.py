"""Persons in the operator API: exported, erased, and how far erasures are."""

from collections.abc import AsyncGenerator

import pytest
from tests.support.table_rows import put_row
from tests.surfaces.api.operator.operating import Program, operating

from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.ids import ErasureId
from callmark.domain.persons import erasing
from callmark.kit.ids import new_id, parse_uuid

NUMBER = "919900112233"


@pytest.fixture
async def program(deps: Deps) -> AsyncGenerator[Program]:
    async with operating(deps) as made:
        yield made


async def run(deps: Deps, erasure_id: str) -> None:
    id_ = parse_uuid(erasure_id)
    assert id_
    while await erasing.step(deps, ErasureId(id_)):
        pass


async def test_a_number_is_exported_and_erased(deps: Deps, program: Program) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
    body = {"phone_number": f"+{NUMBER}"}
    exported = await program.good("POST", "persons/export", body)
    assert [one["receiver_number"] for one in exported["tables"]["call"]] == [NUMBER]
    made = await program.good("POST", "persons/erasures", body)
    assert (made["state"], made["rows"], made["ended_at"]) == ("running", 0, None)
    assert await program.good("POST", "persons/erasures", body) == made
    await run(deps, made["erasure_id"])
    done = await program.good("GET", f"persons/erasures/{made['erasure_id']}")
    assert (done["state"], done["rows"], done["look"], NUMBER in str(done)) == ("done", 1, 2, False)
    assert (await program.good("POST", "persons/export", body))["tables"] == {}
    again = await program.good("POST", "persons/erasures", body)
    assert again["erasure_id"] != made["erasure_id"]
    first = await program.good("GET", "persons/erasures?limit=1")
    second = await program.good("GET", f"persons/erasures?limit=1&after={first['next_after']}")
    assert [one["erasure_id"] for one in (*first["erasures"], *second["erasures"])] == [
        again["erasure_id"],
        made["erasure_id"],
    ]
    log = await audit.list_entries(deps, None, audit.AuditFilter(action="person.erasure_requested"))
    assert {(one.actor_email, one.by_operator) for one in log} == {(log[0].actor_email, True)}
    assert log[0].actor_email.startswith("operator token ")
    assert not any(NUMBER in f"{one.subject} {one.details}" for one in log)


async def test_an_export_that_would_lack_a_newer_versions_tables_is_refused(deps: Deps, program: Program) -> None:
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    status, message, _ = await program.refusal("POST", "persons/export", {"phone_number": NUMBER})
    assert (status, message[:66]) == (409, "an export would not be whole: the database is at migration 9999, w")
    assert await audit.list_entries(deps, None, audit.AuditFilter(action="person.export")) == []


async def test_what_is_no_number_or_no_erasure_is_refused(program: Program) -> None:
    status, message, field = await program.refusal("POST", "persons/export", {"phone_number": "12"})
    assert (status, message[:12], field) == (400, "phone_number", "phone_number")
    assert (await program.refusal("POST", "persons/erasures", {"phone_number": ""}))[0] == 400
    assert (await program.refusal("GET", f"persons/erasures/{new_id()}"))[0] == 404
    assert (await program.refusal("GET", "persons/erasures/nothing"))[0] == 404
