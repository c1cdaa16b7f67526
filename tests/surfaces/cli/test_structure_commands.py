"""`callmark structure` and `callmark feature-set` as a shell runs them."""

from collections.abc import Generator
from typing import Any

import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.surfaces.cli.running import NOBODY, Here

from callmark.domain.structure.catalogue import CATALOGUE
from callmark.kit.settings import read_settings


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


@pytest.fixture
def account(here: Here) -> tuple[str, str]:
    return "--account", here.json("account", "create", "--name", "Acme")["client_account_id"]


def make_tree(here: Here, account: tuple[str, str]) -> dict[str, str]:
    """A branch, made command by command: the id of each node."""
    top = here.json("structure", "department", "create", *account, "--name", "Retail")["id"]
    chosen = here.json("structure", "operation", "create", *account, "--department", top, "--catalogue", "delivery")[
        "id"
    ]
    process = here.json("structure", "process", "create", *account, "--operation", chosen, "--name", "Last mile")["id"]
    sub = here.json("structure", "sub-process", "create", *account, "--process", process, "--name", "Evening")
    assert sub["process_id"] == process
    return {"department": top, "operation": chosen, "process": process, "sub-process": sub["id"]}


def make_set(here: Here, account: tuple[str, str], process: str, *more: str) -> Any:
    return here.json("feature-set", "create", *account, "--process", process, "--name", "Default", *more)


def test_a_structure_is_made_shown_and_taken_down(here: Here, account: tuple[str, str]) -> None:
    made = make_tree(here, account)
    feature_set = make_set(here, account, made["sub-process"])
    lines = here.text("structure", "tree", *account).splitlines()
    in_order = [*(made[node] for node in ("department", "operation", "process", "sub-process")), feature_set["id"]]
    assert [line.split()[-1] for line in lines[1:]] == in_order
    assert lines[5].split()[:4] == ["Default", "feature", "set", "draft"]
    (department,) = here.json("structure", "tree", *account)
    process = department["operations"][0]["processes"][0]
    assert (department["name"], process["sub_processes"][0]["feature_sets"][0]["status"]) == ("Retail", "draft")
    for node, id_ in made.items():
        (listed,) = here.json("structure", node, "list", *account)
        assert (listed["id"], here.json("structure", node, "show", id_, *account)["name"]) == (id_, listed["name"])
    assert "still contains the feature set 'Default'" in here.error(
        "structure", "sub-process", "delete", made["sub-process"], *account
    )
    here.json("feature-set", "delete", feature_set["id"], *account)
    for node in ("sub-process", "process", "operation", "department"):
        assert here.json("structure", node, "delete", made[node], *account) == {"id": made[node]}
    assert "Start with `callmark structure department create" in here.text("structure", "tree", *account)


def test_nodes_are_renamed_and_moved(here: Here, account: tuple[str, str]) -> None:
    made = make_tree(here, account)
    renamed = here.json("structure", "department", "update", made["department"], *account, "--name", "Shops")
    assert renamed["name"] == "Shops"
    sales = here.json(
        "structure", "operation", "create", *account, "--department", made["department"], "--catalogue", "Sales"
    )["id"]
    moved = here.json("structure", "process", "move", made["process"], *account, "--operation", sales)
    assert moved["operation_id"] == sales
    assert here.json("structure", "process", "list", *account, "--operation", made["operation"]) == []
    other = here.json("structure", "process", "create", *account, "--operation", sales, "--name", "Other")["id"]
    moved = here.json("structure", "sub-process", "move", made["sub-process"], *account, "--process", other)
    assert moved["process_id"] == other
    said = here.text("structure", "sub-process", "update", made["sub-process"], *account, "--name", "Late")
    assert said.startswith("Sub-process renamed.")
    renamed = here.json("structure", "sub-process", "update", made["sub-process"], *account, "--name", "Night")
    assert renamed["name"] == "Night"
    feature_set = make_set(here, account, made["process"])
    moved = here.json("feature-set", "move", feature_set["id"], *account, "--process", made["sub-process"])
    assert (moved["process_name"], moved["sub_process_name"]) == ("Other", "Night")


