"""Use cases that open their own transactions, as parts of one."""

from dataclasses import replace

import pytest

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM
from callmark.kit.db import Joined
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import new_id


async def make_two(deps: Deps, made: list[AccountId]) -> None:
    """An account that can be made and one that cannot, in one transaction."""
    async with deps.db.transaction() as tx:
        inside = replace(deps, db=Joined(tx))
        made.append((await accounts.create_account(inside, "Acme", by=SYSTEM)).id)
        assert (await accounts.get_account(inside, made[0])).name == "Acme"
        await accounts.create_account(inside, "", by=SYSTEM)


async def test_what_was_done_inside_is_undone_with_the_whole(deps: Deps) -> None:
    made: list[AccountId] = []
    with pytest.raises(InvalidInput):
        await make_two(deps, made)
    with pytest.raises(NotFound):
        await accounts.get_account(deps, made[0])


async def test_a_part_that_failed_and_was_caught_leaves_the_rest(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        inside = replace(deps, db=Joined(tx))
        made = await accounts.create_account(inside, "Acme", by=SYSTEM)
        with pytest.raises(NotFound):
            await members.list_members(inside, AccountId(new_id()))
    assert (await accounts.get_account(deps, made.id)).name == "Acme"
