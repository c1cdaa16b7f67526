"""Signatures, verified by what receivers use: the unmodified `standardwebhooks` and `svix`."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import standardwebhooks
import svix
from tests.domain.webhooks.receiving import Received, Stage, receiver, staged

from callmark.domain.deps import Deps
from callmark.domain.webhooks import service as webhooks
from callmark.kit.clock import FakeClock
from callmark.kit.errors import InvalidInput, SetupError
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
            stage.deps, stage.account_id, first.webhook.id, overlap=timedelta(hours=1)
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
        await webhooks.rotate_secret(stage.deps, stage.account_id, first.webhook.id, overlap=timedelta())
        await stage.append()
        await stage.run_due()
    assert not verifies(first.secret, there.requests[0])


async def test_an_overlap_is_bounded(stage: Stage) -> None:
    made = await stage.webhook("https://hooks.acme.example/")
    for overlap in (timedelta(seconds=-1), timedelta(days=7, seconds=1)):
        with pytest.raises(InvalidInput, match="overlap"):
            await webhooks.rotate_secret(stage.deps, stage.account_id, made.id, overlap=overlap)


async def test_no_secret_is_stored_in_clear(stage: Stage) -> None:
    made = await stage.created("https://hooks.acme.example/")
    async with stage.deps.db.connection() as tx:
        row = await tx.fetchval("SELECT webhook::text FROM webhook WHERE id = $1", made.webhook.id)
    assert made.secret.removeprefix("whsec_") not in row


def test_what_is_sealed_opens_for_its_owner_and_key_only() -> None:
    sealed = Sealer(b"k" * 32).seal(b"secret", b"alice")
    assert Sealer(b"k" * 32).open(sealed, b"alice") == b"secret"
    for key, owner in ((b"k", b"bob"), (b"l", b"alice")):
        with pytest.raises(SetupError, match="cannot be decrypted"):
            Sealer(key * 32).open(sealed, owner)
