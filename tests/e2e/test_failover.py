"""Nothing that was promised is lost while a NATS node, the primary and each process end, one after the other."""

from tests.e2e.failover import Load, Stage, staged
from tests.support.waiting import until


async def test_every_promise_is_kept_while_parts_die_under_load_and_no_process_is_restarted_by_hand() -> None:
    async with staged(Load()) as stage:
        async with stage.under_load():
            running = stage.processes()
            await stage.kill_a_nats_node()
            await stage.fail_postgres_over()
            assert stage.processes() == running
            await stage.restart_each()
        await stage.settled()
        await every_answer_was_true(stage)
        await every_record_reached_its_handset(stage)
        await every_callback_reached_the_business(stage)


async def every_answer_was_true(stage: Stage) -> None:
    """Also of pushes during a blow: `success` where the handset had it in time, else a failure that is on record.

    An acknowledgement may be lost with a process; then the push has failed until the handset comes back.
    """
    async with stage.deps.db.connection() as tx:
        rows = await tx.fetch(
            "SELECT call_reason, outcome, first_outcome FROM call_record WHERE call_reason = ANY ($1::text[])",
            [*stage.told],
        )
    assert stage.told.keys() == {row["call_reason"] for row in rows}
    first = {row["call_reason"]: row["first_outcome"] or row["outcome"] for row in rows}
    assert set(first.values()) <= {"success", "failed_to_push"}
    in_time = {reason for reason, outcome in first.items() if outcome == "success"}
    assert in_time == {reason for reason, status in stage.told.items() if status == "success"}
    assert in_time


async def every_record_reached_its_handset(stage: Stage) -> None:
    pushed = sum(phase.real_time.total() for phase in stage.phases)
    assert pushed
    assert stage.batches
    async with stage.deps.db.connection() as tx:
        bulk = await tx.fetchval("SELECT count(*) FROM call_record WHERE batch_id = ANY ($1::uuid[])", stage.batches)
    assert bulk == len(stage.batches) * stage.load.records_in_batch
    await stage.every_handset_comes_back()

    async def all_shown() -> bool:  # in time, or when the handset was back
        return (await stage.outcomes()).keys() == {"success"}

    await until(all_shown)
    assert (await stage.outcomes())["success"] >= bulk + pushed


async def every_callback_reached_the_business(stage: Stage) -> None:
    assert stage.callbacks
    async with stage.deps.db.connection() as tx:
        rows = await tx.fetch("SELECT request_id FROM callback_request")
        events = await tx.fetch("SELECT id FROM event")
    assert len(rows) == len(events) == len({row[0] for row in rows})  # each once, repeated or not
    assert stage.callbacks <= {str(row[0]) for row in rows}
    assert {request.event_id for request in stage.there.requests} == {str(event[0]) for event in events}
