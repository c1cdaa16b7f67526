"""Who made and changed a key stands in the audit log, in the same transaction."""

import pytest
from structlog.testing import capture_logs
from tests.support.audit_log import log_of

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import NewKey
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.domain.policy.plan import ALL_FEATURES, MANAGEMENT, Feature, KeyAccess
from callmark.kit.errors import Forbidden, InvalidInput, NotFound, Unauthenticated

ALICE = Actor(ActorKind.MEMBER, "alice@acme.example", address="192.0.2.7")
OLIVE = Actor(ActorKind.COMMAND_LINE, "olive@host")
BOTH = [Feature.NUMBER_MANAGEMENT, Feature.CALL_ME_BACK]


async def test_each_change_of_a_key_is_audited_with_its_key_id(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    made = await credentials.create_key(deps, acme, by=ALICE, name=" dialer ", features=BOTH)
    await credentials.update_key(deps, acme, made.key_id, by=OLIVE, name="phone system")
    again = await credentials.regenerate_key(deps, acme, made.key_id, by=ALICE)
    assert (await credentials.delete_key(deps, acme, again.key_id, by=ALICE)).name == "phone system"
    old, new, features = str(made.key_id), str(again.key_id), ["call_me_back", "number_management"]
    assert [(one.action, one.subject, one.details) for one in await log_of(deps, acme)] == [
        ("key.deleted", "phone system", {"key_id": new}),
        ("key.regenerated", "phone system", {"old_key_id": old, "key_id": new}),
        ("key.changed", "phone system", {"key_id": old, "features": features}),
        ("key.created", "dialer", {"key_id": old, "features": features}),
    ]


async def test_a_key_names_who_made_it_and_an_operator_at_a_terminal_is_marked_in_the_log(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    await credentials.create_key(deps, acme, by=OLIVE, name="dialer", features=BOTH)
    (key,) = await credentials.list_keys(deps, acme)
    (line,) = await log_of(deps, acme)
    assert (key.created_by_email, line.actor_email, line.by_operator) == ("olive@host", "olive@host", True)


async def test_a_change_that_is_refused_leaves_key_and_log_as_they_were(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", [Feature.NUMBER_MANAGEMENT], by=SYSTEM)).id
    globex = (await accounts.create_account(deps, "Globex", by=SYSTEM)).id
    made = await credentials.create_key(deps, acme, by=ALICE, name="dialer", features=[])
    before = await credentials.get_key(deps, acme, made.key_id), await log_of(deps, acme)
    with pytest.raises(InvalidInput):
        await credentials.update_key(deps, acme, made.key_id, by=ALICE, name="new", features=BOTH)
    for change in (credentials.delete_key, credentials.regenerate_key):
        with pytest.raises(NotFound):
            await change(deps, globex, made.key_id, by=ALICE)
    with pytest.raises(NotFound):
        await credentials.get_key_by_reference(deps, globex, made.reference)
    assert (await credentials.get_key(deps, acme, made.key_id), await log_of(deps, acme)) == before


async def test_management_is_part_of_every_plan_and_of_a_key_only_where_it_is_asked_for(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", [], by=SYSTEM)).id
    made = await credentials.create_key(deps, acme, by=ALICE, name="apply", features=[MANAGEMENT])
    assert (await credentials.get_key(deps, acme, made.key_id)).features == {MANAGEMENT}
    token = (await credentials.create_token(deps, str(acme), str(made.key_id), made.api_key)).token
    assert (await credentials.admit(deps, token, str(acme), feature=MANAGEMENT)).account_id == acme
    with pytest.raises(Forbidden):
        await credentials.admit(deps, token, str(acme), feature=Feature.CALL_PERSONALISATION)
    again = await credentials.regenerate_key(deps, acme, made.key_id, by=ALICE)
    assert (await credentials.get_key(deps, acme, again.key_id)).features == {MANAGEMENT}
    await credentials.update_key(deps, acme, again.key_id, by=ALICE, features=[])
    with pytest.raises(Forbidden):
        await _admitted(deps, acme, again, MANAGEMENT)


async def test_a_key_for_every_feature_may_not_manage(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    made = await credentials.create_key(deps, acme, by=ALICE, name="dialer", features=ALL_FEATURES)
    assert (await _admitted(deps, acme, made, Feature.CALL_ME_BACK)) == acme
    with pytest.raises(Forbidden):
        await _admitted(deps, acme, made, MANAGEMENT)


async def _admitted(deps: Deps, account_id: AccountId, pair: NewKey, access: KeyAccess) -> AccountId:
    token = (await credentials.create_token(deps, str(account_id), str(pair.key_id), pair.api_key)).token
    return (await credentials.admit(deps, token, str(account_id), feature=access)).account_id


async def test_what_a_refused_pair_was_is_logged_without_anything_that_may_be_a_secret(deps: Deps) -> None:
    acme = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    made = await credentials.create_key(deps, acme, by=ALICE, name="dialer", features=BOTH)
    key_id, secret = str(made.key_id), made.api_key
    with capture_logs() as lines:
        for one, other in ((secret, key_id), (key_id, key_id)):
            with pytest.raises(Unauthenticated):
                await credentials.create_token(deps, str(acme), one, other)
    assert [line.get("key_id") for line in lines if line["event"] == "token_refused"] == [None, key_id]
    assert secret not in str(lines)
