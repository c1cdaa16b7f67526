"""One wait that serves all who came before it began."""

import asyncio

from callmark.kit.fabric.shared_rounds import SharedRounds


async def test_who_comes_during_a_run_shares_the_next_one() -> None:
    begun, runs, may_end = asyncio.Event(), 0, asyncio.Semaphore(0)

    async def make() -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await may_end.acquire()

    rounds = SharedRounds(make)
    first = asyncio.create_task(rounds.next())
    await begun.wait()
    others = [asyncio.create_task(rounds.next()) for _ in range(5)]
    await asyncio.sleep(0)
    may_end.release()
    await first
    assert not any(other.done() for other in others)  # the run that had begun knows nothing of what they did
    may_end.release()
    await asyncio.gather(*others)
    assert runs == 2


async def test_one_who_gives_up_leaves_the_others_their_run() -> None:
    may_end = asyncio.Event()
    rounds = SharedRounds(may_end.wait)
    leaves, stays = asyncio.create_task(rounds.next()), asyncio.create_task(rounds.next())
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    may_end.set()
    await stays
    assert leaves.cancelled()


async def test_a_failure_is_told_to_all_and_the_next_run_begins_anew() -> None:
    failures = [OSError("gone")]

    async def make() -> None:
        if failures:
            raise failures.pop()

    rounds = SharedRounds(make)
    told = await asyncio.gather(rounds.next(), rounds.next(), return_exceptions=True)
    assert [str(one) for one in told] == ["gone", "gone"]
    await rounds.next()
