"""The second half of the demo's story: a listed number rings, and what the receiver answers reaches the business."""

import csv
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.instants import to_ms
from callmark.kit.errors import Conflict
from callmark.kit.outbound.signed_posts import read_secret, signature
from callmark.processes.demo.credentials import AccountOut
from callmark.processes.demo.story_run import StoryFailed, StoryRun, expect, until

RECEIVER = "919900000003"
SINK = "demo-story"
WEBHOOK = "Demo story"
EVENT_WITHIN_S = 15.0


@asynccontextmanager
async def story_webhook(deps: Deps, account: AccountOut, base_url: str) -> AsyncGenerator[str | None]:
    """The secret of a webhook that exists as long as the block, None where the account has its five already."""
    account_id = AccountId(UUID(account.client_account_id))
    for one in await webhooks.list_webhooks(deps, account_id):
        if one.name == WEBHOOK:  # of a start that was cut short
            await webhooks.delete_webhook(deps, account_id, one.id, by=SYSTEM)
    try:
        made = await webhooks.create_webhook(
            deps,
            account_id,
            name=WEBHOOK,
            url=f"{base_url}/emulator/v1/sinks/{SINK}",
            event_types=list(EventType),
            by=SYSTEM,
        )
    except Conflict:
        yield None
        return
    try:
        yield made.secret
    finally:
        await webhooks.delete_webhook(deps, account_id, made.webhook.id, by=SYSTEM)


class Answers:
    """Tells how a receiver answers a missed call of `account`'s first listed number."""

    def __init__(self, run: StoryRun, account: AccountOut, token: str, secret: str | None) -> None:
        self._run = run
        self._http = run.http
        self._account = account
        self._number = account.listed_numbers[0]
        self._headers = {"Authorization": f"Bearer {token}"}
        self._secret = secret

    async def tell(self) -> None:
        """All steps. Raises StoryFailed or httpx.HTTPError."""
        began = to_ms(datetime.fromisoformat(expect(await self._http.get("/emulator/v1/clock"))["now"]))
        await self._http.delete(f"/emulator/v1/sinks/{SINK}")
        offers = await self._missed()
        await self._call_me_back(offers)
        await self._webhook(EventType.CALL_ME_BACK)
        await self._feedback(offers)
        await self._webhook(EventType.USER_FEEDBACK)
        await self._log(began)
        await self._http.delete(f"/emulator/v1/sinks/{SINK}")

    async def _missed(self) -> dict[str, Any]:
        async with self._run.step(f"{self._number} (listed) calls {RECEIVER} without a record; the call is missed"):
            call = {"caller": self._number, "receiver": RECEIVER, "outcome": "missed"}
            shown = expect(await self._http.post("/emulator/v1/calls", json=call))
            if shown["source"] != "listed_number" or shown["name"] != self._account.labels.static[0].name:
                raise StoryFailed(f"the static label {self._account.labels.static[0].name}", shown)
            if not shown["offers"]["slots"] or not shown["offers"]["questions"]:
                raise StoryFailed("offers for a callback and for feedback", shown["offers"])
        self._run.printer.screen(shown["name"], shown["call_reason"], self._number)
        return shown["offers"]

    async def _call_me_back(self, offers: dict[str, Any]) -> None:
        slot = offers["slots"][0]
        async with self._run.step(f"the receiver requests a callback at {slot}"):
            asked = {"business_number": self._number, "slot": slot, "interested": True}
            expect(await self._http.post(f"/emulator/v1/handsets/{RECEIVER}/call-me-back", json=asked))

    async def _feedback(self, offers: dict[str, Any]) -> None:
        question = offers["questions"][0]
        answer = (question.get("options") or ["Yes"])[0]
        async with self._run.step(f"the receiver gives feedback: {question['text']} {answer}"):
            given = {
                "business_number": self._number,
                "campaign_id": self._account.campaign_id,
                "call_type": "missed",
                "answers": [{"question_id": question["id"], "answer": answer}],
            }
            expect(await self._http.post(f"/emulator/v1/handsets/{RECEIVER}/feedback", json=given))

    async def _webhook(self, event_type: EventType) -> None:
        if self._secret is None:
            return
        secret = self._secret
        async with self._run.step(f"the business's webhook receives the signed {event_type.value} event") as step:
            came: dict[str, Any] = {}

            async def received() -> tuple[bool, object]:
                for one in (await self._http.get(f"/emulator/v1/sinks/{SINK}/requests")).json():
                    if f'"event_type":"{event_type.value}"' in one["body"]:
                        came.update(one)
                        return True, None
                return False, "the event has not arrived"

            await until(received, EVENT_WITHIN_S, f"the {event_type.value} event")
            if not _is_signed(came, secret):
                raise StoryFailed("a signature that matches the webhook's secret", came["headers"])
            step.result = "signature verified"

    async def _log(self, began_ms: int) -> None:
        async with self._run.step("the business downloads its Call Me Back log") as step:
            account = self._account.client_account_id
            now = to_ms(datetime.fromisoformat(expect(await self._http.get("/emulator/v1/clock"))["now"]))
            link = expect(
                await self._http.get(
                    f"/clients/{account}/openapi/callback-logs/summary",
                    params={"from": str(began_ms), "to": str(now)},
                    headers=self._headers,
                )
            )
            file = await self._http.get(link["url"])
            rows = [row for row in csv.DictReader(io.StringIO(file.text)) if row.get("client_number") == RECEIVER]
            if not rows:
                raise StoryFailed(f"a line about {RECEIVER}", file.text[:500])
            last = rows[-1]
            step.result = f"{last['client_number']}, {last['requested_slot']} {last['requested_date']}"


def _is_signed(request: dict[str, Any], secret: str) -> bool:
    """Whether the request carries the signature of Standard Webhooks made with `secret`."""
    headers = {name.lower(): value for name, value in dict(request["headers"]).items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{request['body']}".encode()
    return signature(read_secret(secret), signed) in headers["webhook-signature"].split(" ")
