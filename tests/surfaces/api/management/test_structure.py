"""Structure, feature sets and numbers by the management API."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.domain.numbers.staging import labelled_set
from tests.support.factories import make_label, phone
from tests.support.listed_number import make_listed
from tests.surfaces.api.management.managing import Manager, make_everything, managing

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT
from callmark.domain.structure.catalogue import catalogue_entry_named

DELIVERY = str(catalogue_entry_named("Delivery").id)
SALES = str(catalogue_entry_named("Sales").id)


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


async def make_tree(alice: Manager) -> dict[str, Any]:
    """A department with an operation, a process and a sub-process."""
    department = await alice.create("departments", {"name": " Retail "})
    operation = await alice.create(f"departments/{department['id']}/operations", {"calling_operation_id": DELIVERY})
    process = await alice.create(f"operations/{operation['id']}/processes", {"name": "Last mile"})
    sub = await alice.create(f"processes/{process['id']}/sub_processes", {"name": "Evening"})
    return {"department": department, "operation": operation, "process": process, "sub_process": sub}


async def test_a_tree_is_made_read_renamed_and_taken_down_and_each_step_is_audited(alice: Manager) -> None:
    made = await make_tree(alice)
    assert [one["kind"] for one in made.values()] == [*made]
    (top,) = (await alice.get("structure"))["departments"]
    assert top["name"] == "Retail"
    below = top["children"][0]["children"][0]["children"][0]
    assert below == made["sub_process"] | {"feature_sets": [], "children": []}
    assert await alice.get(f"structure/{made['sub_process']['id']}") == below
    renamed = await alice.patch(f"departments/{top['id']}", {"name": "Shops"})
    assert renamed == made["department"] | {"name": "Shops"}
    assert (await alice.patch(f"processes/{below['id']}", {"name": "Night"}))["name"] == "Night"
    assert await alice.refusal("DELETE", f"departments/{top['id']}") == (409, "")
    for path in ("processes", "processes", "operations", "departments"):
        kind = {"departments": "department", "operations": "operation"}.get(path)
        one = made[kind] if kind else made.pop("sub_process" if "sub_process" in made else "process")
        assert (await alice.delete(f"{path}/{one['id']}"))["id"] == one["id"]
    assert (await alice.get("structure"))["departments"] == []
    steps = ["structure.created"] * 4 + ["structure.renamed"] * 2 + ["structure.deleted"] * 4
    assert await alice.actions() == steps


async def test_an_id_means_only_what_its_path_says(alice: Manager) -> None:
    made = {kind: one["id"] for kind, one in (await make_tree(alice)).items()}
    assert await alice.refusal("PATCH", f"departments/{made['process']}", {"name": "X"}) == (404, "")
    assert await alice.refusal("DELETE", f"operations/{made['process']}") == (404, "")
    assert await alice.refusal("POST", f"operations/{made['department']}/processes", {"name": "X"}) == (404, "")
    deeper = await alice.refusal("POST", f"processes/{made['sub_process']}/sub_processes", {"name": "X"})
    assert deeper == (400, "process_id")


async def test_names_and_operations_are_held_to_the_consoles_rules(alice: Manager) -> None:
    made = {kind: one["id"] for kind, one in (await make_tree(alice)).items()}
    assert await alice.refusal("POST", "departments", {"name": "retail"}) == (409, "name")
    for name in ("", "x" * 101, "hidden\u202e", None, 3):
        assert await alice.refusal("POST", "departments", {"name": name}) == (400, "name")
    operations = f"departments/{made['department']}/operations"
    assert await alice.refusal("POST", operations, {"calling_operation_id": DELIVERY}) == (409, "")
    for wrong in (made["process"], "no-id", None):
        refused = await alice.refusal("POST", operations, {"calling_operation_id": wrong})
        assert refused == (400, "calling_operation_id")
    listed = (await alice.get("calling_operations"))["calling_operations"]
    assert DELIVERY in [one["id"] for one in listed]


async def test_processes_move_with_what_is_in_them(alice: Manager) -> None:
    made = {kind: one["id"] for kind, one in (await make_tree(alice)).items()}
    other = await alice.create(f"departments/{made['department']}/operations", {"calling_operation_id": SALES})
    moved = await alice.post(f"processes/{made['process']}/move", {"operation_id": other["id"]})
    assert moved["parent_id"] == other["id"]
    second = await alice.create(f"operations/{other['id']}/processes", {"name": "Second"})
    moved = await alice.post(f"processes/{made['sub_process']}/move", {"process_id": second["id"]})
    assert moved["parent_id"] == second["id"]
    path = f"processes/{made['process']}/move"
    assert await alice.refusal("POST", path, {"process_id": second["id"]}) == (400, "process_id")
    for both in ({}, {"operation_id": other["id"], "process_id": second["id"]}):
        assert await alice.refusal("POST", path, both) == (400, "operation_id")
    assert (await alice.actions())[-1] == "structure.moved"


async def test_a_feature_set_is_made_published_and_deleted_and_each_step_is_audited(deps: Deps, alice: Manager) -> None:
    process = (await make_tree(alice))["process"]["id"]
    label = str((await make_label(deps, alice.account_id, label_type=LabelType.STATIC)).id)
    reason = (await alice.create("call_reasons", {"call_reason": "Your parcel arrives today"}))["id"]
    made = await alice.create("feature_sets", {"process_id": process, "name": " Default ", "call_me_back": True})
    path = f"feature_sets/{made['id']}"
    assert (made["name"], made["status"], made["call_me_back"], made["survey"]) == ("Default", "draft", True, False)
    assert await alice.refusal("POST", f"{path}/publish") == (400, "label_id")
    changed = await alice.patch(path, {"label_id": label, "call_reason_id": reason})
    assert (changed["label_id"], changed["call_reason_id"], changed["name"]) == (label, reason, "Default")
    assert (await alice.patch(path, {"call_reason_id": None}))["call_reason_id"] is None
    assert (await alice.post(f"{path}/publish", {}))["status"] == "published"
    assert (await alice.post(f"{path}/publish"))["status"] == "published"
    assert await alice.refusal("PATCH", path, {"label_id": None}) == (400, "label_id")
    assert (await alice.post(f"{path}/unpublish"))["status"] == "unpublished"
    assert await alice.refusal("POST", f"{path}/unpublish") == (409, "")
    last = await alice.get(path)
    assert (await alice.get("feature_sets"))["feature_sets"] == [last]
    assert await alice.delete(path) == last
    of_sets = [action for action in await alice.actions() if action.startswith("feature_set.")]
    steps = ["created", "changed", "changed", "published", "unpublished", "deleted"]
    assert of_sets == [f"feature_set.{step}" for step in steps]


async def test_feature_sets_move_and_are_found_by_place_and_status(deps: Deps, alice: Manager) -> None:
    made = {kind: one["id"] for kind, one in (await make_tree(alice)).items()}
    one = await alice.create("feature_sets", {"process_id": made["process"], "name": "B"})
    two = await alice.create("feature_sets", {"process_id": made["sub_process"], "name": "a"})
    group = await make_listed(deps, account_id=alice.account_id, name="Old console", is_number_group=True)

    async def names(query: str) -> list[str]:
        return [found["name"] for found in (await alice.get(f"feature_sets?{query}"))["feature_sets"]]

    assert await names("") == ["a", "B", "Old console"]
    assert await names(f"unit_id={made['department']}") == ["a", "B"]
    assert await names(f"unit_id={made['sub_process']}&status=draft") == ["a"]
    assert await names("status=published") == ["Old console"]
    assert (await alice.get("feature_sets?limit=1"))["next_after"]
    moved = await alice.post(f"feature_sets/{two['id']}/move", {"process_id": made["process"]})
    assert moved["process_id"] == made["process"]
    taken = await alice.create("feature_sets", {"process_id": made["sub_process"], "name": "b"})
    refused = await alice.refusal("POST", f"feature_sets/{taken['id']}/move", {"process_id": one["process_id"]})
    assert refused == (409, "name")
    await alice.refusal("POST", f"feature_sets/{group.feature_set_id}/move", {"process_id": made["process"]})
    assert (await alice.actions())[-2:] == ["feature_set.moved", "feature_set.created"]


WRONG: list[tuple[str, object]] = [
    ("process_id", "no-id"),
    ("name", ""),
    ("description", "x" * 501),
    ("label_id", "no-id"),
    ("call_reason_id", 1),
    ("call_me_back", "yes"),
    ("survey", 1),
    ("phone_type", "other"),
]


async def test_a_field_of_a_feature_set_that_breaks_a_rule_is_named(alice: Manager, subtests: pytest.Subtests) -> None:
    process = (await make_tree(alice))["process"]["id"]
    made = await alice.create("feature_sets", {"process_id": process, "name": "Mine"})
    before = await alice.actions()
    for field, value in WRONG:
        with subtests.test(field=field, value=value):
            new = {"process_id": process, "name": "Another"} | {field: value}
            assert await alice.refusal("POST", "feature_sets", new) == (400, field)
            if field != "process_id":
                assert await alice.refusal("PATCH", f"feature_sets/{made['id']}", {field: value}) == (400, field)
            assert await alice.actions() == before


async def test_a_request_with_a_key_makes_one_of_each_in_its_own_place(alice: Manager) -> None:
    made = {kind: one["id"] for kind, one in (await make_tree(alice)).items()}
    new = {"process_id": made["process"], "name": "Once"}
    first, again = [await alice.ask("POST", "feature_sets", new, Idempotency_Key="set") for _ in range(2)]
    assert (again.status_code, again.content) == (201, first.content)
    other = await alice.create(f"departments/{made['department']}/operations", {"calling_operation_id": SALES})
    name = {"name": "Same name"}
    in_one = await alice.ask("POST", f"operations/{made['operation']}/processes", name, Idempotency_Key="process")
    elsewhere = await alice.ask("POST", f"operations/{other['id']}/processes", name, Idempotency_Key="process")
    assert (in_one.status_code, elsewhere.status_code) == (201, 422)


async def test_requests_at_once_with_one_key_make_one_campaign(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    new = {"feature_set_id": str(listed.feature_set_id), "name": "Stars", "campaign_type": "call_rating"}
    answers = await asyncio.gather(*(alice.ask("POST", "campaigns", new, Idempotency_Key="once") for _ in range(8)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert [one["id"] for one in (await alice.get("campaigns"))["campaigns"]] == [*made]
    assert await alice.actions() == ["campaign.created"]


async def test_numbers_are_found_in_every_state_with_the_job_that_works_on_them(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    drafts = await labelled_set(deps, alice.account_id, "Drafts")
    wanted = phone()
    job = await numbers.publish(deps, alice.account_id, drafts.id, [wanted], by=SYSTEM)
    one = await alice.get(f"numbers/%2B{wanted}")
    assert (one["state"], one["feature_set_id"], one["listing_job_id"]) == ("pending", str(drafts.id), str(job.job_id))

    async def found(query: str) -> list[str]:
        return [number["phone_number"] for number in (await alice.get(f"numbers?{query}"))["numbers"]]

    assert set(await found("")) == {wanted, listed.number}
    assert await found("state=pending") == [wanted]
    assert await found(f"feature_set_id={listed.feature_set_id}") == [listed.number]
    assert await found(f"text=%2B{wanted[:2]}+{wanted[2:]}") == [wanted]
    assert await found("text=Draft") == [wanted]
    assert await alice.refusal("GET", "numbers?text=%00") == (400, "text")
    assert await alice.refusal("GET", "numbers?state=lost") == (400, "state")
    assert await alice.refusal("GET", "numbers?unit_id=7") == (400, "unit_id")
    first = await alice.get("numbers?limit=1")
    rest = await alice.get(f"numbers?limit=1&after={first['next_after']}")
    assert {page["numbers"][0]["phone_number"] for page in (first, rest)} == {wanted, listed.number}
    assert rest["next_after"] is None
    (running,) = (await alice.get(f"listing_jobs?feature_set_id={drafts.id}"))["listing_jobs"]
    assert await alice.get(f"listing_jobs/{job.job_id}") == running
    assert (running["kind"], running["state"], running["number_count"]) == ("publish", "running", 1)


async def test_a_feature_set_with_numbers_stays(deps: Deps, alice: Manager) -> None:
    ids = await make_everything(deps, alice.account_id)
    path = f"feature_sets/{ids['featureSetId']}"
    assert await alice.refusal("DELETE", path) == (409, "")
    assert await alice.refusal("PATCH", path, {"phone_type": "priority"}) == (409, "phone_type")
    there = await feature_sets.list_uses(deps, alice.account_id, WHOLE_ACCOUNT)
    assert there.of_labels
