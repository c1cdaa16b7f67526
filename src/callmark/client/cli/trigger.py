"""`callmark trigger`: on an emulator, rings a handset and lets it answer back, so that a webhook fires."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import click
import httpx
import msgspec
from msgspec import Struct

from callmark.client import inventory
from callmark.client.cli.session import CommandSession, ServerNotReachable, ServerRefuses, WrongUse, command
from callmark.client.core import Core
from callmark.client.shells import Shell

ENABLED, LISTED = "enabled", "listed"
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


class _RungCall(Struct):
    offers: CallOffers = CallOffers()


class _Problem(Struct):
    message: str = ""


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--caller", metavar="N", help="The listed number that calls; found if left out."),
    click.option("--receiver", default="919900000001", metavar="N", help="The handset (default: 919900000001)."),
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
        caller = caller or _listed(core, shell, needs_call_me_back=True)
        offers = _ring(http, caller, receiver, "missed")
        if not offers.call_me_back:
            raise WrongUse(f"calls of {caller} offer no callback: is Call Me Back on for its feature set?")
        is_interested = not not_interested
        if is_interested and offers.slot_picker and not offers.slots:
            raise WrongUse("there is no slot at the moment: use --not-interested, or move the emulator's clock")
        body = {
            "business_number": caller,
            "slot": offers.slots[0] if is_interested and offers.slot_picker else None,
            "interested": is_interested,
        }
        answer = _asked(http, f"/handsets/{receiver}/call-me-back", body)
    session.output.item({"receiver": receiver, **answer}, "The handset has asked to be called back.")


@trigger.command("feedback")
@_options
@click.option("--outcome", type=click.Choice(["answered", "missed"]), default="answered", help="How the call ends.")
@command
def feedback(
    session: CommandSession, caller: str | None, receiver: str, emulator_token: str | None, outcome: str
) -> None:
    """A call, then an answer to each question of the campaign that asks after it."""
    with session.operations() as (core, shell), _emulator(core, emulator_token) as http:
        caller = caller or _listed(core, shell, needs_call_me_back=False)
        offers = _ring(http, caller, receiver, outcome)
        campaign = next((one for one in offers.campaigns if outcome in one.call_types), None)
        if campaign is None:
            raise WrongUse(f"no live campaign asks after {outcome} calls of {caller}")
        questions = {one.id: one for one in offers.questions}
        answers = [
            {"question_id": one, "answer": _answer(questions[one])} for one in campaign.question_ids if one in questions
        ]
        body = {"business_number": caller, "campaign_id": campaign.id, "call_type": outcome, "answers": answers}
        answer = _asked(http, f"/handsets/{receiver}/feedback", body)
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
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    trusts = not core.options.is_on_this_machine
    base_url = f"{core.options.base_url}/emulator/v1"
    return httpx.Client(base_url=base_url, headers=headers, timeout=_WAIT_S, trust_env=trusts)


def _listed(core: Core, shell: Shell, *, needs_call_me_back: bool) -> str:
    """A number whose calls may offer it. Raises WrongUse if there is none."""
    for number in shell.iterate(inventory.numbers(core, {})):
        if number.status == LISTED and (not needs_call_me_back or number.call_me_back == ENABLED):
            return number.phone_number
    what = " with Call Me Back" if needs_call_me_back else ""
    raise WrongUse(f"the account has no listed number{what}: name one with --caller")


def _ring(http: httpx.Client, caller: str, receiver: str, outcome: str) -> CallOffers:
    answer = _asked(http, "/calls", {"caller": caller, "receiver": receiver, "outcome": outcome})
    return msgspec.convert(answer, _RungCall, strict=False).offers


def _asked(http: httpx.Client, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    """The emulator's answer. Raises what ends the command."""
    try:
        got = http.post(path, json=dict(body))
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServerNotReachable(f"cannot reach {http.base_url}: {exc}") from exc
    if got.status_code >= _ERROR:
        try:
            told = msgspec.json.decode(got.content, type=_Problem).message
        except msgspec.DecodeError:
            told = ""
        if got.status_code == _NOT_FOUND and not told:
            told = "there is no emulator here (callmark demo has one)"
        raise ServerRefuses(f"{told or 'the emulator refuses'} (HTTP {got.status_code})")
    answer: dict[str, Any] = got.json()
    return answer
