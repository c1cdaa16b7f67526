"""HTTP as a client sees it: an answer, or none."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import httpx
from msgspec import Struct, field

TIMEOUT_S = 8.0
BUSY_FOR_S, PAUSE_S = 30.0, 0.25
UNAVAILABLE = 503


class Answer(Struct, frozen=True):
    """What came back; status 0 when nothing did."""

    status: int
    sent: float
    answered: float
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_taken(self) -> bool:
        """Whether it says that it was done."""
        return 200 <= self.status < 300

    @property
    def is_unsure(self) -> bool:
        """Whether it may have been done or not, or may be done by asking again."""
        return self.status == 0 or self.status >= 500 or self.status == 409


class Api:
    """One server, asked over kept connections."""

    def __init__(self, url: str) -> None:
        self.url = url
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits, trust_env=False)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: object = None,
        key: str = "",
        query: dict[str, str] | None = None,
    ) -> Answer:
        """One try."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        sent = monotonic()
        try:
            got = await self._http.request(method, path, json=body, headers=headers, params=query)
            is_json = got.headers.get("content-type", "").startswith("application/json")
            read = got.json() if is_json and got.content else got.text
        except (httpx.HTTPError, ValueError):
            return Answer(0, sent, monotonic())
        return Answer(got.status_code, sent, monotonic(), read, dict(got.headers))

    async def close(self) -> None:
        """No more."""
        await self._http.aclose()


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What `ask` gives; again for half a minute while the platform says that it cannot now, as on a busy machine."""
    ends_at = monotonic() + BUSY_FOR_S
    while True:
        answer = await ask()
        if answer.status != UNAVAILABLE or monotonic() > ends_at:
            return answer
        await asyncio.sleep(PAUSE_S)
