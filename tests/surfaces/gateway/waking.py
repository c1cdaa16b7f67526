"""Handsets that sleep, and what wakes them."""

from datetime import timedelta

from tests.support.factories import phone
from tests.surfaces.gateway.helpers import Owner

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets, waking as waking_up
from callmark.domain.handsets.model import OS, PushService, PushToken
from callmark.domain.policy.model import SYSTEM

APP_TOKEN = "fcm:APA91b-of-an-app"


async def sleeping(deps: Deps, token: str | None = APP_TOKEN) -> Owner:
    """A handset that is registered, has no stream, and can be woken."""
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    push_token = PushToken(PushService.FCM, token) if token else None
    made = await handsets.register(deps, credential, phone(), OS.ANDROID, "5.0.0", push_token)
    return Owner(made.registration, made.token, credential)


async def ask_to_wake(deps: Deps, owner: Owner, wanted_by: str = "", lasts: timedelta = timedelta(hours=1)) -> None:
    """What a push to a handset without a stream does: its wake-up is due afterwards."""
    ends = {owner.number: deps.clock.now() + lasts}
    assert await waking_up.expected(deps, wanted_by, ends, [owner.number]) == {owner.number}
