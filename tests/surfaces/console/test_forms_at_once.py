"""Two forms of the same thing are sent at once: each changes what its sender changed, and nothing of the other's."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from msgspec import Struct
from tests.support.factories import make_feature_set, make_label
from tests.support.listed_number import make_listed
from tests.support.waiting import one_after_the_other
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of, make_operator
from tests.surfaces.console.campaigns import draft
from tests.surfaces.console.forms import sent_by, shown_by

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import recipients
from callmark.domain.alerts.model import AlertKind
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.hours import hours_text
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import FeatureSetId
from callmark.domain.labels.model import LabelType
from callmark.domain.limits.model import DEFAULTS
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.domain.webhooks import service as webhooks
from callmark.surfaces.console.confirm import confirmed
from callmark.surfaces.console.routes import TABLE

HELD = (
    "SELECT 1 FROM client_account FOR UPDATE",
    "SELECT 1 FROM feature_set FOR UPDATE",
    "SELECT 1 FROM campaign FOR UPDATE",
)
"""What the edits of all things wait for."""

Typed = dict[str, str | list[str]]


class Stage(Struct):
    deps: Deps
    business: Business
    alice: Browser
    bob: Browser


@pytest.fixture
async def stage(deps: Deps, business: Business, browse: Visitors) -> Stage:
    alice, bob = [await browse.as_member(business.admin) for _ in range(2)]
    return Stage(deps, business, alice, bob)


async def _settings(stage: Stage) -> tuple[object, Typed]:
    return stage.business.account.id, {"name": "Acme Ltd", "requires_code": "on", "announced_calls_only": "on"}


async def _member(stage: Stage) -> tuple[object, Typed]:
    role = f"department_owner:{stage.business.other_department}"
    return stage.business.process_owner.id, {"name": "Paul P.", "role": role}


async def _key(stage: Stage) -> tuple[object, Typed]:
    had = [Feature.CALL_ME_BACK, Feature.USER_FEEDBACK]
    made = await credentials.create_key(stage.deps, stage.business.account.id, name="dialer", features=had, by=SYSTEM)
    return made.reference, {"name": "phones", "description": "in the cellar", "features": ["call_me_back"]}


async def _webhook(stage: Stage) -> tuple[object, Typed]:
    made = await webhooks.create_webhook(
        stage.deps,
        stage.business.account.id,
        name="crm",
        url="https://hooks.example",
        event_types=[EventType.CALL_ME_BACK],
        by=SYSTEM,
    )
    typed: Typed = {"name": "desk", "url": "https://hooks.example/2", "event_types": ["user_feedback"]}
    return made.webhook.id, {**typed, "honours_retry_after": "on", "stops_on_gone": "on"}


async def _recipient(stage: Stage) -> tuple[object, Typed]:
    of, kinds = (stage.deps, stage.business.account.id), [AlertKind.DELIVERY_FAILED]
    made = await recipients.add_channel(*of, "ops", "https://hooks.example/1", kinds, by=SYSTEM)
    return made.id, {"name": "ops team", "alert_kinds": ["webhook_paused"]}


async def _label(stage: Stage) -> tuple[object, Typed]:
    label = await make_label(stage.deps, stage.business.account.id)
    return label.id, {"name": "Acme Parcels", "sub_category": "52"}


async def _reason(stage: Stage) -> tuple[object, Typed]:
    of = stage.deps, stage.business.account.id
    made = await call_reasons.create_call_reason(*of, text="About your parcel", by=SYSTEM)
    return made.id, {"call_reason": "About your delivery"}


async def _feature_set(stage: Stage) -> tuple[object, Typed]:
    of = stage.deps, stage.business.account.id
    label = await make_label(*of, label_type=LabelType.STATIC)
    reason = await call_reasons.create_call_reason(*of, text="About your parcel", by=SYSTEM)
    typed: Typed = {"name": "Parcels", "description": "All of them", "label": str(label.id), "reason": str(reason.id)}
    made = await make_feature_set(*of, stage.business.process)
    return made.id, {**typed, "call_me_back": "on", "survey": "on", "phone_type": "priority"}


async def _configuration(stage: Stage) -> tuple[object, Typed]:
    of = stage.deps, stage.business.account.id
    made = await make_feature_set(*of, stage.business.process)
    await callbacks.set_config(*of, made.id, hours="mon 09:00-17:00", by=SYSTEM)
    typed: Typed = {"opens-0": ["10:00", ""], "closes-0": ["16:00", ""]}
    return made.id, {**typed, "name": "Desk", "slot_picker": "on", "time_zone": "Asia/Kolkata"}


async def _campaign(stage: Stage) -> tuple[object, Typed]:
    listed = await make_listed(stage.deps, account_id=stage.business.account.id)
    typed: Typed = {"name": "Courier check", "call_types": ["missed"], "question_text": ["On time?", "And else?"]}
    return (await draft(stage.deps, listed)).id, typed


async def _node(stage: Stage) -> tuple[object, Typed]:
    return stage.business.process, {"name": "First mile"}


async def _account(stage: Stage) -> tuple[object, Typed]:
    account_id = stage.business.account.id
    await accounts.update_account(stage.deps, account_id, features=[Feature.CALL_ME_BACK], by=SYSTEM)
    return account_id, {"name": "Acme & Sons", "features": ["call_me_back", "user_feedback"]}


async def _limits(stage: Stage) -> tuple[object, Typed]:
    await accounts.set_limits(stage.deps, stage.business.account.id, {"webhooks": 2, "batch": 2}, by=SYSTEM)
    return stage.business.account.id, {**dict.fromkeys(DEFAULTS, "3"), "batch": ""}


EDITS: dict[str, Callable[[Stage], Awaitable[tuple[object, Typed]]]] = {
    "/settings": _settings,
    "/members/{id}": _member,
    "/keys/{id}/edit": _key,
    "/webhooks/{id}/edit": _webhook,
    "/alerts/{id}/edit": _recipient,
    "/labels/{id}/edit": _label,
    "/call-reasons/{id}/edit": _reason,
    "/feature-sets/{id}/edit": _feature_set,
    "/callbacks/configurations/{id}": _configuration,
    "/campaigns/{id}/edit": _campaign,
    "/structure/{id}/rename": _node,
    "/operator/accounts/{id}": _account,
    "/operator/accounts/{id}/limits": _limits,
}
"""By route: makes something, and says its id and what of its form to change: every field."""

OTHERS = {
    *("/sign-in", "/sign-in/code", "/forgot", "/reset/{token}", "/invitations/{token}"),
    *("/push", "/uploads/files/{id}", "/feature-sets/{id}/listing"),
    *("/webhooks/{id}/test", "/webhooks/{id}/rotate", "/webhooks/{id}/recover"),
    *("/callbacks/export", "/campaigns/{id}/export"),
    *("/members/invite", "/operator/accounts/{id}/invite", "/alerts/new/{kind}", "/structure/{id}/add"),
    *("/alerts/confirm/{token}", "/alerts/stop/{token}"),
    *("/structure/{id}/move", "/feature-sets/{id}/move"),
    *("/operator/reviews/{id}/reject", "/operator/proofs/{id}/refuse"),
}
"""Forms that show nothing stored to be changed: they make something, or do one thing."""


def test_every_form_of_something_stored_is_among_them() -> None:
    pages = {one.path for one in TABLE if one.method == "GET"}
    forms = {one.path: one.handler for one in TABLE if one.method == "POST" and one.path in pages}
    own = {path for path, handler in forms.items() if handler.__module__ != confirmed.__module__}
    assert {path for path in own if not path.endswith("/new")} - OTHERS == {*EDITS}


async def _page_of(stage: Stage, browse: Visitors, route: str) -> tuple[Browser, Browser, str, Typed]:
    """Two people before the page of a new thing, its address, and what to change."""
    made, typed = await EDITS[route](stage)
    path = f"/console{route.replace('{id}', str(made))}"
    if not route.startswith("/operator/"):
        return stage.alice, stage.bob, path, typed
    operator = await make_operator(stage.deps)
    return await browse.as_operator(operator), await browse.as_operator(operator), path, typed


@pytest.mark.parametrize("route", EDITS)
async def test_a_form_that_is_sent_as_it_was_undoes_nothing_of_another_of_the_same_moment(
    stage: Stage, browse: Visitors, route: str
) -> None:
    alice, bob, path, typed = await _page_of(stage, browse, route)
    page = await alice.get(path)
    before, form = shown_by(page), sent_by(page, path)
    changing, leaving = bob.post(path, {**form, **typed}), alice.post(path, form)
    left = (await one_after_the_other(stage.deps.db, HELD, changing, leaving)).result()
    assert isinstance(left, httpx.Response)
    assert left.status_code == 303, errors_of(left)
    after = shown_by(await alice.get(path))
    assert before.pop("is_there", "on") == "on"
    assert [name for name, value in before.items() if after[name] == value] == []


CHOICES = {
    "/keys/{id}/edit": ("features", "call_me_back", "user_feedback", "management"),
    "/webhooks/{id}/edit": ("event_types", "cmb", "user_feedback", "possible_spoof"),
    "/alerts/{id}/edit": ("alert_kinds", "delivery_failed", "webhook_paused", "overlap_ending"),
    "/campaigns/{id}/edit": ("call_types", "answered", "missed"),
}
"""By route: a field of several choices, of which there must be one, and the choices."""


class Choosing(Struct):
    """A field that two people change at once."""

    deps: Deps
    alice: Browser
    bob: Browser
    path: str
    field: str

    async def at_once(self, had: list[str], bobs: list[str], alices: list[str]) -> tuple[int, object]:
        """What alice is answered, whose form is the second, and what is chosen then."""
        form = sent_by(await self.alice.get(self.path), self.path)
        assert (await self.alice.post(self.path, {**form, self.field: had})).status_code == 303
        form = sent_by(await self.alice.get(self.path), self.path)
        first, then = [
            browser.post(self.path, {**form, self.field: chosen})
            for browser, chosen in ((self.bob, bobs), (self.alice, alices))
        ]
        answer = (await one_after_the_other(self.deps.db, HELD, first, then)).result()
        assert isinstance(answer, httpx.Response)
        assert (answer.status_code == 422) == (self.field in errors_of(answer))
        return answer.status_code, shown_by(await self.alice.get(self.path))[self.field]


@pytest.mark.parametrize("route", CHOICES)
async def test_choices_that_two_people_add_and_take_away_at_once_count_together(
    stage: Stage, browse: Visitors, route: str
) -> None:
    alice, bob, path, _ = await _page_of(stage, browse, route)
    field, first, second, *more = CHOICES[route]
    choosing = Choosing(stage.deps, alice, bob, path, field)
    for third in more:
        assert await choosing.at_once([first], [first, second], [third]) == (303, sorted([second, third]))
    assert await choosing.at_once([first, second], [second], [first]) == (422, [second])


async def test_a_configuration_that_was_removed_is_made_again_only_by_who_saves_twice(stage: Stage) -> None:
    feature_set_id, _ = await _configuration(stage)
    of = stage.deps, stage.business.account.id, FeatureSetId(UUID(str(feature_set_id)))
    path = f"/console/callbacks/configurations/{feature_set_id}"
    form = sent_by(await stage.alice.get(path), path)
    await callbacks.delete_config(*of, by=SYSTEM)
    refused = await stage.alice.post(path, {**form, "name": "Desk"})
    assert "removed this configuration after you opened the page" in errors_of(refused)[""]
    assert (refused.status_code, await callbacks.find_config(*of)) == (422, None)
    again = sent_by(refused, path)
    assert (again["name"], again["opens-0"][0]) == (["Desk"], "09:00")
    assert (await stage.alice.post(path, again)).status_code == 303
    made = await callbacks.get_config(*of)
    assert (made.name, hours_text(made.hours)) == ("Desk", "mon 09:00-17:00")


async def test_a_configuration_is_not_made_again_of_the_part_that_was_changed_as_it_was_removed(stage: Stage) -> None:
    feature_set_id, typed = await _configuration(stage)
    of = stage.deps, stage.business.account.id, FeatureSetId(UUID(str(feature_set_id)))
    path = f"/console/callbacks/configurations/{feature_set_id}"
    form = sent_by(await stage.alice.get(path), path)
    removing, changing = callbacks.delete_config(*of, by=SYSTEM), stage.alice.post(path, {**form, **typed})
    refused = (await one_after_the_other(stage.deps.db, HELD, removing, changing)).result()
    assert isinstance(refused, httpx.Response)
    assert (refused.status_code, await callbacks.find_config(*of)) == (422, None)


async def test_two_who_make_the_configuration_of_a_feature_set_at_once_make_one_of_both(stage: Stage) -> None:
    of = stage.deps, stage.business.account.id
    made = await make_feature_set(*of, stage.business.process)
    path = f"/console/callbacks/configurations/{made.id}"
    form = sent_by(await stage.alice.get(path), path)
    bobs, alices = {"opens-0": "09:00", "closes-0": "17:00", "slot_picker": "on"}, {"name": "Desk"}
    first, then = [one.post(path, {**form, **typed}) for one, typed in ((stage.bob, bobs), (stage.alice, alices))]
    answer = (await one_after_the_other(stage.deps.db, HELD, first, then)).result()
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 303, errors_of(answer)
    config = await callbacks.get_config(*of, made.id)
    assert (config.name, config.slot_picker, hours_text(config.hours)) == ("Desk", True, "mon 09:00-17:00")
