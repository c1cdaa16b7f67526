from tests.support.audit_log import log_of
from tests.surfaces.console.browser import Business, Visitors, errors_of, links_of, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import OperationId
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import CATALOGUE, catalogue_entry_named

TREE = "/console/structure"


async def add_operation(deps: Deps, business: Business) -> OperationId:
    """An operation in the other department."""
    entry = catalogue_entry_named("Delivery")
    made = await structure.create_operation(
        deps, business.account.id, business.other_department, catalogue_id=entry.id, by=SYSTEM
    )
    return made.id


async def test_a_tree_is_grown_from_the_top_and_every_node_has_its_id_to_copy(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    grown = await alice.follow(await alice.post(f"{TREE}/new", {"name": " Care "}))
    assert "Care was added. Next: choose its calling operations." in text_of(grown)
    (department,) = [one for one in await structure.tree(deps, business.account.id) if one.name == "Care"]
    chosen = [str(entry.id) for entry in CATALOGUE[:2]]
    asked = await alice.get(f"{TREE}/{department.id}/add")
    assert all(entry.name in text_of(asked) for entry in CATALOGUE)
    await alice.follow(await alice.post(f"{TREE}/{department.id}/add", {"operations": chosen}))
    assert CATALOGUE[0].name not in text_of(await alice.get(f"{TREE}/{department.id}/add"))
    (care,) = [one for one in await structure.tree(deps, business.account.id) if one.id == department.id]
    first = care.below[0]
    await alice.follow(await alice.post(f"{TREE}/{first.id}/add", {"name": "Night"}))
    (care,) = [one for one in await structure.tree(deps, business.account.id) if one.id == department.id]
    process = care.below[0].below[0]
    await alice.follow(await alice.post(f"{TREE}/{process.id}/add", {"name": "Weekends"}))
    shown = await alice.get(TREE)
    (care,) = [one for one in await structure.tree(deps, business.account.id) if one.id == department.id]
    sub = care.below[0].below[0].below[0]
    for node in (department, first, process, sub):
        assert f'data-copy="{node.id}"' in shown.text
        assert f'id="n-{node.id}"' in shown.text
    assert "2 operations, no feature sets, no numbers" in text_of(shown)
    assert f"/console/feature-sets/new?process={sub.id}" in links_of(shown)
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == ["structure.created"] * 5


async def test_of_several_operations_all_are_added_or_none_and_those_that_can_be_are_offered_again(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, add = await browse.as_member(business.admin), f"{TREE}/{business.other_department}/add"
    taken, *free = [catalogue_entry_named("Delivery"), *[one for one in CATALOGUE if one.name != "Delivery"][:2]]
    chosen = [str(one.id) for one in (free[0], taken, free[1])]
    await alice.get(add)
    await add_operation(deps, business)  # by a colleague, in the meantime

    async def names() -> set[str]:
        tree = await structure.tree(deps, business.account.id)
        return next({one.name for one in node.below} for node in tree if node.id == business.other_department)

    refused = await alice.post(add, {"operations": chosen})
    assert "already has the operation 'Delivery'" in errors_of(refused)[""]
    assert await names() == {"Delivery"}
    offered = [one for one in chosen if f'value="{one}" checked' in refused.text]
    assert offered == [str(one.id) for one in free]
    assert (await alice.post(add, {"operations": offered})).status_code == 303
    assert await names() == {"Delivery", *(one.name for one in free)}


async def test_names_that_are_taken_or_missing_are_told_beside_the_field(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    taken = await alice.post(f"{TREE}/new", {"name": "logistics"})
    assert taken.status_code == 422
    assert "already exists" in errors_of(taken)["name"]
    assert 'value="logistics"' in taken.text
    assert errors_of(await alice.post(f"{TREE}/{business.operation}/add", {"name": " "})) == {
        "name": "Process name is required"
    }
    nothing = await alice.post(f"{TREE}/{business.department}/add", {"operations": ["7"]})
    assert errors_of(nothing) == {"operations": "Choose at least one"}
    assert "name" in errors_of(await alice.post(f"{TREE}/{business.process}/rename", {"name": "x" * 101}))
    renamed = await alice.post(f"{TREE}/{business.operation}/rename", {"name": "Other"})
    assert "its name from the catalogue" in errors_of(renamed)["name"]


async def test_a_node_is_renamed_moved_and_deleted_only_when_empty(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    other = await add_operation(deps, business)
    await alice.follow(await alice.post(f"{TREE}/{business.process}/rename", {"name": "First mile"}))
    asked = await alice.get(f"{TREE}/{business.process}/move")
    assert "Sales \u203a Delivery" in text_of(asked)
    assert "to" in errors_of(await alice.post(f"{TREE}/{business.process}/move", {"to": business.operation}))
    moved = await alice.follow(await alice.post(f"{TREE}/{business.process}/move", {"to": other}))
    assert "First mile was moved to Sales \u203a Delivery." in text_of(moved)
    process = await structure.get_node(deps, business.account.id, business.process)
    assert process.path[:2] == (business.other_department, other)
    full = text_of(await alice.get(f"{TREE}/{other}/delete"))
    assert "cannot be deleted yet" in full
    assert "Process First mile is in it." in full
    await alice.follow(await alice.post(f"{TREE}/{other}/delete"))
    assert await structure.get_node(deps, business.account.id, other)
    lost = text_of(await alice.get(f"{TREE}/{business.process}/delete"))
    assert f"{business.process_owner.email} loses access" in lost
    await alice.follow(await alice.post(f"{TREE}/{business.process}/delete"))
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == ["structure.deleted", "structure.moved", "structure.renamed"]


async def test_a_move_to_where_the_name_is_taken_says_so(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    other = await add_operation(deps, business)
    process = await structure.get_node(deps, business.account.id, business.process)
    await structure.create_process(deps, business.account.id, other, name=process.name.upper(), by=SYSTEM)
    refused = await alice.post(f"{TREE}/{business.process}/move", {"to": other})
    assert refused.status_code == 422
    assert "already exists in this operation" in errors_of(refused)[""]


async def test_owners_see_their_place_with_the_way_to_it_and_nothing_else(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await structure.create_process(
        deps, business.account.id, business.operation, name="Someone else's process", by=SYSTEM
    )
    for member, mine, not_mine in (
        (business.department_owner, business.operation, business.other_department),
        (business.operation_owner, business.operation, business.department),
        (business.process_owner, business.process, business.operation),
    ):
        owner = await browse.as_member(member)
        shown = await owner.get(TREE)
        assert "Logistics" in text_of(shown)
        assert "Sales" not in text_of(shown)
        assert f'data-copy="{mine}"' in shown.text
        assert f'data-copy="{not_mine}"' not in shown.text
        for way in ("add", "rename", "move", "delete"):
            assert (await owner.get(f"{TREE}/{not_mine}/{way}")).status_code == 404
            assert (await owner.post(f"{TREE}/{not_mine}/{way}", {"name": "x"})).status_code == 404
        assert (await owner.get(f"{TREE}/new")).status_code == 403
    paul = await browse.as_member(business.process_owner)
    assert "Someone else" not in (await paul.get(TREE)).text


async def test_owners_grow_and_name_their_place_but_cannot_take_it_away(business: Business, browse: Visitors) -> None:
    paul = await browse.as_member(business.process_owner)
    await paul.follow(await paul.post(f"{TREE}/{business.process}/add", {"name": "Nights"}))
    await paul.follow(await paul.post(f"{TREE}/{business.process}/rename", {"name": "All miles"}))
    for way in ("move", "delete"):
        assert (await paul.get(f"{TREE}/{business.process}/{way}")).status_code == 403
        assert (await paul.post(f"{TREE}/{business.process}/{way}")).status_code == 403
        assert f"{TREE}/{business.process}/{way}" not in links_of(await paul.get(TREE))
    oscar = await browse.as_member(business.operation_owner)
    assert f"{TREE}/{business.process}/delete" in links_of(await oscar.get(TREE))
    assert "cannot be moved" in text_of(await oscar.get(f"{TREE}/{business.process}/move"))


async def test_a_business_without_structure_is_told_where_to_begin(deps: Deps, browse: Visitors) -> None:
    account = await accounts.create_account(deps, "Empty", by=SYSTEM)
    email = f"eve-{account.id}@empty.example"
    eve = await browse.as_member(
        await members.create_without_rules(
            deps, account.id, email=email, name="Eve", role=Role.ADMIN, state=MemberState.ACTIVE, by=SYSTEM
        )
    )
    assert "Add a department" in text_of(await eve.get(TREE))
    assert "Add a process in the structure first" in text_of(await eve.get("/console/feature-sets"))
    assert "No processes yet" in text_of(await eve.get("/console/feature-sets/new"))
    assert "No numbers yet" in text_of(await eve.get("/console/numbers"))
