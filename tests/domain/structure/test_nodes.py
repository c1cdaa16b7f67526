"""Departments, operations, processes and sub-processes on a real database. Charlie's account must see nothing."""

import asyncio
from uuid import uuid4

import pytest
from tests.factories import make_branch, make_feature_set, make_number_group

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CatalogueId, DepartmentId
from callmark.domain.structure import nodes
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import NewFeatureSet
from callmark.kit.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
async def alices(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme")).id


@pytest.fixture
async def charlies(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Charlie")).id


async def test_a_branch_is_there_as_it_was_made(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    assert await nodes.get_department(deps, alices, made.department.id) == made.department
    assert await nodes.get_operation(deps, alices, made.operation.id) == made.operation
    assert await nodes.get_process(deps, alices, made.process.id) == made.process
    assert await nodes.get_process(deps, alices, made.sub_process.id) == made.sub_process
    assert (made.operation.name, made.sub_process.parent_id) == ("Delivery", made.process.id)


async def test_a_foreign_id_answers_like_an_unknown_one(deps: Deps, alices: AccountId, charlies: AccountId) -> None:
    made = await make_branch(deps, alices)
    his = await make_branch(deps, charlies)
    there, op, process, sub = made.department.id, made.operation.id, made.process.id, made.sub_process.id
    delivery = made.operation.catalogue_id
    for attempt in (
        nodes.get_department(deps, charlies, there),
        nodes.get_operation(deps, charlies, op),
        nodes.get_process(deps, charlies, process),
        nodes.rename_department(deps, charlies, there, name="Mine"),
        nodes.rename_process(deps, charlies, process, name="Mine"),
        nodes.create_operation(deps, charlies, there, catalogue_id=delivery),
        nodes.create_process(deps, charlies, op, name="Mine"),
        nodes.create_sub_process(deps, charlies, process, name="Mine"),
        nodes.move_process(deps, charlies, his.process.id, operation_id=op),
        nodes.move_process(deps, charlies, process, operation_id=his.operation.id),
        nodes.move_sub_process(deps, charlies, his.sub_process.id, process_id=process),
        nodes.delete_process(deps, charlies, sub),
        nodes.delete_operation(deps, charlies, op),
        nodes.delete_department(deps, charlies, there),
        nodes.create_department(deps, AccountId(uuid4()), name="Mine"),
        nodes.tree(deps, AccountId(uuid4())),
    ):
        with pytest.raises(NotFound):
            await attempt
    (department,) = await nodes.tree(deps, alices)
    assert department.department == made.department
    (node,) = department.operations[0].processes
    assert (node.process, node.sub_processes[0].process) == (made.process, made.sub_process)


async def test_names_are_unique_where_they_hang_whatever_their_case(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices, department="École")
    with pytest.raises(Conflict, match="a department named 'éCOLE' already exists"):
        await nodes.create_department(deps, alices, name=" éCOLE ")
    with pytest.raises(Conflict, match="a process named 'LAST mile' already exists in this operation"):
        await nodes.create_process(deps, alices, made.operation.id, name="LAST mile")
    with pytest.raises(Conflict, match="a sub-process named 'evening' already exists in this process"):
        await nodes.create_sub_process(deps, alices, made.process.id, name="evening")
    with pytest.raises(Conflict, match="already has the operation 'Delivery'"):
        await nodes.create_operation(deps, alices, made.department.id, catalogue_id=made.operation.catalogue_id)
    other = await make_branch(deps, alices)  # elsewhere the same names are free
    assert (other.process.name, other.sub_process.name) == (made.process.name, made.sub_process.name)
    same = await nodes.create_sub_process(deps, alices, made.process.id, name="Last mile")
    assert same.name == made.process.name


async def test_a_rename_takes_a_free_name_and_may_change_its_own_case(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    second = await nodes.create_process(deps, alices, made.operation.id, name="Returns")
    assert (await nodes.rename_department(deps, alices, made.department.id, name="RETAIL")).name == "RETAIL"
    assert (await nodes.rename_process(deps, alices, made.process.id, name="LAST MILE")).name == "LAST MILE"
    with pytest.raises(Conflict):
        await nodes.rename_process(deps, alices, second.id, name="last mile")
    await nodes.create_department(deps, alices, name="Bank")
    with pytest.raises(Conflict):
        await nodes.rename_department(deps, alices, made.department.id, name="bank")
    assert (await nodes.get_department(deps, alices, made.department.id)).name == "RETAIL"


async def test_an_operation_comes_from_the_catalogue(deps: Deps, alices: AccountId) -> None:
    department = await nodes.create_department(deps, alices, name="Retail")
    with pytest.raises(InvalidInput, match="in the catalogue"):
        await nodes.create_operation(deps, alices, department.id, catalogue_id=CatalogueId(uuid4()))
    sales = catalogue_entry_named("Sales")
    assert (await nodes.create_operation(deps, alices, department.id, catalogue_id=sales.id)).name == "Sales"


async def test_sub_processes_are_one_level_deep(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    with pytest.raises(InvalidInput, match="cannot have sub-processes"):
        await nodes.create_sub_process(deps, alices, made.sub_process.id, name="Deeper")
    other = await nodes.create_process(deps, alices, made.operation.id, name="Returns")
    deep = await nodes.create_sub_process(deps, alices, other.id, name="Morning")
    with pytest.raises(InvalidInput, match="cannot have sub-processes"):
        await nodes.move_sub_process(deps, alices, deep.id, process_id=made.sub_process.id)


async def test_a_process_moves_with_all_that_hangs_on_it(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank", process="Cards")
    below = await make_feature_set(deps, alices, made.sub_process.id)
    moved = await nodes.move_process(deps, alices, made.process.id, operation_id=other.operation.id)
    assert moved.operation_id == other.operation.id
    sub = await nodes.get_process(deps, alices, made.sub_process.id)
    assert (sub.operation_id, sub.parent_id) == (other.operation.id, made.process.id)
    place = (await structure.get_placed(deps, alices, below.id)).place
    assert (place.department_name, place.process_name, place.sub_process_name) == ("Bank", "Last mile", "Evening")
    await nodes.delete_operation(deps, alices, made.operation.id)


async def test_a_move_to_where_the_name_is_taken_is_refused(deps: Deps, alices: AccountId) -> None:
    made, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank")
    with pytest.raises(Conflict):
        await nodes.move_process(deps, alices, made.process.id, operation_id=other.operation.id)
    with pytest.raises(Conflict):
        await nodes.move_sub_process(deps, alices, made.sub_process.id, process_id=other.process.id)
    with pytest.raises(InvalidInput):
        await nodes.move_process(deps, alices, made.sub_process.id, operation_id=other.operation.id)
    with pytest.raises(InvalidInput):
        await nodes.move_sub_process(deps, alices, made.process.id, process_id=other.process.id)
    await nodes.rename_process(deps, alices, made.sub_process.id, name="Night")
    moved = await nodes.move_sub_process(deps, alices, made.sub_process.id, process_id=other.process.id)
    assert (moved.parent_id, moved.operation_id) == (other.process.id, other.operation.id)


async def test_only_what_is_empty_is_deleted_and_the_error_names_what_is_left(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    feature_set = await make_feature_set(deps, alices, made.process.id, NewFeatureSet("Default"))
    with pytest.raises(Conflict, match="this department still contains the operation 'Delivery'"):
        await nodes.delete_department(deps, alices, made.department.id)
    with pytest.raises(Conflict, match="this operation still contains the process 'Last mile'"):
        await nodes.delete_operation(deps, alices, made.operation.id)
    both = "this process still contains the sub-process 'Evening' and the feature set 'Default'"
    with pytest.raises(Conflict, match=both):
        await nodes.delete_process(deps, alices, made.process.id)
    await structure.delete_feature_set(deps, alices, feature_set.id)
    await nodes.delete_process(deps, alices, made.sub_process.id)
    await nodes.delete_process(deps, alices, made.process.id)
    await nodes.delete_operation(deps, alices, made.operation.id)
    await nodes.delete_department(deps, alices, made.department.id)
    assert await nodes.tree(deps, alices) == []
    with pytest.raises(NotFound):
        await nodes.delete_department(deps, alices, made.department.id)


async def test_the_tree_is_in_alphabetical_order_and_has_no_number_groups(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices, department="retail")
    await nodes.create_department(deps, alices, name="Bank")
    await nodes.create_process(deps, alices, made.operation.id, name="airports")
    for name in ("Second", "first"):
        await make_feature_set(deps, alices, made.process.id, NewFeatureSet(name))
    await make_feature_set(deps, alices, made.sub_process.id, NewFeatureSet("Below"))
    await make_number_group(deps, alices)
    found = await nodes.tree(deps, alices)
    assert [node.department.name for node in found] == ["Bank", "retail"]
    (operation,) = found[1].operations
    assert [node.process.name for node in operation.processes] == ["airports", "Last mile"]
    node = operation.processes[1]
    assert [one.name for one in node.feature_sets] == ["first", "Second"]
    assert [(sub.process.name, [one.name for one in sub.feature_sets]) for sub in node.sub_processes] == [
        ("Evening", ["Below"])
    ]


async def test_of_two_who_take_one_name_at_once_one_gets_it(deps: Deps, alices: AccountId) -> None:
    made = await make_branch(deps, alices)
    sales = catalogue_entry_named("Sales").id
    for attempts in (
        [nodes.create_department(deps, alices, name=name) for name in ("École", "école", "ÉCOLE", "éCole")],
        [nodes.create_process(deps, alices, made.operation.id, name="Returns") for _ in range(4)],
        [nodes.create_operation(deps, alices, made.department.id, catalogue_id=sales) for _ in range(4)],
    ):
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True, True, True]
        assert not any(isinstance(one, BaseException) and not isinstance(one, Conflict) for one in outcomes)


async def test_a_department_is_not_deleted_under_an_operation_that_is_being_made(deps: Deps, alices: AccountId) -> None:
    sales = catalogue_entry_named("Sales").id
    for _ in range(5):
        department = await nodes.create_department(deps, alices, name="Retail")
        made, deleted = await asyncio.gather(
            nodes.create_operation(deps, alices, department.id, catalogue_id=sales),
            nodes.delete_department(deps, alices, department.id),
            return_exceptions=True,
        )
        first = (isinstance(made, NotFound), deleted is None)
        second = (not isinstance(made, BaseException), isinstance(deleted, Conflict))
        assert (True, True) in {first, second}
        await _empty(deps, alices, department.id)


async def _empty(deps: Deps, account_id: AccountId, department_id: DepartmentId) -> None:
    for node in await nodes.tree(deps, account_id):
        for operation in node.operations:
            await nodes.delete_operation(deps, account_id, operation.operation.id)
        await nodes.delete_department(deps, account_id, department_id)
