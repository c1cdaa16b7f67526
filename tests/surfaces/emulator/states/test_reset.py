"""What a reset forgets."""

from datetime import UTC, datetime, timedelta

from tests.support.due_work import run_due_once
from tests.support.fake_clock import FakeClock
from tests.surfaces.emulator.running import Emulated

from callmark.domain.deps import Deps
from callmark.kit.ids import new_id
from callmark.surfaces.emulator.states.reset import FORGOTTEN

EARLY = datetime(2001, 1, 1, tzinfo=UTC)

KEPT = {
    "access_token",
    "account_switch",
    "alert_recipient",
    "api_key",
    "audit_checkpoint",
    "audit_entry",
    "audit_head",
    "brand_icon",
    "call_reason",
    "callback_config",
    "calling_operation",
    "calling_process",
    "campaign",
    "client_account",
    "console_session",
    "count_mark",
    "department",
    "edge",
    "erasure",
    "emulator_state",
    "feature_set",
    "gateway",
    "handed_over",
    "handset_app",
    "installation",
    "known_browser",
    "known_device",
    "label",
    "listing_job",
    "logo",
    "mailed_link",
    "member",
    "number",
    "number_proof",
    "operator_token",
    "operator_user",
    "periodic_job",
    "presence",
    "process",
    "proof_request",
    "registration",
    "schema_migration",
    "sign_in_code",
    "signer_certificate",
    "throttle",
    "trust_root",
    "virtual_handset",
    "webhook",
    "webhook_queue",
}
"""Who is there, what they have set up, and what is changed by the reset instead of forgotten."""

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


async def test_every_table_is_either_kept_by_a_reset_or_forgotten(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        tables = {row["relname"] for row in await tx.fetch(_TABLES)}
    assert tables == KEPT | FORGOTTEN
    assert not KEPT & FORGOTTEN


async def test_a_reset_makes_no_job_due_but_those_it_takes_from_their_workers(
    emulator: Emulated, clock: FakeClock
) -> None:
    """The others are due as long from now as before, also by the clock that it puts back."""
    deps, moved = emulator.deps, timedelta(hours=5)
    await run_due_once(deps)
    before = await due_jobs(deps)
    await reset(emulator)
    assert await due_jobs(deps) == before
    assert (await emulator.http.get("/emulator/v1/work")).json()["idle"]
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE installation SET clock_offset = $1", moved)
        await tx.execute(
            "UPDATE periodic_job SET lease_id = $1, leased_until = $2 WHERE name = 'sweep'", new_id(), EARLY
        )
    await reset(emulator)
    assert await due_jobs(deps) == {name: at - moved for name, at in before.items()} | {"sweep": clock.now()}
    async with deps.db.connection() as tx:
        assert not await tx.fetchval("SELECT count(lease_id) FROM periodic_job")


async def reset(emulator: Emulated) -> None:
    answer = await emulator.http.post("/emulator/v1/reset")
    assert answer.status_code == 200, answer.text


async def due_jobs(deps: Deps) -> dict[str, datetime]:
    """When each periodic job is due."""
    async with deps.db.connection() as tx:
        return {row["name"]: row["due_at"] for row in await tx.fetch("SELECT name, due_at FROM periodic_job")}
