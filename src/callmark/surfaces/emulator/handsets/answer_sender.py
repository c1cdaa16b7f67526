"""What the receivers of virtual handsets answer after a call, said through the gateway as plain HTTP.

When the gateway refuses, scripts also get what it would have taken.
"""

import msgspec
import structlog
from msgspec import Struct

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.feedback import answers as feedback
from callmark.domain.feedback.model import ENDS_AS
from callmark.domain.resolution.model import Offers
from callmark.kit.errors import AppError, Conflict, InvalidInput
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber, shorten
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.handsets.model import AnswerIn, VirtualHandset
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.gateway.wire import CallMeBackBody, ResolveAnswer, ResolveBody

log = structlog.get_logger(__name__)

MOST_TOLD = 20
"""Slots that an error lists."""


class SentFeedback(Struct, frozen=True):
    """Feedback as the gateway takes it, ids as they were written: the gateway checks them."""

    call_id: str
    business_number: str
    campaign_id: str
    call_type: str
    answers: list[AnswerIn]


class AnswerSender:
    """Acts for receivers with the tokens of their handsets."""

    def __init__(self, deps: Deps, network: Network) -> None:
        self._deps = deps
        self._network = network

    async def say(self, handset: VirtualHandset, verb: str, body: Struct) -> bytes:
        """The gateway's answer. Raises what it refuses it with; Conflict when the handset is not online."""
        _check_reachable(handset)
        return await self._network.say(handset, verb, body)

    async def ask_back(self, handset: VirtualHandset, ask: farm_api.AskBack) -> farm_api.AskedBack:
        """Asks to be called back. Raises what the gateway refuses it with; Conflict when the handset is not online."""
        body = CallMeBackBody(
            request_id=random_uuid(),
            business_number=ask.business_number,
            interested=ask.interested,
            slot=ask.slot,
            sim_unknown=ask.sim_unknown,
            alternate_number=ask.alternate_number,
        )
        try:
            await self.say(handset, "call_me_back", body)
        except (InvalidInput, Conflict) as exc:
            raise await self._explained(exc, handset, ask.business_number, CallEvent.MISSED) from exc
        return farm_api.AskedBack(body.request_id)

    async def ask_back_by_script(self, handset: VirtualHandset, caller: PhoneNumber, offers: Offers) -> bool:
        """After a missed call: asks for the first slot, if the caller offers to call back at all; whether it has.

        For the second one where the first is refused: it may have begun since it was offered. After any other fault the
        first may have been kept, and the business would get two.
        """
        if not offers.call_me_back or (offers.slot_picker and not offers.slots):
            return False
        for slot in offers.slots[:2] or [None]:
            ask = farm_api.AskBack(
                receiver=handset.phone_number,
                business_number=caller,
                slot=slot,
                interested=True,
                sim_unknown=False,
                alternate_number=None,
            )
            try:
                await self.ask_back(handset, ask)
            except AppError as exc:
                log.warning("not_asked_back", phone=shorten(handset.phone_number), error=exc.message)
                if not isinstance(exc, InvalidInput):
                    return False
            else:
                return True
        return False

    async def respond(self, handset: VirtualHandset, respond: farm_api.Respond) -> farm_api.Responded:
        """Answers a campaign after the newest call of that type.

        Raises what the gateway refuses it with; Conflict without such a call, after one that was answered about, and
        for a handset that is not online.
        """
        _check_reachable(handset)
        business, outcomes = respond.business_number, ENDS_AS[respond.call_type]
        call = await calls.newest_call(self._deps, handset.phone_number, business, outcomes)
        if call is None:
            raise Conflict(
                f"no {respond.call_type.value} call from {business} to this handset has been reported; {_CALL_FIRST}"
            )
        if await feedback.answer_about(self._deps, handset.phone_number, call.id):
            raise Conflict(f"the newest {respond.call_type.value} call from {business} already has an answer")
        call_id = str(call.id)
        body = SentFeedback(call_id, business, respond.campaign_id, respond.call_type.value, respond.answers)
        try:
            await self.say(handset, "feedback", body)
        except (InvalidInput, Conflict) as exc:
            raise await self._explained(exc, handset, business, outcomes[0]) from exc
        return farm_api.Responded(call.id)

    async def _explained(
        self, exc: InvalidInput | Conflict, handset: VirtualHandset, business: PhoneNumber, needs: CallEvent
    ) -> InvalidInput | Conflict:
        """The gateway's refusal with what it would have taken."""
        if isinstance(exc, Conflict) and "reported" in exc.message:
            return type(exc)(f"{exc.message}; {_CALL_FIRST} with outcome {needs.value}")
        ask = ResolveBody(caller_number=business, time_zone=handset.time_zone)
        try:
            told = await self.say(handset, "resolve", ask)
        except AppError:
            return exc
        known = _known(exc.message, msgspec.json.decode(told, type=ResolveAnswer))
        return type(exc)(f"{exc.message}; {known}") if known else exc


_CALL_FIRST = "place one first: POST /emulator/v1/calls"


def _check_reachable(handset: VirtualHandset) -> None:
    if not handset.registered:
        raise Conflict(f"{handset.phone_number} is not registered, so no app on it can answer")
    if not handset.online:
        raise Conflict(f"{handset.phone_number} is offline; bring it online first")


def _known(message: str, now: ResolveAnswer) -> str:
    """What the gateway would take in the place that its message complains of; "" when there is nothing to list."""
    offers = now.offers
    if message.startswith("business_number"):
        offered = [
            what for what, is_on in (("a call back", offers.call_me_back), ("feedback", offers.campaigns)) if is_on
        ]
        return f"it offers {' and '.join(offered) or 'nothing'}: {now.why}"
    if message.startswith("slot"):
        more = f" and {len(offers.slots) - MOST_TOLD} more" if len(offers.slots) > MOST_TOLD else ""
        return f"offered now: {', '.join(offers.slots[:MOST_TOLD]) or 'none'}{more}"
    if message.startswith(("campaign_id", "call_type", "this campaign")):
        asking = [f"{one.id} ({one.name}, {' and '.join(one.call_types)} calls)" for one in offers.campaigns]
        return f"campaigns of this number: {', '.join(asking) or 'none is live'}"
    if message.startswith("answer"):
        return f"asked: {', '.join(f'{one.id} ({_how(one.text, one.options, one.kind)})' for one in offers.questions)}"
    return ""


def _how(text: str, options: tuple[str, ...], kind: str) -> str:
    return f"{text} {' | '.join(options) if options else kind}"
