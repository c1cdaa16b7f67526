"""Departments, operations, processes and sub-processes on a real database. Charlie's account must see nothing."""

import asyncio
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from tests.support.audit_log import log_of
from tests.support.factories import ALICE, make_branch, make_feature_set, make_number_group

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import AccountId, CatalogueId, DepartmentId
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role, Scope
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import Node, NodeKind, flat
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, NotFound


@pytest.fixture
async def alices(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


@pytest.fixture
async def charlies(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Charlie", by=SYSTEM)).id


async def test_a_branch_is_there_as_it_was_made(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    assert (await structure.get_node(deps, alices, made.department.id)).unit == made.department
    assert (await structure.get_node(deps, alices, made.operation.id)).unit == made.operation
    assert (await structure.get_node(deps, alices, made.process.id)).unit == made.process
    assert (await structure.get_node(deps, alices, made.sub_process.id)).unit == made.sub_process
    assert (made.operation.name, made.sub_process.parent_id) == ("Delivery", made.process.id)


async def test_a_node_is_read_with_the_way_to_it_and_all_below_as_the_tree_has_it(
    deps: Deps, alices: AccountId, charlies: AccountId
) -> None:
    made = await make_branch(deps, alices)
    await make_branch(deps, alices, department="Care")
    await make_branch(deps, charlies)
    other = await structure.create_process(deps, alices, made.operation.id, name="First mile", by=SYSTEM)
    await structure.create_sub_process(deps, alices, other.id, name="Morning", by=SYSTEM)
    for process_id in (made.process.id, made.sub_process.id, other.id):
        await make_feature_set(deps, alices, process_id)
    nodes = flat(await structure.tree(deps, alices))
    assert len(nodes) == 10
    for node_id, node in nodes.items():
        assert await structure.get_node(deps, alices, node_id) == node


async def test_an_unknown_account_has_no_structure(deps: Deps) -> None:
    nobody = AccountId(uuid4())
    with pytest.raises(NotFound):
        await structure.create_department(deps, nobody, name="Mine", by=ALICE)
    with pytest.raises(NotFound):
        await structure.tree(deps, nobody)


async def test_names_are_unique_where_they_hang_whatever_their_case(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices, department="École")
    with pytest.raises(Conflict, match="a department named 'éCOLE' already exists"):
        await structure.create_department(deps, alices, name=" éCOLE ", by=ALICE)
    with pytest.raises(Conflict, match="already exists"):
        await structure.create_department(deps, alices, name="E\u0301cole", by=ALICE)
    with pytest.raises(Conflict, match="a process named 'LAST mile' already exists in this operation"):
        await structure.create_process(deps, alices, made.operation.id, name="LAST mile", by=ALICE)
    with pytest.raises(Conflict, match="a sub-process named 'evening' already exists in this process"):
        await structure.create_sub_process(deps, alices, made.process.id, name="evening", by=ALICE)
    with pytest.raises(Conflict, match="already has the operation 'Delivery'"):
        await structure.create_operation(
            deps, alices, made.department.id, catalogue_id=made.operation.catalogue_id, by=ALICE
        )
    other = await make_branch(deps, alices)  # elsewhere the same names are free
    assert (other.process.name, other.sub_process.name) == (made.process.name, made.sub_process.name)
    same = await structure.create_sub_process(deps, alices, made.process.id, name="Last mile", by=ALICE)
    assert same.name == made.process.name


async def test_a_rename_takes_a_free_name_and_may_change_its_own_case(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    second = await structure.create_process(deps, alices, made.operation.id, name="Returns", by=ALICE)
    assert (await structure.rename_node(deps, alices, made.department.id, name="RETAIL", by=ALICE)).name == "RETAIL"
    assert (await structure.rename_node(deps, alices, made.process.id, name="LAST MILE", by=ALICE)).name == "LAST MILE"
    with pytest.raises(Conflict):
        await structure.rename_node(deps, alices, second.id, name="last mile", by=ALICE)
    await structure.create_department(deps, alices, name="Bank", by=ALICE)
    with pytest.raises(Conflict):
        await structure.rename_node(deps, alices, made.department.id, name="bank", by=ALICE)
    assert (await structure.get_node(deps, alices, made.department.id)).name == "RETAIL"


async def test_a_twin_of_earlier_versions_keeps_its_name_and_takes_another(deps: Deps, alices: AccountId) -> None:
    await structure.create_department(deps, alices, name="Caf\u00e9", by=ALICE)
    twin = (await structure.create_department(deps, alices, name="Other", by=ALICE)).id
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE department SET name = $2 WHERE id = $1", twin, "Cafe\u0301")
    assert (await structure.rename_node(deps, alices, twin, name="Cafe\u0301", by=ALICE)).name == "Cafe\u0301"
    with pytest.raises(Conflict):
        await structure.rename_node(deps, alices, twin, name="CAFE\u0301", by=ALICE)
    assert (await structure.rename_node(deps, alices, twin, name="Second", by=ALICE)).name == "Second"


async def test_an_operation_comes_from_the_catalogue(deps: Deps, alices: AccountId) -> None:
    department = await structure.create_department(deps, alices, name="Retail", by=ALICE)
    with pytest.raises(InvalidInput, match="in the catalogue"):
        await structure.create_operation(deps, alices, department.id, catalogue_id=CatalogueId(uuid4()), by=ALICE)
    sales = catalogue_entry_named("Sales")
    assert (
        await structure.create_operation(deps, alices, department.id, catalogue_id=sales.id, by=ALICE)
    ).name == "Sales"


async def test_sub_processes_are_one_level_deep(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    with pytest.raises(InvalidInput, match="cannot have sub-processes"):
        await structure.create_sub_process(deps, alices, made.sub_process.id, name="Deeper", by=ALICE)
    other = await structure.create_process(deps, alices, made.operation.id, name="Returns", by=ALICE)
    deep = await structure.create_sub_process(deps, alices, other.id, name="Morning", by=ALICE)
    with pytest.raises(InvalidInput, match="cannot have sub-processes"):
        await structure.move_sub_process(deps, alices, deep.id, process_id=made.sub_process.id, by=ALICE)


async def test_a_process_moves_with_all_that_hangs_on_it(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank", process="Cards")
    below = await make_feature_set(deps, alices, made.sub_process.id)
    moved = await structure.move_process(deps, alices, made.process.id, operation_id=other.operation.id, by=ALICE)
    assert moved.operation_id == other.operation.id
    sub = (await structure.get_node(deps, alices, made.sub_process.id)).unit
    assert sub == replace(made.sub_process, operation_id=other.operation.id)
    place = (await feature_sets.get_placed(deps, alices, below.id)).place
    assert (place.department_name, place.process_name, place.sub_process_name) == ("Bank", "Last mile", "Evening")
    await structure.delete_node(deps, alices, made.operation.id, by=ALICE)


async def test_a_move_to_where_the_name_is_taken_is_refused(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank")
    with pytest.raises(Conflict):
        await structure.move_process(deps, alices, made.process.id, operation_id=other.operation.id, by=ALICE)
    with pytest.raises(Conflict):
        await structure.move_sub_process(deps, alices, made.sub_process.id, process_id=other.process.id, by=ALICE)
    with pytest.raises(InvalidInput):
        await structure.move_process(deps, alices, made.sub_process.id, operation_id=other.operation.id, by=ALICE)
    with pytest.raises(InvalidInput):
        await structure.move_sub_process(deps, alices, made.process.id, process_id=other.process.id, by=ALICE)
    await structure.rename_node(deps, alices, made.sub_process.id, name="Night", by=ALICE)
    moved = await structure.move_sub_process(deps, alices, made.sub_process.id, process_id=other.process.id, by=ALICE)
    assert (moved.parent_id, moved.operation_id) == (other.process.id, other.operation.id)


async def test_only_what_is_empty_is_deleted_and_the_error_names_what_is_left(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    feature_set = await make_feature_set(deps, alices, made.process.id, NewFeatureSet("Default"))
    with pytest.raises(Conflict, match="this department still contains the operation 'Delivery'"):
        await structure.delete_node(deps, alices, made.department.id, by=ALICE)
    with pytest.raises(Conflict, match="this operation still contains the process 'Last mile'"):
        await structure.delete_node(deps, alices, made.operation.id, by=ALICE)
    both = "this process still contains the sub-process 'Evening' and the feature set 'Default'"
    with pytest.raises(Conflict, match=both):
        await structure.delete_node(deps, alices, made.process.id, by=ALICE)
    await feature_sets.delete_feature_set(deps, alices, feature_set.id, by=ALICE)
    await structure.delete_node(deps, alices, made.sub_process.id, by=ALICE)
    await structure.delete_node(deps, alices, made.process.id, by=ALICE)
    await structure.delete_node(deps, alices, made.operation.id, by=ALICE)
    await structure.delete_node(deps, alices, made.department.id, by=ALICE)
    assert await structure.tree(deps, alices) == []
    with pytest.raises(NotFound):
        await structure.delete_node(deps, alices, made.department.id, by=ALICE)


async def test_the_tree_is_in_alphabetical_order_and_has_no_number_groups(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices, department="retail")
    await structure.create_department(deps, alices, name="Bank", by=ALICE)
    await structure.create_process(deps, alices, made.operation.id, name="airports", by=ALICE)
    for name in ("Second", "first"):
        await make_feature_set(deps, alices, made.process.id, NewFeatureSet(name))
    await make_feature_set(deps, alices, made.sub_process.id, NewFeatureSet("Below"))
    await make_number_group(deps, alices)
    found = await structure.tree(deps, alices)
    assert [node.name for node in found] == ["Bank", "retail"]
    (operation,) = found[1].below
    assert [node.name for node in operation.below] == ["airports", "Last mile"]
    node = operation.below[1]
    assert [one.name for one in node.sets] == ["first", "Second"]
    assert [(sub.name, [one.name for one in sub.sets]) for sub in node.below] == [("Evening", ["Below"])]


async def test_of_two_who_take_one_name_at_once_one_gets_it(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    sales = catalogue_entry_named("Sales").id
    for attempts in (
        [
            structure.create_department(deps, alices, name=name, by=ALICE)
            for name in ("École", "école", "ÉCOLE", "éCole")
        ],
        [structure.create_process(deps, alices, made.operation.id, name="Returns", by=ALICE) for _ in range(4)],
        [structure.create_operation(deps, alices, made.department.id, catalogue_id=sales, by=ALICE) for _ in range(4)],
    ):
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True, True, True]
        assert not any(isinstance(one, BaseException) and not isinstance(one, Conflict) for one in outcomes)


async def test_a_department_is_not_deleted_under_an_operation_that_is_being_made(deps: Deps, alices: AccountId) -> None:
    sales = catalogue_entry_named("Sales").id
    for _ in range(5):
        department = await structure.create_department(deps, alices, name="Retail", by=ALICE)
        made, deleted = await asyncio.gather(
            structure.create_operation(deps, alices, department.id, catalogue_id=sales, by=ALICE),
            structure.delete_node(deps, alices, department.id, by=ALICE),
            return_exceptions=True,
        )
        first = (isinstance(made, NotFound), isinstance(deleted, Node))
        second = (not isinstance(made, BaseException), isinstance(deleted, Conflict))
        assert (True, True) in {first, second}
        await _empty(deps, alices, department.id)


def owner_of(node_id: UUID) -> Actor:
    return Actor(ActorKind.MEMBER, "owner@acme.example", Role.OPERATION_OWNER, Scope(node_id))


async def test_a_node_of_another_kind_answers_like_an_unknown_one(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    departments = (NodeKind.DEPARTMENT,)
    assert await structure.get_node(deps, alices, made.department.id, departments)
    for attempt in (
        structure.get_node(deps, alices, made.process.id, departments),
        structure.rename_node(deps, alices, made.process.id, departments, name="Mine", by=ALICE),
        structure.delete_node(deps, alices, made.sub_process.id, departments, by=ALICE),
    ):
        with pytest.raises(NotFound, match="no department with this id"):
            await attempt


async def test_an_owner_sees_its_place_with_the_way_to_it_and_nothing_else(deps: Deps, alices: AccountId) -> None:
    made, _ = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank")
    await make_feature_set(deps, alices, made.process.id, NewFeatureSet("Default"))
    await structure.create_process(deps, alices, made.operation.id, name="Returns", by=ALICE)
    (department,) = await structure.tree(deps, alices, Scope(made.process.id))
    (operation,) = department.below
    (process,) = operation.below
    assert [one.is_inside for one in (department, operation, process)] == [False, False, True]
    assert process.where == "Retail \u203a Delivery \u203a Last mile"
    assert [one.name for one in process.all_sets] == ["Default"]
    assert await structure.tree(deps, alices, Scope(is_nowhere=True)) == []


async def test_an_owner_grows_and_names_its_place_and_cannot_take_it_away(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank", process="Cards")
    olivia = owner_of(made.operation.id)
    grown = await structure.create_process(deps, alices, made.operation.id, name="Returns", by=olivia)
    await structure.rename_node(deps, alices, grown.id, name="Refunds", by=olivia)
    await structure.delete_node(deps, alices, grown.id, by=olivia)
    with pytest.raises(Forbidden):
        await structure.delete_node(deps, alices, made.operation.id, by=olivia)
    with pytest.raises(Forbidden):
        await structure.move_process(
            deps, alices, made.process.id, operation_id=other.operation.id, by=owner_of(made.process.id)
        )
    for outside in (
        structure.create_department(deps, alices, name="Mine", by=olivia),
        structure.create_process(deps, alices, other.operation.id, name="Mine", by=olivia),
        structure.rename_node(deps, alices, made.department.id, name="Mine", by=olivia),
        structure.move_process(deps, alices, made.process.id, operation_id=other.operation.id, by=olivia),
        structure.delete_node(deps, alices, other.process.id, by=olivia),
    ):
        with pytest.raises(NotFound):
            await outside


async def test_every_change_is_in_the_audit_log(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank", process="Cards")
    grown = await structure.create_process(deps, alices, made.operation.id, name="Returns", by=ALICE)
    await structure.rename_node(deps, alices, grown.id, name="Refunds", by=ALICE)
    await structure.move_process(deps, alices, grown.id, operation_id=other.operation.id, by=ALICE)
    with pytest.raises(Conflict):
        await structure.delete_node(deps, alices, other.operation.id, by=ALICE)
    await structure.delete_node(deps, alices, grown.id, by=ALICE)
    facts = {"kind": "process", "id": str(grown.id)}
    entries = await log_of(deps, alices)
    assert [(entry.action, entry.subject, entry.details) for entry in reversed(entries)] == [
        ("structure.created", "Returns", facts | {"inside": "Retail \u203a Delivery"}),
        ("structure.renamed", "Refunds", facts | {"was": "Returns"}),
        ("structure.moved", "Refunds", facts | {"to": "Bank \u203a Delivery"}),
        ("structure.deleted", "Refunds", facts | {"inside": "Bank \u203a Delivery \u203a Refunds"}),
    ]


async def _empty(deps: Deps, account_id: AccountId, department_id: DepartmentId) -> None:
    for node in await structure.tree(deps, account_id):
        for operation in node.below:
            await structure.delete_node(deps, account_id, operation.id, by=ALICE)
        await structure.delete_node(deps, account_id, department_id, by=ALICE)
