"""Access tokens on the wire. Source: contract, section 3.1 ("Access Token")."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from callmark.broken_json import NOT_JSON
from callmark.domain.credentials import service as credentials
from callmark.domain.limits.model import Allowance, TooManyTokens
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.surfaces.api.doc_parts import BAD_JSON, DATE_TIME, UUID, bad
from callmark.surfaces.api.rates import rate_headers
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc
from callmark.surfaces.bodies import decode_loose
from callmark.surfaces.http import Response, render


class TokenIn(msgspec.Struct):
    """The key pair, not yet checked."""

    api_key: Any = None
    key_id: Any = None


class KeyPair(msgspec.Struct):
    """The two parts of an API key (documents TokenIn)."""

    api_key: Annotated[
        str, Meta(description="The secret, shown once when the key was created.", extra_json_schema=UUID)
    ]
    key_id: Annotated[str, Meta(description="The key's id.", extra_json_schema=UUID)]


class TokenOut(msgspec.Struct):
    """The token; clients compute its end, 60 minutes later, from `created_at`."""

    token: Annotated[
        str, Meta(description="64 letters and digits; opaque.", extra_json_schema={"pattern": "^[A-Za-z0-9]{64}$"})
    ]
    created_at: Annotated[str, Meta(description="When it was created, UTC.", extra_json_schema=DATE_TIME)]


DOC = Doc(
    name="createToken",
    summary="Create an access token",
    description=(
        "Exchanges an API key pair for a bearer token, which all other routes need. A token"
        " is valid for 60 minutes; older tokens stay valid when you create a new one. An"
        " account can create at most 10 tokens in any 30 minutes, so reuse a token until"
        " shortly before it expires. A token has the same access as its key and stops working"
        " when the key is deleted or regenerated."
    ),
    tag="Access tokens",
    request=KeyPair,
    requests={
        "A key pair": {
            "api_key": "b7a0c1de-2f34-4b56-8c78-9d0e1f2a3b4c",
            "key_id": "0d9c8b7a-6f5e-4d3c-8b2a-190807060504",
        }
    },
    response=TokenOut,
    responses={
        "A token": {
            "token": "q3F9s0Zk1aXb7RtYh2LmNcPv8WdEgJu4oQxi5TzB6nKVrHfSyDlGUwMAeCjp0I1O",
            "created_at": "2026-01-01T10:00:05.410Z",
        }
    },
    params=(
        ParamDoc(
            "X-Public-Access",
            "`allow`, as published clients send it; optional.",
            {"type": "string"},
            place="header",
        ),
    ),
    errors=(
        bad("api_key is required", "`api_key` is missing, null or empty"),
        bad("api_key is invalid", "`api_key` is not a UUID"),
        bad("key_id is required", "`key_id` is missing, null or empty"),
        bad("key_id is invalid", "`key_id` is not a UUID"),
        BAD_JSON,
        ErrorDoc(
            401,
            "authorization-error",
            "invalid api_key or key_id",
            "wrong pair, deleted key, key of another account, or unknown account; the answer is"
            " the same for all of these",
        ),
        ErrorDoc(403, "forbidden-error", "not authorized. please contact your admin.", "the account is suspended"),
        ErrorDoc(
            429,
            "too-many-requests",
            "rate limit exceeded. please try again later.",
            "this account has created 10 tokens in the last 30 minutes",
        ),
    ),
)


async def create_token(request: ApiRequest) -> Response:
    """`POST /clients/{id}/token`.

    What is left of the account's tokens is shown only to holders of its key; everyone else gets the quota.
    """
    try:
        pair = decode_loose(TokenIn, request.body)
    except NOT_JSON as exc:
        raise InvalidInput("request body is invalid") from exc
    api_key, key_id = _uuid(pair.api_key, "api_key"), _uuid(pair.key_id, "key_id")
    try:
        made = await credentials.create_token(request.deps, request.path["clientAccountId"], key_id, api_key)
    except TooManyTokens as exc:
        request.headers[:] = rate_headers(Allowance(exc.bucket, granted=False, remaining=0, reset_in=exc.retry_after))
        raise
    request.headers[:] = rate_headers(made.left)
    return render(TokenOut(made.token, iso_ms(made.created_at)))


def _uuid(value: object, name: str) -> str:
    if value is None or value == "":
        raise InvalidInput(f"{name} is required", field=name)
    if not isinstance(value, str) or parse_uuid(value) is None:
        raise InvalidInput(f"{name} is invalid", field=name)
    return value
