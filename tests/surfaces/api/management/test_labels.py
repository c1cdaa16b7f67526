"""Labels and call reasons by the management API."""

import base64
from collections.abc import AsyncGenerator

import msgspec
import pytest
from tests.support.factories import logo, make_feature_set
from tests.surfaces.api.management.managing import Manager, managing

from callmark.domain.deps import Deps
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import LabelId
from callmark.domain.labels import logo as labels_logo
from callmark.domain.labels.logo import initial_logo
from callmark.kit.ids import parse_uuid

LOGO = base64.b64encode(logo()).decode()
NEW = {"label_type": "static", "name": " Acme Parcels ", "sub_category": 53, "logo": LOGO}


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


async def test_a_label_is_made_changed_and_deleted_and_each_step_is_audited(alice: Manager) -> None:
    made = await alice.create("labels", NEW)
    assert (made["name"], made["category"], made["is_default"]) == ("Acme Parcels", 8, False)
    assert await alice.get(f"labels/{made['id']}") == made
    other = base64.encodebytes(initial_logo("Acme Post")).decode()  # in lines, as many programs write it
    changed = await alice.patch(f"labels/{made['id']}", {"name": "Acme Post", "logo": other})
    assert changed == made | {"name": "Acme Post", "logo_url": changed["logo_url"]}
    assert changed["logo_url"] != made["logo_url"]
    assert await alice.delete(f"labels/{made['id']}") == changed
    assert await alice.refusal("GET", f"labels/{made['id']}") == (404, "")
    assert await alice.actions() == ["label.created", "label.changed", "label.deleted"]


async def test_no_transaction_is_open_while_a_logo_is_decoded(alice: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    clean, busy = labels_logo.clean_logo, list[int]()

    def watched(file: bytes) -> bytes:
        busy.append(alice.deps.db.pool_state().in_use)
        return clean(file)

    monkeypatch.setattr(labels_logo, "clean_logo", watched)
    made = await alice.create("labels", NEW)
    await alice.patch(f"labels/{made['id']}", {"logo": LOGO})
    assert busy == [0, 0]


async def test_a_dynamic_label_becomes_the_default_and_no_other_does(alice: Manager) -> None:
    made = await alice.create("labels", NEW | {"label_type": "dynamic"})
    static = await alice.create("labels", NEW)
    assert (await alice.patch(f"labels/{made['id']}", {"is_default": True}))["is_default"] is True
    assert await alice.refusal("PATCH", f"labels/{static['id']}", {"is_default": True}) == (400, "is_default")
    assert await alice.refusal("PATCH", f"labels/{made['id']}", {"is_default": False}) == (400, "is_default")
    assert (await alice.actions())[-1] == "label.made_default"


WRONG = [
    ("name", ""),
    ("name", "x" * 40),
    ("name", 7),
    ("label_type", "other"),
    ("sub_category", 4),
    ("sub_category", "53"),
    ("logo", "%%%"),
    ("logo", f"data:image/png;base64,{LOGO}"),
    ("logo", base64.b64encode(b"GIF89a").decode()),
]


async def test_a_field_that_breaks_a_rule_is_named(alice: Manager, subtests: pytest.Subtests) -> None:
    label = alice.cast.label.id
    for field, value in WRONG:
        with subtests.test(field=field, value=value):
            assert await alice.refusal("POST", "labels", NEW | {field: value}) == (400, field)
            if field != "label_type":
                assert await alice.refusal("PATCH", f"labels/{label}", {field: value}) == (400, field)
            rest = {name: kept for name, kept in NEW.items() if name != field}
            assert await alice.refusal("POST", "labels", rest) == (400, field)
            assert await alice.actions() == []


HALVES = [rb"Acme \ud83d", rb"Acme \ude00", rb"Acme \ud83d Parcels"]


async def test_half_of_a_character_in_a_name_is_refused_and_changes_nothing(
    alice: Manager, subtests: pytest.Subtests
) -> None:
    label = await alice.get(f"labels/{alice.cast.label.id}")
    for half in HALVES:
        with subtests.test(half=half):
            answer = await alice.ask("PATCH", f"labels/{label['id']}", {"name": msgspec.Raw(b'"%s"' % half)})
            assert (answer.status_code, answer.json()) == (
                400,
                {
                    "slug": "invalid-input",
                    "message": "name is invalid: it contains half of a character (a lone surrogate)",
                    "field": "name",
                },
            )
    assert await alice.get(f"labels/{label['id']}") == label
    assert await alice.actions() == []


async def test_a_label_that_a_feature_set_shows_cannot_be_deleted(deps: Deps, alice: Manager) -> None:
    made = await alice.create("labels", NEW)
    label_id = parse_uuid(made["id"])
    assert label_id
    await make_feature_set(deps, alice.account_id, None, NewFeatureSet("Shows it", label_id=LabelId(label_id)))
    assert await alice.refusal("DELETE", f"labels/{made['id']}") == (409, "")


async def test_lists_come_in_pages_that_go_on_behind_the_last_row(alice: Manager) -> None:
    made = [(await alice.create("labels", NEW | {"name": f"Label {n}"}))["id"] for n in range(5)]
    seen: list[str] = []
    path, after = "labels?label_type=static&limit=2", ""
    while True:
        page = await alice.get(path + after)
        seen += [one["id"] for one in page["labels"]]
        if page["next_after"] is None:
            break
        await alice.delete(f"labels/{seen[-1]}")  # the page's last row is gone, and the next page begins behind it
        after = f"&after={page['next_after']}"
    assert seen == made[::-1]
    assert len((await alice.get("labels"))["labels"]) == 3 + 1
    for wrong, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("after=nonsense", "after")):
        assert await alice.refusal("GET", f"labels?{wrong}") == (400, field)
    assert await alice.refusal("GET", "labels?label_type=other") == (400, "label_type")


