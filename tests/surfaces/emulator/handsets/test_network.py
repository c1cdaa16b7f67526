"""What the gateway answers to a virtual handset's plain HTTP, and whether that is final."""

from typing import Any

import httpx
import pytest
from tests.support.factories import phone

from callmark.domain.handsets.model import OS
from callmark.kit.errors import AppError, Conflict, InvalidInput, Unavailable
from callmark.surfaces.emulator.handsets.model import VirtualHandset
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.gateway.wire import ResolveBody


@pytest.mark.parametrize(
    ("status", "slug", "kind"),
    [
        (400, "invalid-input", InvalidInput),
        (408, "request-timeout", Unavailable),
        (409, "conflict", Conflict),
        (429, "too-many-requests", Unavailable),
        (503, "service-unavailable", Unavailable),
    ],
)
async def test_only_what_the_request_is_refused_for_is_final(status: int, slug: str, kind: type[AppError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"slug": slug, "message": "no"})

    unused: Any = None
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        network = Network("http://gateway.test", http, unused, unused, unused, unused)
        row = VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True, token="token")
        with pytest.raises(AppError) as refused:
            await network.say(row, "resolve", ResolveBody(caller_number=phone()))
    assert type(refused.value) is kind
