"""What a handset shows when a number rings: from what it holds, else from the gateway (docs/gateway.md)."""

import asyncio
import contextlib

from callmark.domain.calls.model import CallSource
from callmark.domain.resolution.model import Offers
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.kit.tasks import end
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.model import Seen, nothing
from callmark.surfaces.gateway.wire import ResolveAnswer, Resolved

CONNECT_WITHIN_S = 2.0


async def look(handset: Handset, caller: PhoneNumber) -> Seen:
    """What would show if `caller` rang now."""
    row, lost = handset.row, handset.lost
    if not row.registered:
        return nothing(f"{row.phone_number} {lost or 'is not registered, so no app on it can receive pushes'}")
    now_ms = handset.now_ms()
    held = handset.held.showing(caller, now_ms)
    if held:
        why = f"call record {held.id} is this caller's newest record on the handset with an open window"
        return Seen(held, CallSource.CALL_RECORD, why, await _offers(handset, caller))
    if not row.online:
        return nothing(f"the handset is offline and {handset.held.why_nothing(caller, now_ms)}")
    return await _resolve(handset, caller)


async def _offers(handset: Handset, caller: PhoneNumber) -> Offers:
    """What may be offered after a call whose identity is held; nothing when that cannot be asked now."""
    if not handset.reaches_gateway:
        return Offers()
    with contextlib.suppress(AppError):
        return (await handset.resolve(caller)).offers
    return Offers()


async def _resolve(handset: Handset, caller: PhoneNumber) -> Seen:
    try:
        answer = await _ask_who(handset, caller)
    except TimeoutError:
        return _nothing_held(handset, "it is not connected to the gateway yet; it keeps trying")
    except AppError as exc:
        return _nothing_held(handset, f"the gateway does not answer: {getattr(exc, 'reason', exc)}")
    return Seen(answer.identity, answer.source, answer.why, answer.offers)


def _nothing_held(handset: Handset, why: str) -> Seen:
    """Nothing shows, for that reason, or because the handset has lost its stream."""
    if handset.lost:
        why = f"{handset.row.phone_number} {handset.lost}"
    return nothing(f"the handset has no record of this caller, and {why}")


async def _ask_who(handset: Handset, caller: PhoneNumber) -> Resolved | ResolveAnswer:
    """The answer to `resolve`; asked again on the next stream when this one, or the token, ends under it."""
    try:
        return await _ask_once(handset, caller)
    except Unavailable:
        if handset.connected or handset.lost:
            raise
        return await _ask_once(handset, caller)


async def _ask_once(handset: Handset, caller: PhoneNumber) -> Resolved | ResolveAnswer:
    if handset.lost:
        raise Unavailable("gateway: the stream was abandoned")
    if handset.row.script.sleeps and handset.row.token:  # the system starts the app; it asks without a stream
        return await handset.resolve(caller)
    if not handset.connected:
        await _until_connected(handset)
    return await handset.resolve(caller)


async def _until_connected(handset: Handset) -> None:
    """Returns when it is connected, or has given up. Raises TimeoutError while it tries for too long."""
    first = [asyncio.create_task(event.wait()) for event in (handset.synced, handset.gave_up)]
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(first)
