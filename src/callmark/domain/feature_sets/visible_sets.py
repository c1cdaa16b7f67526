"""Feature sets and number groups as someone sees them: those inside a scope.

A number group has no place in the structure, so only who sees the whole account sees it.
"""

from collections.abc import Collection
from uuid import UUID

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import queries
from callmark.domain.feature_sets.model import (
    FeatureSet,
    FeatureSetName,
    FeatureSetState,
    PlacedFeatureSet,
    by_name,
)
from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.policy.model import Path, Scope
from callmark.kit.errors import found
from callmark.kit.postgres.database import Tx

_UNKNOWN = "no feature set with this id in this account"


class VisibleFeatureSet(Struct, frozen=True):
    """A feature set or number group, the ids from its department down, and their names in a line of text."""

    feature_set: FeatureSet
    path: Path
    where: str


async def list_names(
    deps: Deps,
    account_id: AccountId,
    scope: Scope,
    within: UUID | None = None,
    state: FeatureSetState | None = None,
) -> list[FeatureSetName]:
    """All of them inside the scope, by name; number groups at the end. Only those in a place, in a state, where given.

    An account may have thousands: what else a page shows of its rows, `find_each` reads.
    """
    if scope.is_nowhere:
        return []
    async with deps.db.connection() as tx:
        names = await queries.select_placed_names(tx, account_id, scope.node_id, within, state)
        if scope.is_whole_account and within is None:
            names += await queries.select_group_names(tx, account_id, state)
    return sorted(names, key=by_name)


async def find_each(
    deps: Deps, account_id: AccountId, feature_sets: Collection[FeatureSetId], scope: Scope
) -> dict[FeatureSetId, VisibleFeatureSet]:
    """Those of them inside the scope, by id."""
    if not feature_sets:
        return {}
    async with deps.db.connection() as tx:
        placed = await queries.select_placed_each(tx, account_id, feature_sets)
        groups = await queries.select_groups_each(tx, account_id, feature_sets) if scope.is_whole_account else []
    every = [*map(_of_structure, placed), *map(_of_account, groups)]
    return {one.feature_set.id: one for one in every if scope.includes(one.path)}


async def has_any(deps: Deps, account_id: AccountId, scope: Scope) -> bool:
    """Whether there is one inside the scope."""
    if scope.is_nowhere:
        return False
    async with deps.db.connection() as tx:
        return await queries.any_below(tx, account_id, scope.node_id)


async def get_visible(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope
) -> VisibleFeatureSet:
    """One of them. Raises NotFound."""
    async with deps.db.connection() as tx:
        if (placed := await queries.select_placed(tx, account_id, feature_set_id)) is not None:
            scope.check(placed.place.path)
            return _of_structure(placed)
        scope.check(())
        return _of_account(found(await queries.select_feature_set(tx, account_id, feature_set_id), _UNKNOWN))


async def lock_visible(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope) -> FeatureSet:
    """One of them, locked until the transaction ends. Raises NotFound, also for one that was moved away meanwhile."""
    locked = await queries.lock_feature_set(tx, account_id, feature_set_id)
    await check_visible(tx, account_id, feature_set_id, scope)
    return found(locked, _UNKNOWN)


async def check_visible(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope) -> None:
    """Raises NotFound for one outside the scope. The whole account also has in it those that are deleted."""
    if scope.is_whole_account:
        return
    placed = found(await queries.select_placed(tx, account_id, feature_set_id))
    scope.check(placed.place.path)


async def visible_ids(tx: Tx, account_id: AccountId, scope: Scope) -> list[FeatureSetId] | None:
    """The ids of all of them; None for the whole account, which also has in it those that are deleted."""
    return None if scope.is_whole_account else await placed_ids(tx, account_id, scope)


async def placed_ids(tx: Tx, account_id: AccountId, scope: Scope) -> list[FeatureSetId]:
    """The ids of all of them but number groups."""
    return [] if scope.is_nowhere else await queries.select_ids_below(tx, account_id, scope.node_id)


def _of_structure(placed: PlacedFeatureSet) -> VisibleFeatureSet:
    return VisibleFeatureSet(placed.feature_set, placed.place.path, placed.place.trail)


def _of_account(group: FeatureSet) -> VisibleFeatureSet:
    return VisibleFeatureSet(group, (), "Number group")
