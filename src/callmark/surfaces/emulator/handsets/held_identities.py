"""The identities a handset holds, and which of them shows: pure rules of docs/gateway.md, "Which record shows"."""

from collections.abc import Iterable
from heapq import nlargest
from itertools import islice
from uuid import UUID

from callmark.domain.personalisation.handset_messages import Identity
from callmark.instants import from_ms, iso_ms

MOST_HELD = 1000
"""Records one handset holds, besides those that can never show; when it is full it does not acknowledge another one."""


class HeldIdentities:
    """A handset's memory. Every `now_ms` is the product clock in epoch milliseconds.

    A record that can never show is not kept: its window has ended, or for the rest of it a newer record of the same
    caller shows (contract D27). An older record whose window continues after the newer's end stays. `refused` counts
    what found no room.
    """

    __slots__ = ("_by_id", "_most", "_superseding", "refused")

    def __init__(self, most: int = MOST_HELD) -> None:
        self._by_id: dict[UUID, Identity] = {}
        self._most = most
        self._superseding: set[UUID] = set()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, record_id: UUID) -> bool:
        return record_id in self._by_id

    def hold(self, identity: Identity, now_ms: int) -> bool:
        """Takes `identity`, and drops what it supersedes; False when there is no room for it.

        True as well for one that is superseded itself: it has come, and will never show.
        """
        of_caller = list(self._of(identity.caller_number))
        if newer := next((one for one in of_caller if _supersedes(one, identity, now_ms)), None):
            self._supersede(newer, identity.id)
            return True
        for one in of_caller:
            if _supersedes(identity, one, now_ms):
                self._supersede(identity, one.id)
        if identity.id not in self._by_id and not self._has_room(now_ms):
            self.refused += 1
            return False
        self._by_id[identity.id] = identity
        return True

    def _supersede(self, newer: Identity, older: UUID) -> None:
        self.drop(older)
        self._superseding.add(newer.id)

    def _has_room(self, now_ms: int) -> bool:
        if len(self._by_id) >= self._most:
            self.drop_ended(now_ms)
        if len(self._by_id) >= self._most:
            self._drop_superseded(now_ms)
        return len(self._by_id) < self._most

    def _drop_superseded(self, now_ms: int) -> None:
        """Removes what newer records have come to supersede since they came: their windows have opened meanwhile."""
        lasting: dict[str, Identity] = {}  # of those open now that which ends last, by caller; from the newest on
        for one in sorted(self._by_id.values(), key=_age, reverse=True):
            newer = lasting.get(one.caller_number)
            if newer and one.record.ends_at <= newer.record.ends_at:
                self._supersede(newer, one.id)
            elif one.starts_at <= now_ms:
                lasting[one.caller_number] = one

    def drop(self, record_id: UUID) -> None:
        """Removes a record; an unknown one is ignored."""
        self._by_id.pop(record_id, None)
        self._superseding.discard(record_id)

    def withdraw(self, record_id: UUID) -> bool:
        """Removes a record; whether one that it had superseded, and that is not held, may show again."""
        superseded = record_id in self._superseding
        self.drop(record_id)
        return superseded

    def drop_ended(self, now_ms: int) -> None:
        """Removes every record whose window has ended."""
        self._by_id = {key: one for key, one in self._by_id.items() if one.record.ends_at > now_ms}
        self._superseding &= self._by_id.keys()

    def clear(self) -> None:
        """Removes everything."""
        self._by_id = {}
        self._superseding = set()
        self.refused = 0

    def pages(self, size: int) -> list[list[UUID]]:
        """The ids in lists of at most `size`; one empty list when nothing is held."""
        ids = iter(self._by_id)
        return [list(islice(ids, size)) for _ in range(max(-(-len(self._by_id) // size), 1))]

    def newest(self, most: int) -> list[Identity]:
        """At most `most`, the newest accepted first."""
        return nlargest(most, self._by_id.values(), key=_age)

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
            return f"the window of call record {coming.id} on the handset opens at {at}"
        ended = max(of_caller, key=lambda one: one.record.ends_at, default=None)
        if ended:
            at = iso_ms(from_ms(ended.record.ends_at))
            return f"the window of call record {ended.id} on the handset ended at {at}"
        return "has no record of this caller"

    def _of(self, caller: str) -> Iterable[Identity]:
        return (one for one in self._by_id.values() if one.caller_number == caller)


def _supersedes(newer: Identity, older: Identity, now_ms: int) -> bool:
    """Whether from now on `newer` shows whenever `older` could."""
    return (
        newer.caller_number == older.caller_number
        and _age(newer) > _age(older)
        and newer.starts_at <= max(older.starts_at, now_ms)
        and newer.record.ends_at >= older.record.ends_at
    )


def _age(one: Identity) -> tuple[int, int, str]:
    return one.accepted_at, one.position, str(one.id)
