"""What the tests of extension routes share: a business with its client, and a handset that acknowledges."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from msgspec import Struct
from tests.support.factories import Cast, make_cast
from tests.support.waiting import Growing, in_task

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.app import build_app

CALLER = "918047770001"


class Business(Struct, frozen=True):
    """An account and a client that speaks for it."""

    deps: Deps
    cast: Cast
    http: httpx.AsyncClient

    def record(self, receiver: str, **changed: Any) -> dict[str, Any]:
        """A good v2 record, open for an hour."""
        now = to_ms(self.deps.clock.now())
        return {
            "caller_number": CALLER,
            "receiver_number": receiver,
            "label_id": str(self.cast.label.id),
            "dynamic_call_reason": "Your parcel arrives today",
            "starts_at": now,
            "ends_at": now + 3_600_000,
        } | changed

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """POSTs JSON; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path.replace("{id}", str(self.cast.account.id)), json=body, headers=named)

    async def push(self, *records: dict[str, Any], **headers: str) -> str:
        """Submits a v2 batch; its id."""
        answer = await self.post("/v2/clients/{id}/dynamic_call_records", {"call_records": records}, **headers)
        return answer.json()["batch_id"]

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """An extension route's answer."""
        answer = await self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, path: str, **query: Any) -> httpx.Response:
        """As `get`, the whole response."""
        return await self.http.get(f"/extensions/v1/clients/{self.cast.account.id}/{path}", params=query)

    async def do(self, path: str, body: object = None) -> httpx.Response:
        """POSTs to an extension route."""
        return await self.post(f"/extensions/v1/clients/{{id}}/{path}", body)


@asynccontextmanager
async def business(deps: Deps) -> AsyncGenerator[Business]:
    """A business of its own, in process."""
    cast = await make_cast(deps)
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api"})))
    auth = {"Authorization": f"Bearer {cast.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", headers=auth) as http:
        yield Business(deps, cast, http)


async def register(deps: Deps, number: PhoneNumber) -> None:
    """The number gets a handset."""
    _, credential = await handsets.create_app(deps, "app", by=SYSTEM)
    await handsets.register(deps, credential, number, OS.ANDROID, "5.0.0")


async def hold_all(deps: Deps, number: PhoneNumber) -> Growing[bytes]:
    """The number's handset is connected and acknowledges everything; what it gets."""
    got = Growing[bytes]()

    async def on_push(_: str, reply: str, payload: bytes) -> None:
        got.append(payload)
        if reply:
            deps.fabric.acknowledge(reply)

    await deps.fabric.attach(number, in_task(on_push))
    return got
