"""An installation in emulator mode as it runs: two HTTP processes, a worker and the handsets' process."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct
from tests.e2e.play import PATIENCE_S, Serving, serving
from tests.e2e.serving import ENVIRON
from tests.support.engines import SECRET_KEY, Engines
from tests.support.factories import Cast, make_cast
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.domain.personalisation.model import Outcome
from callmark.instants import to_ms
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps

CALLER = "918040001234"
CONTROL = "/emulator/v1"
HELD, LOST, NOBODY = "Record processed successfully", "Failed to push", "Not a Truecaller user"


class Installed(Struct):
    """The running installation, and alice's account on it."""

    serve: Serving
    deps: Deps
    cast: Cast
    fresh: httpx.AsyncClient
    """Makes a connection for each request, so that both processes get some."""
    token_text: str = ""

    async def control(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        """An answer of the control API."""
        answer = await self.serve.client.request(method, f"{CONTROL}/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def token(self) -> httpx.Response:
        """The answer to a request for a token."""
        pair = {"key_id": self.cast.key_id, "api_key": self.cast.api_key}
        return await self.serve.client.post(f"/clients/{self.cast.account.id}/token", json=pair)

    async def push(self, receiver: str, token: str = "") -> httpx.Response:
        """A real-time push by the product clock."""
        now = to_ms(self.deps.clock.now())
        record = {
            "caller_number": CALLER,
            "receiver_number": receiver,
            "label_id": str(self.cast.label.id),
            "dynamic_call_reason": "Your parcel arrives today",
            "starts_at": now,
            "ends_at": now + 3_600_000,
        }
        url = f"/v2/clients/{self.cast.account.id}/dynamic_call_record"
        return await self.fresh.post(url, json=record, headers={"Authorization": f"Bearer {token or self.token_text}"})

    async def outcome(self, receiver: str, token: str = "") -> str:
        """What becomes of a push."""
        answer = await self.push(receiver, token)
        assert answer.status_code == 200, answer.text
        return answer.json()["status_info"]["message"]

    async def holds(self, receiver: str, token: str = "") -> None:
        """Pushes; returns when the handset holds the record: in time, or later on a machine that is busy."""
        if await self.outcome(receiver, token) == LOST:
            await until(partial(self._is_delivered, receiver))

    async def _is_delivered(self, receiver: str) -> bool:
        return (await self.stored(receiver))[-1] == Outcome.SUCCESS

    async def stored(self, receiver: str) -> list[str]:
        """What has become of all pushes to it, those too that were answered too early."""
        async with self.deps.db.connection() as tx:
            rows = await tx.fetch("SELECT outcome FROM call_record WHERE receiver_number = $1 ORDER BY id", receiver)
        return [row["outcome"] for row in rows]

    async def outcomes(self, receiver: str, pushes: int) -> list[str]:
        """What becomes of so many pushes, one after the other."""
        return [await self.outcome(receiver) for _ in range(pushes)]


@asynccontextmanager
async def installation(engines: Engines, data: Path) -> AsyncGenerator[Installed]:
    """The installation with alice's account, once every handset is connected."""
    environ = ENVIRON | {
        "CALLMARK_POSTGRES_DSN": engines.dsn,
        "CALLMARK_NATS_URL": engines.nats_url,
        "CALLMARK_SECRET_KEY": SECRET_KEY,
        "CALLMARK_DATA": str(data),
        "CALLMARK_REAL_TIME_DEADLINE_S": "2.5",
    }
    settings = read_settings(
        {}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY, emulator=True
    )
    async with AsyncExitStack() as stack:
        serve = await stack.enter_async_context(serving(environ, "--emulator", "--processes", "2"))
        deps = await stack.enter_async_context(open_deps(settings, "test", connected_within_s=PATIENT_S))
        limits = httpx.Limits(max_connections=30, max_keepalive_connections=0)
        client = httpx.AsyncClient(base_url=serve.url, trust_env=False, timeout=60, limits=limits)
        here = Installed(serve, deps, await make_cast(deps), await stack.enter_async_context(client))
        await until(lambda: _all_connected(here), PATIENCE_S)
        yield here


async def _all_connected(here: Installed) -> bool:
    answer = await here.serve.client.get(f"{CONTROL}/handsets")
    return answer.status_code == 200 and all(
        one["connected"] == one["online"] for one in answer.json() if one["registered"]
    )
