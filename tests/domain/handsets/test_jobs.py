"""What is left of handsets that were forgotten, and of those whose app was revoked."""

from datetime import timedelta

import pytest
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.handsets import jobs, service as handsets, waking_queries
from callmark.domain.handsets.model import FORGOTTEN_FOR, OS, PushService, PushToken
from callmark.domain.policy.model import SYSTEM
from callmark.domain.retention import service as retention
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names

PUSH = PushToken(PushService.FCM, "the-token-of-a-device")
WAYS = ("the app", "the operator", "the push service")


async def registered(deps: Deps, credential: str) -> tuple[PhoneNumber, str]:
    """A number whose handset has connected and was woken, and its token."""
    number = phone()
    made = await handsets.register(deps, credential, number, OS.ANDROID, "1.0", PUSH)
    async with deps.db.transaction() as tx:
        await put_row(tx, "presence", deps.clock.now(), {"phone_number": number})
        await put_row(tx, "wake_up", deps.clock.now(), {"phone_number": number})
    return number, made.token


async def rows_of(deps: Deps, number: PhoneNumber) -> list[int]:
    """How many rows say something about it."""
    async with deps.db.connection() as tx:
        return [
            await tx.fetchval(own_names(f"SELECT count(*) FROM {table} WHERE phone_number = $1"), number)
            for table in ("registration", "presence", "wake_up")
        ]


async def push_tokens(deps: Deps) -> list[str]:
    async with deps.db.connection() as tx:
        found = await tx.fetch("SELECT push_token FROM registration WHERE coalesce(push_service, push_token) <> ''")
        return [row["push_token"] for row in found]


async def is_retention_kept(deps: Deps) -> bool:
    async with deps.db.connection() as tx:
        return (await retention.check(tx, deps.settings, deps.clock.now())).ok


async def forget(deps: Deps, way: str, number: PhoneNumber, token: str) -> None:
    match way:
        case "the app":
            await handsets.forget(deps, token)
        case "the operator":
            await handsets.forget_number(deps, number, by=SYSTEM)
        case _:
            async with deps.db.connection() as tx:
                await waking_queries.forget_uninstalled(tx, number, PUSH.token, deps.clock.now())


@pytest.mark.parametrize("way", WAYS)
async def test_a_handset_that_is_forgotten_loses_its_push_token_at_once_and_the_rest_after_a_while(
    deps: Deps, clock: FakeClock, way: str
) -> None:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    number, token = await registered(deps, credential)
    await forget(deps, way, number, token)
    assert await push_tokens(deps) == []
    clock.advance(FORGOTTEN_FOR)
    await jobs.forget_ended(deps)
    assert await rows_of(deps, number) == [1, 1, 1]
    clock.advance(timedelta(seconds=1))
    await jobs.forget_ended(deps)
    assert await rows_of(deps, number) == [0, 0, 0]


async def test_a_handset_that_is_registered_stays_however_long_ago_it_was_forgotten_before(
    deps: Deps, clock: FakeClock
) -> None:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    number, token = await registered(deps, credential)
    await handsets.forget(deps, token)
    await handsets.register(deps, credential, number, OS.ANDROID, "1.0", PUSH)
    clock.advance(10 * FORGOTTEN_FOR)
    await jobs.forget_ended(deps)
    assert await rows_of(deps, number) == [1, 1, 1]
    assert await push_tokens(deps) == [PUSH.token]
    assert await is_retention_kept(deps)


async def test_handsets_of_a_revoked_app_are_forgotten_as_of_when_it_was_revoked(deps: Deps, clock: FakeClock) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    _, other = await handsets.create_app(deps, "Other app", by=SYSTEM)
    number, _ = await registered(deps, credential)
    stays, _ = await registered(deps, other)
    await handsets.revoke_app(deps, app.id, by=SYSTEM)
    clock.advance(timedelta(days=1))
    await jobs.forget_ended(deps)
    assert await push_tokens(deps) == [PUSH.token], "the other app's"
    with pytest.raises(NotFound):
        await handsets.forget_number(deps, number, by=SYSTEM)
    clock.advance(FORGOTTEN_FOR)
    await jobs.forget_ended(deps)
    assert (await rows_of(deps, number), await rows_of(deps, stays)) == ([0, 0, 0], [1, 1, 1])


async def test_handsets_of_an_app_that_was_revoked_long_ago_are_overdue_until_the_job_has_run(
    deps: Deps, clock: FakeClock
) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    await registered(deps, credential)
    await handsets.revoke_app(deps, app.id, by=SYSTEM)
    clock.advance(FORGOTTEN_FOR + timedelta(days=4))
    assert not await is_retention_kept(deps)
    await jobs.forget_ended(deps)
    assert await is_retention_kept(deps)


async def test_a_number_that_is_registered_again_after_it_was_deleted_begins_anew(deps: Deps, clock: FakeClock) -> None:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    number, token = await registered(deps, credential)
    await handsets.forget(deps, token)
    clock.advance(2 * FORGOTTEN_FOR)
    await jobs.forget_ended(deps)
    made = await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    assert await handsets.authenticate(deps, made.token) == made.registration