def test_the_catalogue_is_listed_and_a_wrong_name_is_told(here: Here, account: tuple[str, str]) -> None:
    listed = here.json("structure", "catalogue")
    assert [(one["id"], one["name"]) for one in listed] == [(str(entry.id), entry.name) for entry in CATALOGUE]
    assert here.text("structure", "catalogue").splitlines()[0].split() == ["id", "name", "description"]
    top = here.json("structure", "department", "create", *account, "--name", "Retail")["id"]
    wrong = here.error("structure", "operation", "create", *account, "--department", top, "--catalogue", "Smuggling")
    assert wrong == "no calling operation named 'Smuggling' is in the catalogue"
    by_id = here.json("structure", "operation", "create", *account, "--department", top, "--catalogue", listed[0]["id"])
    assert by_id["name"] == listed[0]["name"]


def test_the_library_keeps_to_the_rules(here: Here, account: tuple[str, str]) -> None:
    def library(command: str, *args: str) -> Any:
        return here.json("structure", "call-reason", command, *args, *account)

    made = library("create", "--text", "Your parcel arrives today")
    assert "10 and 100" in here.error("structure", "call-reason", "create", *account, "--text", "Too short")
    assert library("update", made["id"], "--text", "Your parcel is near")["text"] == "Your parcel is near"
    assert library("list") == [library("show", made["id"])]
    assert library("delete", made["id"]) == {"id": made["id"]}
    assert library("list") == []


def test_a_feature_set_is_changed_published_and_kept_while_in_use(here: Here, account: tuple[str, str]) -> None:
    made = make_tree(here, account)
    label = here.json("label", "create", *account, "--name", "Acme", "--type", "static")["id"]
    reason = here.json("structure", "call-reason", "create", *account, "--text", "Your parcel is near")["id"]
    one = make_set(here, account, made["process"], "--call-reason", reason, "--survey")
    assert (one["status"], one["survey"], one["call_me_back"], one["label_id"]) == ("draft", True, False, None)
    assert "without a label" in here.error("feature-set", "publish", one["id"], *account)
    changed = here.json(
        "feature-set", "update", one["id"], *account, "--label", label, "--no-survey", "--call-me-back", "--name", "New"
    )
    assert (changed["name"], changed["label_id"]) == ("New", label)
    assert (changed["survey"], changed["call_me_back"], changed["call_reason_id"]) == (False, True, reason)
    assert here.json("feature-set", "publish", one["id"], *account)["status"] == "published"
    assert "used by a feature set" in here.error("label", "delete", label, *account)
    assert "needs a label" in here.error("feature-set", "update", one["id"], *account, "--no-label")
    assert here.json("feature-set", "unpublish", one["id"], *account)["status"] == "unpublished"
    without = here.json("feature-set", "update", one["id"], *account, "--no-label", "--no-call-reason")
    assert (without["label_id"], without["call_reason_id"]) == (None, None)
    here.json("label", "delete", label, *account)
    assert here.json("feature-set", "list", *account) == [here.json("feature-set", "show", one["id"], *account)]
    assert here.json("feature-set", "list", *account, "--process", made["sub-process"]) == []


def test_what_cannot_be_meant_is_refused(here: Here, account: tuple[str, str]) -> None:
    made = make_tree(here, account)
    one = make_set(here, account, made["process"])["id"]
    assert here.run("feature-set", "update", one, *account).code == 2
    assert here.run("feature-set", "update", one, *account, "--label", NOBODY, "--no-label").code == 2
    two = here.error("feature-set", "list", *account, "--process", made["process"], "--department", made["department"])
    assert two == "only one filter is allowed"
    assert here.error("feature-set", "show", NOBODY, *account) == "no feature set with this id in this account"
    assert "no department" in here.error("structure", "operation", "list", *account, "--department", NOBODY)
    charlie = "--account", here.json("account", "create", "--name", "Charlie")["client_account_id"]
    for node in ("department", "operation", "process", "sub-process"):
        assert "in this account" in here.error("structure", node, "show", made[node], *charlie)
    assert "in this account" in here.error("feature-set", "delete", one, *charlie)
