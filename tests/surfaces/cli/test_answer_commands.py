"""`callmark campaign` and `callmark callback` as a shell runs them."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.support.listed_number import Listed, make_listed, ring
from tests.surfaces.cli.running import NOBODY, Here

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, QuestionAnswer
from callmark.domain.ids import CampaignId, QuestionId
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.kit.ids import new_id, parse_uuid, random_uuid
from callmark.kit.settings import read_settings
from callmark.surfaces.cli.command import operator_at_terminal


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


@pytest.fixture
async def listed(deps: Deps) -> Listed:
    return await make_listed(deps)


async def run(here: Here, *args: str) -> Any:
    """The JSON of a command, which has a loop of its own."""
    return await asyncio.to_thread(here.json, *args)


async def error(here: Here, *args: str) -> str:
    return await asyncio.to_thread(here.error, *args)


def of(listed: Listed) -> tuple[str, ...]:
    return "--account", str(listed.account_id)


async def make_campaign(here: Here, listed: Listed, *options: str) -> Any:
    command = ("campaign", "create", *of(listed), "--feature-set", str(listed.feature_set_id), "--name", "Check")
    return await run(here, *command, *options)


QUESTIONS = ("--question", "On time? | Yes | No", "--question", "What else?")


async def test_a_campaign_is_drafted_changed_and_made_live(here: Here, listed: Listed) -> None:
    made = await make_campaign(here, listed, *QUESTIONS)
    assert made["state"] == "draft"
    assert sorted(made["call_types"]) == ["answered", "missed"]
    assert [(one["question"], one["kind"], one["options"]) for one in made["questions"]] == [
        ("On time?", "choice", ["Yes", "No"]),
        ("What else?", "text", []),
    ]
    change = ("campaign", "update", made["id"], *of(listed))
    changed = await run(here, *change, "--name", "Delivery check", "--calls", "answered", "--order", "2,1")
    assert (changed["name"], changed["call_types"]) == ("Delivery check", ["answered"])
    assert [one["question"] for one in changed["questions"]] == ["What else?", "On time?"]
    live = await run(here, "campaign", "live", made["id"], *of(listed))
    assert (live["state"], live["live_at"] is not None) == ("live", True)
    assert await run(here, "campaign", "show", made["id"], *of(listed)) == live
    assert await run(here, "campaign", "list", *of(listed)) == [live]
    assert "draft" in await error(here, *change, "--name", "Other")
    assert "end it first" in await error(here, "campaign", "delete", made["id"], *of(listed))
    assert (await run(here, "campaign", "end", made["id"], *of(listed)))["state"] == "ended"
    assert await run(here, "campaign", "delete", made["id"], *of(listed)) == {"id": made["id"]}
    assert await run(here, "campaign", "list", *of(listed)) == []


async def test_results_are_counted_question_by_question(here: Here, deps: Deps, listed: Listed) -> None:
    made = await make_campaign(here, listed, *QUESTIONS)
    await run(here, "campaign", "live", made["id"], *of(listed))
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    campaign, question = parse_uuid(made["id"]), parse_uuid(made["questions"][0]["id"])
    assert campaign
    assert question
    given = [QuestionAnswer(QuestionId(question), "Yes")]
    await answer(deps, receiver, NewFeedback(call_id, listed.number, CampaignId(campaign), CallType.ANSWERED, given))
    found = await run(here, "campaign", "results", made["id"], *of(listed))
    assert (found["answered"], found["by_call_type"]["answered"]) == (1, 1)
    assert (found["questions"][0]["counts"], found["questions"][1]["answered"]) == ({"Yes": 1, "No": 0}, 0)
    text = await asyncio.to_thread(here.text, "campaign", "results", made["id"], *of(listed))
    assert text.startswith("Check: answered for 1 call (")
    assert "Yes: 1, No: 0" in text


async def test_a_rating_has_its_own_question(here: Here, listed: Listed) -> None:
    made = await make_campaign(here, listed, "--type", "call_rating")
    assert (made["campaign_type"], len(made["questions"])) == ("call_rating", 1)


async def test_a_campaign_that_cannot_be_is_told_in_one_line(here: Here, listed: Listed) -> None:
    made = await make_campaign(here, listed, *QUESTIONS)
    assert await error(here, "campaign", "show", NOBODY, *of(listed))
    assert await error(here, "campaign", "show", made["id"], "--account", NOBODY)
    for wrong in (("--order", "1,1"), ("--order", "1"), ("--calls", "rejected"), ()):
        ended = await asyncio.to_thread(here.run, "campaign", "update", made["id"], *of(listed), *wrong)
        assert ended.code == 2


async def test_call_me_back_is_configured_and_its_requests_are_worked_off(
    here: Here, deps: Deps, listed: Listed
) -> None:
    feature_set = ("--feature-set", str(listed.feature_set_id))
    configured = await run(
        here, "callback", "set", *of(listed), *feature_set, "--time-zone", "Asia/Kolkata", "--hours", "sat 11:00-12:00"
    )
    assert (configured["time_zone"], configured["hours"], configured["slot_picker"]) == (
        "Asia/Kolkata",
        "sat 11:00-12:00",
        False,
    )
    picking = await run(here, "callback", "set", *of(listed), *feature_set, "--slot-picker", "--name", "Mine")
    assert (picking["slot_picker"], picking["name"], picking["hours"]) == (True, "Mine", "sat 11:00-12:00")
    assert await run(here, "callback", "list", *of(listed)) == [picking]
    assert await run(here, "callback", "show", *of(listed), *feature_set) == picking
    assert await run(here, "callback", "delete", *of(listed), *feature_set) == {
        "feature_set_id": str(listed.feature_set_id)
    }
    receiver, _ = await ring(deps, listed, CallEvent.MISSED)
    await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    (waiting,) = await run(here, "callback", "requests", *of(listed), "--state", "new")
    assert (waiting["receiver_number"], waiting["is_interested"]) == (receiver, True)
    wrong = await error(here, "callback", "take", waiting["id"], *of(listed), "--email", "bob")
    assert wrong == "email is not a valid email address"
    taken = await run(here, "callback", "take", waiting["id"], *of(listed), "--email", "bob@acme.example")
    assert (taken["state"], taken["handled_by_email"]) == ("taken", "bob@acme.example")
    assert await run(here, "callback", "requests", *of(listed), "--state", "new") == []
    assert (await run(here, "callback", "done", waiting["id"], *of(listed)))["state"] == "done"
    assert await run(here, "callback", "requests", *of(listed), "--after", waiting["id"]) == []


@pytest.mark.parametrize("step", ["take", "done"])
async def test_who_runs_the_command_handles_a_request_unless_someone_else_is_named(
    here: Here, deps: Deps, listed: Listed, step: str
) -> None:
    email = f"{new_id()}@acme.example"
    await members.create_without_rules(deps, listed.account_id, email=email, name="Alice", role=Role.ADMIN, by=SYSTEM)
    receiver, _ = await ring(deps, listed, CallEvent.MISSED)
    made = await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    handled = await run(here, "callback", step, str(made.id), *of(listed))
    assert handled["handled_by_email"] == operator_at_terminal().email
