"""Who gets which alerts: defaults, choices, addresses that are confirmed, channels; and what a channel is posted."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import msgspec
import pytest
from tests.domain.alerts.recipients import OPS, PAUSED, alert, channel, link_of, mails, tell
from tests.domain.webhooks.members import make_members, tail
from tests.domain.webhooks.receiving import Stage, receiver, staged, status
from tests.support.actors import OPERATOR
from tests.support.audit_log import log_of
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import posts, recipients, service as alerts
from callmark.domain.alerts.links import LinkPurpose
from callmark.domain.alerts.model import (
    CONFIRMED_WITHIN,
    DEFAULT_KINDS,
    KEPT_ONCE,
    MOST_RECIPIENTS,
    RETRIES,
    AlertKind,
)
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM, Actor, Role
from callmark.domain.sessions import links
from callmark.domain.sessions.model import Origin
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from callmark.kit.worker import Worker


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        await make_members(made)
        yield made


async def told(stage: Stage, kind: AlertKind = AlertKind.WEBHOOK_PAUSED) -> list[str]:
    """Whom an alert goes to now, without the part of the address that is the test's own."""
    before = len(await mails(stage))
    await tell(stage, kind)
    return [one.to.removesuffix(tail(stage)) for one in (await mails(stage))[before:]]


async def run_posts(stage: Stage) -> None:
    worker = Worker(stage.deps.db, stage.deps.gather, stage.deps.fabric, stage.deps.clock, stage.deps.real_clock)
    await worker.run_due(posts.alert_posts(stage.deps))


async def test_admins_get_what_is_common_until_someone_chooses(stage: Stage) -> None:
    (admins,) = await recipients.list_recipients(stage.deps, stage.account_id)
    assert (admins.is_admins, admins.alert_kinds) == (True, DEFAULT_KINDS)
    assert await told(stage) == ["alice@", "anna@"]
    assert await told(stage, AlertKind.RECORDS_INVALID) == []
    await recipients.change_kinds(stage.deps, stage.account_id, admins.id, ["records_invalid"], by=ALICE)
    assert await told(stage) == []
    assert await told(stage, AlertKind.RECORDS_INVALID) == ["alice@", "anna@"]
    await recipients.change_kinds(stage.deps, stage.account_id, admins.id, [], by=ALICE)
    assert await told(stage, AlertKind.RECORDS_INVALID) == []
    with pytest.raises(Conflict, match="admins cannot be removed"):
        await recipients.remove(stage.deps, stage.account_id, admins.id, by=ALICE)


async def test_members_of_another_role_get_what_is_chosen_for_them(stage: Stage) -> None:
    of = stage.deps, stage.account_id
    owners = await recipients.add_role(*of, Role.PROCESS_OWNER, PAUSED, by=ALICE)
    assert await told(stage) == ["alice@", "anna@", "bob@"]
    assert await told(stage, AlertKind.WEBHOOK_FAILING) == ["alice@", "anna@"]
    for role in (Role.PROCESS_OWNER, Role.ADMIN):
        with pytest.raises(Conflict, match="get alerts already"):
            await recipients.add_role(*of, role, PAUSED, by=ALICE)
    await recipients.remove(*of, owners.id, by=ALICE)
    assert await told(stage) == ["alice@", "anna@"]


@pytest.mark.parametrize("kind", DEFAULT_KINDS)
async def test_every_mail_to_members_leads_to_where_alerts_are_chosen(stage: Stage, kind: AlertKind) -> None:
    await tell(stage, kind)
    told = await mails(stage)
    assert told
    for form in (form for one in told for form in (one.text, one.html)):
        assert "Choose alerts: http://callmark.test/console/alerts" in form
        assert "as a member of Acme" in form


async def test_an_address_gets_alerts_once_it_is_confirmed_until_its_reader_stops_them(
    stage: Stage, clock: FakeClock
) -> None:
    of = stage.deps, stage.account_id
    made = await recipients.add_email(*of, f" {OPS} ", PAUSED, by=ALICE)
    assert made.is_waiting
    assert OPS not in await told(stage)
    token = await link_of(stage, "confirm")
    assert (await recipients.get_by_link(stage.deps, LinkPurpose.CONFIRM, token))[1] == "Acme"
    for _ in range(2):
        assert not (await recipients.confirm(stage.deps, token, "192.0.2.1")).is_waiting
    assert await told(stage) == ["alice@", "anna@", OPS]
    stop = await link_of(stage, "stop")
    with pytest.raises(NotFound):
        await recipients.confirm(stage.deps, stop, "192.0.2.1")  # a link is for one purpose
    await recipients.stop(stage.deps, stop, "192.0.2.1")
    assert OPS not in await told(stage)
    with pytest.raises(NotFound):
        await recipients.get_by_link(stage.deps, LinkPurpose.STOP, stop)
    noted = [(one.action, one.subject) for one in await log_of(*of) if one.action.startswith("alerts.")]
    assert noted == [("alerts.stopped", OPS), ("alerts.confirmed", OPS), ("alerts.added", OPS)]
    assert clock.now()


