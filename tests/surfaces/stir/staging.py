"""A business with a proven number and edges, the application of the role `stir`, and what proxies ask it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, LiteralString

import httpx
import pytest
from msgspec import Struct
from tests.domain.signer_certificates.staging import public, signer_of
from tests.support.factories import Cast, make_cast
from tests.support.listed_number import Listed, make_listed
from tests.support.openapi import check_answer
from tests.surfaces.gateway.helpers import new_record, store_records

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.ids import AccountId
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.personalisation.model import StoredRecord
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.passport import Claims, Party, Signer, read_identity
from callmark.surfaces.app import build_app
from callmark.surfaces.stir import endpoint

Json = dict[str, Any]


class Network(Struct):
    """The operator's edge and that of one account, and a number of that account."""

    deps: Deps
    client: httpx.AsyncClient
    cast: Cast
    listed: Listed
    operator: str
    trunk: str

    @property
    def caller(self) -> PhoneNumber:
        """The account's proven number."""
        return self.listed.number

    async def post(self, path: str, body: object, token: str | None = None, **headers: str) -> httpx.Response:
        """What a proxy asks; as the operator's edge unless another token is given."""
        sent = {"Authorization": f"Bearer {token or self.operator}"} | headers
        return await self.client.post(f"/stir/v1/{path}", json=body, headers=sent)

    async def announce(
        self, receiver: PhoneNumber, caller: PhoneNumber | None = None, **changed: object
    ) -> StoredRecord:
        """A record of the account, open for an hour."""
        record = new_record(self.deps, self.cast, receiver, caller=caller or self.caller, **changed)
        (stored,) = await store_records(self.deps, self.cast, record)
        return stored

    def signing(self, receiver: str, caller: str | None = None, **changed: Any) -> Json:
        """A request to sign a call now."""
        iat = int(self.deps.real_clock.now().timestamp())
        return {
            "signingRequest": {
                "attest": "A",
                "orig": {"tn": caller or self.caller},
                "dest": {"tn": [receiver]},
                "iat": iat,
                "origid": str(random_uuid()),
            }
            | changed
        }

    async def sign(self, receiver: str, caller: str | None = None, token: str | None = None, **changed: object) -> Json:
        """The headers of a call that is signed."""
        answer = await self.post("signing", self.signing(receiver, caller, **changed), token)
        assert answer.status_code == 200, answer.text
        return answer.json()["signingResponse"]

    async def verify(
        self,
        headers: list[str],
        receiver: str,
        caller: str | None = None,
        token: str | None = None,
        request_id: str = "",
    ) -> Json:
        """The verdict on a call with these headers."""
        body = {
            "verificationRequest": {
                "identityHeaders": headers,
                "from": {"tn": caller or self.caller},
                "to": {"tn": [receiver]},
                "time": 0,
            }
        }
        answer = await self.post("verification", body, token, **({"X-RequestID": request_id} if request_id else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()["verificationResponse"]


def not_refused(sent: object, answer: httpx.Response, message_id: str, said: str) -> list[str]:
    """What is wrong with the answer to a request that must be refused with this message about its value."""
    told = answer.json().get("requestError", {}).get("serviceException", {})
    if answer.status_code == 400 and told.get("messageId") == message_id and said in told["variables"][0]:
        return []
    return [f"{sent} is to be refused with {message_id} {said!r}: {answer.status_code} {answer.text}"]


def headers_of(signed: Json) -> list[str]:
    """All headers of an answer."""
    return [signed["identity"], *signed["identityHeaders"]]


def claims_of(header: str) -> Claims:
    """What a header says, unverified."""
    return read_identity(header).claims


def claims(there: Network, receiver: str, **changed: Any) -> Claims:
    """What a token about a call of the account's number says."""
    now = int(there.deps.real_clock.now().timestamp())
    return replace(Claims(orig=Party.of(there.caller), dest=Party.of(receiver), issued_at=now), **changed)


async def own_signer(there: Network) -> Signer:
    """Who signs calls of the account's number here."""
    found = await signer_of(there.deps, there.cast.account.id, there.caller)
    assert found
    return found


async def make_edge(deps: Deps, account_id: AccountId | None) -> str:
    """The token of a new edge."""
    return (await edges.create_edge(deps, "proxy", account_id, by=SYSTEM))[1]


@asynccontextmanager
async def network(deps: Deps, *, provider_code: str | None = "1234") -> AsyncGenerator[Network]:
    """All of it, behind TLS."""
    deps = public(deps)
    await roots.create_root(deps, "Test root", provider_code, by=SYSTEM)
    cast = await make_cast(deps)
    listed = await make_listed(deps, account_id=cast.account.id)
    await proofs.prove_numbers(deps, cast.account.id, [listed.number], by=SYSTEM)
    app = build_app(deps, frozenset({"stir"}))
    transport = httpx.ASGITransport(app)
    hooks = {"response": [check_answer]}
    async with httpx.AsyncClient(transport=transport, base_url="https://calls.example", event_hooks=hooks) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(endpoint, "ENGINES_WITHIN_S", 60)  # a proxy would not wait so long; the tests do
            yield Network(
                deps, client, cast, listed, await make_edge(deps, None), await make_edge(deps, cast.account.id)
            )


async def count(deps: Deps, table: LiteralString) -> int:
    """Rows of a table."""
    async with deps.db.connection() as tx:
        return await tx.fetchval(f"SELECT count(*) FROM {table}")
