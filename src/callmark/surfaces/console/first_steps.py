"""The first steps of a new account: a card on Home, and a page of their own for who has hidden it.

In emulator mode the phone is inside the card: the page becomes a virtual handset, as the emulator's own pages do, and
the demo's receiver takes the webhook. Without the emulator the steps that need them say what to do instead.
"""

import shlex
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from starlette.responses import Response

from callmark.domain.access import first_steps as access
from callmark.domain.access import records
from callmark.domain.access.first_steps import FirstSteps
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import Action
from callmark.kit.errors import AppError, NotFound
from callmark.surfaces.console import words
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import HOME, Visit

START = "/console/first-steps"
NOT_HERE, LABEL_FIRST = "This step is only available in the demo.", "Create a caller ID first."


@dataclass(frozen=True)
class Card:
    """The steps, and what the card says about them. `on` is `home` there; `phone` is empty without the emulator."""

    steps: FirstSteps
    on: str
    seen: str
    curl: str
    caller: str
    phone: str


@dataclass(frozen=True)
class StepsPart(Page):
    """The list of steps alone, for a page that shows it already."""

    template: ClassVar[str] = "first_steps/steps.html"
    card: Card


@dataclass(frozen=True)
class FirstStepsPage(Page):
    """The card as a page of its own."""

    template: ClassVar[str] = "first_steps/page.html"
    card: Card
    is_on_home: bool


async def card_of(visit: Visit, on: str = "") -> Card:
    """The card of the visitor's account."""
    deps, account_id = visit.deps, visit.actor.account_id
    caller, phone = access.demo_numbers(account_id)
    steps = await access.read(deps, visit.actor, _sink(visit))
    seen = "".join(str(int(done)) for done in (*steps.done, steps.key is not None, steps.is_prepared))
    curl = token_curl(deps.public_url, str(account_id), "KEY_ID", "SECRET_API_KEY")
    return Card(steps, on, seen, curl, caller, phone if deps.settings.emulator else "")


async def card_on_home(visit: Visit) -> Card | None:
    """The card, unless it is hidden or not for this visitor."""
    return await card_of(visit, "home") if await access.is_on_home(visit.deps, visit.actor) else None


def token_curl(base_url: str, account_id: str, key_id: str, api_key: str) -> str:
    """The request that makes an access token, as one shell line."""
    body = msgspec.json.encode({"key_id": key_id, "api_key": api_key}).decode()
    return f"curl -s {base_url}/clients/{account_id}/token --json {shlex.quote(body)}"


async def show(visit: Visit) -> Response:
    """The page."""
    on_home = await access.is_on_home(visit.deps, visit.actor)
    return page(visit, FirstStepsPage(await card_of(visit), on_home))


async def show_steps(visit: Visit) -> Response:
    """The list of steps, or nothing (204) when it is as the page has `seen` it."""
    card = await card_of(visit, "home" if visit.query("on") == "home" else "")
    return Response(status_code=204) if card.seen == visit.query("seen") else page(visit, StepsPart(card))


async def push(visit: Visit) -> Response:
    """Pushes the label to the card's phone; a script gets what came of it as JSON, and rings the phone."""
    if not visit.deps.settings.emulator:
        return _pushed(visit, NOT_HERE, is_good=False)
    try:
        record = await access.push(visit.deps, visit.actor)
    except NotFound:
        return _pushed(visit, LABEL_FIRST, is_good=False)
    except records.Refused as refused:
        said = " ".join(words.fault(fault.field, fault.fault) for fault in refused.faults)
        return _pushed(visit, said, is_good=False)
    said = f"{words.OUTCOMES[record.outcome]}: {words.OUTCOME_HINTS[record.outcome]}."
    return _pushed(visit, said, is_good=record.outcome is Outcome.SUCCESS)


async def prepare(visit: Visit) -> Response:
    """Sets up Call Me Back on the card's number, and a webhook to the demo's receiver."""
    if not visit.deps.settings.emulator:
        return visit.go(_back(visit), NOT_HERE, "warning")
    try:
        await access.prepare(visit.deps, visit.actor, _sink(visit))
    except NotFound:
        return visit.go(_back(visit), LABEL_FIRST, "warning")
    except AppError as refused:
        return visit.go(_back(visit), f"{refused.message[:1].upper()}{refused.message[1:]}.", "danger")
    return visit.go(_back(visit), f"{access.NAME}: the number is being listed, and its webhook is ready.")


async def hide(visit: Visit) -> Response:
    """Takes the card off Home."""
    await access.hide(visit.deps, visit.actor, hidden=True)
    return visit.go(HOME, "First steps are hidden. You can open them from the menu beside the account name.")


async def unhide(visit: Visit) -> Response:
    """Puts the card back on Home."""
    await access.hide(visit.deps, visit.actor, hidden=False)
    return visit.go(HOME)


def _pushed(visit: Visit, said: str, *, is_good: bool) -> Response:
    if visit.request.headers.get("accept") == "application/json":
        body = msgspec.json.encode({"said": said, "good": is_good})
        return Response(body, media_type="application/json")
    return visit.go(_back(visit), said, "success" if is_good else "warning")


def _sink(visit: Visit) -> str:
    """Where the demo's receiver takes the account's webhook; empty without the emulator."""
    if not visit.deps.settings.emulator:
        return ""
    return f"{visit.deps.public_url}/emulator/v1/sinks/first-steps-{visit.actor.account_id}"


def _back(visit: Visit) -> str:
    """The page that the button was on."""
    return HOME if visit.form.text("on") == "home" else START


ROUTES = (
    get("/first-steps", show, Action.KEYS_MANAGE),
    get("/first-steps/steps", show_steps, Action.KEYS_MANAGE),
    post("/first-steps/push", push, Action.RECORDS_PUSH),
    post("/first-steps/prepare", prepare, Action.KEYS_MANAGE),
    post("/first-steps/hide", hide, Action.KEYS_MANAGE),
    post("/first-steps/show", unhide, Action.KEYS_MANAGE),
)
