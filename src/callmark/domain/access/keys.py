"""API keys, for people (contract, section 3.2)."""

from collections.abc import Collection
from dataclasses import dataclass

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check
from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import ApiKey, NewKey
from callmark.domain.deps import Deps
from callmark.domain.ids import KeyReference
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput


@dataclass(frozen=True)
class Keys:
    """The account's keys, oldest first, and the features a key can give access to."""

    keys: list[ApiKey]
    features: list[Feature]


async def list_keys(deps: Deps, actor: Actor) -> Keys:
    """All keys of the account. Raises Forbidden."""
    check(actor, Action.KEYS_VIEW)
    return Keys(await credentials.list_keys(deps, actor.account_id), await features(deps, actor))


async def get_key(deps: Deps, actor: Actor, reference: KeyReference) -> ApiKey:
    """One key. Raises Forbidden, NotFound."""
    check(actor, Action.KEYS_VIEW)
    return await _get(deps, actor, reference)


async def features(deps: Deps, actor: Actor) -> list[Feature]:
    """What the account subscribes to, in the order of their declaration."""
    account = await accounts.get_account(deps, actor.account_id)
    return [feature for feature in Feature if feature in account.features]


async def create_key(deps: Deps, actor: Actor, *, name: str, description: str, wanted: Collection[Feature]) -> NewKey:
    """A new pair, shown this once. Raises Forbidden, InvalidInput, Conflict (a sixth key)."""
    check(actor, Action.KEYS_MANAGE)
    _check_features(wanted)
    async with changing(deps, actor) as change:
        made = await credentials.create_key(
            change.deps,
            actor.account_id,
            name=name,
            description=description,
            features=wanted,
            created_by_email=actor.email,
        )
        await change.note("key.created", name.strip(), key_id=str(made.key_id), features=sorted(wanted))
    return made


async def update_key(
    deps: Deps, actor: Actor, reference: KeyReference, *, name: str, description: str, wanted: Collection[Feature]
) -> ApiKey:
    """The key after the change. Raises Forbidden, NotFound, InvalidInput."""
    check(actor, Action.KEYS_MANAGE)
    _check_features(wanted)
    async with changing(deps, actor) as change:
        old = await _get(change.deps, actor, reference)
        key = await credentials.update_key(
            change.deps, actor.account_id, old.id, name=name, description=description, features=wanted
        )
        await change.note("key.changed", key.name, key_id=str(key.id), features=sorted(wanted))
    return key


async def regenerate_key(deps: Deps, actor: Actor, reference: KeyReference) -> NewKey:
    """A new pair in its place; the old one and its tokens stop at once (contract D37). Raises Forbidden, NotFound."""
    check(actor, Action.KEYS_MANAGE)
    async with changing(deps, actor) as change:
        key = await _get(change.deps, actor, reference)
        made = await credentials.regenerate_key(change.deps, actor.account_id, key.id)
        await change.note("key.regenerated", key.name, old_key_id=str(key.id), key_id=str(made.key_id))
    return made


async def delete_key(deps: Deps, actor: Actor, reference: KeyReference) -> ApiKey:
    """Ends the key and every token made from it; what it was. Raises Forbidden, NotFound."""
    check(actor, Action.KEYS_MANAGE)
    async with changing(deps, actor) as change:
        key = await _get(change.deps, actor, reference)
        await credentials.delete_key(change.deps, actor.account_id, key.id)
        await change.note("key.deleted", key.name, key_id=str(key.id))
    return key


async def _get(deps: Deps, actor: Actor, reference: KeyReference) -> ApiKey:
    """The key of an address, which does not carry its Key ID (contract D47)."""
    key_id = await credentials.key_id_of(deps, actor.account_id, reference)
    return await credentials.get_key(deps, actor.account_id, key_id)


def _check_features(wanted: Collection[Feature]) -> None:
    if not wanted:
        raise InvalidInput("choose at least one feature", field="features")
