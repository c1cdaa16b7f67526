"""Requests of a sleeping handset's app: the system started it for one call, so it uses plain HTTP, not a stream."""

import msgspec

from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.call_reports import CallReports
from callmark.surfaces.emulator.handsets.model import VirtualHandset
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.gateway.wire import CallBody, CallFrame, ResolveAnswer, ResolveBody


async def resolve(network: Network, row: VirtualHandset, caller: PhoneNumber) -> ResolveAnswer:
    """What the gateway says of a caller. Raises Unavailable, InvalidInput, Conflict."""
    body = ResolveBody(caller_number=caller, time_zone=row.time_zone)
    return msgspec.json.decode(await network.say(row, "resolve", body), type=ResolveAnswer)


async def report(network: Network, row: VirtualHandset, reports: CallReports, one: CallFrame) -> None:
    """Reports one of `reports`; it leaves them once it is received, or is refused permanently. Raises Unavailable."""
    body = msgspec.convert(one, CallBody, from_attributes=True)
    try:
        await network.say(row, "call", body)
    except (InvalidInput, Conflict):
        reports.refused(one.id, None)
    else:
        reports.received(one.id)