async def test_a_link_that_confirms_ends_after_a_week(stage: Stage, clock: FakeClock) -> None:
    await recipients.add_email(stage.deps, stage.account_id, OPS, PAUSED, by=ALICE)
    clock.advance(CONFIRMED_WITHIN + timedelta(seconds=1))
    with pytest.raises(NotFound):
        await recipients.confirm(stage.deps, await link_of(stage, "confirm"), "192.0.2.1")
    for token in ("", "x", "a.b"):
        with pytest.raises(NotFound):
            await recipients.get_by_link(stage.deps, LinkPurpose.CONFIRM, token)


async def test_an_address_is_taken_once_and_not_flooded(stage: Stage) -> None:
    of = stage.deps, stage.account_id
    with pytest.raises(InvalidInput, match="not a valid email"):
        await recipients.add_email(*of, "no address", PAUSED, by=ALICE)
    made = await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
    with pytest.raises(Conflict, match="gets alerts already"):
        await recipients.add_email(*of, OPS.upper(), PAUSED, by=ALICE)
    for _ in range(3):  # beside the two before
        await recipients.remove(*of, made.id, by=ALICE)
        made = await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
    await recipients.remove(*of, made.id, by=ALICE)
    with pytest.raises(TooManyRequests):
        await recipients.add_email(*of, OPS, PAUSED, by=ALICE)


async def test_an_account_asks_a_limited_number_of_addresses_an_hour(stage: Stage, clock: FakeClock) -> None:
    of = stage.deps, stage.account_id

    async def ask(name: str, by: Actor) -> None:
        made = await recipients.add_email(*of, f"{name}@elsewhere.example", PAUSED, by=by)
        await recipients.remove(*of, made.id, by=by)

    for at in range(throttle.ALERT_MAILS.most):
        await ask(f"nobody-{at}", ALICE)
    with pytest.raises(TooManyRequests):
        await ask("one-more", ALICE)
    await ask("one-more", OPERATOR)
    clock.advance(throttle.ALERT_MAILS.window)
    await ask("one-more", ALICE)


async def test_an_account_without_mails_left_keeps_no_address_from_others(stage: Stage, deps: Deps) -> None:
    of, other = (stage.deps, stage.account_id), await accounts.create_account(deps, "Other", by=SYSTEM)
    for at in range(throttle.ALERT_MAILS.most):
        made = await recipients.add_email(*of, f"nobody-{at}@elsewhere.example", PAUSED, by=ALICE)
        await recipients.remove(*of, made.id, by=ALICE)
    for _ in range(throttle.ALERT_MAIL.most):
        with pytest.raises(TooManyRequests):
            await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
    assert (await recipients.add_email(deps, other.id, OPS, PAUSED, by=ALICE)).email == OPS


async def test_what_is_refused_for_its_address_is_none_of_the_accounts_mails(stage: Stage) -> None:
    of = stage.deps, stage.account_id
    for _ in range(throttle.ALERT_MAIL.most):
        made = await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
        await recipients.remove(*of, made.id, by=ALICE)
    for _ in range(throttle.ALERT_MAILS.most):
        with pytest.raises(TooManyRequests):
            await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
    assert await recipients.add_email(*of, "another@elsewhere.example", PAUSED, by=ALICE)


async def test_no_account_keeps_an_address_from_a_new_password_nor_the_other_way_round(stage: Stage) -> None:
    of, origin = (stage.deps, stage.account_id), Origin("198.51.100.7", "")
    for _ in range(throttle.MAIL.most):
        made = await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
        await recipients.remove(*of, made.id, by=ALICE)
        await links.ask_for_reset(stage.deps, OPS, origin)
    with pytest.raises(TooManyRequests):
        await recipients.add_email(*of, OPS, PAUSED, by=ALICE)
    with pytest.raises(TooManyRequests):
        await links.ask_for_reset(stage.deps, OPS, origin)


async def test_nobody_gets_the_same_alert_twice(stage: Stage) -> None:
    address = f"alice@{tail(stage)}"
    made = await recipients.add_email(stage.deps, stage.account_id, address.upper(), PAUSED, by=ALICE)
    await recipients.confirm(stage.deps, await link_of(stage, "confirm", address.upper()), "192.0.2.1")
    assert await told(stage) == ["alice@", "anna@"]
    assert made.email == address.upper()


