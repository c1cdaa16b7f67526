"""What the worker does by itself."""

import asyncio
import inspect
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.waiting import until

from callmark import domain
from callmark.domain.background.registry import DELETIONS, PERIODIC, deletions, periodic, works
from callmark.domain.background.service import add_periodic_jobs, list_periodic
from callmark.domain.deps import Deps
from callmark.domain.sessions.throttle import service as throttle
from callmark.domain.work_names import WorkName
from callmark.kit.health import Health, readyz
from callmark.kit.outbound.client import Outbound
from callmark.kit.tasks import end
from callmark.kit.worker import Worker

OF_ANOTHER = {throttle.forget_old_tries}
"""A part of the job that clears sessions away."""


def clearing_jobs() -> Iterator[object]:
    """Every `drop_…` and `forget_…` of the domain that takes what a job gets, and nothing else."""
    for module in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}."):
        jobs = import_module(module.name)
        for name, made in inspect.getmembers(jobs, inspect.iscoroutinefunction):
            if name.startswith(("drop_", "forget_")) and made.__module__ == module.name and takes_deps_alone(made):
                yield made


def takes_deps_alone(function: Callable[..., object]) -> bool:
    return [one.annotation for one in inspect.signature(function).parameters.values()] in ([Deps], ["Deps"])


def test_every_job_that_clears_away_comes_round_by_itself() -> None:
    there = set(clearing_jobs())
    assert there
    assert there - OF_ANOTHER <= {job.run for job in PERIODIC.values()}


def test_periodic_jobs_keep_their_names() -> None:
    """By which their rows are stored; alerts of operators have them as a label. So a new name is a new job."""
    assert PERIODIC.keys() == {
        "partitions",
        "old_batches",
        "dead_sessions",
        "dead_tokens",
        "counted_tokens",
        "audit_seals",
        "old_audit_entries",
        "old_idempotency_keys",
        "old_downloads",
        "waiting_mails",
        "old_proof_requests",
        "old_uploads",
        "old_handsets",
        "record_days",
        "call_days",
        "old_alerts",
        "webhook_outages",
        "webhook_overlaps",
        "day_alerts",
        "certificates",
        "sweep",
        "old_calls",
        "old_call_me_back_requests",
        "old_answers",
        "old_signed_calls",
        "old_events",
        "old_emails",
        "old_announced_calls",
        "old_previewed_files",
        "old_number_codes",
        "old_listing_jobs",
    }


async def test_every_kind_of_work_is_done_once_and_none_has_a_name_that_nobody_wakes(deps: Deps) -> None:
    async with Outbound(()) as outbound:
        assert Counter(work.name for work in works(deps, outbound)) == Counter(WorkName)


async def test_credentials_of_a_push_service_that_cannot_be_used_stop_no_other_work(deps: Deps, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(deps.settings, fcm_credentials_file=tmp_path / "absent.json")
    here = replace(deps, settings=settings, health=Health())
    async with Outbound(()) as outbound:
        ready = {work.name: work.ready() for work in works(here, outbound)}
    assert ready.keys() == {*WorkName}
    assert [name for name, is_ready in ready.items() if not is_ready] == [WorkName.MAILS]  # which have no server
    (wrong,) = here.health.troubles().items()
    assert wrong[0] == "push_service"
    assert f"CALLMARK_FCM_CREDENTIALS_FILE: cannot read {tmp_path}/absent.json" in wrong[1]
    here.health.roles = frozenset({"api", "worker"})
    stand = {role: (await readyz(here.db, here.fabric, here.health, role=role))[0] for role in ("api", "worker")}
    assert stand == {"api": 200, "worker": 503}


async def test_what_has_much_to_delete_holds_up_none_of_the_other_jobs(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that delete are due first, and none of them ends."""
    ran: set[str] = set()

    async def delete(_: Deps) -> None:
        await asyncio.Event().wait()

    async def note(_: Deps, *, name: str) -> None:
        ran.add(name)

    async def have_run() -> bool:
        return ran == PERIODIC.keys() - DELETIONS.keys()

    for name, job in list(PERIODIC.items()):
        monkeypatch.setitem(PERIODIC, name, replace(job, run=delete if name in DELETIONS else partial(note, name=name)))
    await add_periodic_jobs(deps)
    async with deps.db.connection() as tx:
        sooner = "UPDATE periodic_job SET due_at = due_at - interval '1 hour' WHERE name = ANY ($1)"
        await tx.execute(sooner, list(DELETIONS))
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock)
    running = asyncio.create_task(worker.run([periodic(deps), deletions(deps)]))
    await until(have_run)
    await end([running])


async def test_a_job_that_only_another_version_knows_is_left_to_it_and_not_shown(deps: Deps) -> None:
    """The first worker of a newer one adds it, while older ones still run; rows of an older one stay."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        await tx.execute("INSERT INTO periodic_job (name, due_at) VALUES ('of_tomorrow', $1), ('sweep', $1)", now)
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock)
    assert await worker.run_due(periodic(deps)) == 1
    async with deps.db.connection() as tx:
        row = await tx.fetchrow("SELECT due_at, lease_id FROM periodic_job WHERE name = 'of_tomorrow'")
        assert row == (now, None)
        assert [job.name for job in await list_periodic(deps, tx)] == ["sweep"]
