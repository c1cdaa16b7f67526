"""The first steps of a new account: a card on Home, and a page of their own for people who have hidden it.

In emulator mode the phone is inside the card: a virtual handset, shown as the emulator's own pages show it, and the
demo's receiver takes the webhook. Without the emulator the steps that need them say what to do instead.
"""

import shlex
from typing import ClassVar

import msgspec
from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.first_steps import service as first_steps
from callmark.domain.first_steps.service import FirstSteps
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.validation import RecordRefused
from callmark.domain.policy.model import Action
from callmark.kit.errors import AppError, NotFound
from callmark.surfaces.console import display_names
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import HOME, ConsoleRequest
from callmark.surfaces.console.route import get, post

START = "/console/first-steps"
NOT_HERE, LABEL_FIRST = "This step is only available in the demo.", "Create a caller ID first."


class Card(Struct, frozen=True):
    """The steps, and what the card says about them. `on` is `home` there; `phone` is empty without the emulator."""

    steps: FirstSteps
    on: str
    seen: str
    curl: str
    caller: str
    phone: str

    @property
    def is_done(self) -> bool:
        """Whether every step is."""
        return all(self.steps.done)


class StepsPart(Page, frozen=True):
    """The list of steps alone, for a page that shows it already."""

    template: ClassVar[str] = "first_steps/steps.html"
    card: Card


class FirstStepsPage(Page, frozen=True):
    """The card as a page of its own."""

    template: ClassVar[str] = "first_steps/page.html"
    card: Card
    is_on_home: bool


async def card_of(request: ConsoleRequest, on: str = "") -> Card:
    """The card of the visitor's account."""
    deps, account_id = request.deps, request.account_id
    caller, phone = first_steps.demo_numbers(account_id)
    steps = await first_steps.read_first_steps(deps, account_id, _sink(request))
    seen = "".join(str(int(done)) for done in (*steps.done, steps.key is not None, steps.is_prepared))
    curl = token_curl(deps.public_url, str(account_id), "KEY_ID", "SECRET_API_KEY")
    return Card(steps, on, seen, curl, caller, phone if deps.settings.emulator else "")


async def card_on_home(request: ConsoleRequest) -> Card | None:
    """The card, unless it is hidden or not for this visitor."""
    return await card_of(request, "home") if await _is_on_home(request) else None


def token_curl(base_url: str, account_id: str, key_id: str, api_key: str) -> str:
    """The request that makes an access token, as one shell line."""
    body = msgspec.json.encode({"key_id": key_id, "api_key": api_key}).decode()
    return f"curl -s {base_url}/clients/{account_id}/token --json {shlex.quote(body)}"


async def show(request: ConsoleRequest) -> Response:
    return page(request, FirstStepsPage(await card_of(request), await _is_on_home(request)))


async def show_steps(request: ConsoleRequest) -> Response:
    """The list of steps, or nothing (204) when it is as the page has `seen` it."""
    card = await card_of(request, "home" if request.query("on") == "home" else "")
    return Response(status_code=204) if card.seen == request.query("seen") else page(request, StepsPart(card))


async def push(request: ConsoleRequest) -> Response:
    """Pushes the label to the card's phone; a script gets the result as JSON, and rings the phone."""
    if not request.deps.settings.emulator:
        return _pushed(request, NOT_HERE, is_good=False)
    try:
        record = await first_steps.push_to_demo(request.deps, request.account_id, by=request.by)
    except NotFound:
        return _pushed(request, LABEL_FIRST, is_good=False)
    except RecordRefused as refused:
        said = " ".join(display_names.fault(fault.field, fault.fault) for fault in refused.faults)
        return _pushed(request, said, is_good=False)
    said = f"{display_names.OUTCOMES[record.outcome]}: {display_names.OUTCOME_HINTS[record.outcome]}."
    return _pushed(request, said, is_good=record.outcome is Outcome.SUCCESS)


async def prepare(request: ConsoleRequest) -> Response:
    """Sets up Call Me Back on the card's number, and a webhook to the demo's receiver."""
    if not request.deps.settings.emulator:
        return request.go(_back(request), NOT_HERE, "warning")
    try:
        await first_steps.prepare_demo(request.deps, request.account_id, _sink(request), by=request.by)
    except NotFound:
        return request.go(_back(request), LABEL_FIRST, "warning")
    except AppError as refused:
        return request.go(_back(request), display_names.sentence(refused.message), "danger")
    return request.go(_back(request), f"{first_steps.NAME}: the number is being listed, and its webhook is ready.")


async def hide(request: ConsoleRequest) -> Response:
    """Takes the card off Home."""
    await accounts.hide_first_steps(request.deps, request.account_id, hidden=True)
    return request.go(HOME, "First steps are hidden. You can open them from the menu beside the account name.")


async def unhide(request: ConsoleRequest) -> Response:
    """Puts the card back on Home."""
    await accounts.hide_first_steps(request.deps, request.account_id, hidden=False)
    return request.go(HOME)


async def _is_on_home(request: ConsoleRequest) -> bool:
    """Whether Home shows the card: to those who can take the steps, until it is hidden."""
    may_take = all(map(request.offers, (Action.LABELS_MANAGE, Action.RECORDS_PUSH, Action.KEYS_MANAGE)))
    return may_take and not await accounts.are_first_steps_hidden(request.deps, request.account_id)


def _pushed(request: ConsoleRequest, said: str, *, is_good: bool) -> Response:
    if request.http.headers.get("accept") == "application/json":
        body = msgspec.json.encode({"said": said, "good": is_good})
        return Response(body, media_type="application/json")
    return request.go(_back(request), said, "success" if is_good else "warning")


def _sink(request: ConsoleRequest) -> str:
    """Where the demo's receiver takes the account's webhook; empty without the emulator."""
    if not request.deps.settings.emulator:
        return ""
    return f"{request.deps.public_url}/emulator/v1/sinks/first-steps-{request.account_id}"


def _back(request: ConsoleRequest) -> str:
    """The page that the button was on."""
    return HOME if request.form.text("on") == "home" else START


ROUTES = (
    get("/first-steps", show, Action.KEYS_MANAGE),
    get("/first-steps/steps", show_steps, Action.KEYS_MANAGE),
    post("/first-steps/push", push, Action.RECORDS_PUSH),
    post("/first-steps/prepare", prepare, Action.KEYS_MANAGE),
    post("/first-steps/hide", hide, Action.KEYS_MANAGE),
    post("/first-steps/show", unhide, Action.KEYS_MANAGE),
)
