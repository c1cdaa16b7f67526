"""Access tokens on the wire. Source: contract, section 3.1 ("Access Token")."""

from typing import Any

import msgspec

from callmark.domain.credentials import service as credentials
from callmark.kit.clock import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.surfaces.api.call import Call
from callmark.surfaces.http import NOT_JSON, Response, render


class TokenIn(msgspec.Struct):
    """The key pair."""

    api_key: Any = None
    key_id: Any = None


class TokenOut(msgspec.Struct):
    """The token; clients compute its end, 60 minutes later, from `created_at`."""

    token: str
    created_at: str


_decode = msgspec.json.Decoder(TokenIn).decode


async def create_token(call: Call) -> Response:
    """`POST /clients/{id}/token`."""
    try:
        pair = _decode(call.body)
    except NOT_JSON as exc:
        raise InvalidInput("request body is invalid") from exc
    api_key, key_id = _uuid(pair.api_key, "api_key"), _uuid(pair.key_id, "key_id")
    made = await credentials.create_token(call.deps, call.path["clientAccountId"], key_id, api_key)
    return render(TokenOut(made.token, iso_ms(made.created_at)))


def _uuid(value: object, name: str) -> str:
    if value is None or value == "":
        raise InvalidInput(f"{name} is required", field=name)
    if not isinstance(value, str) or parse_uuid(value) is None:
        raise InvalidInput(f"{name} is invalid", field=name)
    return value
