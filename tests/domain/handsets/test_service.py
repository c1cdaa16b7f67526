"""Apps, registrations and reach, on the real database."""

from datetime import timedelta

import pytest
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS, Reach, Registration
from callmark.domain.ids import HandsetAppId
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import InvalidInput, NotFound, Unauthenticated
from callmark.kit.ids import new_id, sha256
from callmark.kit.phone import PhoneNumber


async def credential_of(deps: Deps) -> str:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    return credential


async def reach_one(deps: Deps, number: PhoneNumber, least: str = "1.0.0") -> Reach:
    async with deps.db.connection() as tx:
        return (await handsets.reach(tx, [number], least))[number]


async def test_an_apps_credential_is_shown_once_and_kept_as_its_hash(deps: Deps) -> None:
    app, credential = await handsets.create_app(deps, " Ring app ", by=SYSTEM)
    assert app.name == "Ring app"
    assert credential.startswith("cmapp_")
    async with deps.db.connection() as tx:
        kept = await tx.fetchval("SELECT credential_sha256 FROM handset_app WHERE id = $1", app.id)
    assert kept == sha256(credential)
    assert app in await handsets.list_apps(deps)


async def test_a_registration_is_authenticated_by_its_token(deps: Deps) -> None:
    number = phone()
    made = await handsets.register(deps, await credential_of(deps), number, OS.IOS, "2.1")
    assert made.registration == Registration(number, 1, OS.IOS, "2.1", deps.clock.now())
    assert made.token.startswith("cmhs_")
    assert await handsets.authenticate(deps, made.token) == made.registration


async def test_registering_again_ends_the_older_token_and_raises_the_generation(deps: Deps) -> None:
    number, credential = phone(), await credential_of(deps)
    first = await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    second = await handsets.register(deps, credential, number, OS.ANDROID, "2.0")
    assert second.registration.generation == 2
    with pytest.raises(Unauthenticated):
        await handsets.authenticate(deps, first.token)


async def test_a_bad_version_is_refused_before_anything_is_written(deps: Deps) -> None:
    number = phone()
    with pytest.raises(InvalidInput):
        await handsets.register(deps, await credential_of(deps), number, OS.ANDROID, "newest")
    assert await reach_one(deps, number) is Reach.NOT_REGISTERED


async def test_a_forgotten_registration_is_not_reachable_and_keeps_its_generation(deps: Deps) -> None:
    number, credential = phone(), await credential_of(deps)
    made = await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    assert await reach_one(deps, number) is Reach.REACHABLE
    await handsets.forget(deps, made.token)
    assert await reach_one(deps, number) is Reach.NOT_REGISTERED
    with pytest.raises(Unauthenticated):
        await handsets.forget(deps, made.token)
    back = await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    assert back.registration.generation == 2
    assert await reach_one(deps, number) is Reach.REACHABLE


async def test_a_revoked_app_registers_nobody_and_its_handsets_are_no_users(deps: Deps) -> None:
    number = phone()
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    made = await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    revoked = await handsets.revoke_app(deps, app.id, by=SYSTEM)
    assert revoked == await handsets.revoke_app(deps, app.id, by=SYSTEM)
    with pytest.raises(Unauthenticated):
        await handsets.register(deps, credential, number, OS.ANDROID, "1.0")
    with pytest.raises(Unauthenticated):
        await handsets.authenticate(deps, made.token)
    assert await reach_one(deps, number) is Reach.NOT_REGISTERED
    assert await handsets.ended_among(deps, [made.registration]) == {made.registration: None}


async def test_revoking_an_unknown_app_says_so(deps: Deps) -> None:
    with pytest.raises(NotFound):
        await handsets.revoke_app(deps, HandsetAppId(new_id()), by=SYSTEM)


async def test_reach_answers_for_every_receiver(deps: Deps) -> None:
    credential = await credential_of(deps)
    android, ios, old, nobody = phone(), phone(), phone(), phone()
    await handsets.register(deps, credential, android, OS.ANDROID, "3.0")
    await handsets.register(deps, credential, ios, OS.IOS, "3.0")
    await handsets.register(deps, credential, old, OS.ANDROID, "2.9.9")
    async with deps.db.connection() as tx:
        assert await handsets.reach(tx, [android, ios, old, nobody, android], "3") == {
            android: Reach.REACHABLE,
            ios: Reach.OS_NOT_SUPPORTED,
            old: Reach.APP_VERSION_NOT_SUPPORTED,
            nobody: Reach.NOT_REGISTERED,
        }


async def test_only_ended_registrations_are_named(deps: Deps) -> None:
    credential = await credential_of(deps)
    stays, moved = phone(), phone()
    first = (await handsets.register(deps, credential, stays, OS.ANDROID, "1")).registration
    second = (await handsets.register(deps, credential, moved, OS.ANDROID, "1")).registration
    await handsets.register(deps, credential, moved, OS.ANDROID, "1")
    assert await handsets.ended_among(deps, [first, second]) == {second: 2}


async def test_a_registration_is_not_the_one_of_the_same_generation_that_was_erased_before(
    deps: Deps, clock: FakeClock
) -> None:
    number, credential = phone(), await credential_of(deps)
    before = (await handsets.register(deps, credential, number, OS.ANDROID, "1")).registration
    async with deps.db.connection() as tx:
        await tx.execute("DELETE FROM registration WHERE phone_number = $1", number)  # as an erasure does
    clock.advance(timedelta(microseconds=1))
    now = (await handsets.register(deps, credential, number, OS.ANDROID, "1")).registration
    assert (before.generation, now.generation) == (1, 1)
    assert await handsets.ended_among(deps, [now, before]) == {before: 1}
