import re
from html import escape, unescape

from httpx import Response
from tests.support.audit_log import log_of
from tests.support.factories import logo, make_feature_set, make_label
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of, links_of, text_of

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.policy.model import SYSTEM

GOOD = {"label_type": "dynamic", "name": "Acme Deliveries", "sub_category": "53"}
PNG = ("logo.png", logo(), "image/png")


async def alice_of(business: Business, browse: Visitors) -> Browser:
    return await browse.as_member(business.admin)


async def test_a_label_is_made_by_the_wizard_and_listed_with_logo_and_id(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await alice_of(business, browse)
    listed = await alice.follow(await alice.post("/console/labels/new", GOOD, logo=PNG))
    (label,) = await labels.list_labels(deps, business.account.id)
    assert (label.name, label.label_type, label.category, label.sub_category) == ("Acme Deliveries", "dynamic", 8, 53)
    assert label.created_by_email == business.admin.email
    assert f'data-copy="{label.id}"' in listed.text
    assert f"/logos/{label.logo_sha256.hex()}.png" in listed.text
    assert "Acme Deliveries was created" in text_of(listed)


_WRONG_LOGOS = (
    (b"GIF89a" + b"\0" * 40, "not a PNG"),
    (logo(199), "200x200"),
    (logo()[:-20], "damaged"),
    (b"\x89PNG\r\n\x1a\n" + b"\0" * 2_100_000, "smaller than"),
)


async def test_what_is_wrong_with_a_logo_is_said_beside_it(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await alice_of(business, browse)
    for file, said in _WRONG_LOGOS:
        refused = await alice.post("/console/labels/new", GOOD, logo=("logo.png", file, "image/png"))
        assert (refused.status_code, list(errors_of(refused))) == (422, ["logo"]), said
        assert said in errors_of(refused)["logo"]
    assert await labels.list_labels(deps, business.account.id) == []


async def test_every_field_is_judged_at_once_and_a_good_logo_is_kept(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await alice_of(business, browse)
    empty = await alice.post("/console/labels/new", {})
    assert set(errors_of(empty)) == {"label_type", "logo", "name", "sub_category"}
    assert text_of(empty).count("pixels") == 1, "the field's hint, which the script replaces"
    refused = await alice.post("/console/labels/new", GOOD | {"name": "x" * 40}, logo=PNG)
    assert errors_of(refused) == {"name": "Label name must be at most 39 characters"}
    kept = refused.text.partition('name="kept_logo" value="')[2][:64]
    again = await alice.post("/console/labels/new", GOOD | {"name": "x" * 39, "kept_logo": kept})
    assert again.status_code == 303
    assert [len(one.name) for one in await labels.list_labels(deps, business.account.id)] == [39]
    foreign = await alice.post("/console/labels/new", GOOD | {"kept_logo": "0" * 64})
    assert errors_of(foreign) == {"logo": "Choose a logo"}


async def test_a_label_is_changed_made_default_and_deleted(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await alice_of(business, browse)
    label = await make_label(deps, business.account.id)
    path = f"/console/labels/{label.id}"
    assert 'value="Acme Deliveries"' in (await alice.get(f"{path}/edit")).text
    await alice.follow(await alice.post(f"{path}/edit", {"name": "Acme", "sub_category": "64"}))
    changed = await labels.get_label(deps, business.account.id, label.id)
    assert (changed.name, changed.category, changed.logo_sha256) == ("Acme", 11, label.logo_sha256)
    assert "Default" in text_of(await alice.follow(await alice.post(f"{path}/default")))
    asked = text_of(await alice.get(f"{path}/delete"))
    assert str(label.id) in asked
    assert "The oldest dynamic label becomes the default" in asked
    await alice.follow(await alice.post(f"{path}/delete"))
    assert (await alice.get(f"{path}/edit")).status_code == 404
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == ["label.deleted", "label.made_default", "label.changed"]


async def test_a_label_that_a_feature_set_shows_is_not_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await alice_of(business, browse)
    label = await make_label(deps, business.account.id, label_type=LabelType.STATIC)
    await make_feature_set(deps, business.account.id, new=NewFeatureSet("Evening calls", label_id=label.id))
    assert "Evening calls" in text_of(await alice.get("/console/labels"))
    asked = await alice.get(f"/console/labels/{label.id}/delete")
    assert "Acme Deliveries cannot be deleted yet Evening calls shows it." in text_of(asked)
    assert f"/console/labels/{label.id}/delete" not in links_of(asked)
    kept = await alice.follow(await alice.post(f"/console/labels/{label.id}/delete"))
    assert "used by a feature set" in text_of(kept)
    assert await labels.get_label(deps, business.account.id, label.id) == label


async def test_an_owner_reads_the_names_of_its_own_feature_sets_alone_where_the_libraries_are_used(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id = business.account.id
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    reason = await call_reasons.create_call_reason(deps, account_id, text="Order update", by=SYSTEM)
    for name, process in (("Secret launch", None), ("Doorstep", business.process)):
        new = NewFeatureSet(name, label_id=label.id, call_reason_id=reason.id)
        await make_feature_set(deps, account_id, process, new)
    alice, paul = await alice_of(business, browse), await browse.as_member(business.process_owner)
    for page in ("/console/labels", "/console/call-reasons"):
        assert "Doorstep, Secret launch" in (await alice.get(page)).text
        seen = (await paul.get(page)).text
        assert "Doorstep" in seen
        assert "Secret launch" not in seen


async def test_owners_see_labels_and_change_none(deps: Deps, business: Business, browse: Visitors) -> None:
    label = await make_label(deps, business.account.id, name='"><script>alert(1)</script>')
    owner = await browse.as_member(business.process_owner)
    listed = await owner.get("/console/labels")
    assert escape(label.name, quote=False).replace('"', "&#34;") in listed.text
    assert label.name not in listed.text
    assert "/console/labels/new" not in listed.text
    assert (await owner.post("/console/labels/new", GOOD, logo=PNG)).status_code == 403


async def many_more(deps: Deps, label: Label, count: int) -> None:
    """Static labels like this one, each a second younger than the one before: Branch 1, Branch 2 and so on."""
    async with deps.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO label (id, account_id, label_type, name, category, sub_category, logo_sha256, is_default,"
            " created_by_email, created_at) SELECT gen_random_uuid(), account_id, 'static', 'Branch ' || i, category,"
            " sub_category, logo_sha256, false, created_by_email, created_at + i * interval '1 second'"
            " FROM label, generate_series(1, $2) i WHERE id = $1",
            label.id,
            count,
        )


async def test_of_many_labels_a_page_has_a_hundred_and_a_search_finds_the_others(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    first = await make_label(deps, business.account.id, name="Acme Deliveries")
    await many_more(deps, first, 120)
    alice = await alice_of(business, browse)
    newest = await alice.get("/console/labels")
    assert newest.text.count('data-label="Name"') == 100
    assert {"All (121)", "Dynamic (1)", "Static (120)"} <= set(
        re.findall(r"(?:All|Dynamic|Static) \(\d+\)", newest.text)
    )
    assert names_on(newest)[0] == "Branch 120"
    (further,) = {unescape(one) for one in links_of(newest) if "after=" in one}
    older = await alice.get(further)
    assert names_on(older) == [f"Branch {number}" for number in range(20, 0, -1)] + ["Acme Deliveries"]
    found = await alice.get("/console/labels", q="branch 7", type="static")
    assert names_on(found) == [f"Branch {number}" for number in range(79, 69, -1)] + ["Branch 7"]
    assert "/console/labels?type=dynamic&q=branch+7" in map(unescape, links_of(found))
    assert "No matches" in text_of(await alice.get("/console/labels", q="branch 7", type="dynamic"))


def names_on(answer: Response) -> list[str]:
    """The names of the list, from its top."""
    return re.findall(r'/edit" dir="auto">([^<]+)</a>', answer.text)
