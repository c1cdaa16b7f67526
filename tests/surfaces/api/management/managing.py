"""What the tests of the management API share: a business whose key may manage, and things of every kind."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct
from tests.domain.numbers.staging import labelled_set
from tests.support.audit_log import log_of
from tests.support.factories import Cast, make_branch, make_cast, make_label, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed, offer_everything, ring
from tests.support.openapi import operation_of

from callmark.domain.alerts import recipients
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_ACCESS, KeyAccess
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.kit.ids import random_uuid
from callmark.surfaces.app import build_app

HOOK = "https://hooks.example.com/callmark"
EVERYTHING = frozenset(ALL_ACCESS)
_BETWEEN = timedelta(milliseconds=50)


class Manager(Struct, frozen=True):
    """An account, and a client that manages it. Every answer is held against the API's description."""

    deps: Deps
    cast: Cast
    http: httpx.AsyncClient

    @property
    def clock(self) -> FakeClock:
        """The product clock, which goes on a little with each request: the limit of requests is not the point."""
        assert isinstance(self.deps.clock, FakeClock)
        return self.deps.clock

    @property
    def account_id(self) -> AccountId:
        return self.cast.account.id

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """An answer; an underscore in a header's name stands for a hyphen."""
        self.clock.advance(_BETWEEN)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            named.setdefault("Content-Type", "application/json")
        url = f"/extensions/v1/clients/{self.account_id}/{path}"
        answer = await self.http.request(method, url, content=content, headers=named)
        operation = operation_of(method, quote(answer.request.url.path, safe="/"))
        assert operation, url
        said = {name.lower(): value for name, value in answer.headers.items()}
        assert operation.answer_misfits(answer.status_code, said, answer.content) == [], answer.text
        if answer.is_success and body is not None:
            assert operation.request_misfits(msgspec.json.decode(content or b"{}")) == []
        return answer

    async def get(self, path: str) -> Any:
        return self._good(await self.ask("GET", path))

    async def post(self, path: str, body: object = None, status: int = 200) -> Any:
        return self._good(await self.ask("POST", path, body), status)

    async def create(self, path: str, body: object) -> Any:
        return await self.post(path, body, 201)

    async def patch(self, path: str, body: object) -> Any:
        return self._good(await self.ask("PATCH", path, body))

    async def delete(self, path: str) -> Any:
        return self._good(await self.ask("DELETE", path))

    async def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """The status of an answer, and the field that it is about; empty for none."""
        answer = await self.ask(method, path, body)
        assert not answer.is_success, answer.text
        told = answer.json()
        assert told.keys() <= {"slug", "message", "field"}
        return answer.status_code, told.get("field", "")

    async def actions(self) -> list[str]:
        """What the audit log says that the key did, oldest first."""
        log = await log_of(self.deps, self.account_id)
        return [entry.action for entry in reversed(log) if entry.actor_email == "API key key"]

    def _good(self, answer: httpx.Response, status: int = 200) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def managing(deps: Deps, access: frozenset[KeyAccess] = EVERYTHING) -> AsyncGenerator[Manager]:
    """A business of its own, in process."""
    cast = await make_cast(deps, features=access)
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api"})))
    auth = {"Authorization": f"Bearer {cast.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", headers=auth) as http:
        yield Manager(deps, cast, http)


async def make_everything(deps: Deps, account_id: AccountId) -> dict[str, str]:
    """A thing of every kind: its id by the name that paths have for it."""
    branch = await make_branch(deps, account_id)
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    reason = await call_reasons.create_call_reason(deps, account_id, text="Your parcel arrives today", by=SYSTEM)
    listed = await make_listed(deps, account_id=account_id, process_id=branch.process.id)
    receiver, _ = await ring(deps, listed)
    hook = await webhooks.create_webhook(deps, account_id, name="Desk", url=HOOK, event_types=[*EventType], by=SYSTEM)
    asked = await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    (delivery,) = await deliveries.list_deliveries(deps, account_id)
    campaign = await offer_everything(deps, listed)
    draft = await labelled_set(deps, account_id, "Drafts")
    pending = phone()
    job = await numbers.publish(deps, account_id, draft.id, [pending], by=SYSTEM)
    proof = await proofs.request_proof(deps, account_id, [pending], None, by=SYSTEM)
    told = await recipients.add_email(deps, account_id, "ops@elsewhere.example", ["webhook_paused"], by=SYSTEM)
    return {
        "recipientId": str(told.id),
        "proofRequestId": str(proof.id),
        "labelId": str(label.id),
        "callReasonId": str(reason.id),
        "unitId": str(branch.process.id),
        "departmentId": str(branch.department.id),
        "operationId": str(branch.operation.id),
        "processId": str(branch.process.id),
        "featureSetId": str(listed.feature_set_id),
        "phoneNumber": listed.number,
        "listingJobId": str(job.job_id),
        "callbackRequestId": str(asked.id),
        "campaignId": str(campaign.id),
        "webhookId": str(hook.webhook.id),
        "deliveryId": str(delivery.id),
    }


def filled(path: str, ids: dict[str, str]) -> str:
    """The path with ids in their places."""
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)
