"""The installation's secret key is replaced: planned, lost, interrupted, and beside running processes."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import standardwebhooks
from msgspec import Struct
from msgspec.structs import replace
from tests.domain.mail.post_office import Post
from tests.domain.numbers.staging import Business
from tests.domain.signer_certificates.staging import key_pem, make_authority, make_signing_business, pem, signer_of
from tests.domain.webhooks.receiving import Stage, receiver, staged
from tests.kit.outbound.mailing import mail_server
from tests.support.audit_log import log_of
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import one_after_the_other

from callmark.domain.deps import Deps
from callmark.domain.ids import WebhookId
from callmark.domain.mail import letters, service as mails
from callmark.domain.mail.model import MailState
from callmark.domain.members import service as members
from callmark.domain.persons import keys as erasure_keys, service as persons
from callmark.domain.persons.model import digest_of
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.domain.webhooks import secrets, service as webhooks, signing
from callmark.kit import checks
from callmark.kit.errors import SetupError
from callmark.kit.phone import PhoneNumber
from callmark.kit.secret_key import FILE, NEXT_FILE, OLD_FILE, known_keys, make_key, settle_key
from callmark.kit.settings import Secret, Settings, read_settings
from callmark.kit.short_memory import ShortMemory
from callmark.passport import Signer, TnAuthList
from callmark.processes.compose import open_deps
from callmark.processes.secret_key import count_left, drop_old_key, reset_key, rotate_key
from callmark.surfaces.cli.command import operator_at_terminal


class Here(Struct):
    """An installation of its own as its environment says, and a process that started with its first key."""

    settings: Settings
    stage: Stage

    @property
    def data(self) -> Path:
        return self.settings.data

    def another(self, **changes: object) -> Settings:
        return msgspec.structs.replace(self.settings, **changes)

    async def finding(self, settings: Settings | None = None) -> checks.CheckResult:
        async with self.stage.deps.db.connection() as tx:
            return await checks.secret_key(tx, settings or self.settings)

    async def started(self, settings: Settings | None = None) -> Settings:
        """The settings of a process that starts now."""
        async with open_deps(settings or self.settings, "test", connected_within_s=PATIENT_S) as deps:
            return deps.settings

    async def verifies(self, secret: str) -> bool:
        """Whether the next delivery of the one webhook is signed with this secret."""
        async with receiver() as there:
            (webhook,) = await webhooks.list_webhooks(self.stage.deps, self.stage.account_id)
            await webhooks.update_webhook(self.stage.deps, self.stage.account_id, webhook.id, url=there.url, by=ALICE)
            await self.stage.append()
            assert await self.stage.run_due() == 1
        try:
            standardwebhooks.Webhook(secret).verify(there.requests[0].body, there.requests[0].headers)
        except standardwebhooks.WebhookVerificationError:
            return False
        return True


@pytest.fixture
async def here(engines: Engines, deps: Deps, tmp_path: Path) -> AsyncGenerator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, data=tmp_path / "here")
    async with (
        open_deps(settings, "test", connected_within_s=PATIENT_S) as running,
        staged(replace(running, clock=deps.clock)) as stage,
    ):
        yield Here(settings, stage)


async def test_a_rotation_changes_the_key_and_no_receiver_notices(here: Here) -> None:
    first = (here.data / FILE).read_text()
    made = await here.stage.created("https://hooks.acme.example/")
    async with here.stage.deps.db.connection() as tx:
        sealed = await tx.fetchval("SELECT sealed_secret FROM webhook WHERE id = $1", made.webhook.id)
    assert (await rotate_key(here.stage.deps, here.settings)).count == 1
    assert (here.data / OLD_FILE).read_text() == first
    assert (here.data / FILE).read_text() != first
    assert not (here.data / NEXT_FILE).exists()
    async with here.stage.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT sealed_secret FROM webhook WHERE id = $1", made.webhook.id) != sealed
    (here.data / OLD_FILE).unlink()
    assert await here.verifies(made.secret)  # by the process that began with the first key
    new = await webhooks.rotate_secret(
        here.stage.deps, here.stage.account_id, made.webhook.id, overlap=webhooks.LONGEST_OVERLAP, by=ALICE
    )
    started = await here.started()
    assert started.secret_key
    assert started.secret_key.reveal() == (here.data / FILE).read_text()
    here.stage.deps = replace(
        here.stage.deps, settings=msgspec.structs.replace(started, outgoing_networks="127.0.0.0/8")
    )
    assert await here.verifies(new.secret)  # what was sealed meanwhile opens with the new key alone
    assert (await here.finding()).ok


@pytest.mark.parametrize("killed", ["made", "some", "marked"])
async def test_a_rotation_that_was_killed_leaves_an_installation_that_works_and_may_be_repeated(
    here: Here, killed: str
) -> None:
    made = await here.stage.created("https://hooks.acme.example/")
    if killed == "marked":
        await rotate_key(here.stage.deps, here.settings)  # up to its commit: the files as they lay before
        (here.data / FILE).rename(here.data / NEXT_FILE)
        (here.data / OLD_FILE).rename(here.data / FILE)
    else:
        new = make_key(here.data, NEXT_FILE)
        if killed == "some":
            await secrets.seal_again(here.stage.deps, new, known_keys(here.settings))
    finding = await here.finding()
    assert (finding.ok, finding.detail) == (False, "its replacement is not finished")
    assert await here.verifies(made.secret)
    await here.started()
    for _ in range(2):
        assert not (await rotate_key(here.stage.deps, here.settings)).unreadable
    assert not (here.data / NEXT_FILE).exists()
    assert await here.verifies(made.secret)
    await here.started()
    assert (await here.finding()).ok


async def test_a_key_of_the_settings_is_rotated_with_both_set(here: Here) -> None:
    made = await here.stage.created("https://hooks.acme.example/")
    present = Secret((here.data / FILE).read_text())
    (here.data / FILE).unlink()
    with pytest.raises(SetupError, match="CALLMARK_OLD_SECRET_KEY"):
        await rotate_key(here.stage.deps, here.another(secret_key=present))
    both = here.another(secret_key=Secret("n" * 32), old_secret_key=present)
    here.stage.deps = replace(here.stage.deps, settings=msgspec.structs.replace(both, outgoing_networks="127.0.0.0/8"))
    await here.started(both)
    assert await here.verifies(made.secret)
    assert not (await here.finding(both)).ok
    await rotate_key(here.stage.deps, both)
    only_new = here.another(secret_key=Secret("n" * 32))
    assert (await here.finding(only_new)).ok
    here.stage.deps = replace(
        here.stage.deps, settings=msgspec.structs.replace(only_new, outgoing_networks="127.0.0.0/8")
    )
    assert await here.verifies(made.secret)
    with pytest.raises(SetupError, match="different key"):
        await here.started(here.another(secret_key=present))


async def test_a_lost_key_is_replaced_and_the_admins_are_told(here: Here) -> None:
    made = await here.stage.created("https://hooks.acme.example/", name="orders")
    await members.create_without_rules(
        here.stage.deps,
        here.stage.account_id,
        email="alice@lost.example",
        name="Alice",
        role=Role.ADMIN,
        state=MemberState.ACTIVE,
        by=SYSTEM,
    )
    (here.data / FILE).unlink()
    assert (await here.finding()).detail == "not here"
    with pytest.raises(SetupError, match="reset"):
        await rotate_key(here.stage.deps, here.settings)
    assert await reset_key(here.stage.deps, here.settings) == 1
    assert (await here.finding()).ok
    await here.started()
    lost = here.stage.deps  # a process that runs since before finds the new key by itself
    assert not await here.verifies(made.secret)
    async with lost.db.connection() as tx:
        mail = await tx.fetchrow("SELECT recipient, subject, plain FROM mail")
    assert mail
    assert mail["recipient"] == "alice@lost.example"
    assert "Acme" in mail["subject"]
    assert "orders" in mail["plain"]
    assert "/console/webhooks" in mail["plain"]
    log = await log_of(lost, here.stage.account_id, "orders")
    (line,) = [one for one in log if one.action == "webhook.rotated"]
    assert (line.actor_email, line.by_operator) == (operator_at_terminal().email, True)
    assert line.details == {"webhook_id": str(made.webhook.id), "overlap_hours": 0}
    new = await webhooks.rotate_secret(
        here.stage.deps, here.stage.account_id, made.webhook.id, overlap=webhooks.LONGEST_OVERLAP, by=ALICE
    )
    assert await here.verifies(new.secret)


async def test_a_reset_that_was_killed_after_its_commit_is_finished_by_the_next(here: Here) -> None:
    await here.stage.created("https://hooks.acme.example/")
    (here.data / FILE).unlink()
    await reset_key(here.stage.deps, here.settings)
    (here.data / FILE).rename(here.data / NEXT_FILE)
    await here.started()
    assert await reset_key(here.stage.deps, here.settings) == 0
    assert (here.data / FILE).exists()
    assert (await here.finding()).ok


async def test_another_key_stops_the_start_until_it_is_made_the_installations(here: Here) -> None:
    await here.stage.created("https://hooks.acme.example/")
    (here.data / FILE).unlink()
    other = here.another(secret_key=Secret("o" * 32))
    with pytest.raises(SetupError, match="callmark secret-key reset"):
        await here.started(other)
    assert await reset_key(here.stage.deps, other) == 1
    await here.started(other)
    with pytest.raises(SetupError, match="set another one first"):
        await reset_key(here.stage.deps, other)


async def test_a_secret_that_no_key_opens_is_named_and_does_not_stop_a_rotation(here: Here) -> None:
    made = await here.stage.created("https://hooks.acme.example/")
    async with here.stage.deps.db.connection() as tx:
        await tx.execute("UPDATE webhook SET sealed_secret = $2 WHERE id = $1", made.webhook.id, b"x" * 60)
    done = await rotate_key(here.stage.deps, here.settings)
    assert done.unreadable == [made.webhook.id]
    settle_key(here.data)
    assert (await here.finding()).ok


async def signs(deps: Deps, business: Business, number: PhoneNumber) -> Signer | None:
    """Who signs a call, in a process that knows nothing yet."""
    fresh = replace(deps, memory=ShortMemory())
    return await signer_of(fresh, business.account_id, number)


async def test_calls_are_signed_with_the_same_key_after_a_rotation_and_with_none_after_a_reset(here: Here) -> None:
    deps = here.stage.deps
    business, (number, *_) = await make_signing_business(deps)
    before = await signs(deps, business, number)
    assert before
    assert (await rotate_key(deps, here.settings)).count == 2  # of the root, and of the account's certificate
    (here.data / OLD_FILE).unlink()
    after = await signs(deps, business, number)
    assert after
    assert (after.x5u, after.key.private_numbers()) == (before.x5u, before.key.private_numbers())
    (here.data / FILE).unlink()
    await reset_key(deps, here.settings)
    assert await signs(deps, business, number) is None
    (root,) = await roots.list_roots(deps)
    assert not root.is_own  # calls that were signed before still count
    await roots.create_root(deps, "Another", None, by=SYSTEM)
    assert await signs(deps, business, number)


async def test_certificates_of_others_are_imported_again_after_a_reset(here: Here) -> None:
    deps, now = here.stage.deps, here.stage.deps.real_clock.now()
    authority = make_authority(now)
    leaf, key = authority.issue(TnAuthList.of(codes=["709J"]), now=now)
    await roots.add_roots(deps, pem(authority.root), by=SYSTEM)

    async def bring() -> StoredCertificate:
        file = pem(leaf, authority.issuer)
        return await signer_certificates.import_certificate(deps, None, file, key_pem(key), by=SYSTEM)

    before = await bring()
    (here.data / FILE).unlink()
    await reset_key(deps, here.settings)
    assert (await bring()).serial == before.serial
    (listed,) = await signer_certificates.list_certificates(deps)
    assert listed.retired_at is None


async def test_certificates_are_renewed_while_the_key_is_replaced(here: Here) -> None:
    deps = here.stage.deps
    business, (number, *_) = await make_signing_business(deps)
    assert await signs(deps, business, number)
    renewed = await one_after_the_other(
        deps.db,
        ["SELECT FROM trust_root FOR UPDATE"],
        rotate_key(deps, here.settings),
        signer_certificates.renew(deps, business.account_id, replace_all=True),
    )
    assert renewed.result() is True
    (here.data / OLD_FILE).unlink()
    assert await signs(deps, business, number)


async def test_without_the_secret_key_a_call_goes_on_without_a_signature(here: Here, tmp_path: Path) -> None:
    business, (number, *_) = await make_signing_business(here.stage.deps)
    assert await signs(here.stage.deps, business, number)
    keyless = msgspec.structs.replace(here.settings, data=tmp_path / "elsewhere", secret_key=None)
    elsewhere = replace(here.stage.deps, settings=keyless)
    assert await signs(elsewhere, business, number) is None
    assert await signs(here.stage.deps, business, number)


async def test_what_is_sealed_while_the_key_is_replaced_opens_with_the_new_key_alone(here: Here) -> None:
    deps, of = here.stage.deps, here.stage.account_id
    others = [replace(deps, settings=msgspec.structs.replace(deps.settings)) for _ in range(3)]
    made = [await here.stage.created(f"https://hooks.acme.example/{number}", name=f"w{number}") for number in range(3)]
    stop = asyncio.Event()
    shown: dict[WebhookId, str] = {one.webhook.id: one.secret for one in made}

    async def use(other: Deps, webhook_id: WebhookId) -> None:
        """A process that began before gives a webhook new secrets, and reads those there are, all the time."""
        while not stop.is_set():
            rotated = await webhooks.rotate_secret(other, of, webhook_id, overlap=timedelta(), by=ALICE)
            shown[webhook_id] = rotated.secret

    users = [asyncio.create_task(use(other, one.webhook.id)) for other, one in zip(others, made, strict=True)]
    for _ in range(3):
        assert (await rotate_key(deps, here.settings)).left == 0
        (here.data / OLD_FILE).unlink()
        async with deps.db.connection() as tx:
            assert await count_left(tx, known_keys(here.settings)[0]) == 0
    stop.set()
    await asyncio.gather(*users)
    (key,) = known_keys(here.settings)
    async with deps.db.connection() as tx:
        assert await count_left(tx, key) == 0
        rows = await tx.fetch("SELECT id, sealed_secret FROM webhook")
    opened = {row["id"]: signing.sealer_of(key).opened(row["sealed_secret"], row["id"].bytes) for row in rows}
    assert opened == {id_: b64decode(secret.removeprefix("whsec_")) for id_, secret in shown.items()}


async def test_the_key_of_erased_numbers_is_encrypted_again(here: Here) -> None:
    deps = here.stage.deps
    made = await persons.request_erasure(deps, PhoneNumber("919900112233"), by=ALICE)
    assert (await rotate_key(deps, here.settings)).left == 0
    assert await drop_old_key(deps, here.settings)
    again = await persons.get_erasure(deps, made.id)
    fresh = msgspec.structs.replace(here.settings, secret_key=None)
    key = erasure_keys.opened(fresh, again.sealed_key)
    assert key
    assert digest_of(key, "919900112233") == made.digest
    (here.data / FILE).unlink()
    await reset_key(deps, here.settings)
    assert (await persons.get_erasure(deps, made.id)).sealed_key is None


async def test_a_mail_that_waits_is_sent_after_a_rotation_and_given_up_when_the_key_is_lost(here: Here) -> None:
    post, to = Post(here.stage.deps), "carl@acme.example"
    until = post.deps.clock.now() + timedelta(days=7)
    for number in (1, 2):
        async with post.deps.db.transaction() as tx:
            await letters.send_invitation(post.deps, tx, to, "Acme", "alice", "way-in", until)
            assert await count_left(tx, Secret("o" * 32)) == number, "another key"
    assert (await rotate_key(post.deps, here.settings)).count == 2
    assert await drop_old_key(post.deps, here.settings)
    async with mail_server() as inbox:
        inbox.at_rcpt = ["550 no such mailbox"]
        await post.at(inbox).with_(secret_key=None).run_due()
        (came,) = inbox.mails
        assert "way-in" in came.as_string()
        async with post.deps.db.transaction() as tx:
            await mails.send_again(tx, None, post.deps.clock.now())
        (here.data / FILE).unlink()
        await reset_key(post.deps, here.settings)
    (given_up,) = [one for one in await post.kept() if one.state is not MailState.SENT]
    assert (given_up.state, given_up.sealed) == (MailState.FAILED, None)
    assert given_up.last_error == "the secret key that it was encrypted with is lost"
    async with post.deps.db.connection() as tx:
        assert await count_left(tx, known_keys(here.settings)[0]) == 0


async def test_a_version_that_may_not_know_every_secret_leaves_the_keys_alone(here: Here) -> None:
    async with here.stage.deps.db.connection() as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    make_key(here.data, OLD_FILE)
    for work in (rotate_key, drop_old_key, reset_key):
        with pytest.raises(SetupError, match="newer than this version"):
            await work(here.stage.deps, here.settings)
    assert [(here.data / name).exists() for name in (OLD_FILE, NEXT_FILE)] == [True, False]


async def test_the_old_key_goes_only_when_nothing_is_left_under_it(here: Here) -> None:
    deps = here.stage.deps
    await here.stage.created("https://hooks.acme.example/")
    assert not await drop_old_key(deps, here.settings)
    make_key(here.data, NEXT_FILE)
    with pytest.raises(SetupError, match="is being replaced"):
        await drop_old_key(deps, here.settings)
    await rotate_key(deps, here.settings)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE webhook SET sealed_secret = $1", b"x" * 60)
    with pytest.raises(SetupError, match="1 secrets do not open"):
        await drop_old_key(deps, here.settings)
    assert (here.data / OLD_FILE).exists()
    async with deps.db.connection() as tx:
        await tx.execute("DELETE FROM webhook_queue; DELETE FROM webhook")
    assert await drop_old_key(deps, here.settings)
    assert not (here.data / OLD_FILE).exists()