async def test_a_request_with_a_key_makes_one_label(alice: Manager) -> None:
    first = await alice.ask("POST", "labels", NEW, Idempotency_Key="one")
    again = await alice.ask("POST", "labels", NEW, Idempotency_Key="one")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await alice.ask("POST", "labels", NEW | {"name": "Another"}, Idempotency_Key="one")
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    bad = [await alice.ask("POST", "labels", NEW | {"name": ""}, Idempotency_Key="two") for _ in range(2)]
    assert [(one.status_code, one.json()["field"]) for one in bad] == [(400, "name")] * 2
    assert await alice.actions() == ["label.created"]


async def test_the_catalogue_of_categories_has_what_labels_may_have(alice: Manager) -> None:
    listed = (await alice.get("label_categories"))["categories"]
    codes = [kind["code"] for one in listed for kind in one["sub_categories"]]
    assert 53 in codes
    assert len(listed) == 21


async def test_a_call_reason_is_read_while_another_transaction_deletes_it(alice: Manager) -> None:
    made = await alice.create("call_reasons", {"call_reason": "Your parcel arrives today"})
    async with alice.deps.db.transaction() as tx:
        assert await tx.fetchval("DELETE FROM call_reason RETURNING text") == made["call_reason"]
        assert await alice.get(f"call_reasons/{made['id']}") == made
    assert await alice.refusal("GET", f"call_reasons/{made['id']}") == (404, "")


async def test_a_call_reason_is_made_changed_and_deleted_and_each_step_is_audited(alice: Manager) -> None:
    made = await alice.create("call_reasons", {"call_reason": "Your parcel arrives today"})
    path = f"call_reasons/{made['id']}"
    changed = await alice.patch(path, {"call_reason": "Your parcel arrives late"})
    assert changed == made | {"call_reason": "Your parcel arrives late"}
    assert await alice.get(path) == changed
    assert (await alice.get("call_reasons"))["call_reasons"] == [changed]
    taken = {"call_reason": "your parcel arrives LATE"}
    assert await alice.refusal("POST", "call_reasons", taken) == (409, "call_reason")
    for wrong in ("too short", "ends with a dot.", " spaces around ", 12, None):
        assert await alice.refusal("PATCH", path, {"call_reason": wrong}) == (400, "call_reason")
    assert await alice.refusal("POST", "call_reasons", {}) == (400, "call_reason")
    assert await alice.delete(path) == changed
    assert await alice.actions() == ["call_reason.created", "call_reason.changed", "call_reason.deleted"]