async def test_a_channel_is_posted_to_and_its_address_stays_out_of_the_log(stage: Stage) -> None:
    async with receiver() as there:
        one = await channel(stage, there.url)
        await tell(stage)
        await tell(stage, AlertKind.WEBHOOK_FAILING)  # not chosen
        await run_posts(stage)
        (request,) = there.requests
    body = msgspec.json.decode(request.body)
    assert request.headers["Content-Type"] == "application/json"
    assert (body["kind"], body["account_name"]) == ("webhook_paused", "Acme")
    assert body["text"].startswith("*Acme: webhook orders was paused*\nIt accepted no event.")
    seen = await recipients.get_recipient(stage.deps, stage.account_id, one.id)
    assert (seen.last_sent_at, seen.last_error) == (stage.deps.clock.now(), None)
    assert "key=" not in str([entry.details for entry in await log_of(stage.deps, stage.account_id)])


async def test_a_channel_that_fails_is_tried_four_times_and_shown_and_announced_to_nobody(
    stage: Stage, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        one = await channel(stage, there.url)
        await tell(stage)
        before = len(await mails(stage))
        for pause in (timedelta(), *RETRIES, timedelta(days=1)):
            clock.advance(pause)
            await run_posts(stage)
        assert len(there.requests) == 1 + len(RETRIES)
        assert len(await mails(stage)) == before
        seen = await recipients.get_recipient(stage.deps, stage.account_id, one.id)
        assert (seen.last_error, seen.last_sent_at) == ("the answer was 500", None)
        there.answer = status(204)
        await tell(stage)
        await run_posts(stage)
        seen = await recipients.get_recipient(stage.deps, stage.account_id, one.id)
        assert (seen.last_error, seen.last_failed_at) == (None, None)


async def test_what_waits_for_a_channel_that_is_removed_is_not_sent(stage: Stage) -> None:
    async with receiver() as there:
        one = await channel(stage, there.url)
        await tell(stage)
        await recipients.remove(stage.deps, stage.account_id, one.id, by=ALICE)
        await run_posts(stage)
        assert there.requests == []


async def test_a_test_says_at_once_what_the_channel_answered(stage: Stage) -> None:
    async with receiver() as there:
        one = await channel(stage, there.url)
        assert (await posts.send_test(stage.deps, stage.account_id, one.id, by=ALICE)).last_error is None
        sent = msgspec.json.decode(there.requests[0].body)
        assert (sent["kind"], sent["subject"]) == ("test", "Acme: a test of this channel")
        there.answer = status(404)
        tried = await posts.send_test(stage.deps, stage.account_id, one.id, by=ALICE)
        assert tried.last_error == "the answer was 404"
    (admins, _) = await recipients.list_recipients(stage.deps, stage.account_id)
    with pytest.raises(Conflict, match="only a channel"):
        await posts.send_test(stage.deps, stage.account_id, admins.id, by=ALICE)


async def test_a_copy_of_the_installation_posts_nothing(stage: Stage) -> None:
    async with receiver() as there:
        one = await channel(stage, there.url)
        await tell(stage)
        async with stage.deps.db.connection() as tx:
            await tx.execute("UPDATE installation SET held_at = $1", stage.deps.clock.now())
        await run_posts(stage)
        with pytest.raises(Conflict, match="a copy that sends nothing"):
            await posts.send_test(stage.deps, stage.account_id, one.id, by=ALICE)
        assert there.requests == []


async def test_channels_lead_out_of_the_platforms_own_network(deps: Deps, stage: Stage) -> None:
    for url in ("http://169.254.169.254/x", "http://10.0.0.1/", "ftp://example.com", "hooks.example.com"):
        with pytest.raises(InvalidInput, match="url"):
            await recipients.add_channel(deps, stage.account_id, "Operations", url, PAUSED, by=ALICE)


async def test_an_account_has_so_many_recipients_at_most(stage: Stage) -> None:
    for _ in range(MOST_RECIPIENTS):
        await channel(stage, "https://hooks.example.com/x")
    with pytest.raises(Conflict, match="at most 20 recipients"):
        await channel(stage, "https://hooks.example.com/x")


async def test_what_is_told_once_is_not_told_again_until_it_is_forgotten(stage: Stage, clock: FakeClock) -> None:
    counts: list[int] = []
    for what in ("monday", "monday", "tuesday"):
        async with stage.deps.db.transaction() as tx:
            await alerts.tell_once(tx, stage.deps, alert(stage), what)
        counts.append(len(await mails(stage)))
    assert counts == [2, 2, 4]
    clock.advance(KEPT_ONCE + timedelta(seconds=1))
    await posts.forget_old(stage.deps)
    async with stage.deps.db.transaction() as tx:
        await alerts.tell_once(tx, stage.deps, alert(stage), "monday")
    assert len(await mails(stage)) == 6
