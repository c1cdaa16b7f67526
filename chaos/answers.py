"""What handsets ask, report and answer, by plain HTTP."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chaos.api import Answer
from chaos.checker import history
from chaos.handset import Handset
from chaos.numbering import Numbering
from chaos.operation import PAUSE_S, TRIES, Carry
from chaos.people import Business
from chaos.stage import Stage


class HandsetAnswers:
    """Carries them out; a callback request or feedback is kept and repeated until it is received, as an app does."""

    def __init__(self, stage: Stage, names: Numbering) -> None:
        self._stage = stage
        self._names = names
        self._kept: dict[str, Callable[[], Awaitable[bool]]] = {}

    @property
    def operations(self) -> Mapping[str, Carry]:
        """By kind."""
        return {
            "resolve": self._resolve,
            "call": self._call,
            "callback": self._callback,
            "feedback": self._feedback,
        }

    async def settle(self) -> bool:
        """Repeats what was not received, once; whether nothing is left."""
        await asyncio.gather(*(hand_over() for hand_over in list(self._kept.values())))
        return not self._kept

    async def _verb(self, handset: Handset, verb: str, body: dict[str, Any]) -> Answer:
        return await self._stage.gateway.ask("POST", f"/handset/v1/{verb}", token=handset.token, body=body)

    async def _resolve(self, chance: random.Random) -> bool:
        handset = chance.choice(list(self._stage.handsets.values()))
        asked = {"caller_number": chance.choice(self._stage.businesses).offers_on}
        return (await self._verb(handset, "resolve", asked)).is_taken

    async def _call(self, chance: random.Random) -> bool:
        handset = chance.choice(list(self._stage.handsets.values()))
        if not handset.held:
            return False
        frame = chance.choice(list(handset.held.values()))
        call = {"call_id": _uuid(chance), "caller_number": frame["caller_number"], "record": frame["record"]}
        events = ("shown", chance.choice(["answered", "missed", "rejected"]))
        said = [await self._verb(handset, "call", {**call, "event": one, "source": "call_record"}) for one in events]
        return all(answer.is_taken for answer in said)

    async def _callback(self, chance: random.Random) -> bool:
        business, handset = chance.choice(self._stage.businesses), chance.choice(list(self._stage.handsets.values()))
        marker = str(447_000_000_000 + self._names.next())
        body = {"request_id": _uuid(chance), "business_number": business.offers_on, "alternate_number": marker}
        return await self._answered(handset, business, "cmb", marker, body, _uuid(chance))

    async def _feedback(self, chance: random.Random) -> bool:
        business, handset = chance.choice(self._stage.businesses), chance.choice(list(self._stage.handsets.values()))
        call_id, marker = _uuid(chance), f"note {self._names.tag} {self._names.next()}"
        campaign = business.campaign
        answers = [{"question_id": campaign["questions"][0]["id"], "answer": marker}]
        body = {"call_id": call_id, "business_number": business.offers_on, "campaign_id": campaign["id"]}
        return await self._answered(
            handset, business, "user_feedback", marker, {**body, "call_type": "missed", "answers": answers}, call_id
        )

    async def _answered(
        self, handset: Handset, business: Business, kind: str, marker: str, body: dict[str, Any], call_id: str
    ) -> bool:
        """Reports a missed call and hands the answer over, now and until it is received."""
        call = {"call_id": call_id, "caller_number": business.offers_on, "event": "missed", "source": "none"}

        async def hand_over() -> bool:
            reported = await self._verb(handset, "call", {**call, "record": None})
            if not reported.is_taken:
                return False
            answer = await self._verb(handset, "call_me_back" if kind == "cmb" else "feedback", body)
            self._stage.history.note(
                history.Answer(
                    account=business.account,
                    kind=kind,
                    marker=marker,
                    sent=answer.sent,
                    answered=answer.answered,
                    status=answer.status,
                )
            )
            if answer.is_taken or 400 <= answer.status < 500:
                self._kept.pop(marker, None)
            return answer.is_taken

        self._kept[marker] = hand_over
        for _ in range(TRIES):
            if await hand_over():
                return True
            await asyncio.sleep(PAUSE_S)
        return False


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
