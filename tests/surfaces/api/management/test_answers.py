"""Call Me Back, User Feedback, webhooks, usage and the audit log by the management API."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.support.listed_number import QUESTIONS, Listed, make_listed, offer_everything, ring, set_switch
from tests.surfaces.api.management.managing import HOOK, Manager, make_everything, managing

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.deps import Deps
from callmark.domain.feedback import answers as feedback_answers
from callmark.domain.feedback.answers import NewFeedback
from callmark.domain.feedback.model import CallType, QuestionAnswer
from callmark.instants import iso_ms
from callmark.kit.ids import new_id, random_uuid

CRM = {"name": " CRM ", "url": HOOK, "event_types": ["cmb", "user_feedback"]}


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


async def asked_back(deps: Deps, listed: Listed) -> str:
    """A new callback request; its receiver."""
    who, _ = await ring(deps, listed)
    await callbacks.request(deps, who, NewCallbackRequest(random_uuid(), listed.number))
    return who


async def test_a_configuration_is_made_changed_and_removed_and_each_step_is_audited(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    path = f"feature_sets/{listed.feature_set_id}/callback_config"
    assert await alice.refusal("GET", path) == (404, "")
    made = await alice.patch(path, {})
    assert (made["name"], made["slot_picker"], made["time_zone"], made["hours"]) == (
        "Delivery default",
        False,
        "UTC",
        "",
    )
    wanted = {"slot_picker": True, "time_zone": "Asia/Kolkata", "hours": "Mon-Fri 10am-6pm"}
    changed = await alice.patch(path, wanted)
    assert (changed["hours"], changed["name"]) == ("mon-fri 10:00-18:00", "Delivery default")
    assert (await alice.get("callback_configs"))["callback_configs"] == [changed]
    for field, value in (("name", ""), ("time_zone", "Mars"), ("hours", "always"), ("slot_picker", 1)):
        assert await alice.refusal("PATCH", path, {field: value}) == (400, field)
    assert await alice.refusal("PATCH", path, {"hours": ""}) == (400, "hours")
    assert await alice.delete(path) == changed
    assert await alice.actions() == ["callback_config.changed"] * 2 + ["callback_config.deleted"]


async def test_requests_are_listed_taken_and_done_and_each_step_is_audited(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    receivers = [await asked_back(deps, listed) for _ in range(3)]
    first = await alice.get("callback_requests?limit=2")
    rest = await alice.get(f"callback_requests?limit=2&after={first['next_after']}")
    found = [*first["callback_requests"], *rest["callback_requests"]]
    assert [one["receiver_number"] for one in found] == receivers[::-1]
    assert rest["next_after"] is None
    assert await alice.get(f"callback_requests?after={found[1]['id']}") == rest  # as programs have it from before
    path = f"callback_requests/{found[0]['id']}"
    taken = await alice.post(f"{path}/take", {"email": "asha@acme.example"})
    assert (taken["state"], taken["handled_by_email"]) == ("taken", "asha@acme.example")
    assert await alice.refusal("POST", f"{path}/take", {"email": "bob@acme.example"}) == (409, "")
    assert await alice.refusal("POST", f"{path}/take", {"email": "nobody"}) == (400, "email")
    assert await alice.post(f"{path}/take", {"email": "asha@acme.example", "only_new": False}) == taken
    assert await alice.refusal("POST", f"{path}/take", {"email": "asha@acme.example", "only_new": True}) == (409, "")
    claim = {"only_new": True}
    assert (await alice.post(f"callback_requests/{found[1]['id']}/take", claim))["state"] == "taken"
    assert await alice.refusal("POST", f"callback_requests/{found[1]['id']}/take", claim) == (409, "")
    done = await alice.post(f"{path}/done")
    assert done["state"] == "done"
    assert await alice.get(path) == done
    assert (await alice.post(f"{path}/reopen"))["state"] == "new"
    assert await alice.actions() == ["callback.taken", "callback.taken", "callback.done", "callback.reopened"]
    await alice.post(f"{path}/done")

    async def of(query: str) -> list[str]:
        return [one["id"] for one in (await alice.get(f"callback_requests?{query}"))["callback_requests"]]

    assert await of("state=done") == [found[0]["id"]]
    assert await of(f"receiver=%2B{receivers[0]}") == [found[2]["id"]]
    for query, field in (("state=lost", "state"), ("receiver=9x", "receiver"), (f"after={new_id()}", "after")):
        assert await alice.refusal("GET", f"callback_requests?{query}") == (400, field)


async def test_a_campaign_is_drafted_goes_live_ends_and_is_deleted_and_each_step_is_audited(
    deps: Deps, alice: Manager
) -> None:
    listed = await make_listed(deps, account_id=alice.account_id, survey=False)
    new = {
        "feature_set_id": str(listed.feature_set_id),
        "name": "Check",
        "campaign_type": "questions",
        "call_types": ["answered"],
    }
    made = await alice.create("campaigns", new)
    path = f"campaigns/{made['id']}"
    assert await alice.refusal("POST", f"{path}/live") == (400, "questions")
    asked = [{"text": "On time?", "options": ["Yes", "No"]}, {"text": "Anything else?"}]
    changed = await alice.patch(path, {"questions": asked})
    assert [one["kind"] for one in changed["questions"]] == ["choice", "text"]
    turned = [{"id": one["id"], "text": one["text"], "options": one["options"]} for one in changed["questions"][::-1]]
    again = await alice.patch(path, {"questions": turned})
    assert again["questions"] == changed["questions"][::-1]
    assert await alice.refusal("POST", f"{path}/live") == (409, "")
    await set_switch(deps, listed, "survey", on=True)
    assert (await alice.post(f"{path}/live"))["state"] == "live"
    assert await alice.refusal("PATCH", path, {"name": "Late"}) == (409, "")
    assert await alice.refusal("DELETE", path) == (409, "")
    ended = await alice.post(f"{path}/end")
    assert (await alice.get("campaigns?state=ended"))["campaigns"] == [ended]
    assert await alice.delete(path) == ended
    steps = ["created", "changed", "changed", "made_live", "ended", "deleted"]
    assert await alice.actions() == [f"campaign.{step}" for step in steps]


async def test_a_rating_gets_the_usual_question(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    new = {"feature_set_id": str(listed.feature_set_id), "name": "Stars", "campaign_type": "call_rating"}
    made = await alice.create("campaigns", new)
    assert (made["questions"][0]["kind"], made["call_types"]) == ("rating", ["answered", "missed"])
    broken: list[tuple[str, object]] = [
        ("name", ""),
        ("campaign_type", "other"),
        ("call_types", []),
        ("call_types", ["lost"]),
        ("questions", [{"text": "Q?", "options": ["one"]}]),
    ]
    for field, value in broken:
        status_, named = await alice.refusal("POST", "campaigns", new | {"campaign_type": "questions", field: value})
        assert (status_, named.partition("[")[0]) == (400, field)
    unknown = {"questions": [{"text": "Q?", "option": "one"}]}
    assert await alice.refusal("PATCH", f"campaigns/{made['id']}", unknown) == (400, "option")


async def test_results_and_answers_say_what_receivers_said(deps: Deps, alice: Manager) -> None:
    listed = await make_listed(deps, account_id=alice.account_id)
    campaign = await offer_everything(deps, listed)
    choice = campaign.questions[0]
    for option in QUESTIONS[0].options:
        who, call_id = await ring(deps, listed)
        said = [QuestionAnswer(choice.id, option)]
        await feedback_answers.answer(
            deps, who, NewFeedback(call_id, listed.number, campaign.id, CallType.MISSED, said)
        )
    path = f"campaigns/{campaign.id}"
    results = await alice.get(f"{path}/results")
    assert (results["answered"], results["by_call_type"]) == (2, {"answered": 0, "missed": 2})
    assert results["questions"][0]["counts"] == {"Yes": 1, "No": 1}
    first = await alice.get(f"{path}/answers?limit=1")
    rest = await alice.get(f"{path}/answers?limit=1&after={first['next_after']}")
    said = [page["answers"][0]["responses"][0]["answer"] for page in (first, rest)]
    assert (said, rest["next_after"]) == (["No", "Yes"], None)
    for after in ("7", str(new_id())):
        assert await alice.refusal("GET", f"{path}/answers?after={after}") == (400, "after")


async def test_a_webhook_is_made_changed_rotated_paused_and_deleted_and_each_step_is_audited(alice: Manager) -> None:
    made = await alice.create("webhooks", CRM)
    assert (made["name"], made["secret"][:6]) == ("CRM", "whsec_")
    path = f"webhooks/{made['id']}"
    shown = await alice.get(path)
    assert "secret" not in shown
    assert (await alice.get("webhooks"))["webhooks"] == [shown]
    changed = await alice.patch(path, {"event_types": ["cmb"], "stops_on_gone": True})
    assert (changed["event_types"], changed["stops_on_gone"], changed["url"]) == (["cmb"], True, HOOK)
    rotated = await alice.post(f"{path}/rotate", {"overlap_hours": 1})
    assert rotated["secret"] not in {made["secret"], None}
    assert rotated["old_secret_until"] is not None
    assert (await alice.post(f"{path}/pause"))["paused_at"] is not None
    assert (await alice.get(path))["health"] == "paused"
    assert (await alice.post(f"{path}/resume"))["paused_at"] is None
    assert (await alice.delete(path))["id"] == made["id"]
    steps = ["created", "changed", "rotated", "paused", "resumed", "deleted"]
    assert await alice.actions() == [f"webhook.{step}" for step in steps]


WRONG: list[tuple[str, object]] = [
    ("name", ""),
    ("url", "ftp://x"),
    ("url", "http://127.0.0.1/"),
    ("event_types", []),
    ("event_types", ["lost"]),
    ("stops_on_gone", 1),
]


async def test_a_field_of_a_webhook_that_breaks_a_rule_is_named(alice: Manager, subtests: pytest.Subtests) -> None:
    made = await alice.create("webhooks", CRM)
    for field, value in WRONG:
        with subtests.test(field=field, value=value):
            status_, named = await alice.refusal("POST", "webhooks", CRM | {"name": "Another"} | {field: value})
            assert (status_, named.partition("[")[0]) == (400, field)
            status_, named = await alice.refusal("PATCH", f"webhooks/{made['id']}", {field: value})
            assert (status_, named.partition("[")[0]) == (400, field)
    assert await alice.refusal("POST", "webhooks", CRM) == (409, "name")
    for hours in (-1, 169, "1"):
        assert await alice.refusal("POST", f"webhooks/{made['id']}/rotate", {"overlap_hours": hours}) == (
            400,
            "overlap_hours",
        )
    for since in ("yesterday", "2026-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", None):
        for more in ({}, {"dry_run": True}):
            body = {"since": since, **more}
            assert await alice.refusal("POST", f"webhooks/{made['id']}/recover", body) == (400, "since")


async def test_a_repeated_creation_does_not_tell_the_secret_again_and_nothing_stored_does(
    deps: Deps, alice: Manager
) -> None:
    first, again = [await alice.ask("POST", "webhooks", CRM, Idempotency_Key="hook") for _ in range(2)]
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == first.json() | {"secret": None}
    assert len((await alice.get("webhooks"))["webhooks"]) == 1
    async with deps.db.connection() as tx:
        kept = await tx.fetchval("SELECT count(*) FROM idempotency_key WHERE strpos(body::text, 'whsec_') > 0")
    assert kept == 0


async def test_a_test_and_a_failed_delivery_are_seen_resent_and_recovered(deps: Deps) -> None:
    async with receiver(status(503, 503, 200)) as desk, staged(deps) as stage, managing(stage.deps) as alice:
        made = await alice.create("webhooks", CRM | {"url": desk.url})
        path = f"webhooks/{made['id']}"
        tried = await alice.post(f"{path}/test", {"event_type": "user_feedback"})
        assert (tried["state"], tried["attempts"][0]["status"], tried["event_number"]) == ("failed", 503, None)
        assert tried["attempts"][0]["answer"] == "noted"
        assert await alice.refusal("POST", f"{path}/test", {"event_type": "lost"}) == (400, "event_type")
        assert await alice.refusal("POST", f"webhook_deliveries/{tried['id']}/resend") == (409, "")
        listed = await make_listed(stage.deps, account_id=alice.account_id)
        await asked_back(stage.deps, listed)
        (waiting,) = (await alice.get("webhook_deliveries?state=pending"))["deliveries"]
        assert (await alice.get(f"webhook_deliveries/{waiting['id']}"))["attempts"] == []
        assert (await alice.post(f"webhook_deliveries/{waiting['id']}/resend"))["next_attempt_at"] is not None
        both = await alice.get("webhook_deliveries?limit=1")
        other = await alice.get(f"webhook_deliveries?limit=1&after={both['next_after']}")
        assert [page["deliveries"][0]["id"] for page in (both, other)] == [waiting["id"], tried["id"]]
        assert (await alice.get(f"webhook_deliveries?event_id={waiting['event_id']}"))["deliveries"] == [
            (await alice.get("webhook_deliveries?event_type=cmb"))["deliveries"][0]
        ]
        since = iso_ms(deps.clock.now() - timedelta(days=1))
        counted = await alice.post(f"{path}/recover", {"since": since, "dry_run": True})
        assert counted == {"webhook_id": made["id"], "count": 0, "dry_run": True}
        assert await alice.post(f"{path}/recover", {"since": since}) == counted | {"dry_run": False}
        steps = ["webhook.created", "webhook.tested", "delivery.resent", "webhook.recovered"]
        assert await alice.actions() == steps


async def test_usage_counts_what_has_limits(deps: Deps, alice: Manager) -> None:
    await make_everything(deps, alice.account_id)
    usage = await alice.get("usage")
    assert [usage[name] for name in ("tokens_created", "keys", "webhooks")] == [
        {"used": 1, "most": 10},
        {"used": 1, "most": 5},
        {"used": 1, "most": 5},
    ]
    (token,) = usage["tokens"]
    assert token["key_name"] == "key"
    assert token["requests"]["management"] == {"used": 1, "most": 50}


async def test_the_audit_log_names_the_key_and_shows_no_whole_key_id(alice: Manager) -> None:
    for number in range(3):
        await alice.create("departments", {"name": f"Department {number}"})
    first = await alice.get("audit_log?action=structure.created&limit=2")
    rest = await alice.get(f"audit_log?action=structure.created&limit=2&after={first['next_after']}")
    entries = [*first["entries"], *rest["entries"]]
    assert [one["subject"] for one in entries] == [f"Department {number}" for number in (2, 1, 0)]
    assert {(one["actor"], one["by_operator"]) for one in entries} == {("API key key", False)}
    (made,) = (await alice.get("audit_log?action=key.created"))["entries"]
    assert made["details"]["key_id"] == f"…{alice.cast.key_id[-4:]}"
    assert [one["subject"] for one in (await alice.get("audit_log?text=ment+1"))["entries"]] == ["Department 1"]
    assert await alice.refusal("GET", "audit_log?text=%00") == (400, "text")
