import re

from tests.support.audit_log import log_of
from tests.surfaces.console.browser import Business, Visitors, errors_of, make_operator, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import MANAGEMENT, Feature

BOTH = ["call_personalisation", "number_management"]


async def test_a_key_is_made_and_its_secret_shown_this_once(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    form = {"name": "dialer", "description": "the big one", "features": BOTH}
    shown = await alice.follow(await alice.post("/console/keys/new", form))
    (key,) = await credentials.list_keys(deps, business.account.id)
    assert shown.status_code == 200
    assert str(key.id) in shown.text
    assert {feature.value for feature in key.features} == set(BOTH)
    assert key.created_by_email == business.admin.email
    listed = await alice.get("/console/keys")
    assert "dialer" in text_of(listed)
    assert "never" in text_of(listed)  # last used
    secret = shown.text.partition("&#34;api_key&#34;: &#34;")[2][:36]
    await credentials.create_token(deps, str(business.account.id), str(key.id), secret)
    without_scripts = shown.text.partition("Save this as a file")[2].partition("</noscript>")[0]
    assert secret in without_scripts
    assert secret not in listed.text
    assert "just now" in text_of(await alice.get("/console/keys"))


async def test_a_sixth_key_and_a_key_for_nothing_are_refused_and_what_was_typed_is_kept(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    nothing = await alice.post("/console/keys/new", {"name": "CRM & co"})
    assert nothing.status_code == 422
    assert "features" in errors_of(nothing)
    assert "Call Me Back download the log of requests" in text_of(nothing)
    assert 'value="CRM &amp; co"' in nothing.text
    unnamed = await alice.post("/console/keys/new", {"name": " ", "features": BOTH})
    assert errors_of(unnamed) == {"name": "Name is required"}
    for number in range(5):
        await credentials.create_key(deps, business.account.id, name=f"k{number}", features=[], by=SYSTEM)
    sixth = await alice.post("/console/keys/new", {"name": "sixth", "features": BOTH})
    assert sixth.status_code == 422
    assert "5 API keys" in errors_of(sixth)[""]
    assert len(await credentials.list_keys(deps, business.account.id)) == 5
    assert "/console/keys/new" not in (await alice.get("/console/keys")).text


async def test_a_key_is_changed_regenerated_and_deleted_each_after_being_asked(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    made = await credentials.create_key(deps, business.account.id, name="old", features=[], by=SYSTEM)
    edit = f"/console/keys/{made.reference}/edit"
    assert 'value="old"' in (await alice.get(edit)).text
    done = await alice.follow(await alice.post(edit, {"name": "new", "features": BOTH}))
    assert "new was saved" in text_of(done)
    asked = await alice.get(f"/console/keys/{made.reference}/regenerate")
    assert f"ends in {str(made.key_id)[-4:]}" in text_of(asked)
    await alice.post(f"/console/keys/{made.reference}/regenerate")
    (key,) = await credentials.list_keys(deps, business.account.id)
    assert key.id != made.key_id
    assert (await alice.get(edit)).status_code == 404
    await alice.follow(await alice.post(f"/console/keys/{key.reference}/delete"))
    assert await credentials.list_keys(deps, business.account.id) == []
    log = await log_of(deps, business.account.id)
    assert [entry.action for entry in log] == ["key.deleted", "key.regenerated", "key.changed"]
    assert {entry.actor_email for entry in log} == {business.admin.email}


async def test_no_page_of_a_business_shows_a_key_id_whole_again(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await alice.post("/console/keys/new", {"name": "dialer", "features": BOTH})
    (first,) = await credentials.list_keys(deps, business.account.id)
    await alice.post(f"/console/keys/{first.reference}/edit", {"name": "phone system", "features": BOTH})
    made = await credentials.regenerate_key(deps, business.account.id, first.id, by=SYSTEM)
    await credentials.create_token(deps, str(business.account.id), str(made.key_id), made.api_key)
    await alice.post(f"/console/keys/{made.reference}/regenerate")
    (key,) = await credentials.list_keys(deps, business.account.id)
    own = [f"/keys/{key.reference}/{page}" for page in ("edit", "regenerate", "delete")]
    for path in ("", "/keys", "/usage", "/audit", "/audit?action=key.regenerated", "/settings", "/reference", *own):
        shown = await alice.get(f"/console{path}")
        assert shown.status_code == 200, path
        for key_id in (first.id, made.key_id, key.id):
            assert str(key_id) not in shown.text, path
    assert key.ending in text_of(await alice.get("/console/keys"))
    assert f"key id: …{key.ending}" in text_of(await alice.get("/console/audit"))
    assert f"ends in {key.ending}" in text_of(await alice.get(f"/console/keys/{key.reference}/delete"))
    assert (await alice.get(f"/console/keys/{key.id}/edit")).status_code == 404


async def test_an_operator_finds_the_whole_key_id_in_the_log(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await alice.post("/console/keys/new", {"name": "dialer", "features": BOTH})
    (key,) = await credentials.list_keys(deps, business.account.id)
    operator = await browse.as_operator(await make_operator(deps))
    assert str(key.id) in (await operator.get(f"/console/operator/audit?account={business.account.id}")).text


async def test_management_is_offered_and_only_given_to_a_key_for_which_it_is_chosen(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    form = (await alice.get("/console/keys/new")).text
    boxes = dict(re.findall(r'name="features"\s+value="(\w+)"( checked|)>', form))
    assert boxes == {feature.value: " checked" for feature in Feature} | {"management": ""}
    await alice.post("/console/keys/new", {"name": "apply", "features": ["management"]})
    (key,) = await credentials.list_keys(deps, business.account.id)
    assert key.features == {MANAGEMENT}
    assert "Management" in text_of(await alice.get("/console/keys"))
    await alice.post(f"/console/keys/{key.reference}/edit", {"name": "apply", "features": BOTH})
    assert MANAGEMENT not in (await credentials.get_key(deps, business.account.id, key.id)).features


async def test_a_key_that_is_renamed_keeps_access_that_the_plan_lacks_at_the_moment(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id, had = business.account.id, [Feature.CALL_ME_BACK, Feature.NUMBER_MANAGEMENT]
    made = await credentials.create_key(deps, account_id, name="dialer", features=had, by=SYSTEM)
    only = await credentials.create_key(deps, account_id, name="lists", features=had[1:], by=SYSTEM)
    await accounts.update_account(deps, account_id, features=[Feature.CALL_ME_BACK], by=SYSTEM)
    alice = await browse.as_member(business.admin)
    assert text_of(await alice.get("/console/keys")).count("Number Management (not in your plan)") == 2
    for key, renamed in ((made, "phone system"), (only, "number lists")):
        edit = f"/console/keys/{key.reference}/edit"
        page = await alice.get(edit)
        assert "Number Management is not part of your plan" in text_of(page)
        chosen = re.findall(r'name="features"\s+value="(\w+)" checked', page.text)
        assert (await alice.post(edit, {"name": renamed, "features": chosen})).status_code == 303
    kept = {key.name: key.features for key in await credentials.list_keys(deps, account_id)}
    assert kept == {"phone system": set(had), "number lists": set(had[1:])}
    assert 'value="number_management"' not in (await alice.get("/console/keys/new")).text
