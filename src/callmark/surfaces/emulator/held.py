"""The identities a handset holds, and which of them shows: pure rules of docs/gateway.md, "Which record shows"."""

from collections.abc import Iterable
from itertools import islice
from uuid import UUID

from callmark.domain.personalisation.frames import Identity
from callmark.kit.clock import from_ms, iso_ms

MOST_HELD = 1000
"""Records one handset holds; one that would be too many is not acknowledged, so that its push counts as failed."""


class Held:
    """A handset's memory. Every `now_ms` is the product clock in epoch milliseconds."""

    __slots__ = ("_by_id", "_most")

    def __init__(self, most: int = MOST_HELD) -> None:
        self._by_id: dict[UUID, Identity] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, record_id: UUID) -> bool:
        return record_id in self._by_id

    def hold(self, identity: Identity, now_ms: int) -> bool:
        """Keeps `identity` (again, if it is there already). False when there is no room even without ended ones."""
        if len(self._by_id) >= self._most and identity.id not in self._by_id:
            self.drop_ended(now_ms)
            if len(self._by_id) >= self._most:
                return False
        self._by_id[identity.id] = identity
        return True

    def drop(self, record_id: UUID) -> None:
        """Removes a record; an unknown one is ignored."""
        self._by_id.pop(record_id, None)

    def drop_ended(self, now_ms: int) -> None:
        """Removes every record whose window has ended."""
        self._by_id = {key: one for key, one in self._by_id.items() if one.record.ends_at > now_ms}

    def clear(self) -> None:
        """Removes everything."""
        self._by_id = {}

    def pages(self, size: int) -> list[list[UUID]]:
        """The ids in lists of at most `size`; one empty list when nothing is held."""
        ids = iter(self._by_id)
        return [list(islice(ids, size)) for _ in range(max(-(-len(self._by_id) // size), 1))]

    def showing(self, caller: str, now_ms: int) -> Identity | None:
        """What shows when `caller` rings: of those whose window is open the newest accepted, else None."""
        return max(
            (one for one in self._of(caller) if one.starts_at <= now_ms < one.record.ends_at), key=_age, default=None
        )

    def why_nothing(self, caller: str, now_ms: int) -> str:
        """Why none of the held records shows, to be read after "the handset is offline and "."""
        of_caller = list(self._of(caller))
        coming = min((one for one in of_caller if one.starts_at > now_ms), key=lambda one: one.starts_at, default=None)
        if coming:
            at = iso_ms(from_ms(coming.starts_at))
            return f"the window of call record {coming.id}, which it holds, opens at {at}"
        ended = max(of_caller, key=lambda one: one.record.ends_at, default=None)
        if ended:
            at = iso_ms(from_ms(ended.record.ends_at))
            return f"the window of call record {ended.id}, which it holds, ended at {at}"
        return "holds nothing for this caller"

    def _of(self, caller: str) -> Iterable[Identity]:
        return (one for one in self._by_id.values() if one.caller_number == caller)


def _age(one: Identity) -> tuple[int, int, str]:
    return one.accepted_at, one.position, str(one.id)
