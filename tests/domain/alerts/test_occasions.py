"""What is announced besides failing webhooks: overlaps that end, reviewed numbers, remarkable days."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st
from tests.domain.numbers.staging import make_business as make_listing_business, phones, reviewing, run_jobs
from tests.domain.webhooks.members import make_members
from tests.domain.webhooks.receiving import Stage, staged
from tests.support.actors import OPERATOR
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.written_mails import written_mails

from callmark.domain.alerts import recipients
from callmark.domain.alerts.model import AlertKind
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.mail import service as mail
from callmark.domain.members import service as members
from callmark.domain.numbers import reviews
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.personalisation.daily_figures import queries as figures
from callmark.domain.personalisation.daily_figures.alerts import are_pushes_failing, has_many_invalid, watch_days
from callmark.domain.personalisation.daily_figures.queries import DayBesideWeek
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.overlaps import watch_overlaps
from callmark.kit.phone import PhoneNumber

HOUR = timedelta(hours=1)


async def subjects(deps: Deps) -> set[str]:
    async with deps.db.connection() as tx:
        return {one.subject for one in await mail.list_mails(tx, 100)}


@pytest.mark.parametrize(("overlap", "after", "said"), [(168, 144, True), (168, 143, False), (24, 12, True)])
async def test_a_replaced_secret_is_announced_a_day_before_it_ends(
    deps: Deps, clock: FakeClock, overlap: int, after: int, *, said: bool
) -> None:
    async with staged(deps) as stage:
        await make_members(stage)
        webhook = await stage.webhook("https://hooks.example.com/x")
        of = stage.deps, stage.account_id, webhook.id
        await webhooks.rotate_secret(*of, overlap=overlap * HOUR, by=ALICE)
        await watch_overlaps(stage.deps)
        assert await subjects(deps) == set()  # whoever rotated it knows
        clock.advance(after * HOUR)
        for _ in range(2):
            await watch_overlaps(stage.deps)
        assert await subjects(deps) == ({"Acme: an old secret of webhook orders ends soon"} if said else set())
        assert await count_mails(deps) == (2 if said else 0)


async def test_each_of_two_overlaps_is_announced_before_its_own_end(deps: Deps, clock: FakeClock) -> None:
    async with staged(deps) as stage:
        await make_members(stage)
        webhook = await stage.webhook("https://hooks.example.com/x")
        began_at = clock.now()
        for overlap in (48, 168):
            of = stage.deps, stage.account_id, webhook.id
            await webhooks.rotate_secret(*of, overlap=overlap * HOUR, by=ALICE)
        for after, mails in ((23, 0), (24, 2), (143, 2), (144, 4)):
            clock.advance(began_at + after * HOUR - clock.now())
            await watch_overlaps(stage.deps)
            assert await count_mails(deps) == mails
        async with deps.db.connection() as tx:
            texts = [one.text for one in await mail.list_mails(tx, 100)]
    for end in (48, 168):
        assert sum(f"{began_at + end * HOUR:%-d %B %Y at %H:%M} UTC" in text for text in texts) == 2


async def count_mails(deps: Deps) -> int:
    async with deps.db.connection() as tx:
        return len(await mail.list_mails(tx, 100))


@pytest.mark.parametrize("why", [None, "no proof of ownership"])
async def test_reviewed_numbers_are_announced(deps: Deps, why: str | None) -> None:
    acme = await make_listing_business(reviewing(deps))
    of, active = (deps, acme.account_id), MemberState.ACTIVE
    await members.create_without_rules(*of, email="a@acme.example", name="a", role=Role.ADMIN, state=active, by=SYSTEM)
    asked = await acme.publish(*phones(2))
    assert asked.job_id
    if why is None:
        await reviews.approve(deps, asked.job_id, by=OPERATOR)
    else:
        await reviews.reject(deps, asked.job_id, why, by=OPERATOR)
    async with deps.db.connection() as tx:
        (sent,) = [one for one in await mail.list_mails(tx, 100) if "numbers" in one.subject]
    assert sent.subject.endswith(f"2 numbers were {'approved' if why is None else 'rejected'}")
    assert f"/console/numbers/jobs/{asked.job_id}" in sent.text
    assert (why or "being listed") in sent.text


async def test_proofs_that_the_operator_sets_and_ends_are_announced_and_named(deps: Deps) -> None:
    acme = await make_listing_business(deps)
    of, active = (deps, acme.account_id), MemberState.ACTIVE
    await members.create_without_rules(*of, email="a@acme.example", name="a", role=Role.ADMIN, state=active, by=SYSTEM)
    five = [PhoneNumber(one) for one in phones(5)]
    await acme.publish(*five)
    await run_jobs(deps)
    await proofs.prove_numbers(*of, five[:1], by=SYSTEM)
    for _ in range(2):
        await proofs.prove_numbers(*of, five, by=OPERATOR)
    await proofs.refuse_numbers(*of, five[:1], "The number was sold", by=OPERATOR)
    async with deps.db.connection() as tx:
        sent = sorted(await mail.list_mails(tx, 100), key=lambda one: one.id)
        named = [one.subject for one in await audit.list_entries(deps, acme.account_id, AuditFilter())]
    four, first = f"{five[1]}, {five[2]}, {five[3]} and 1 more", five[0]
    assert [one.subject.partition(": ")[2] for one in sent] == ["4 numbers are proven", "1 number is not proven"]
    assert f"that 4 numbers of Acme are proven: {four}." in sent[0].text
    assert "Their calls can be signed with your name." in sent[0].text
    assert f"that 1 number of Acme is not proven: {first}." in sent[1].text
    assert "The reason given: The number was sold" in sent[1].text
    assert all("/console/numbers" in one.text for one in sent)
    assert named[:3] == [first, four, first]


def day(*counts: int) -> DayBesideWeek:
    return DayBesideWeek(uuid4(), date(2026, 1, 1), *counts)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_day_with_few_records_says_nothing(accepted: int, invalid: int, pushed: int) -> None:
    accepted, invalid = accepted % 100, invalid % (accepted % 100 + 1)
    settled = accepted - invalid
    one = day(accepted, invalid, min(pushed, settled), settled, 5_000, 5_000)
    assert not has_many_invalid(one)
    assert not are_pushes_failing(one)


def test_one_in_five_is_many() -> None:
    assert not has_many_invalid(day(1_000, 199, 0, 0, 0, 0))
    assert has_many_invalid(day(1_000, 200, 0, 0, 0, 0))


def test_less_than_half_of_the_share_before_is_little() -> None:
    assert not are_pushes_failing(day(200, 0, 40, 200, 400, 1_000))  # 20 % after 40 %
    assert are_pushes_failing(day(200, 0, 39, 200, 400, 1_000))
    assert not are_pushes_failing(day(200, 0, 0, 200, 400, 499))  # too little to compare with


async def test_a_remarkable_day_is_announced_once_to_those_who_chose_it(deps: Deps, clock: FakeClock) -> None:
    async with staged(deps) as stage:
        await make_members(stage)
        other = await stage.another_account()
        today = clock.now().date()
        for account_id in (stage.account_id, other.account_id):
            await add_day(stage, account_id, today - timedelta(days=1), accepted=1_000, success=900, failed=100)
            await add_day(stage, account_id, today, accepted=500, invalid=200, success=30, failed=270)
        (admins,) = await recipients.list_recipients(deps, stage.account_id)
        await watch_days(deps)
        assert await subjects(deps) == set()  # nobody has chosen these kinds
        kinds = [AlertKind.RECORDS_INVALID.value, AlertKind.PUSHES_FAILING.value]
        await recipients.change_kinds(deps, stage.account_id, admins.id, kinds, by=ALICE)
        for _ in range(2):
            await watch_days(deps)
        assert await subjects(deps) == {
            "Acme: many call records are invalid",
            "Acme: fewer call records reach handsets",
        }
        assert await count_mails(deps) == 2 * 2
        clock.advance(timedelta(days=1))
        await add_day(stage, stage.account_id, clock.now().date(), accepted=500, invalid=200, success=200, failed=100)
        await watch_days(deps)
        assert await count_mails(deps) == 3 * 2  # the share has recovered, the faults have not


async def test_phones_that_connect_later_in_the_day_are_no_failing_pushes(deps: Deps, clock: FakeClock) -> None:
    async with staged(deps) as stage:
        await make_members(stage)
        (admins,) = await recipients.list_recipients(deps, stage.account_id)
        await recipients.change_kinds(deps, stage.account_id, admins.id, [AlertKind.PUSHES_FAILING.value], by=ALICE)
        for _ in range(5):
            today = clock.now().date()
            await add_day(stage, stage.account_id, today, accepted=1_000, success=350, failed=650)
            await watch_days(deps)
            async with deps.db.transaction() as tx:  # what the job adds when phones take what had failed
                of = stage.account_id, today
                await figures.add(tx, [(*of, "late", 450), (*of, "success", 450), (*of, "not_registered", -450)])
            clock.advance(timedelta(days=1))
        assert await count_mails(deps) == 0
        await add_day(stage, stage.account_id, clock.now().date(), accepted=1_000, success=3, failed=997)
        await watch_days(deps)
        assert await subjects(deps) == {"Acme: fewer call records reach handsets"}
        (one, *_) = await written_mails(deps)
        assert "< 1 % of today's valid call records of Acme" in one.text.replace("\N{NO-BREAK SPACE}", " ")  # not 0 %


async def add_day(
    stage: Stage, account_id: AccountId, on: date, *, accepted: int, success: int, failed: int, invalid: int = 0
) -> None:
    async with stage.deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO record_day (account_id, day, accepted, invalid, success, not_registered)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            account_id,
            on,
            accepted,
            invalid,
            success,
            failed,
        )
