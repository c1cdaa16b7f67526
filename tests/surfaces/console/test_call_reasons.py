from tests.support.audit_log import log_of
from tests.support.factories import make_feature_set
from tests.surfaces.console.browser import Business, Visitors, errors_of, links_of, text_of

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.policy.model import SYSTEM

TEXT = "Your parcel arrives today"


async def test_a_call_reason_is_added_reworded_and_removed(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await alice.follow(await alice.post("/console/call-reasons/new", {"call_reason": f" {TEXT} "}))
    (reason,) = await call_reasons.list_call_reasons(deps, business.account.id)
    assert reason.text == TEXT
    path = f"/console/call-reasons/{reason.id}"
    assert f'value="{TEXT}"' in (await alice.get(f"{path}/edit")).text
    await alice.follow(await alice.post(f"{path}/edit", {"call_reason": "Your parcel is late"}))
    assert "Your parcel is late" in text_of(await alice.get(f"{path}/delete"))
    assert "was removed" in text_of(await alice.follow(await alice.post(f"{path}/delete")))
    assert await call_reasons.list_call_reasons(deps, business.account.id) == []
    log = await log_of(deps, business.account.id)
    assert [one.action for one in log] == ["call_reason.deleted", "call_reason.changed", "call_reason.created"]


_REFUSED = {
    "too short": "between 10 and 100",
    "x" * 101: "between 10 and 100",
    "A sale! Come now": "not allowed",
    "Your parcel arrives.": "not allowed",
    "": "between 10 and 100",
}


async def test_the_server_decides_on_a_wording_and_keeps_what_was_typed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    for text, said in _REFUSED.items():
        refused = await alice.post("/console/call-reasons/new", {"call_reason": text})
        assert refused.status_code == 422, text
        assert said in errors_of(refused)["call_reason"], text
        assert f'value="{text}"' in refused.text
    assert await call_reasons.list_call_reasons(deps, business.account.id) == []


async def test_a_duplicate_is_refused_and_one_in_use_is_kept(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    reason = await call_reasons.create_call_reason(deps, business.account.id, text=TEXT, by=SYSTEM)
    again = await alice.post("/console/call-reasons/new", {"call_reason": TEXT.upper()})
    assert "already in the library" in errors_of(again)["call_reason"]
    await make_feature_set(deps, business.account.id, new=NewFeatureSet("Evening", call_reason_id=reason.id))
    asked = await alice.get(f"/console/call-reasons/{reason.id}/delete")
    assert "cannot be removed yet Evening shows it." in text_of(asked)
    assert f"/console/call-reasons/{reason.id}/delete" not in links_of(asked)
    kept = await alice.follow(await alice.post(f"/console/call-reasons/{reason.id}/delete"))
    assert "is used by the feature set &#39;Evening&#39;" in kept.text
    owner = await browse.as_member(business.operation_owner)
    assert "Add to library" not in text_of(await owner.get("/console/call-reasons"))
    assert (await owner.post("/console/call-reasons/new", {"call_reason": TEXT})).status_code == 403


async def test_of_many_feature_sets_that_show_a_call_reason_three_are_named(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    reason = await call_reasons.create_call_reason(deps, business.account.id, text=TEXT, by=SYSTEM)
    for name in ("Noon", "Evening", "Night", "Sunday", "Monday"):
        await make_feature_set(deps, business.account.id, new=NewFeatureSet(name, call_reason_id=reason.id))
    listed = (await alice.get("/console/call-reasons")).text
    form = text_of(await alice.get(f"/console/call-reasons/{reason.id}/edit"))
    for shown in (listed, form):
        assert "and 2 more" in shown
        assert sum(name in shown for name in ("Noon", "Evening", "Night", "Sunday", "Monday")) == 3
