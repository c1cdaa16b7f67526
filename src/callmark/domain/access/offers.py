"""The feature sets that Call Me Back and campaigns hang on, as an actor sees them.

A number group has no place in the structure: what hangs on it is for admins alone.
"""

from dataclasses import dataclass

from callmark.domain.access.feature_sets import hung_in, path_of
from callmark.domain.access.model import Actor, check, check_at
from callmark.domain.access.structure import tree_of
from callmark.domain.deps import Deps
from callmark.domain.ids import FeatureSetId
from callmark.domain.policy.model import Action, Path, Role
from callmark.domain.structure import number_groups
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSet
from callmark.kit.errors import NotFound


@dataclass(frozen=True)
class OwnSet:
    """A feature set or number group inside the actor's place, with its way from the top (a number group has none)."""

    feature_set: FeatureSet
    path: Path
    where: str


async def own_sets(deps: Deps, actor: Actor) -> dict[FeatureSetId, OwnSet]:
    """Those inside the actor's place by their ids, by name; for admins also number groups, at the end."""
    hung = hung_in(await tree_of(deps, actor))
    found = {one.feature_set.id: OwnSet(one.feature_set, one.node.path, one.node.where) for one in hung}
    if actor.role is Role.ADMIN:
        groups = await number_groups.list_number_groups(deps, actor.account_id)
        found |= {group.id: OwnSet(group, (), "Number group") for group in groups}
    return found


async def find_own_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, action: Action) -> OwnSet:
    """One feature set or number group. Raises Forbidden, NotFound."""
    path = await check_set(deps, actor, feature_set_id, action)
    found = (await own_sets(deps, actor)).get(feature_set_id)
    if found is None:
        raise NotFound
    return OwnSet(found.feature_set, path, found.where)


async def check_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, action: Action) -> Path:
    """Where the feature set hangs. Raises Forbidden by role, NotFound outside the actor's place.

    For admins one that is gone, or a number group, hangs on the account itself.
    """
    check(actor, action)
    try:
        placed = await structure.get_placed(deps, actor.account_id, feature_set_id)
    except NotFound:
        if actor.role is Role.ADMIN:
            return ()
        raise
    path = path_of(placed.place)
    check_at(actor, action, path)
    return path
