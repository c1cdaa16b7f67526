"""Due work: claimed once, leased, given back, postponed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.kit.chores import Chores, Run
from tests.support.waiting import until

from callmark.kit import worker
from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.work import LEASE, Claimed, OwnerLease, Work, wake_topic


async def test_each_row_is_claimed_by_one_worker_only(chores: Chores) -> None:
    await chores.make(*(f"chore {i}" for i in range(40)))
    work = chores.work()
    taken = await asyncio.gather(*(chores.worker().claim(work, 10) for _ in range(8)))
    names = [claimed.row["name"] for some in taken for claimed in some]
    assert len(names) == len(set(names)) == 40


async def test_done_work_is_not_due_any_more(chores: Chores) -> None:
    await chores.make("sweep")
    assert await chores.worker().run_due(chores.work()) == 1
    assert await chores.worker().run_due(chores.work()) == 0
    assert await chores.due_at("sweep") is None


async def test_a_row_is_not_due_before_its_product_instant(chores: Chores) -> None:
    await chores.make("sweep")
    chores.clock.advance(timedelta(microseconds=-1))
    assert await chores.worker().run_due(chores.work()) == 0


async def test_a_dead_workers_row_is_claimed_again_when_its_lease_has_run_out(chores: Chores) -> None:
    await chores.make("sweep")
    work = chores.work()
    assert len(await chores.worker().claim(work, 1)) == 1
    chores.real.advance(LEASE)
    assert await chores.worker().claim(work, 1) == []
    chores.real.advance(timedelta(microseconds=1))
    assert len(await chores.worker().claim(work, 1)) == 1


async def test_rows_are_given_back_together_each_with_its_own_next_instant(chores: Chores) -> None:
    await chores.make("again", "done", "taken over")
    work, later = chores.work(), chores.clock.now() + timedelta(hours=1)
    held = {one.row["name"]: one.lease_id for one in await chores.worker().claim(work, 3)}
    ended = [("again", held["again"], later), ("done", held["done"], None), ("taken over", new_id(), None)]
    await chores.deps.gather(work.finish, ended)
    assert await chores.due_at("again") == later
    assert await chores.due_at("done") is None
    assert await chores.due_at("taken over") == chores.clock.now()
    assert await chores.leased() == {"taken over": held["taken over"]}


async def test_a_late_worker_does_not_finish_what_another_has_taken_over(chores: Chores) -> None:
    await chores.make("sweep")

    async def taken_over(_: Claimed) -> None:
        chores.real.advance(LEASE * 2)
        await chores.worker().claim(chores.work(), 1)

    await chores.worker().run_due(chores.work(taken_over))
    assert await chores.due_at("sweep") == chores.clock.now()


async def test_failed_work_is_postponed(chores: Chores) -> None:
    await chores.make("sweep")

    async def fail(_: Claimed) -> None:
        raise Unavailable("nats: away")

    await chores.worker().run_due(chores.work(fail))
    assert await chores.due_at("sweep") == chores.clock.now() + timedelta(seconds=1)


async def test_a_bug_is_postponed_further_and_does_not_stop_the_others(chores: Chores) -> None:
    await chores.make("bad", "good")

    async def stumble(claimed: Claimed) -> None:
        if claimed.row["name"] == "bad":
            raise ZeroDivisionError

    await chores.worker().run_due(chores.work(stumble))
    assert await chores.due_at("bad") == chores.clock.now() + timedelta(seconds=10)
    assert await chores.due_at("good") is None


async def test_a_long_run_keeps_its_lease(chores: Chores) -> None:
    await chores.make("export")
    started, renewed = asyncio.Event(), asyncio.Event()

    async def long_run(_: Claimed) -> None:
        started.set()
        await renewed.wait()

    running = asyncio.create_task(chores.worker().run_due(chores.work(long_run)))
    await started.wait()
    chores.real.advance(LEASE / 3)
    await until(partial(is_leased_until, chores, chores.real.now() + LEASE))
    renewed.set()
    assert await running == 1


async def test_a_fault_while_leases_are_renewed_does_not_end_their_renewal(chores: Chores) -> None:
    await chores.make("export")
    started, renewed = asyncio.Event(), asyncio.Event()

    async def long_run(_: Claimed) -> None:
        started.set()
        await renewed.wait()

    async def is_logged() -> bool:
        return any(line["event"] == "leases_not_kept" for line in lines)

    with capture_logs() as lines:
        running = asyncio.create_task(chores.worker().run_due(chores.work(long_run)))
        await started.wait()
        async with chores.deps.db.connection() as tx:
            await tx.execute(f"ALTER TABLE {chores.table} RENAME TO {chores.table}_away")
        chores.real.advance(LEASE / 3)
        await until(is_logged)
    async with chores.deps.db.connection() as tx:
        await tx.execute(f"ALTER TABLE {chores.table}_away RENAME TO {chores.table}")
    chores.real.advance(LEASE / 3)
    await until(partial(is_leased_until, chores, chores.real.now() + LEASE))
    renewed.set()
    assert await running == 1


async def is_leased_until(chores: Chores, instant: datetime) -> bool:
    return await chores.leased_until() == instant


async def test_a_wake_runs_new_work_at_once_and_a_stopped_worker_gives_its_leases_back(
    chores: Chores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_S", 600)
    monkeypatch.setattr(worker, "POLL", timedelta(minutes=10))
    await chores.make()
    started = asyncio.Event()

    async def hang(_: Claimed) -> None:
        started.set()
        await asyncio.Event().wait()

    work = chores.work(hang)
    working = asyncio.create_task(chores.worker().run([work]))
    await asyncio.wait([working], timeout=0.05)  # it waits for its poll now
    await chores.add("sweep")
    await chores.deps.fabric.announce(wake_topic(work.name))
    await asyncio.wait_for(started.wait(), 30)
    working.cancel()
    await asyncio.wait([working])
    assert await chores.leased_until() is None
    assert len(await chores.worker().claim(work, 1)) == 1


async def test_no_more_run_at_once_than_allowed(chores: Chores) -> None:
    await chores.make(*(f"chore {i}" for i in range(9)))
    now = most = 0
    done = asyncio.Event()

    async def count(claimed: Claimed) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        chores.ran.append(claimed.row["name"])
        if len(chores.ran) == 9:
            done.set()

    working = asyncio.create_task(chores.worker().run([chores.work(count, at_once=2)]))
    await asyncio.wait_for(done.wait(), 30)
    working.cancel()
    await asyncio.wait([working])
    assert most == 2


def names(claimed: list[Claimed]) -> list[str]:
    return sorted(one.row["name"] for one in claimed)


async def test_owners_take_turns_however_much_one_of_them_has(chores: Chores) -> None:
    await chores.make(*(f"alice {i}" for i in range(50)))
    chores.clock.advance(timedelta(seconds=1))
    await chores.add("bob 0", "charlie 0")
    first = await chores.worker().claim(chores.shared(), 4)
    assert {"bob 0", "charlie 0"} <= set(names(first))
    assert len(first) == 4


async def test_what_an_owner_has_running_counts_against_its_turn(chores: Chores) -> None:
    await chores.make(*(f"alice {i}" for i in range(50)))
    assert len(await chores.worker().claim(chores.shared(), 16)) == 16
    chores.clock.advance(timedelta(seconds=1))
    await chores.add(*(f"bob {i}" for i in range(20)))
    assert [name.split()[0] for name in names(await chores.worker().claim(chores.shared(), 16))] == ["bob"] * 16


async def test_an_owner_has_no_more_running_than_its_share_over_all_workers(chores: Chores) -> None:
    await chores.make(*(f"alice {i}" for i in range(9)))
    work = chores.shared(share=3)
    assert [len(await chores.worker().claim(work, 2)) for _ in range(3)] == [2, 1, 0]


async def test_an_owners_rest_runs_when_its_share_has_ended(chores: Chores) -> None:
    await chores.make(*(f"alice {i}" for i in range(9)))
    assert await chores.worker().run_due(chores.shared(share=2)) == 9


async def test_a_run_that_only_waits_gives_its_place_to_the_next_and_keeps_its_lease(chores: Chores) -> None:
    await chores.make("alice 0", "alice 1", "alice 2")
    answered, all_wait = asyncio.Event(), asyncio.Event()

    async def wait_for_an_answer(claimed: Claimed) -> None:
        claimed.only_waits()
        chores.ran.append(claimed.row["name"])
        if len(chores.ran) == 3:
            all_wait.set()
        await answered.wait()

    working = asyncio.create_task(chores.worker().run([chores.work(wait_for_an_answer, at_once=1)]))
    await asyncio.wait_for(all_wait.wait(), 30)
    assert await chores.worker().claim(chores.work(), 10) == []
    answered.set()
    await until(partial(is_done, chores, "alice 2"))
    working.cancel()
    await asyncio.wait([working])


async def is_done(chores: Chores, name: str) -> bool:
    return await chores.due_at(name) is None


def owning(chores: Chores, run: Run, look_again: Callable[[], None] = lambda: None, *, at_once: int = 10) -> Work:
    """Work whose rows are owners, of which none called "shut" may be leased; given back they are due as `run` says."""

    async def give_back(claimed: Claimed, due_at: datetime | None) -> bool:
        async with chores.deps.db.connection() as tx:
            await chores.work().finish(tx, [(claimed.row[0], claimed.lease_id, due_at)])
        return due_at is not None and due_at <= chores.clock.now()

    lease = OwnerLease("name <> 'shut'", give_back, look_again, turn=timedelta(seconds=10), ends_within=timedelta(2))
    return replace(chores.work(run, at_once=at_once), leases_owner=lease)


async def test_a_leased_owner_is_told_of_news_and_given_back_when_it_has_nothing_left(chores: Chores) -> None:
    await chores.make("alice", "shut")
    started, news = asyncio.Event(), asyncio.Event()

    async def until_news(_: Claimed) -> None:
        started.set()
        await news.wait()

    work = owning(chores, until_news, lambda: news.set() if started.is_set() else None)
    working = asyncio.create_task(chores.worker().run([work]))
    await asyncio.wait_for(started.wait(), 30)
    await chores.deps.fabric.announce(wake_topic(work.name))
    await until(partial(is_done, chores, "alice"))
    working.cancel()
    await asyncio.wait([working])
    assert await chores.due_at("shut")


async def test_an_owners_turn_is_over_when_others_wait_for_its_place(chores: Chores) -> None:
    await chores.make("alice", "bob")
    started, let_go = asyncio.Event(), asyncio.Event()

    async def while_it_is_its_turn(claimed: Claimed) -> None:
        chores.ran.append(f"{claimed.row['name']} {claimed.is_turn_over()}")
        started.set()
        await let_go.wait()
        chores.ran.append(f"{claimed.row['name']} {claimed.is_turn_over()}")

    working = asyncio.create_task(chores.worker().run([owning(chores, while_it_is_its_turn, at_once=1)]))
    await asyncio.wait_for(started.wait(), 30)
    chores.real.advance(timedelta(seconds=11))
    let_go.set()
    await until(partial(is_done, chores, "alice"))
    await until(partial(is_done, chores, "bob"))
    working.cancel()
    await asyncio.wait([working])
    first, second = ("alice", "bob") if chores.ran[0].startswith("alice") else ("bob", "alice")
    assert chores.ran == [f"{first} False", f"{first} True", f"{second} False", f"{second} False"]


async def test_an_owner_that_is_due_when_it_is_given_back_is_leased_again_without_a_wake_up(chores: Chores) -> None:
    await chores.make("alice")
    looks: list[None] = []

    async def with_more_to_come(_: Claimed) -> datetime | None:
        chores.ran.append("alice")
        return chores.clock.now() if len(chores.ran) < 10 else None

    work = owning(chores, with_more_to_come, lambda: looks.append(None))
    working = asyncio.create_task(chores.worker().run([work]))
    await until(partial(is_done, chores, "alice"))
    working.cancel()
    await asyncio.wait([working])
    assert len(chores.ran) == 10
    assert len(looks) < 9  # else each time it was the poll that found it
