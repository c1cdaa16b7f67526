"""Callers that another account has listed (contract D50)."""

from functools import partial

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.numbers.staging import Business, make_business, phones, reviewing, run_jobs
from tests.support.actors import OPERATOR
from tests.support.factories import Sent, make_label, phone, submit_batch

from callmark.domain.deps import Deps
from callmark.domain.labels.model import Label
from callmark.domain.numbers import reviews, service as numbers
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.dry_run import lint
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.validation import V1, V2, V3, Rules
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import Fault, Faulty, Field, NewRecord

FOREIGN = (Field.CALLER, Fault.FOREIGN)


def record(deps: Deps, label: Label, caller: str, **changed: object) -> NewRecord:
    now = to_ms(deps.clock.now())
    plus = "+" if caller.startswith("+") else ""
    good = NewRecord(caller, f"{plus}{phone()}", str(label.id), "Acme Parcels", None, now, now + 3_600_000)
    return good._replace(**changed)


async def submitted(deps: Deps, label: Label, *callers: str, rules: Rules = V1) -> list[StoredRecord]:
    sent = [Sent(record(deps, label, caller), partial(bytes, b"{}")) for caller in callers]
    batch = await submit_batch(deps, label.account_id, rules, sent)
    return await personalisation.records_of_batch(deps, batch.id, label.account_id)


async def pushed(deps: Deps, label: Label, new: NewRecord, rules: Rules = V1) -> tuple[Field, Fault] | None:
    try:
        await personalisation.push_now(deps, label.account_id, rules, new)
    except Faulty as bad:
        return bad.field, bad.fault
    return None


@pytest.fixture
async def other(deps: Deps) -> Business:
    return await make_business(deps)


@pytest.fixture
async def label(deps: Deps) -> Label:
    return await make_label(deps, (await make_business(deps)).account_id)


@pytest.mark.parametrize(("rules", "plus"), [(V1, ""), (V2, ""), (V2, "+"), (V3, "+")])
async def test_a_number_that_another_account_has_listed_is_no_caller(
    deps: Deps, other: Business, label: Label, rules: Rules, plus: str
) -> None:
    listed, free = phones(2)
    await other.publish(listed)
    await run_jobs(deps)
    bad, good = await submitted(deps, label, plus + listed, plus + free, rules=rules)
    assert (bad.outcome, bad.fault_field, bad.fault) == (Outcome.INVALID, "caller", "foreign")
    assert good.outcome is Outcome.PENDING
    assert await pushed(deps, label, record(deps, label, plus + listed), rules) == FOREIGN
    assert await pushed(deps, label, record(deps, label, plus + free), rules) is None
    ((told,),) = await lint(deps, label.account_id, rules, [record(deps, label, plus + listed)])
    assert (told.field, told.fault) == FOREIGN


async def test_a_record_without_a_label_is_validated_alike(deps: Deps, other: Business, label: Label) -> None:
    (listed,) = phones(1)
    await other.publish(listed)
    assert await pushed(deps, label, record(deps, label, listed, label_id=None), V2) == FOREIGN


async def test_a_number_counts_from_the_request_until_it_is_delisted(deps: Deps, other: Business, label: Label) -> None:
    (number,) = phones(1)

    async def is_refused() -> bool:
        return await pushed(deps, label, record(deps, label, number)) == FOREIGN

    before = await submitted(deps, label, number)
    await other.publish(number)
    assert await is_refused()  # pending
    await run_jobs(deps)
    assert await is_refused()  # listed
    await other.delist(number)
    assert await is_refused()  # delisting
    await run_jobs(deps)
    assert not await is_refused()
    (kept,) = await personalisation.records_of_batch(deps, before[0].batch_id, label.account_id)
    assert kept.outcome is Outcome.PENDING


async def test_a_listing_that_an_operator_rejected_holds_nothing(deps: Deps, other: Business, label: Label) -> None:
    (number,) = phones(1)
    await Business(reviewing(deps), other.account_id, other.feature_set_id).publish(number)
    (job,) = await reviews.list_jobs(deps, other.account_id, WHOLE_ACCOUNT)
    await reviews.reject(deps, job.id, reason="not yours", by=OPERATOR)
    await run_jobs(deps)
    assert await pushed(deps, label, record(deps, label, number)) is None


async def test_an_account_calls_from_its_own_numbers(deps: Deps, other: Business) -> None:
    (number,) = phones(1)
    await other.publish(number)
    own = await make_label(deps, other.account_id)
    assert await pushed(deps, own, record(deps, own, number)) is None
    (kept,) = await submitted(deps, own, number)
    assert kept.outcome is Outcome.PENDING


async def test_the_setting_allows_foreign_callers(deps: Deps, other: Business, label: Label) -> None:
    (number,) = phones(1)
    await other.publish(number)
    allowing = replace(deps, settings=msgspec.structs.replace(deps.settings, foreign_callers="allow"))
    assert await pushed(allowing, label, record(deps, label, number)) is None
    assert await pushed(allowing, label, record(deps, label, number, label_id=None), V2) is None
    (kept,) = await submitted(allowing, label, number)
    assert kept.outcome is Outcome.PENDING
    assert await lint(allowing, label.account_id, V1, [record(deps, label, number)]) == [[]]


async def test_holders_of_no_numbers_are_not_looked_up(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        assert await numbers.holders(tx, set[PhoneNumber]()) == {}
