"""What a handset reports of its calls: kept until the gateway has received it, or has refused it permanently."""

from collections.abc import Callable
from uuid import UUID

from callmark.domain.calls.model import CallEvent
from callmark.domain.personalisation.handset_messages import Identity
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import Seen
from callmark.surfaces.gateway.wire import CallFrame

MOST_REPORTS = 200


class CallReports:
    """The reports of one handset that nobody has received yet, oldest first."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, CallFrame] = {}

    def add(self, frame_id: str, call_id: UUID, caller: PhoneNumber, seen: Seen, event: CallEvent) -> CallFrame:
        """One fact of a call; when there are too many, the oldest is forgotten."""
        record = seen.identity.record if isinstance(seen.identity, Identity) else None
        report = CallFrame(
            id=frame_id, call_id=call_id, caller_number=caller, event=event, source=seen.source, record=record
        )
        if len(self._by_id) >= MOST_REPORTS:
            del self._by_id[next(iter(self._by_id))]
        self._by_id[frame_id] = report
        return report

    def list(self) -> list[CallFrame]:
        """All of them."""
        return list(self._by_id.values())

    def received(self, frame_id: str) -> None:
        """The gateway has it."""
        self._by_id.pop(frame_id, None)

    def refused(self, frame_id: str, again: Callable[[CallFrame], None] | None) -> None:
        """The gateway did not take it: it is sent `again`, or forgotten where that is no use."""
        if (report := self._by_id.get(frame_id)) is None:
            return
        if again:
            again(report)
        else:
            del self._by_id[frame_id]
