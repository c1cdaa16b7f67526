"""No limit is ever exceeded: in no window are more requests accepted than the limit says."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from chaos.checker.history import AnyEntry, CycleEnd, Fault, Request
from chaos.checker.invariant import Once, Violation

REFUSED = frozenset({0, 401, 429})
"""Not counted, or nobody can know: no answer, no token, over the limit."""


class Limits:
    """Counts what was certainly accepted within a window: sent and answered in it.

    So a violation is certain, whatever the network did; what was sent before a window and answered in it is not
    counted.
    """

    name = "limits"

    def __init__(self) -> None:
        self._requests: dict[str, list[Request]] = defaultdict(list)
        self._forgotten: list[Fault] = []
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Requests that count, and the faults after which windows begin again."""
        match entry:
            case Request() if entry.status not in REFUSED and entry.status < 500:
                self._requests[entry.bucket].append(entry)
            case Fault() if entry.forgets:
                self._forgotten.append(entry)
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of windows that have not been counted yet."""
        for bucket, requests in self._requests.items():
            requests.sort(key=lambda one: one.sent)
            yield from self._once.new(self._of_bucket(bucket, requests))
            requests[:] = [one for one in requests if one.sent > end.at - one.window_s]

    def _of_bucket(self, bucket: str, requests: Sequence[Request]) -> Iterator[Violation]:
        for index, first in enumerate(requests):
            until = first.sent + first.window_s
            counted = [one for one in requests[index:] if one.answered < until]
            if len(counted) > first.quota and not self._is_forgotten(first.sent, max(o.answered for o in counted)):
                says = f"{len(counted)} were accepted within {first.window_s:g} s, and the limit is {first.quota}"
                yield Violation(self.name, bucket, says, counted)

    def _is_forgotten(self, begin: float, until: float) -> bool:
        return any(fault.began < until and fault.ended > begin for fault in self._forgotten)
