"""Pushes as businesses make them: in bulk, in real time, repeated, by the client library, and withdrawn."""

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import Any

from msgspec import Struct

import callmark
from chaos.api import Answer
from chaos.checker import history
from chaos.numbering import Numbering
from chaos.operation import PAUSE_S, TRIES, Carry
from chaos.people import Business
from chaos.stage import Stage

WINDOW_MS = 8 * 60_000
CALLERS = ("918040770001", "918040770002", "918040770003")
WITH_A_KEY = 0.75
"""Share of pushes that have an idempotency key."""


class KeyedPush(Struct, frozen=True):
    """A push that may be repeated: what it is, byte for byte."""

    business: Business
    key: str
    path: str
    body: dict[str, Any]
    real_time: bool

    @property
    def records(self) -> list[dict[str, Any]]:
        """Its records."""
        return [self.body] if self.real_time else self.body["call_records"]


class Pushes:
    """Carries them out; a push with a key is repeated until it is answered."""

    def __init__(self, stage: Stage, names: Numbering) -> None:
        self._stage = stage
        self._names = names
        self._recent: deque[KeyedPush] = deque(maxlen=40)
        self._unanswered: dict[str, KeyedPush] = {}
        self._batches: list[tuple[Business, str]] = []
        self._cancelled: set[str] = set()
        self._clients = [self._client(business) for business in stage.businesses]

    @property
    def operations(self) -> Mapping[str, Carry]:
        """By kind."""
        return {
            "bulk": self._bulk,
            "real time": self._real_time,
            "repeated push": self._repeat,
            "client library": self._library,
            "client library, many": self._library_many,
            "cancel": self._cancel,
        }

    async def settle(self) -> bool:
        """Repeats what was not answered, once; whether nothing is left."""
        await asyncio.gather(*(self._try_push(push) for push in list(self._unanswered.values())))
        return not self._unanswered

    async def close(self) -> None:
        """Ends the clients."""
        for client in self._clients:
            await client.close()

    def take_batches(self) -> list[tuple[Business, str]]:
        """Batches that were accepted since the last time."""
        taken, self._batches = self._batches, []
        return taken

    def take_cancelled(self) -> set[str]:
        """Records that were, or may have been, withdrawn since the last time."""
        taken, self._cancelled = self._cancelled, set()
        return taken

    def _record(self, chance: random.Random, business: Business) -> dict[str, Any]:
        now = self._stage.clock.now_ms()
        return {
            "caller_number": chance.choice(CALLERS),
            "receiver_number": chance.choice(list(self._stage.handsets)),
            "label_id": business.labels["dynamic"],
            "dynamic_call_reason": f"Order {self._names.tag} {self._names.next()} is on its way",
            "starts_at": now - 1000,
            "ends_at": now + WINDOW_MS,
        }

    def _push(self, chance: random.Random, *, real_time: bool) -> KeyedPush:
        business = chance.choice(self._stage.businesses)
        records = [self._record(chance, business) for _ in range(1 if real_time else chance.randint(2, 8))]
        body = records[0] if real_time else {"call_records": records}
        path = f"/v2{business.path}/dynamic_call_record{'' if real_time else 's'}"
        key = f"key-{self._names.tag}-{self._names.next()}" if chance.random() < WITH_A_KEY else ""
        return KeyedPush(business, key, path, body, real_time)

    async def _bulk(self, chance: random.Random) -> bool:
        return await self._pushed(self._push(chance, real_time=False))

    async def _real_time(self, chance: random.Random) -> bool:
        return await self._pushed(self._push(chance, real_time=True))

    async def _pushed(self, push: KeyedPush) -> bool:
        if not push.key:
            return await self._try_push(push)
        self._recent.append(push)
        self._unanswered[push.key] = push
        for _ in range(TRIES):
            if await self._try_push(push):
                return True
            await asyncio.sleep(PAUSE_S)
        return False

    async def _try_push(self, push: KeyedPush) -> bool:
        answer = await push.business.ask("POST", push.path, body=push.body, key=push.key)
        outcome = ""
        if push.real_time and answer.is_taken:
            outcome = _outcome(answer)
        self._note_push(push, answer, outcome)
        if not answer.is_unsure and answer.status not in {401, 429}:
            self._unanswered.pop(push.key, None)
            return True
        return False

    def _note_push(self, push: KeyedPush, answer: Answer, outcome: str) -> None:
        if answer.is_taken and not push.real_time:
            self._batches.append((push.business, answer.body["batch_id"]))
        self._stage.history.note(
            history.Push(
                account=push.business.account,
                key=push.key,
                reasons=[record["dynamic_call_reason"] for record in push.records],
                receivers=[record["receiver_number"] for record in push.records],
                sent=answer.sent,
                answered=answer.answered,
                status=answer.status,
                real_time=push.real_time,
                batch_id=answer.body["batch_id"] if answer.is_taken and not push.real_time else "",
                outcome=outcome,
            )
        )

    async def _repeat(self, chance: random.Random) -> bool:
        """The same push by two requests at once."""
        if not self._recent:
            return False
        push = chance.choice(list(self._recent))
        return any(await asyncio.gather(self._try_push(push), self._try_push(push)))

    def _client(self, business: Business) -> callmark.AsyncClient:
        return callmark.AsyncClient(
            base_url=self._stage.platform.front.url,
            account_id=business.account,
            key_id=business.key_id,
            api_key=business.api_key,
            timeout=5,
            max_retries=3,
        )

    async def _library(self, chance: random.Random) -> bool:
        which = chance.randrange(len(self._clients))
        business, client = self._stage.businesses[which], self._clients[which]
        record = self._record(chance, business)
        push = KeyedPush(business, f"library-{self._names.tag}-{self._names.next()}", "", record, real_time=True)
        sent, status, outcome = monotonic(), 0, ""
        try:
            got = await client.push(**_library_record(record), idempotency_key=push.key)
            status, outcome = 200, _named(got.status, got.message or "")
        except callmark.InvalidRecord:
            status = 400
        except callmark.CallmarkError:
            pass
        self._note_push(push, Answer(status, sent, monotonic()), outcome)
        return bool(status)

    async def _library_many(self, chance: random.Random) -> bool:
        which = chance.randrange(len(self._clients))
        business, client = self._stage.businesses[which], self._clients[which]
        records = [self._record(chance, business) for _ in range(5)]
        push = KeyedPush(
            business, f"library-{self._names.tag}-{self._names.next()}", "", {"call_records": records}, real_time=False
        )
        sent, status, batch_id = monotonic(), 0, ""
        try:
            async for result in client.push_many([_library_record(record) for record in records], wait=False):
                batch_id = result.batch_id or ""
            status = 200 if batch_id else 400
        except callmark.CallmarkError:
            pass
        self._note_push(push, Answer(status, sent, monotonic(), {"batch_id": batch_id}), "")
        return bool(status)

    async def _cancel(self, chance: random.Random) -> bool:
        handset = chance.choice(list(self._stage.handsets.values()))
        if not handset.held:
            return False
        record_id = chance.choice(list(handset.held))
        self._cancelled.add(record_id)
        for business in self._stage.businesses:
            answer = await business.ask("POST", f"{business.extensions}/records/{record_id}/cancel")
            if answer.status != 404:
                self._stage.history.note(
                    history.Cancel(
                        record_id=record_id, sent=answer.sent, answered=answer.answered, status=answer.status
                    )
                )
                return answer.is_taken
        return False


def _outcome(answer: Answer) -> str:
    info = answer.body["status_info"]
    return _named(info["status"], info.get("message", ""))


_NAMES = {
    "Failed to push": "failed_to_push",
    "Not a Truecaller user": "not_registered",
    "OS not supported": "os_not_supported",
    "App version not supported": "app_version_not_supported",
}


def _named(status: str, message: str) -> str:
    """What a real-time answer says, by the name that a record's timeline has for it."""
    return "success" if status == "success" else _NAMES.get(message, message)


def _library_record(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "caller": record["caller_number"],
        "receiver": record["receiver_number"],
        "label_id": record["label_id"],
        "reason": record["dynamic_call_reason"],
        "starts_at": record["starts_at"],
        "ends_at": record["ends_at"],
    }
