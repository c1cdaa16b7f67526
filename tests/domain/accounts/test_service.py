"""Accounts on a real database."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.mail_settings import with_mail_server
from tests.support.waiting import Growing

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.domain.work_names import WorkName
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.work import wake_topic


async def test_a_new_account_is_active_and_has_every_feature(deps: Deps) -> None:
    made = await accounts.create_account(deps, " Acme ", by=SYSTEM)
    assert made == await accounts.get_account(deps, made.id)
    assert (made.name, made.state, made.features) == ("Acme", AccountState.ACTIVE, frozenset(Feature))
    assert made.created_at == deps.clock.now()


async def test_accounts_are_listed_oldest_first(deps: Deps, clock: FakeClock) -> None:
    first = await accounts.create_account(deps, "first", by=SYSTEM)
    clock.advance(timedelta(seconds=1))
    second = await accounts.create_account(deps, "second", by=SYSTEM)
    listed = await accounts.list_accounts(deps)
    assert listed.index(first) < listed.index(second)


@pytest.mark.parametrize("state", AccountState)
async def test_whoever_works_for_an_account_hears_that_it_is_suspended_or_restored(
    deps: Deps, state: AccountState
) -> None:
    made = await accounts.create_account(deps, "Acme", by=SYSTEM)
    [other] = set(AccountState) - {state}
    await accounts.update_account(deps, made.id, state=other, by=SYSTEM)
    woken = Growing[WorkName]()
    for work in WorkName:
        await deps.fabric.listen(wake_topic(work), partial(_note, woken, work))
    await accounts.update_account(deps, made.id, state=state, by=SYSTEM)
    await woken.until(lambda heard: {WorkName.SWITCHES, WorkName.BATCHES, WorkName.DELIVERIES} <= set(heard), 20)


async def _note(woken: Growing[WorkName], work: WorkName, _: bytes) -> None:
    woken.append(work)


async def test_an_update_changes_what_it_names_and_nothing_else(deps: Deps) -> None:
    made = await accounts.create_account(deps, "Acme", {Feature.CALL_ME_BACK}, by=SYSTEM)
    renamed = await accounts.update_account(deps, made.id, name="Acme Ltd", by=SYSTEM)
    assert (renamed.name, renamed.features, renamed.state) == ("Acme Ltd", made.features, made.state)
    suspended = await accounts.update_account(deps, made.id, state=AccountState.SUSPENDED, by=SYSTEM)
    assert (suspended.name, suspended.state) == ("Acme Ltd", AccountState.SUSPENDED)
    bare = await accounts.update_account(deps, made.id, features=(), by=SYSTEM)
    assert (bare.features, bare.state) == (frozenset(), AccountState.SUSPENDED)
    assert bare == await accounts.get_account(deps, made.id)


async def test_an_unknown_account_is_not_found(deps: Deps) -> None:
    nobody = AccountId(uuid4())
    with pytest.raises(NotFound):
        await accounts.get_account(deps, nobody)
    with pytest.raises(NotFound):
        await accounts.update_account(deps, nobody, name="x", by=SYSTEM)


async def test_changes_are_audited_as_what_they_are(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", [Feature.CALL_ME_BACK], by=ALICE)
    await accounts.update_account(deps, acme.id, by=ALICE, name="Acme Ltd", features=[])
    await accounts.update_account(with_mail_server(deps), acme.id, by=ALICE, name="Acme Ltd", requires_code=True)
    for _ in range(2):  # a second press of the button changes nothing
        await accounts.update_account(deps, acme.id, by=ALICE, state=AccountState.SUSPENDED)
    for _ in range(2):
        await accounts.update_account(deps, acme.id, by=ALICE, name="Acme", state=AccountState.ACTIVE)
    assert [(one.action, one.subject, one.details) for one in await log_of(deps, acme.id)] == [
        ("account.restored", "Acme", {}),
        ("account.changed", "Acme", {}),
        ("account.suspended", "Acme Ltd", {}),
        ("account.changed", "Acme Ltd", {"requires_code": True}),
        ("account.changed", "Acme Ltd", {"features": []}),
        ("account.created", "Acme", {"features": ["call_me_back"]}),
    ]


async def test_a_bad_name_changes_nothing(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    with pytest.raises(InvalidInput):
        await accounts.update_account(deps, acme.id, name=" ", state=AccountState.SUSPENDED, by=SYSTEM)
    assert await accounts.get_account(deps, acme.id) == acme
