"""What the tests of the operator API share: an operator's program and its token."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct
from tests.support.fake_clock import FakeClock
from tests.support.openapi import operation_of

from callmark.domain.deps import Deps
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.operators.tokens.model import NewOperatorToken
from callmark.domain.policy.model import Actor, ActorKind
from callmark.kit.ids import random_text
from callmark.surfaces.api.operator.route import OPERATOR_BASE
from callmark.surfaces.app import build_app

OLIVE = Actor(ActorKind.COMMAND_LINE, "olive@operator.example")
_BETWEEN = timedelta(milliseconds=50)


class Program(Struct, frozen=True):
    """A program with an operator token. Every answer is held against the API's description."""

    deps: Deps
    made: NewOperatorToken
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """An answer; an underscore in a header's name stands for a hyphen."""
        assert isinstance(self.deps.clock, FakeClock)
        self.deps.clock.advance(_BETWEEN)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        if content is not None:
            named.setdefault("Content-Type", "application/json")
        url = f"{OPERATOR_BASE}/{path}"
        answer = await self.http.request(method, url, content=content, headers=named)
        operation = operation_of(method, quote(answer.request.url.path, safe="/"))
        assert operation, url
        said = {name.lower(): value for name, value in answer.headers.items()}
        assert operation.answer_misfits(answer.status_code, said, answer.content) == [], answer.text
        if answer.is_success and content is not None:
            assert operation.request_misfits(msgspec.json.decode(content)) == []
        return answer

    async def good(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()

    async def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """The status of an answer, what it says, and the field that it is about; empty for none."""
        answer = await self.ask(method, path, body)
        assert not answer.is_success, answer.text
        told = answer.json()
        assert answer.headers["link"] == f'</docs/errors/{told["slug"]}>; rel="help"'
        return answer.status_code, told["message"], told.get("field", "")


@asynccontextmanager
async def operating(deps: Deps) -> AsyncGenerator[Program]:
    """A program with a token of its own, in process."""
    made = await operator_tokens.create_token(deps, f"Billing {random_text(6)}", by=OLIVE)
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api"})))
    auth = {"Authorization": f"Bearer {made.secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", headers=auth) as http:
        yield Program(deps, made, http)
