"""Call Me Back requests of the console's tests."""

import httpx
from msgspec.structs import replace
from tests.support.listed_number import Listed, ring

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import CallbackRequest, NewCallbackRequest
from callmark.domain.deps import Deps
from callmark.kit.ids import random_uuid

LIST = "/console/callbacks"


async def asks(deps: Deps, listed: Listed, **more: object) -> CallbackRequest:
    """What a new receiver asks for after a missed call."""
    receiver, _ = await ring(deps, listed)
    return await callbacks.request(deps, receiver, replace(NewCallbackRequest(random_uuid(), listed.number), **more))


def rows(response: httpx.Response) -> int:
    return response.text.count('data-label="Call"')
