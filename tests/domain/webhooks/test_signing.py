"""Signatures, verified by what receivers use: the unmodified `standardwebhooks` and `svix`."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import standardwebhooks
import svix
from tests.domain.webhooks.receiving import Received, Stage, receiver, staged
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.model import MOST_OLD_SECRETS
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.secret_key import Sealer


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


def verifies(secret: str, request: Received) -> bool:
    """Whether both libraries accept the request; they must agree."""
    accepted = 0
    try:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
        accepted += 1
    except standardwebhooks.WebhookVerificationError:
        pass
    try:
        svix.Webhook(secret).verify(request.body, request.headers)
        accepted += 1
    except svix.WebhookVerificationError:
        pass
    assert accepted in {0, 2}
    return accepted == 2


async def test_a_receiver_verifies_what_it_gets_even_when_the_product_clock_is_moved(
    stage: Stage, clock: FakeClock
) -> None:
    clock.advance(timedelta(days=2))
    async with receiver() as there:
        made = await stage.created(there.url)
        await stage.append()
        await stage.run_due()
    (request,) = there.requests
    assert made.secret.startswith("whsec_")
    assert verifies(made.secret, request)
    request.body += b" "
    assert not verifies(made.secret, request)


async def test_after_a_rotation_both_secrets_verify_until_the_overlap_ends(stage: Stage, clock: FakeClock) -> None:
    async with receiver() as there:
        first = await stage.created(there.url)
        second = await webhooks.rotate_secret(
            stage.deps, stage.account_id, first.webhook.id, overlap=timedelta(hours=1), by=ALICE
        )
        for pause in (timedelta(), timedelta(hours=1) - timedelta(seconds=1), timedelta(seconds=1)):
            clock.advance(pause)
            await stage.append()
            await stage.run_due()
    assert [verifies(first.secret, request) for request in there.requests] == [True, True, False]
    assert [verifies(second.secret, request) for request in there.requests] == [True, True, True]
    assert there.requests[0].headers["webhook-signature"].count("v1,") == 2


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(stage: Stage) -> None:
    async with receiver() as there:
        first = await stage.created(there.url)
        await webhooks.rotate_secret(stage.deps, stage.account_id, first.webhook.id, overlap=timedelta(), by=ALICE)
        await stage.append()
        await stage.run_due()
    assert not verifies(first.secret, there.requests[0])


async def test_an_overlap_is_bounded(stage: Stage) -> None:
    made = await stage.webhook("https://hooks.acme.example/")
    for overlap in (timedelta(seconds=-1), timedelta(days=7, seconds=1)):
        with pytest.raises(InvalidInput, match="overlap"):
            await webhooks.rotate_secret(stage.deps, stage.account_id, made.id, overlap=overlap, by=ALICE)


async def test_no_secret_is_stored_in_clear(stage: Stage) -> None:
    made = await stage.created("https://hooks.acme.example/")
    async with stage.deps.db.connection() as tx:
        row = await tx.fetchval("SELECT webhook::text FROM webhook WHERE id = $1", made.webhook.id)
    assert made.secret.removeprefix("whsec_") not in row


def test_what_is_sealed_opens_for_its_owner_and_key_only() -> None:
    sealed = Sealer(b"k" * 32).seal(b"secret", b"alice")
    assert Sealer(b"k" * 32).opened(sealed, b"alice") == b"secret"
    for key, owner in ((b"k", b"bob"), (b"l", b"alice")):
        assert Sealer(key * 32).opened(sealed, owner) is None
    assert Sealer(b"k" * 32).opened(b"", b"alice") is None


async def test_every_earlier_secret_signs_until_its_own_overlap_ends(stage: Stage, clock: FakeClock) -> None:
    async with receiver() as there:
        made = [await stage.created(there.url)]
        webhook = made[0].webhook.id
        made += [
            await webhooks.rotate_secret(
                stage.deps, stage.account_id, webhook, overlap=timedelta(hours=hours), by=ALICE
            )
            for hours in (5, 1)
        ]
        assert made[-1].webhook.old_secret_until == clock.now() + timedelta(hours=5)
        for pause in (timedelta(), timedelta(hours=1), timedelta(hours=4)):
            clock.advance(pause)
            await stage.append()
            await stage.run_due()
    accepted = [[verifies(one.secret, request) for one in made] for request in there.requests]
    assert accepted == [[True, True, True], [True, False, True], [False, False, True]]
    found = await webhooks.get_webhook(stage.deps, stage.account_id, webhook)
    assert found.old_secret_until == made[-1].webhook.old_secret_until


async def test_earlier_secrets_are_bounded_and_those_that_ended_do_not_count(stage: Stage, clock: FakeClock) -> None:
    made = await stage.webhook("https://hooks.acme.example/")

    async def rotate(overlap: timedelta) -> None:
        await webhooks.rotate_secret(stage.deps, stage.account_id, made.id, overlap=overlap, by=ALICE)

    for _ in range(MOST_OLD_SECRETS):
        await rotate(timedelta(hours=1))
    with pytest.raises(Conflict, match="still sign"):
        await rotate(timedelta(hours=1))
    await rotate(timedelta())  # a secret that is to stop at once is never refused
    clock.advance(timedelta(hours=1))
    await rotate(timedelta(hours=1))
