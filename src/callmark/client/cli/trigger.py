"""`callmark trigger`: on an emulator, rings a handset and lets it answer back, so that a webhook fires."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

import click
import httpx
import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.client import inventory
from callmark.client.cli.session import CommandSession, ServerNotReachable, ServerRefuses, WrongUse, command
from callmark.client.core import Core, part
from callmark.client.http_clients import make_http
from callmark.client.shells import Shell

LISTED = "listed"
_MOST_TRIED = 100
_ERROR, _NOT_FOUND = 400, 404
_WAIT_S = 30.0


class OfferedCampaign(Struct):
    """A campaign that asks after calls of these types."""

    id: str
    call_types: list[str] = []
    question_ids: list[str] = []


class OfferedQuestion(Struct):
    """A question of a campaign."""

    id: str
    kind: str = "text"
    options: list[str] = []


class CallOffers(Struct, frozen=True):
    """What the screen offers after a call (docs/gateway.md)."""

    call_me_back: bool = False
    slot_picker: bool = False
    slots: list[str] = []
    campaigns: list[OfferedCampaign] = []
    questions: list[OfferedQuestion] = []

    def campaign_of(self, call_type: str) -> OfferedCampaign | None:
        """The campaign that asks after such a call."""
        return next((one for one in self.campaigns if call_type in one.call_types), None)


class Screen(Struct):
    """What a handset shows of a call; `why` says why nothing does."""

    name: str | None = None
    why: str = ""
    offers: CallOffers = CallOffers()


class _Problem(Struct):
    message: str = ""


def _number(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not text.removeprefix("+").isdecimal():
        raise click.BadParameter(f"{text!r} is not a number of a handset, such as 919900000001")
    return text


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--caller", metavar="N", help="The listed number that calls; found if left out."),
    click.option(
        "--receiver", default="919900000001", callback=_number, metavar="N", help="The handset (default: 919900000001)."
    ),
    click.option("--emulator-token", envvar="EMULATOR_TOKEN", metavar="T", help="Needed from another machine."),
)


def _options(work: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        work = option(work)
    return work


@click.group
def trigger() -> None:
    """Make a handset of an emulator answer, so that a webhook fires."""


@trigger.command("call-me-back")
@_options
@click.option("--not-interested", is_flag=True, help="The person does not want to be called back.")
@command
def call_me_back(
    session: CommandSession, caller: str | None, receiver: str, emulator_token: str | None, *, not_interested: bool
) -> None:
    """A missed call, then a request to call back, in the first slot that is offered."""
    with session.operations() as (core, shell), _emulator(core, emulator_token) as http:
        what = "no callback is offered after calls"
        caller = caller or _fitting(core, shell, http, receiver, lambda offers: offers.call_me_back, what)
        screen = _ring(http, caller, receiver, "missed")
        offers = screen.offers
        if not offers.call_me_back:
            raise _nothing(screen, f"{what} of {caller}")
        is_interested = not not_interested
        if is_interested and offers.slot_picker and not offers.slots:
            raise WrongUse("there is no slot at the moment: use --not-interested, or move the emulator's clock")
        body = {
            "business_number": caller,
            "slot": offers.slots[0] if is_interested and offers.slot_picker else None,
            "interested": is_interested,
        }
        answer = _asked(http, "POST", f"/handsets/{part(receiver)}/call-me-back", json=body)
    said = "The handset has asked to be called back." if is_interested else "The handset wants no callback."
    session.output.item({"receiver": receiver, **answer}, said)


@trigger.command("feedback")
@_options
@click.option("--outcome", type=click.Choice(["answered", "missed"]), default="answered", help="How the call ends.")
@command
def feedback(
    session: CommandSession, caller: str | None, receiver: str, emulator_token: str | None, outcome: str
) -> None:
    """A call, then an answer to each question of the campaign that asks after it."""
    with session.operations() as (core, shell), _emulator(core, emulator_token) as http:
        what = f"no live campaign asks after {outcome} calls"
        caller = caller or _fitting(core, shell, http, receiver, lambda offers: offers.campaign_of(outcome), what)
        screen = _ring(http, caller, receiver, outcome)
        campaign = screen.offers.campaign_of(outcome)
        if campaign is None:
            raise _nothing(screen, f"{what} of {caller}")
        questions = {one.id: one for one in screen.offers.questions}
        answers = [
            {"question_id": one, "answer": _answer(questions[one])} for one in campaign.question_ids if one in questions
        ]
        body = {"business_number": caller, "campaign_id": campaign.id, "call_type": outcome, "answers": answers}
        answer = _asked(http, "POST", f"/handsets/{part(receiver)}/feedback", json=body)
    session.output.item({"receiver": receiver, **answer}, "The handset has answered.")


def _answer(question: OfferedQuestion) -> str:
    match question.kind:
        case "rating":
            return "5"
        case "choice":
            return question.options[0]
        case _:
            return "All went well"


def _emulator(core: Core, token: str | None) -> AbstractContextManager[httpx.Client]:
    token = token and token.strip()  # a variable out of a file ends in a line break
    if token and not (token.isascii() and token.isprintable()):
        raise click.UsageError("--emulator-token (EMULATOR_TOKEN) has characters that no token has")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base_url = f"{core.options.base_url}/emulator/v1"
    return make_http(httpx.Client, core.options, base_url=base_url, headers=headers, timeout=_WAIT_S)


def _fitting(
    core: Core, shell: Shell, http: httpx.Client, receiver: str, fits: Callable[[CallOffers], object], what: str
) -> str:
    """The first listed number whose calls offer it to the receiver. Raises WrongUse if there is none."""
    screen = None
    listed = (one.phone_number for one in shell.iterate(inventory.numbers(core, {})) if one.status == LISTED)
    for number in islice(listed, _MOST_TRIED):
        answer = _asked(http, "GET", f"/handsets/{part(receiver)}/screen", params={"caller": number})
        screen = msgspec.convert(answer, Screen, strict=False)
        if fits(screen.offers):
            return number
    if screen is None:
        raise WrongUse("the account has no listed number: name one with --caller")
    raise _nothing(screen, f"{what} of the account's listed numbers")


def _nothing(screen: Screen, what: str) -> WrongUse:
    return WrongUse(what if screen.name else screen.why or what)


def _ring(http: httpx.Client, caller: str, receiver: str, outcome: str) -> Screen:
    body = {"caller": caller, "receiver": receiver, "outcome": outcome}
    return msgspec.convert(_asked(http, "POST", "/calls", json=body), Screen, strict=False)


def _asked(http: httpx.Client, method: str, path: str, **given: Any) -> dict[str, Any]:
    """The emulator's answer. Raises what ends the command."""
    try:
        got = http.request(method, path, **given)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServerNotReachable(f"cannot reach {http.base_url}: {exc}") from exc
    if got.status_code == _NOT_FOUND and path.endswith(("/calls", "/screen")):
        raise ServerRefuses(f"there is no emulator at {http.base_url} (`callmark demo` has one)")
    try:
        if got.status_code >= _ERROR:
            told = msgspec.json.decode(got.content, type=_Problem).message
            raise ServerRefuses(f"{told or 'the emulator refuses'} (HTTP {got.status_code})")
        return msgspec.json.decode(got.content, type=dict[str, Any])
    except NOT_JSON as exc:
        raise ServerRefuses(f"the answer of {http.base_url} is none of an emulator (HTTP {got.status_code})") from exc
